"""How one value is read, from a TOML value or the text of an environment variable, and what is expected."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

SHORTEST_S: Final = 0.05
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that shows itself only when asked."""

    text: str

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def reveal(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reader:
    """How a value is read (from a TOML value, or text of the environment) and what is expected there."""

    read: Callable[[Any], object]  # ValueError or TypeError: not what is expected
    expected: str


@dataclass(frozen=True, slots=True)
class SecretReader:
    """A secret, read from one of its three places. ``made_later``: its file need not exist yet."""

    made_later: bool = False


def read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def read_filled_text(value: object) -> str:
    text = read_text(value)
    if not text:
        raise ValueError
    return text


def read_number(value: object, *, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number) or number < least:
        raise ValueError
    return number


def read_whole(value: object, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    number = int(value)
    if number < least:
        raise ValueError
    return number


def read_share(value: object) -> float:
    number = read_number(value, least=0)
    if number > 1:
        raise ValueError
    return number


def read_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[read_text(value).lower()]


def read_list(value: object) -> tuple[str, ...]:
    """The texts of a TOML array; in the environment they are separated by commas."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise TypeError
    return tuple(read_filled_text(part) for part in value)


def read_path(value: object) -> Path | None:
    text = read_text(value)
    return Path(text) if text else None


def read_needed_path(value: object) -> Path:
    return Path(read_filled_text(value))


def read_address(value: object) -> Address:
    parts = urlsplit(f"//{read_filled_text(value)}")
    if parts.hostname is None or parts.port is None or parts.path or parts.username is not None:
        raise ValueError
    return Address(parts.hostname, parts.port)


def read_url(value: object) -> str:
    """An address of a server without user name, query or fragment, and without a slash at its end."""
    text = read_filled_text(value)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def read_optional_url(value: object) -> str:
    return read_url(value) if read_text(value) else ""


def read_store_url(value: object) -> str:
    text = read_filled_text(value)
    if not text.startswith("sqlite:///") or not text.removeprefix("sqlite:///") or "?" in text:
        raise ValueError
    return text


def read_networks(value: object) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in read_list(value))


def read_host_patterns(value: object) -> tuple[str, ...]:
    return tuple(_matching(HOST_PATTERN, part) for part in read_list(value))


def read_origins(value: object) -> tuple[str, ...]:
    return tuple(_matching(ORIGIN, part) for part in read_list(value))


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text.lower()):
        raise ValueError
    return text.lower()


_HOST: Final = r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
HOST_PATTERN: Final = re.compile(rf"(?:\*\.)?{_HOST}(?::\d{{1,5}})?")
ORIGIN: Final = re.compile(rf"(?:http://)?{_HOST}:\d{{1,5}}")
PASSWORD_IN_URL: Final = re.compile(r"^[a-z+]+://[^/@]*:[^/@]*@", re.IGNORECASE)

Text: TypeAlias = Annotated[str, Reader(read_text, "a text")]
FilledText: TypeAlias = Annotated[str, Reader(read_filled_text, "a text that is not empty")]
Seconds: TypeAlias = Annotated[float, Reader(partial(read_number, least=SHORTEST_S), f"seconds, at least {SHORTEST_S}")]
Rate: TypeAlias = Annotated[float, Reader(partial(read_number, least=0.001), "a number greater than 0")]
Share: TypeAlias = Annotated[float, Reader(read_share, "a share between 0 and 1")]
Count: TypeAlias = Annotated[int, Reader(partial(read_whole, least=1), "a whole number, at least 1")]
CountFromZero: TypeAlias = Annotated[int, Reader(partial(read_whole, least=0), "a whole number, at least 0")]
Flag: TypeAlias = Annotated[bool, Reader(read_flag, "true or false")]
FilePath: TypeAlias = Annotated[Path, Reader(read_needed_path, "a path")]
OptionalPath: TypeAlias = Annotated[Path | None, Reader(read_path, 'a path, or "" for none')]
ListenAddress: TypeAlias = Annotated[Address, Reader(read_address, "HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")]
Url: TypeAlias = Annotated[str, Reader(read_url, "an https:// address without user name and query")]
OptionalUrl: TypeAlias = Annotated[
    str, Reader(read_optional_url, 'an http:// or https:// address without user name, or ""')
]
StoreUrl: TypeAlias = Annotated[
    str, Reader(read_store_url, "sqlite:///PATH (PostgreSQL is not supported by this version)")
]
Networks: TypeAlias = Annotated[
    tuple[Network, ...], Reader(read_networks, "a list of addresses or networks, such as 10.0.0.0/8")
]
HostPatterns: TypeAlias = Annotated[
    tuple[str, ...], Reader(read_host_patterns, "a list of host, host:port or *.domain")
]
Origins: TypeAlias = Annotated[tuple[str, ...], Reader(read_origins, "a list of host:port or http://host:port")]
NeededSecret: TypeAlias = Annotated[Secret, SecretReader()]
OptionalSecret: TypeAlias = Annotated[Secret | None, SecretReader()]
MadeSecret: TypeAlias = Annotated[Secret | None, SecretReader(made_later=True)]
