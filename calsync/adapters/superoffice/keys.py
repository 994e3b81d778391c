"""Foreign keys: how a copy says, in SuperOffice itself, that it is ours and which key made it.

Application ``calsync``, device ``calendar`` with the associate's id, key ``event``, value ``generation:key:realm``.
A key does not die with its appointment, so one that was written before its record was made belongs to an earlier
record of that id and says nothing of this one.
"""

from __future__ import annotations

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


def _device(associate: int) -> dict[str, Any]:
    return {"ApplicationName": APPLICATION, "DeviceName": DEVICE, "DeviceIdentifier": str(associate)}


def read_all(associate: int) -> Call:
    """All our keys in one diary."""
    body = _device(associate) | {"TableName": TABLE}
    return wire.agent("ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable", body, reads=True)


def read_one(associate: int, record: int) -> Call:
    """Our keys on one record."""
    body = _device(associate) | {"TableName": TABLE, "RecordId": record}
    return wire.agent("ForeignSystem/GetDeviceKeysOnDeviceIdentifierTableRecordId", body, reads=True)


def find_value(associate: int, marker: Marker) -> Call:
    body = _device(associate) | {"KeyName": NAME, "KeyValue": value_of(marker), "TableName": TABLE}
    return wire.agent("ForeignSystem/GetKeyByValueAndIdentifier", body, reads=True)


def read_device(associate: int) -> Call:
    return wire.agent("ForeignSystem/GetDeviceByIdentifier", _device(associate), reads=True)


def make_application() -> Call:
    """Makes it, or answers with the one that is there."""
    return Call(method="POST", path=f"/api/v1/ForeignApp/{APPLICATION}")


def make_device(associate: int) -> Call:
    return Call(method="POST", path=f"/api/v1/ForeignApp/{APPLICATION}/{DEVICE}/{associate}")


def read_application() -> Call:
    return wire.agent("ForeignSystem/GetAppByName", {"ApplicationName": APPLICATION}, reads=True)


def write(associate: int, record: int, marker: Marker) -> Call:
    """Adds the key, or overwrites the one of that name on that record."""
    key = {"Key": NAME, "Value": value_of(marker), "RecordId": record, "TableName": TABLE}
    return wire.agent("ForeignSystem/SaveForeignKey", _device(associate) | {"ForeignKey": key}, reads=False)


def remove(associate: int, record: int) -> Call:
    path = f"/api/v1/ForeignApp/{APPLICATION}/{DEVICE}/{associate}/Key/{NAME}/{TABLE}/{record}"
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
