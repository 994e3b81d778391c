"""Which requests are sent once more at once, and after how long. Pure; everything else waits for the next run."""

from __future__ import annotations

from random import Random
from typing import Final

from calsync.adapters.http.exchange import Request
from calsync.adapters.http.failures import ConnectionFailedError, FailedReadError
from calsync.core.errors import RemoteError

TRIES_MAX: Final = 3
BASE_S: Final = 0.25
_PASSING: Final = frozenset({502, 504})  # a proxy lost its server; a plain 500 or 503 means it


def again_after(request: Request, error: RemoteError, tries: int, random: Random) -> float | None:
    """Seconds to wait before a further try; None if there is none.

    Only reads are repeated. A timeout is not: a server that took that long is not helped by being asked again.
    """
    if request.is_write or tries >= TRIES_MAX or not _is_passing(error):
        return None
    return BASE_S * 2.0 ** (tries - 1) * random.uniform(0.5, 1.5)


def _is_passing(error: RemoteError) -> bool:
    match error:
        case ConnectionFailedError():
            return True
        case FailedReadError(answer=answer):
            return answer.status in _PASSING
        case _:  # an error family stays open, so it keeps its catch-all
            return False
