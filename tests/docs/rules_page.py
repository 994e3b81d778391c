"""Prints ``docs/sync-rules.md`` from the tables that the code reads: ``python -m tests.docs.rules_page``."""

from __future__ import annotations

from pathlib import Path

from calsync.core.event import Field
from calsync.core.grid import GRID, MEANING, Change
from calsync.core.policy import DEFAULT_WINNERS, Winner
from calsync.core.reason import SENTENCES
from calsync.engine.rhythm import SENTENCES as PAIR_SENTENCES
from calsync.engine.rhythm import PairReason

PAGE = Path(__file__).parents[2] / "docs" / "sync-rules.md"
REASONS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"

_WINS = {
    Winner.BIRTH: "the side where the event was born (an event found on both sides counts as born in SuperOffice)",
    Winner.CALENDAR: "the calendar",
    Winner.CRM: "SuperOffice",
    Winner.STRICTER: "the stricter of the two; no conflict arises",
    Winner.ASK: "nobody: it waits",
}

_TOP = """# The rules of the sync

These tables are what the code reads; a test prints this page anew and compares.

## What happens to a linked event

Rows: what happened in SuperOffice. Columns: what happened in the calendar.
*gone* is proven by a direct read and a second good read; an event that is merely not listed is none of these.
*away* is there but not offered: it became a series or a meeting, is cancelled, or cannot be read.

"""


def rules_page() -> str:
    return _TOP + _grid() + _meanings() + _winners() + _rest()


def _grid() -> str:
    head = "| SuperOffice \\ calendar | " + " | ".join(change.value for change in Change) + " |\n"
    line = "|---" * (len(Change) + 1) + "|\n"
    rows = (
        f"| **{crm.value}** | " + " | ".join(f"`{GRID[crm, calendar].value}`" for calendar in Change) + " |\n"
        for crm in Change
    )
    return head + line + "".join(rows) + "\n"


def _meanings() -> str:
    rows = (f"| `{rule.value}` | {sentence} |\n" for rule, sentence in MEANING.items())
    return "| rule | meaning |\n|---|---|\n" + "".join(rows) + "\n"


def _winners() -> str:
    rows = (f"| {part.value} | {_WINS[DEFAULT_WINNERS[part]]} |\n" for part in Field)
    return (
        "## When both sides changed the same field\n\n"
        "The loser's value is kept in the conflict log and *use the other* brings it back.\n"
        "The policy's `wins` changes a row.\n\n"
        "| field | wins |\n|---|---|\n" + "".join(rows) + "\n"
    )


def _rest() -> str:
    return """## The order of values

When two promises clash, the earlier one holds: no leak and no mail; no loss; evidence for deletions; no duplicate;
no resurrection; progress.

## Many deletions at once

More than `held_min` deletions (10), or more than `held_share` (20 %) of the linked events if that is more, or all of
three or more, within `held_period_s` (a day) are held until somebody approves or discards them.
Everything else goes on.
"""


def reasons_page() -> str:
    rows = (f"| `{reason.value}` | {sentence} |\n" for reason, sentence in SENTENCES.items())
    return (
        "# Reasons\n\n"
        "Why an event is not synchronised. The words appear in `set-aside`, `why` and `status`; the list is closed.\n\n"
        "| reason | meaning |\n|---|---|\n" + "".join(rows) + _pair_reasons()
    )


def _pair_reasons() -> str:
    rows = (f"| `{one.value}` | {text} |\n" for one, text in PAIR_SENTENCES.items() if one is not PairReason.NONE)
    return (
        "\n## Of pairs\n\nWhy a pair is not simply running: the `reason` of a pair in `status`, empty where it is.\n\n"
        "| reason | meaning |\n|---|---|\n" + "".join(rows)
    )


if __name__ == "__main__":
    PAGE.write_text(rules_page(), encoding="utf-8")
    REASONS_PAGE.parent.mkdir(exist_ok=True)
    REASONS_PAGE.write_text(reasons_page(), encoding="utf-8")
