"""Foreign keys: how a copy says, in SuperOffice itself, that it is ours and which key made it.

Application ``calsync``, device ``calendar`` with the pair's name, key ``event``, value ``generation:key:realm``. The
copies of a person's other pairs stand under other devices: for this pair they are events like any other.
A key does not die with its appointment, so one that was written before its record was made belongs to an earlier
record of that id and says nothing of this one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice import wire
from calsync.adapters.superoffice.wire import Call, Row
from calsync.core.observation import Marker
from calsync.core.refs import Key

APPLICATION: Final = "calsync"
DEVICE: Final = "calendar"
NAME: Final = "event"
TABLE: Final = "appointment"
VALUE_MAX: Final = 239
_VALUE: Final = re.compile(r"(\d{1,6}):([^:]{1,100}):(.{1,130})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One of our keys on one record, and when it was last written (None where the server does not say)."""

    record: int
    marker: Marker
    at: datetime | None

    def fits(self, row: Row) -> bool:
        """Whether it was written for this row and not for an earlier one of the same id."""
        return self.at is None or row.created is None or self.at >= row.created


def value_of(marker: Marker) -> str:
    return f"{marker.generation}:{marker.key}:{marker.realm}"[:VALUE_MAX]


def marker_from(value: str) -> Marker | None:
    match = _VALUE.fullmatch(value)
    return None if match is None else Marker(realm=match[3], key=Key(match[2]), generation=int(match[1]))


def device_of(associate: int, counterpart: str) -> str:
    """The device of one pair: the person, and the calendar that the diary is paired with."""
    return f"{associate}-{hashlib.sha256(counterpart.encode()).hexdigest()[:16]}" if counterpart else str(associate)


def _device(device: str) -> dict[str, Any]:
    return {"ApplicationName": APPLICATION, "DeviceName": DEVICE, "DeviceIdentifier": device}


def read_all(device: str) -> Call:
    """All keys of one pair."""
    body = _device(device) | {"TableName": TABLE}
    return wire.agent("ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable", body, reads=True)


def read_one(device: str, record: int) -> Call:
    """Our keys on one record."""
    body = _device(device) | {"TableName": TABLE, "RecordId": record}
    return wire.agent("ForeignSystem/GetDeviceKeysOnDeviceIdentifierTableRecordId", body, reads=True)


def find_value(device: str, marker: Marker) -> Call:
    body = _device(device) | {"KeyName": NAME, "KeyValue": value_of(marker), "TableName": TABLE}
    return wire.agent("ForeignSystem/GetKeyByValueAndIdentifier", body, reads=True)


def read_device(device: str) -> Call:
    return wire.agent("ForeignSystem/GetDeviceByIdentifier", _device(device), reads=True)


def make_application() -> Call:
    """Makes it, or answers with the one that is there."""
    return Call(method="POST", path=f"/api/v1/ForeignApp/{APPLICATION}")


def make_device(device: str) -> Call:
    return Call(method="POST", path=f"/api/v1/ForeignApp/{APPLICATION}/{DEVICE}/{device}")


def read_application() -> Call:
    return wire.agent("ForeignSystem/GetAppByName", {"ApplicationName": APPLICATION}, reads=True)


def write(device: str, record: int, marker: Marker) -> Call:
    """Adds the key, or overwrites the one of that name on that record."""
    key = {"Key": NAME, "Value": value_of(marker), "RecordId": record, "TableName": TABLE}
    return wire.agent("ForeignSystem/SaveForeignKey", _device(device) | {"ForeignKey": key}, reads=False)


def remove(device: str, record: int) -> Call:
    path = f"/api/v1/ForeignApp/{APPLICATION}/{DEVICE}/{device}/Key/{NAME}/{TABLE}/{record}"
    return Call(method="DELETE", path=path)


def bound(item: Any) -> Bound | None:
    """A key as an answer shows it; None if it is none of ours."""
    if not isinstance(item, dict) or str(item.get("Key") or "").lower() != NAME:
        return None
    marker = marker_from(str(item.get("Value") or ""))
    record = item.get("RecordId")
    if marker is None or not isinstance(record, int) or record <= 0:
        return None
    stamps = [wire.instant(_text(item, "CreatedDate")), wire.instant(_text(item, "UpdatedDate"))]
    return Bound(record=record, marker=marker, at=max((at for at in stamps if at is not None), default=None))


def all_bound(answer: Answer) -> Mapping[int, Bound]:
    """Our keys by record; of two on one record the later one counts."""
    found: dict[int, Bound] = {}
    for item in wire.listed(answer):
        one = bound(item)
        if one is not None:
            found[one.record] = one
    return found


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
