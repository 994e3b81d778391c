"""First meeting: which unlinked events of the two sides are one and the same.

Used after the first connect, a reconnect and a lost store alike: our marker, then the iCalendar UID, then equal
content, each as a one-to-one assignment. What is doubtful is reported, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field, Timed
from calsync.core.lens import Lens
from calsync.core.observation import Seen
from calsync.core.policy import CARRIED
from calsync.core.reason import Reason
from calsync.core.refs import Identity, Key, Ref, make_key


class How(Enum):
    """Why two events are one."""

    MARKER = "marker"
    UID = "uid"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two events that are one. ``born`` is the side of the original, ``generation`` that of its copy."""

    seen: Ends[Seen]
    how: How
    born: End = End.CRM
    generation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An event that is neither linked nor copied, and why."""

    end: End
    seen: Seen
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Every unlinked event is in exactly one of the three."""

    matches: tuple[Match, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    fresh: Ends[tuple[Seen, ...]] = Ends((), ())  # noqa: RUF009  # an immutable value


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What keys of this pair are made of, and the keys that links already own at each side."""

    realm: str
    identities: Ends[str]
    linked: Ends[frozenset[Key]] = Ends(frozenset(), frozenset())  # noqa: RUF009  # an immutable value

    def key_of(self, original: Identity, at: End, generation: int) -> Key:
        return make_key(
            realm=self.realm,
            crm_calendar=self.identities.crm,
            calendar=self.identities.calendar,
            original_at=at,
            original=original,
            generation=generation,
        )


def match(unlinked: Ends[Sequence[Seen]], pairing: Pairing, lenses: Ends[Lens]) -> Matching:
    """Assign the unlinked events of both sides to each other."""
    desk = _Desk(unlinked, pairing)
    desk.by_marker(End.CALENDAR)
    desk.by_marker(End.CRM)
    desk.set_markers_aside()
    desk.by_uid()
    desk.by_content(lenses)
    return desk.matching()


class _Desk:
    def __init__(self, unlinked: Ends[Sequence[Seen]], pairing: Pairing) -> None:
        self.free: Ends[dict[Ref, Seen]] = unlinked.map(lambda all_seen: {seen.ref: seen for seen in all_seen})
        self.pairing = pairing
        self.linked = pairing.linked.map(set[Key])
        self.matches: list[Match] = []
        self.doubts: list[Doubt] = []

    def matching(self) -> Matching:
        return Matching(
            matches=tuple(self.matches),
            doubts=tuple(self.doubts),
            fresh=self.free.map(lambda left: tuple(left.values())),
        )

    def by_marker(self, copies_at: End) -> None:
        """Copies at one end whose key is that of an original at the other."""
        copies = sorted(filter(self._is_ours, self.free[copies_at].values()), key=_newest_first)
        generations = {seen.marker.generation for seen in copies if seen.marker is not None}
        originals_at = copies_at.other
        by_key = {
            self.pairing.key_of(seen.identity, originals_at, generation): seen
            for seen in self.free[originals_at].values()
            for generation in generations
        }
        for copy in copies:
            original = by_key.get(copy.marker.key) if copy.marker is not None else None
            if original is not None and original.ref in self.free[originals_at]:
                self._link(copy, original, copies_at)

    def _is_ours(self, seen: Seen) -> bool:
        return seen.marker is not None and seen.marker.realm == self.pairing.realm

    def _link(self, copy: Seen, original: Seen, copies_at: End) -> None:
        assert copy.marker is not None  # noqa: S101  # by_marker gives copies with markers only
        both = Ends(original, copy) if copies_at is End.CALENDAR else Ends(copy, original)
        generation = copy.marker.generation
        self.linked[copies_at].add(copy.marker.key)
        self._take(Match(seen=both, how=How.MARKER, born=copies_at.other, generation=generation))

    def _take(self, found: Match) -> None:
        for end in End:
            del self.free[end][found.seen[end].ref]
        self.matches.append(found)

    def set_markers_aside(self) -> None:
        """A copy of ours without its original is never taken for something new."""
        for end in End:
            for seen in list(self.free[end].values()):
                reason = self._marker_trouble(seen, end)
                if reason is not None:
                    self._doubt(end, seen, reason)

    def _marker_trouble(self, seen: Seen, end: End) -> Reason | None:
        if seen.marker is None:
            return None
        if seen.marker.realm != self.pairing.realm:
            return Reason.FOREIGN_COPY
        if seen.marker.key in self.linked[end]:
            # The linked object keeps the marker; this one is a person's copy of it and an event of its own.
            return None
        return Reason.ORIGINAL_DELETED

    def _doubt(self, end: End, seen: Seen, reason: Reason) -> None:
        del self.free[end][seen.ref]
        self.doubts.append(Doubt(end=end, seen=seen, reason=reason))

    def by_uid(self) -> None:
        by_uid = self.free.map(lambda left: _grouped(left.values(), lambda seen: seen.uid or None))
        for uid, at_crm in by_uid.crm.items():
            at_calendar = by_uid.calendar.get(uid, [])
            if len(at_crm) == len(at_calendar) == 1:
                self._take(Match(seen=Ends(at_crm[0], at_calendar[0]), how=How.UID))

    def by_content(self, lenses: Ends[Lens]) -> None:
        """Full equality first, then title and time; several that fit equally well are doubtful."""
        rounded = _rounding(lenses)
        self._assign(lambda seen: _full_content(rounded(seen.event)), doubt=False)
        self._assign(lambda seen: _short_content(rounded(seen.event)), doubt=True)

    def _assign(self, content: Callable[[Seen], Hashable], *, doubt: bool) -> None:
        if not all(self.free):
            return
        groups = self.free.map(lambda left: _grouped(left.values(), content))
        for what, at_crm in groups.crm.items():
            at_calendar = groups.calendar.get(what, [])
            if not at_calendar:
                continue
            if len(at_crm) == len(at_calendar) and (len(at_crm) == 1 or not doubt):
                # Equally many of the very same content: any assignment is as good as another.
                for pair in zip(_in_order(at_crm), _in_order(at_calendar), strict=True):
                    self._take(Match(seen=Ends(*pair), how=How.CONTENT))
            elif doubt:
                for end, several in ((End.CRM, at_crm), (End.CALENDAR, at_calendar)):
                    for seen in several:
                        self._doubt(end, seen, Reason.UNSURE)


def _newest_first(copy: Seen) -> tuple[int, Ref]:
    return -copy.marker.generation if copy.marker is not None else 0, copy.ref


def _grouped(items: Iterable[Seen], content: Callable[[Seen], Hashable]) -> dict[Hashable, list[Seen]]:
    groups: dict[Hashable, list[Seen]] = defaultdict(list)
    for seen in items:
        groups[content(seen)].append(seen)
    groups.pop(None, None)
    return groups


def _in_order(several: list[Seen]) -> list[Seen]:
    return sorted(several, key=lambda seen: seen.ref)


def _rounding(lenses: Ends[Lens]) -> Callable[[Event], Event]:
    """Both sides' rounding, so that events compare as the poorer side could show them."""
    return lambda event: lenses.calendar.show(lenses.crm.show(event))


def _instants(event: Event) -> Hashable:
    when = event.when
    return ("timed", when.start_utc, when.end_utc) if isinstance(when, Timed) else ("days", when.first, when.last)


def _short_content(event: Event) -> tuple[Hashable, ...]:
    return event.title, _instants(event), event.series is None


def _full_content(event: Event) -> tuple[Hashable, ...]:
    rest = (getattr(event, part.value) for part in Field if part in CARRIED - {Field.TITLE, Field.WHEN})
    return *_short_content(event), *rest
