"""Who may have a request sent where: the rules on addresses that need no look-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from calsync.adapters.http.addresses import is_public
from calsync.adapters.http.failures import ForbiddenAddressError
from calsync.adapters.http.target import Site

# HTTPS, and the usual ports of calendar servers over TLS. The operator lists others in allow_hosts.
PORTS: Final = frozenset({443, 2080, 5001, 5232, 8443, 8843})
_INNER_ENDINGS: Final = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedByUser:
    """A user typed the address, or a server named it: public addresses and usual ports only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetByOperator:
    """The operator set the address: it may lie anywhere. With ``hosts``, only where one of these patterns says.

    A pattern is ``host``, ``host:port`` or either with ``*.`` for at least one label.
    """

    hosts: tuple[str, ...] = ()


Guard: TypeAlias = TypedByUser | SetByOperator


class Border:
    """What may be asked for. ``allow_hosts`` holds ``host:port`` and ``http://host:port``, each exact."""

    def __init__(self, allow_hosts: Iterable[str] = ()) -> None:
        listed = [entry.lower() for entry in allow_hosts]
        self._cleartext = frozenset(entry.removeprefix("http://") for entry in listed if entry.startswith("http://"))
        self._listed = self._cleartext | frozenset(listed)

    def lists(self, place: str) -> bool:
        """Whether the operator lifted the address rule for this ``host:port``."""
        return place in self._listed

    def check(self, site: Site, guard: Guard) -> None:
        """Raise ForbiddenAddressError unless a request may be sent to ``site``."""
        if not site.secure and site.place not in self._cleartext:
            raise ForbiddenAddressError(
                f"{site.place} is to be reached by https only; the operator can allow http://{site.place}."
            )
        match guard:
            case SetByOperator(hosts=hosts):
                if hosts and not any(matches(site, pattern) for pattern in hosts):
                    raise ForbiddenAddressError(f"{site.place} is none of the hosts that the operator named.")
            case TypedByUser():
                if site.place not in self._listed:
                    _check_typed(site)


def matches(site: Site, pattern: str) -> bool:
    """Whether ``pattern`` names this site; without a port it names every port."""
    host, colon, port = pattern.rpartition(":")
    if not colon or not port.isdigit():
        host, port = pattern, ""
    if port and int(port) != site.port:
        return False
    host = host.strip("[]").lower()
    return site.host.endswith(host[1:]) and len(site.host) >= len(host) if host[:2] == "*." else site.host == host


def _check_typed(site: Site) -> None:
    if site.port not in PORTS:
        usual = ", ".join(str(port) for port in sorted(PORTS))
        raise ForbiddenAddressError(f"Port {site.port} is not one of {usual}; the operator can allow {site.place}.")
    inner = not is_public(site.host) if site.numeric else "." not in site.host or site.host.endswith(_INNER_ENDINGS)
    if inner:
        raise ForbiddenAddressError(f"{site.host} is not a public address; the operator can allow {site.place}.")
