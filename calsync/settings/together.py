"""What no key can say alone: rules between keys, and the defaults that follow from other keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from calsync.settings.given import Key, stands_there
from calsync.settings.values import Address

SQLITE: Final = "sqlite:///"


def broken_rules(values: Mapping[Key, Any]) -> Iterator[tuple[Key, str]]:
    """The key that breaks a rule, and what is expected there."""
    yield from _rules_of_server(values)
    yield from _rules_of_remote_urls(values)
    microsoft = values.get(("microsoft", "client_secret")), values.get(("microsoft", "certificate"))
    if ("microsoft", "client_secret") in values and microsoft == (None, None):
        yield ("microsoft", "client_secret_file"), "client_secret_file or certificate_file"
    if values["sync", "retry_base_s"] > values["sync", "retry_max_s"]:
        yield ("sync", "retry_max_s"), "at least retry_base_s"
    if values["mail", "smtp_url"] and not values["mail", "sender"]:
        yield ("mail", "sender"), "the address that notices come from"


def _rules_of_server(values: Mapping[Key, Any]) -> Iterator[tuple[Key, str]]:
    public_url = urlsplit(public_url_of(values))
    if not public_url.netloc:
        yield ("server", "public_url"), "the address people use, as listen is not a loopback address"
    elif public_url.scheme == "http" and not is_loopback(public_url.hostname or ""):
        yield ("server", "public_url"), "https:// (http:// is for loopback addresses)"
    pair = [("server", "tls_cert_file"), ("server", "tls_key_file")]
    for key, other in (pair, pair[::-1]):
        if values[key] is None and values[other] is not None:
            yield key, f"a path, as {other[-1]} is set"
        elif values[key] is not None and not stands_there(values[key]):
            yield key, "a file that exists"


def _rules_of_remote_urls(values: Mapping[Key, Any]) -> Iterator[tuple[Key, str]]:
    for key, value in values.items():
        if key[-1] in {"login_url", "authority", "graph_url"}:
            url = urlsplit(value)
            origin = f"http://{_bracketed(url.hostname or '')}:{url.port or 80}"
            if url.scheme != "https" and origin not in values["outbound", "allow_hosts"]:
                yield key, f"https:// (or {origin} in outbound.allow_hosts)"


def with_derived(values: Mapping[Key, Any], folder: Path) -> dict[Key, Any]:
    """Fill in what follows from other keys: public_url, issuer, and the absolute place of the store."""
    derived: dict[Key, Any] = {
        ("server", "public_url"): public_url_of(values),
        ("store", "url"): SQLITE + str(folder / values["store", "url"].removeprefix(SQLITE)),
    }
    issuers: dict[Key, Any] = {
        (*key[:-1], "issuer"): values[*key[:-1], "issuer"] or value
        for key, value in values.items()
        if key[-1] == "login_url"
    }
    return {**values, **derived, **issuers}


def public_url_of(values: Mapping[Key, Any]) -> str:
    listen: Address = values["server", "listen"]
    given: str = values["server", "public_url"]
    scheme = "http" if values["server", "tls_cert_file"] is None else "https"
    return given or (f"{scheme}://{listen}" if is_loopback(listen.host) else "")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
