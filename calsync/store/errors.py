"""What can go wrong with our own records."""

from __future__ import annotations

from calsync.core.errors import CalsyncError, OwnStateError


class InstanceLockedError(CalsyncError):
    """Another instance runs on this data (exit code 75)."""


class StoreExistsError(CalsyncError):
    """There is a store already where a new one was to be made (exit code 2)."""


class CalendarTakenError(CalsyncError):
    """Another pair writes to or reads from this calendar; two pairs on one calendar would feed each other."""


class NoSuchRecordError(CalsyncError):
    """What was to be changed is no longer in the store: it was removed or erased meanwhile."""


class SealError(OwnStateError):
    """Sealed content cannot be opened: another key, another row's content, or damage."""


class CodecError(OwnStateError):
    """Stored content is not what this version writes, for instance because a newer one wrote it."""
