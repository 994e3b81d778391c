"""Credentials of a CalDAV account: sent with the first request, and only to the servers it belongs to.

Some servers answer a request without a login by an empty account instead of 401, so nothing is asked without one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from calsync.adapters.http.account import Account
from calsync.adapters.http.guard import Guard, TypedByUser
from calsync.core.errors import SignInNeededError


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A user name and an (app) password, sent as Basic over TLS."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        if ":" in self.username:
            # RFC 7617 section 2: what stands before the first colon is the user name.
            raise SignInNeededError("A user name must not contain a colon.")
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An OAuth access token where the server takes one; ``current`` gives the one to use now."""

    username: str
    current: Callable[[], str] = field(repr=False)

    @property
    def header(self) -> Callable[[], str]:
        return lambda: f"Bearer {self.current()}"


Login: TypeAlias = Password | Token


def account_for(
    login: Login,
    origins: Iterable[str],
    *,
    name: str = "",
    guard: Guard | None = None,
    parallel: int = 4,
) -> Account:
    """The account under which an HTTP client sends this login to ``origins`` and nowhere else."""
    return Account(
        name=name or login.username,
        origins=frozenset(origins),
        authorization=login.header,
        guard=TypedByUser() if guard is None else guard,
        parallel=parallel,
    )
