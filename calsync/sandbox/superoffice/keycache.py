"""How the server pages: a key list per query, kept for a minute."""

from datetime import datetime, timedelta
from typing import Any, Final

CACHE_S: Final = 60.0


class KeyCache:
    """Key lists of queries: later pages of an equal query within 60 s of the last call see the old list."""

    def __init__(self) -> None:
        self._lists: dict[str, tuple[datetime, list[Any]]] = {}

    def recall(self, query: str, now: datetime, *, life_s: float) -> list[Any] | None:
        kept = self._lists.get(query)
        if kept is None or now - kept[0] > timedelta(seconds=life_s):
            return None
        self._lists[query] = (now, kept[1])
        return kept[1]

    def keep(self, query: str, now: datetime, keys: list[Any]) -> None:
        self._lists = {text: kept for text, kept in self._lists.items() if now - kept[0] <= timedelta(seconds=CACHE_S)}
        self._lists[query] = (now, keys)
