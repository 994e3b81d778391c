"""Every expected error has a code, one sentence and an exit code of the contract."""

from __future__ import annotations

import pytest

from calsync.core.errors import (
    CalendarUnavailableError,
    CalsyncError,
    InvalidEventError,
    OwnStateError,
    SignInNeededError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.engine.requests import InputError
from calsync.settings import Finding, SettingsError
from calsync.store.errors import InstanceLockedError, SealError, StoreExistsError
from calsync.web.failures import EXIT_CODES, failure_of


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (InputError(["a", "b"]), "input", 2),
        (SettingsError([Finding(file="f", key="k", found="x", expected="y")]), "settings", 78),
        (StoreExistsError("x"), "exists", 2),
        (InstanceLockedError("x"), "locked", 75),
        (SealError("x"), "own_state", 78),
        (OwnStateError("x"), "own_state", 78),
        (SignInNeededError("x"), "sign_in", 20),
        (TryLaterError("x"), "try_later", 1),
        (UnusableAnswerError("x"), "try_later", 1),
        (CalendarUnavailableError("x"), "unavailable", 1),
        (InvalidEventError("x"), "error", 1),
    ],
)
def test_each_error_has_its_code(error: CalsyncError, code: str, exit_code: int) -> None:
    failure = failure_of(error)

    assert (failure.code, failure.exit) == (code, exit_code)
    assert failure.exit in EXIT_CODES
    assert set(failure.as_json()["error"]) >= {"code", "message", "hint"}


def test_findings_are_all_there() -> None:
    assert failure_of(InputError(["first", "second"])).as_json()["error"]["findings"] == ["first", "second"]
