"""How a person reads what commands say: tables and short lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_ENDLESS: Final = 100_000


def table(console: Console, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], nothing: str) -> None:
    """These columns of the rows, or a block for each row where the window is too narrow; a sentence without rows."""
    if not rows:
        console.print(nothing, markup=False)
        return
    shown = _table(rows, columns)
    needed = Measurement.get(console, console.options.update(max_width=_ENDLESS), shown).maximum
    if needed <= console.width:
        console.print(shown)
        return
    for row in rows:
        _block(console, row, columns)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(text(row.get(column))) for column in columns))
    return shown


def _block(console: Console, row: Mapping[str, Any], columns: Sequence[str]) -> None:
    """A row under its first column; what it does not have is left out."""
    first, *others = columns
    console.print(Text(text(row.get(first)), style="bold"))
    said = {column: text(row.get(column)) for column in others}
    for column, value in said.items():
        if value != "-":
            console.print(f"  {column.replace('_', ' ')}: {value}", markup=False)


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
