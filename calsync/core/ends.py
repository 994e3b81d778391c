"""The two ends of a pair, and values that exist once for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class End(Enum):
    """One end of a pair: the SuperOffice diary (or what stands in its place) or the calendar."""

    CRM = "crm"
    CALENDAR = "calendar"

    @property
    def other(self) -> End:
        return End.CALENDAR if self is End.CRM else End.CRM


@dataclass(frozen=True)  # no slots: a subscripted generic with slots cannot be called on Python 3.11
class Ends(Generic[T]):
    """One value for each end; a side is an index, so nothing exists twice with another suffix."""

    crm: T
    calendar: T

    def __getitem__(self, end: End) -> T:
        return self.crm if end is End.CRM else self.calendar

    def __iter__(self) -> Iterator[T]:
        yield self.crm
        yield self.calendar

    def replace(self, end: End, value: T) -> Ends[T]:
        return Ends(value, self.calendar) if end is End.CRM else Ends(self.crm, value)

    def map(self, change: Callable[[T], U]) -> Ends[U]:
        return Ends(change(self.crm), change(self.calendar))

    @property
    def swapped(self) -> Ends[T]:
        return Ends(self.calendar, self.crm)
