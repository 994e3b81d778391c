"""What went wrong, as commands and the API say it: code, message, hint, exit code and HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calsync.core.errors import (
    CalendarUnavailableError,
    CalsyncError,
    OwnStateError,
    RemoteError,
    SignInNeededError,
    TryLaterError,
)
from calsync.engine import reports
from calsync.engine.pairs import PreviewChangedError
from calsync.engine.people import NotAvailableError, OtherSubjectError
from calsync.engine.requests import InputError
from calsync.engine.resolve import NotFoundError, NotPossibleError, SupersededError
from calsync.settings import SettingsError
from calsync.store.errors import CalendarTakenError, InstanceLockedError, StoreExistsError

DONE: Final = 0
MORE: Final = 10
ACTION: Final = 20
ERROR: Final = 1
USAGE: Final = 2
LOCKED: Final = 75
UNUSABLE: Final = 78

EXIT_CODES: Final[Mapping[int, str]] = {
    DONE: "Done; for `sync`: everything converged.",
    MORE: "More to do: something must be looked at again, or a server asked us to wait.",
    ACTION: "Somebody must act: held changes, a conflict that asks, an unsure match, a sign-in, a new preview.",
    ERROR: "An error.",
    USAGE: "Wrong usage: an option, an argument or an input file.",
    LOCKED: "Another instance runs on this data and cannot be reached.",
    UNUSABLE: "Configuration or own state cannot be used; one line says why.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as JSON: ``more`` stands beside the ``error`` object (such as the new preview)."""

    code: str
    message: str
    exit: int
    status: int
    hint: str = ""
    findings: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.findings:
            error["findings"] = list(self.findings)
        return {**self.more, "error": error}


_KINDS: Final[tuple[tuple[type[CalsyncError], str, int, int, str], ...]] = (
    (InputError, "input", USAGE, 400, "docs/reference/cli.md shows the keys."),
    (SettingsError, "settings", UNUSABLE, 500, "`calsync check-config` shows every problem."),
    (StoreExistsError, "exists", USAGE, 409, "Nothing was changed."),
    (InstanceLockedError, "locked", LOCKED, 503, "Wait until it ends, or use the running `calsync serve`."),
    (OwnStateError, "own_state", UNUSABLE, 500, ""),
    (CalendarTakenError, "taken", ERROR, 409, "`calsync pair list` shows it."),
    (NotFoundError, "not_found", ERROR, 404, ""),
    (NotPossibleError, "not_possible", ERROR, 409, ""),
    (NotAvailableError, "not_available", ERROR, 501, ""),
    (OtherSubjectError, "other_subject", ERROR, 409, ""),
    (
        SupersededError,
        "superseded",
        ACTION,
        409,
        "The record shows the values of now; decide again.",
    ),
    (PreviewChangedError, "preview_changed", ACTION, 409, "Look at it, then repeat with --apply and the new checksum."),
    (SignInNeededError, "sign_in", ACTION, 502, "Check user name and password (or token) and try again."),
    (TryLaterError, "try_later", ERROR, 503, "Nothing was changed; try again later."),
    (CalendarUnavailableError, "unavailable", ERROR, 502, ""),
    (RemoteError, "remote", ERROR, 502, ""),
    (CalsyncError, "error", ERROR, 500, ""),
)


def failure_of(error: CalsyncError) -> Failure:
    """The first kind that fits; the family itself is the last."""
    for kind, code, exit_, status, hint in _KINDS:
        if isinstance(error, kind):
            return Failure(
                code=code,
                message=str(error),
                exit=exit_,
                status=status,
                hint=hint,
                findings=_findings(error),
                more=_more(error),
            )
    raise TypeError(error)


def _findings(error: CalsyncError) -> tuple[str, ...]:
    """A sentence each; what was tried several times with the same outcome is said once."""
    by_outcome: dict[object, str] = {}
    for one in getattr(error, "findings", ()):
        by_outcome.setdefault(getattr(one, "found", one), _finding(one))
    return tuple(by_outcome.values())


def _finding(one: object) -> str:
    tried, found, advice = (getattr(one, name, "") for name in ("tried", "found", "advice"))
    return f"{tried}: {found.rstrip('.')}. {advice}".strip() if tried else str(one)


def _more(error: CalsyncError) -> Mapping[str, Any]:
    match error:
        case PreviewChangedError():
            preview: Mapping[str, Any] = reports.preview(error.pair, error.preview)
            return preview
        case SupersededError():
            row: Mapping[str, Any] = reports.conflict(error.row)
            return row
        case _:  # the others say it all in their message
            return {}
