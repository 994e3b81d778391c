"""On whose behalf a request is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from calsync.adapters.http.guard import Guard, TypedByUser
from calsync.adapters.http.target import origin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A credential, the servers that may see it, and how hard they may be asked.

    ``name`` (tenant and account) tags limits, counts and logs. ``origins`` may be given as any addresses on those
    servers. ``authorization`` is the value of the header, or a function that gives it for each request.
    """

    name: str
    origins: frozenset[str] = frozenset()
    authorization: str | Callable[[], str] | None = field(default=None, repr=False)
    guard: Guard = field(default_factory=TypedByUser)
    parallel: int = 4
    per_second: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", frozenset(origin_of(url) for url in self.origins))

    def header(self) -> bytes | None:
        """The Authorization header; None without a credential."""
        given = self.authorization
        value = given() if callable(given) else given
        return None if value is None else value.encode("ascii")
