"""Several reads at once, with the first failure as itself and not wrapped in a group."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from calsync.core.errors import RemoteError

T = TypeVar("T")
U = TypeVar("U")


async def both(one: Coroutine[Any, Any, T], two: Coroutine[Any, Any, U]) -> tuple[T, U]:
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(two)
    except* RemoteError as failures:
        raise _first(failures) from None
    return first.result(), second.result()


async def every(reads: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in the order given. How many run at once is the client's matter."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except* RemoteError as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[RemoteError]) -> RemoteError:
    inner: BaseException = failures
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    if not isinstance(inner, RemoteError):
        raise inner
    return inner
