"""Our own records: one SQLite file, and beside it its epoch, its lock and the tenants' wrapped keys."""

from calsync.store.errors import (
    CalendarTakenError,
    CodecError,
    InstanceLockedError,
    NoSuchRecordError,
    SealError,
    StoreExistsError,
)
from calsync.store.opening import Store, init_store, open_memory, open_reader, open_store

__all__ = [
    "CalendarTakenError",
    "CodecError",
    "InstanceLockedError",
    "NoSuchRecordError",
    "SealError",
    "Store",
    "StoreExistsError",
    "init_store",
    "open_memory",
    "open_reader",
    "open_store",
]
