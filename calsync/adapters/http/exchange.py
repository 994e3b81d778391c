"""One request and its answer as plain values, so that wire files need no HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to be sent. ``url`` is absolute and is sent exactly as it stands (never decoded and encoded again)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reads: bool = False
    """A POST that only reads (SuperOffice agents are POST throughout)."""

    @property
    def is_write(self) -> bool:
        """Whether the server may change something, so that a lost answer leaves the request in doubt."""
        return not self.reads and self.method not in {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer. ``headers`` have lower-case names; ``body`` is decoded (gzip) and within its cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()
