"""What a connection test tried, found and advises, step by step, for the person who connects."""

from __future__ import annotations

from dataclasses import dataclass, field

from calsync.core.errors import CalendarUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step: what was ``tried``, what was ``found``, and ``advice`` where somebody can do something."""

    tried: str
    found: str
    good: bool
    advice: str = ""


@dataclass(slots=True)
class Findings:
    """The steps of one connection test, in order; filled while it runs, so a failed one has them too."""

    steps: list[Finding] = field(default_factory=list)

    def good(self, tried: str, found: str) -> None:
        self.steps.append(Finding(tried=tried, found=found, good=True))

    def bad(self, tried: str, found: str, advice: str = "") -> None:
        self.steps.append(Finding(tried=tried, found=found, good=False, advice=advice))


class NotFoundError(CalendarUnavailableError):
    """No calendars were found; the message says what to do, ``findings`` what was tried."""

    def __init__(self, message: str, findings: Findings) -> None:
        super().__init__(message)
        self.findings = tuple(findings.steps)
