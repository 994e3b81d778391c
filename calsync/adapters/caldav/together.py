"""Several requests under way at once, and one error out of them where some fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeVar

from calsync.core.errors import RemoteError

_ON_LOOP_MAX: Final = 1 << 18

T = TypeVar("T")
U = TypeVar("U")


async def each(items: Sequence[T], do: Callable[[T], Awaitable[U]], *, parallel: int) -> list[U]:
    """What ``do`` makes of every item, in their order, ``parallel`` at a time.

    The first failure stops the others and is raised as it is.
    """
    waiting = iter(enumerate(items))
    results: dict[int, U] = {}
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(parallel, len(items))):
                group.create_task(_work(waiting, do, results))
    except* RemoteError as failed:
        raise _first(failed) from None
    return [results[place] for place in range(len(items))]


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """What ``work`` gives; in a thread where so many bytes would hold up everybody else."""
    return await asyncio.to_thread(work) if size > _ON_LOOP_MAX else work()


async def _work(waiting: Iterator[tuple[int, T]], do: Callable[[T], Awaitable[U]], results: dict[int, U]) -> None:
    for place, item in waiting:
        results[place] = await do(item)


def _first(failed: BaseExceptionGroup[RemoteError]) -> RemoteError:
    inner = failed.exceptions[0]
    return inner if isinstance(inner, RemoteError) else _first(inner)
