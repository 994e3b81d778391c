"""JSON Patch and JSON Merge Patch as the REST verbs read them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from calsync.sandbox.superoffice.asgi import Refusal

_OPERATIONS: Final = frozenset({"add", "replace", "remove", "test"})


def patched(entity: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """The entity after a patch; a list is a JSON Patch, an object a merge patch.

    Raises:
        Refusal: 409 if a test fails (nothing is applied then), 400 if the patch makes no sense.
    """
    result: dict[str, Any] = copy.deepcopy(dict(entity))
    match patch:
        case list():
            for operation in patch:
                _apply(result, operation)
        case dict():
            _merge(result, patch)
        case _:
            raise Refusal(400, "ArgumentException", "The body is neither a JSON Patch nor a merge patch")
    return result


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for sent_name, value in patch.items():
        name = _name_in(target, sent_name)
        there = target.get(name)
        if isinstance(value, dict) and isinstance(there, list):
            # An object where the entity has an array is appended; an array replaces.
            there.append(value)
        elif isinstance(value, dict) and isinstance(there, dict):
            _merge(there, value)
        else:
            target[name] = value


def _apply(target: dict[str, Any], operation: Mapping[str, Any]) -> None:
    kind = operation.get("op")
    if kind not in _OPERATIONS:
        raise Refusal(400, "ArgumentException", f"Operation {kind!r} is not supported")
    *way, last = [part for part in str(operation.get("path", "")).split("/") if part]
    place: Any = target
    for part in way:
        place = _step(place, part)
    if kind == "test":
        if _step(place, last, missing=True) != operation.get("value"):
            raise Refusal(409, "SoTestFailedException", f"Test of {operation.get('path')} failed")
    elif isinstance(place, list):
        _change_list(place, str(kind), last, operation.get("value"))
    else:
        place[_name_in(place, last)] = None if kind == "remove" else operation.get("value")


def _step(place: Any, part: str, *, missing: bool = False) -> Any:
    match place:
        case dict():
            return place.get(_name_in(place, part))
        case list() if part.isdigit() and int(part) < len(place):
            return place[int(part)]
        case _ if missing:
            return None
        case _:
            raise Refusal(400, "ArgumentException", f"No such property: {part}")


def _change_list(place: list[Any], kind: str, part: str, value: Any) -> None:
    if part == "-" and kind != "remove":
        place.append(value)
        return
    if not part.isdigit() or int(part) > len(place) - (kind != "add"):
        raise Refusal(400, "ArgumentException", f"No such element: {part}")
    if kind == "add":
        place.insert(int(part), value)
    elif kind == "remove":
        del place[int(part)]
    else:
        place[int(part)] = value


def _name_in(place: Mapping[str, Any] | Sequence[Any], name: str) -> str:
    """Property paths are read in any case."""
    if name in place or not isinstance(place, Mapping):
        return name
    return next((known for known in place if known.lower() == name.lower()), name)
