"""Three-way merge by field, each side against what that side showed when both last agreed.

The merge carries *edits*, not states: a side that drops or rounds a field never looks edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field, Privacy, Timed
from calsync.core.lens import Lens
from calsync.core.link import Wish
from calsync.core.policy import Policy, Winner

_STRICTNESS = {Privacy.PUBLIC: 0, Privacy.PRIVATE: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Both sides changed ``field`` differently. ``won`` is None where somebody must decide."""

    field: Field
    base: Ends[Any]
    values: Ends[Any]
    won: End | None
    policy: Winner


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What each side should show. ``waiting`` fields stay as they are on both, with their bases."""

    want: Ends[Event]
    clashes: tuple[Clash, ...] = ()
    waiting: frozenset[Field] = frozenset()
    granted: frozenset[Field] = frozenset()
    """Fields whose wish (*use the other*) was taken into ``want``."""
    agreed: frozenset[Field] = frozenset()
    """Fields with an open conflict whose two values became one."""
    superseded: frozenset[Field] = frozenset()
    """Fields whose wish no longer applies, because somebody edited the field since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What one field becomes on each side."""

    values: Ends[Any]
    clash: Clash | None = None
    waits: bool = False
    granted: bool = False
    superseded: bool = False
    agreed: bool = False


def merge(
    base: Ends[Event],
    now: Ends[Event],
    *,
    policy: Policy,
    born: End,
    lenses: Ends[Lens],
    wishes: Mapping[Field, Wish] | None = None,
    asked: frozenset[Field] = frozenset(),
    carried: frozenset[Field] | None = None,
) -> Merged:
    """Merge the carried fields; every other field stays as each side shows it.

    ``asked`` are fields with an open conflict: they are decided anew whatever was edited. ``carried`` narrows the
    policy's fields (a stripped copy exchanges fewer).
    """
    desk = _Desk(base=base, now=now, policy=policy, born=born, lenses=lenses)
    parts = policy.carried if carried is None else carried
    decided = {part: desk.decide(part, (wishes or {}).get(part), part in asked) for part in Field if part in parts}
    return Merged(
        want=Ends(
            replace(now.crm, **{part.value: made.values.crm for part, made in decided.items()}),
            replace(now.calendar, **{part.value: made.values.calendar for part, made in decided.items()}),
        ),
        clashes=tuple(made.clash for made in decided.values() if made.clash is not None),
        waiting=frozenset(part for part, made in decided.items() if made.waits),
        granted=frozenset(part for part, made in decided.items() if made.granted),
        superseded=frozenset(part for part, made in decided.items() if made.superseded),
        agreed=frozenset(part for part, made in decided.items() if made.agreed),
    )


class _Desk:
    """The merge of one event: both bases, both present states, and how each side would show the other's."""

    def __init__(self, *, base: Ends[Event], now: Ends[Event], policy: Policy, born: End, lenses: Ends[Lens]) -> None:
        self.base, self.now, self.policy, self.born, self.lenses = base, now, policy, born, lenses
        self.other_as_shown = Ends(lenses.crm.show(now.calendar), lenses.calendar.show(now.crm))

    def decide(self, part: Field, wish: Wish | None, asked: bool) -> _Decision:
        now = self.now.map(lambda event: getattr(event, part.value))
        base = self.base.map(lambda event: getattr(event, part.value))
        if wish is not None and all(now[end] in self._of_wish(part, wish, end) for end in End):
            return _Decision(values=self._as_far_as_written(now, Ends(wish.value, wish.value)), granted=True)
        if asked:
            return self._reconsider(part, base, now)
        return replace(self._by_edits(part, base, now), superseded=wish is not None)

    def _of_wish(self, part: Field, wish: Wish, end: End) -> tuple[Any, ...]:
        """What an end shows while nobody edited since: as when it was chosen, or the chosen value as it rounds it."""
        return wish.upon[end], wish.value, self.lenses[end].round(part, wish.value)

    def _reconsider(self, part: Field, base: Ends[Any], now: Ends[Any]) -> _Decision:
        if self._agrees(part, now):
            return _Decision(values=now, agreed=True)
        return self._clash(part, base, now)

    def _by_edits(self, part: Field, base: Ends[Any], now: Ends[Any]) -> _Decision:
        edited = [end for end in End if now[end] != base[end]]
        match edited:
            case []:
                return _Decision(values=now)
            case [source]:
                return self._carry(part, now, source)
            case _ if self._agrees(part, now):
                return _Decision(values=now)
            case _:
                return self._clash(part, base, now)

    def _agrees(self, part: Field, now: Ends[Any]) -> bool:
        """Whether the two values are one, seen through either side's rounding."""
        return any(getattr(self.other_as_shown[end], part.value) == now[end] for end in End)

    def _carry(self, part: Field, now: Ends[Any], source: End) -> _Decision:
        if not self.policy.direction.writes(source.other):
            return _Decision(values=now, waits=True)
        return _Decision(values=now.replace(source.other, self._translate(part, now, source)))

    def _translate(self, part: Field, now: Ends[Any], source: End) -> Any:
        """The source's value, in the target's own zone where the source cannot tell zones apart."""
        value, there = now[source], now[source.other]
        zone_is_telling = self.lenses[source].zone is None
        if part is Field.WHEN and isinstance(value, Timed) and isinstance(there, Timed) and not zone_is_telling:
            return value.in_zone(there.zone)
        return value

    def _clash(self, part: Field, base: Ends[Any], now: Ends[Any]) -> _Decision:
        winner = self.policy.winner(part)
        if part is Field.PRIVACY and winner is Winner.STRICTER:
            # Of two different privacies the stricter wins and there is nothing to decide (design, section 5).
            strict = max(now, key=_STRICTNESS.__getitem__)
            return _Decision(values=self._as_far_as_written(now, Ends(strict, strict)))
        won = self._side_of(winner)
        clash = Clash(field=part, base=base, values=now, won=won, policy=winner)
        if won is None:
            return _Decision(values=now, clash=clash, waits=True)
        if not self.policy.direction.writes(won.other):
            return _Decision(values=now, waits=True)
        return _Decision(values=now.replace(won.other, self._translate(part, now, won)), clash=clash)

    def _as_far_as_written(self, now: Ends[Any], want: Ends[Any]) -> Ends[Any]:
        """``want`` at the sides this pair may write, ``now`` elsewhere."""
        return Ends(*(want[end] if self.policy.direction.writes(end) else now[end] for end in End))

    def _side_of(self, winner: Winner) -> End | None:
        match winner:
            case Winner.CRM:
                return End.CRM
            case Winner.CALENDAR:
                return End.CALENDAR
            case Winner.BIRTH | Winner.STRICTER:
                return self.born
            case Winner.ASK:
                return None


def differing(want: Event, shown: Event, lens: Lens, within: frozenset[Field]) -> frozenset[Field]:
    """Fields that a write would really change there: those that still differ after the side's own rounding."""
    rounded = lens.show(want)
    return frozenset(part for part in within if getattr(rounded, part.value) != getattr(shown, part.value))


def with_fields(event: Event, source: Event, parts: frozenset[Field]) -> Event:
    """``event`` with the named fields of ``source``."""
    named = ((part.value, getattr(source, part.value)) for part in parts)
    changed = {name: value for name, value in named if value is not getattr(event, name)}
    return replace(event, **changed) if changed else event
