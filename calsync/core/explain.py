"""Sentences. The pages, the commands and the logs say a thing in these words and in no others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calsync.core.ends import End
from calsync.core.event import AllDay, Timed
from calsync.core.grid import MEANING, Rule
from calsync.core.match import How
from calsync.core.policy import Winner
from calsync.core.reason import SENTENCES, Reason
from calsync.core.record import Conflict, ConflictState, Held, Run, RunState, Step

NAMES = {End.CRM: "SuperOffice", End.CALENDAR: "the calendar"}

_HOW = {
    How.MARKER.value: "our own marker names the two as one",
    How.UID.value: "both carry the same iCalendar UID",
    How.CONTENT.value: "title and time are the same on both sides",
}

_WINNERS = {
    Winner.CRM.value: "SuperOffice decides this field",
    Winner.CALENDAR.value: "the calendar decides this field",
    Winner.BIRTH.value: "the side where the event was made decides this field",
    Winner.STRICTER.value: "the stricter value wins",
    Winner.ASK.value: "somebody has to decide",
    "edit_beats_delete": "an edit wins against a deletion",
    "overwritten": "the edit slipped in while we were writing",
}

_STATES = {
    RunState.CONVERGED: "Both sides are the same.",
    RunState.MORE: "Something has to be looked at again; it is tried by itself.",
    RunState.ACTION: "Somebody has to decide or sign in.",
    RunState.ERROR: "It stopped; nothing is lost and nothing was deleted.",
}


def rule_sentence(word: str) -> str:
    """What a step's reason means; words that are no rule (a person's name) stand for themselves."""
    if word in _HOW:
        return f"Linked, because {_HOW[word]}."
    rule = next((one for one in Rule if one.value == word), None)
    return MEANING[rule] if rule is not None else word


def reason_sentence(reason: Reason, detail: str = "") -> str:
    """Why an event is not synchronised."""
    return f"{SENTENCES[reason]} ({detail})" if detail else SENTENCES[reason]


def conflict_sentence(row: Conflict) -> str:
    """One conflict: what was on both sides, who won and why."""
    why = _WINNERS.get(row.policy, row.policy)
    if row.field is None:
        return f"“{row.title}” was deleted on one side and edited on the other: it was kept ({why})."
    values = " and ".join(f"“{shown(row.values[end])}” in {NAMES[end]}" for end in End)
    told = f"{row.field.value} of “{row.title}” was changed on both sides: {values}."
    match row.state:
        case ConflictState.OPEN:
            return f"{told} It waits until somebody decides."
        case ConflictState.VOID:
            return f"{told} Nothing was overwritten after all."
        case ConflictState.SUPERSEDED:
            return f"{told} It was edited again since, so the choice no longer applies."
        case ConflictState.SETTLED if row.won is not None:
            chosen = f"chosen by {row.by}" if row.by != "calsync" else why
            winner = NAMES[row.won]
            return f"{told} {winner[0].upper()}{winner[1:]} won ({chosen})."
        case ConflictState.SETTLED:
            return f"{told} Both are the same now."


def held_sentence(group: Held) -> str:
    """Why deletions wait, and what the two answers do."""
    count = len(group.events)
    deleted = f"{count} events were deleted at once" if count != 1 else "1 event was deleted"
    return (
        f"{deleted} in {NAMES[group.end.other]}. They are kept in "
        f"{NAMES[group.end]} until somebody looks: approve deletes exactly these, discard brings them back."
    )


def run_sentence(run: Run) -> str:
    """How a run ended."""
    state = _STATES[run.state] if run.state is not None else "It is under way."
    return f"{state} {run.error}".strip()


def step_sentence(step: Step) -> str:
    return f"{step.what}: {rule_sentence(step.why)}"


def shown(value: Any) -> str:
    """A field's value as a person writes it."""
    match value:
        case Timed():
            return f"{value.start:%Y-%m-%d %H:%M} to {value.end:%H:%M} {value.zone}"
        case AllDay():
            return f"{value.first} to {value.last}" if value.first != value.last else f"{value.first}, all day"
        case None:
            return "nothing"
        case str():
            return value
        case _ if hasattr(value, "value"):
            return str(value.value)
        case Iterable():
            return ", ".join(map(shown, value))
        case _:
            return str(value)
