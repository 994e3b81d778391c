"""Where a mail domain says its calendars are: SRV and TXT records (RFC 6764 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

_LIFETIME_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One SRV record; ``target`` is empty where the service is said not to be offered."""

    target: str
    port: int
    priority: int = 0
    weight: int = 0


class Resolver(Protocol):
    """Looks up records; no record and no answer are the same: nothing."""

    async def services(self, name: str) -> Sequence[Service]: ...

    async def texts(self, name: str) -> Sequence[str]: ...


class DnsResolver:
    """The machine's own name servers."""

    async def services(self, name: str) -> Sequence[Service]:
        return [
            Service(
                target=str(record.target).rstrip("."),
                port=record.port,
                priority=record.priority,
                weight=record.weight,
            )
            for record in await _records(name, "SRV")
        ]

    async def texts(self, name: str) -> Sequence[str]:
        return [b"".join(record.strings).decode("utf-8", "replace") for record in await _records(name, "TXT")]


async def _records(name: str, kind: str) -> Sequence[Any]:
    # Costly to import, and needed only where somebody connects a calendar.
    from dns import asyncresolver, exception, rdatatype  # noqa: PLC0415  # see above

    try:
        found = await asyncresolver.resolve(name, kind, lifetime=_LIFETIME_S)
    except (exception.DNSException, OSError):
        return []
    return [record for record in found if record.rdtype == rdatatype.from_text(kind)]
