"""Where an answer sends us, and whether we go. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import ElsewhereError
from calsync.adapters.http.target import joined, origin_of
from calsync.core.errors import InDoubtError, UnusableAnswerError

HOPS_MAX: Final = 3
SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "so-apptoken"})
_KEEPING: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303}) | _KEEPING


def carries_secrets(request: Request, account: Account) -> bool:
    """Whether the request bears a credential, from the account or in a header of its own."""
    return account.authorization is not None or any(name.lower() in SECRET_HEADERS for name in request.headers)


def check_origin(request: Request, account: Account, origin: str) -> None:
    """Raise ElsewhereError if a credential would reach a server that may not see it."""
    if origin not in account.origins and carries_secrets(request, account):
        raise ElsewhereError(f"{origin} is not a server that may see the credentials of this account.", request.url)


def next_request(request: Request, answer: Answer, account: Account, *, hops: int) -> Request | None:
    """The request that follows a redirect: same method, same body. None if the answer is none.

    Reads follow 301, 302, 303, 307 and 308, writes only the two that promise to keep the method, and those only to
    their own server or another one of the account. After another redirect it is unknown whether the write was done.
    """
    if answer.status not in _REDIRECTS or "location" not in answer.headers:
        return None
    if request.is_write and answer.status not in _KEEPING:
        raise InDoubtError(f"The server answered a write with a redirect ({answer.status}): it may have been done.")
    if hops >= HOPS_MAX:
        raise UnusableAnswerError(f"The server redirected more than {HOPS_MAX} times.")
    following = replace(request, url=joined(request.url, answer.headers["location"]))
    origin = origin_of(following.url)
    if request.is_write and origin not in account.origins | {origin_of(request.url)}:
        raise ElsewhereError(f"The server redirects a write to {origin}, which is not its own.", following.url)
    check_origin(following, account, origin)
    return following
