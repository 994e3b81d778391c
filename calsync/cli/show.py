"""How a person reads what commands say: tables and short lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table(console: Console, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], nothing: str) -> None:
    """These columns of the rows; a sentence where there are none."""
    if not rows:
        console.print(nothing, markup=False)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(text(row.get(column))) for column in columns))
    console.print(shown)


def facts(console: Console, value: Mapping[str, Any]) -> None:
    """One fact a line."""
    for name, item in value.items():
        console.print(f"{name.replace('_', ' ')}: {text(item)}", markup=False)


def text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key} {text(item)}" for key, item in value.items()) or "-"
        case str():
            return value
        case Sequence():
            return ", ".join(map(text, value)) or "-"
        case _:
            return str(value)
