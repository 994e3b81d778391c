"""What is wrong with the settings: every problem at once, each with its place and what belongs there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calsync.core.errors import OwnStateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: where (``file`` may be the environment), what stands there, what should."""

    file: str
    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, f"found {self.found}") if part) + (
            f"; expected {self.expected}"
        )


class SettingsError(OwnStateError):
    """The settings cannot be used. The message is one line; ``findings`` is everything that was found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first, *others = findings
        super().__init__(f"{first}" + (f" (and {len(others)} more: calsync check-config)" if others else ""))
        self.findings = tuple(findings)


def render_findings(findings: Iterable[Finding]) -> str:
    """One line a finding, in the order of the sections."""
    return "\n".join(map(str, findings))
