"""What people hand over as JSON: read key by key, every problem reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from calsync.core.errors import CalsyncError

E = TypeVar("E", bound=Enum)
_SHOWN_MAX: Final = 60
_MOST: Final = 2**31 - 1


class InputError(CalsyncError):
    """What was handed over cannot be used (exit code 2). ``findings`` are all the problems, a sentence each."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = tuple(findings)


class Given:
    """One JSON object. Reading notes what is wrong; `finish` raises it together with the keys nobody read."""

    def __init__(self, value: object, *, path: str = "", findings: list[str] | None = None) -> None:
        self._path = path
        self.findings: list[str] = [] if findings is None else findings
        self._left: dict[str, Any] = {}
        self._is_object = isinstance(value, Mapping)
        if isinstance(value, Mapping):
            self._left = {str(key): item for key, item in value.items()}
        else:
            self.findings.append(f"{path.rstrip('.') or 'the input'}: found {_shown(value)}; expected a JSON object")

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def wrong(self, key: str, found: str, expected: str) -> None:
        if self._is_object:  # of what is no object this was said already
            self.findings.append(f"{self._path}{key}: found {found}; expected {expected}")

    def take(self, key: str) -> Any:
        """The value as it is; None where there is none."""
        return self._left.pop(key, None)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; needed unless there is a default."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, _shown(value), "a text that is not empty")
            return ""
        if not _is_unicode(value):
            self.wrong(key, _shown(value), "a text of whole characters (UTF-8)")
            return ""
        return value.strip()

    def secret(self, key: str) -> str:
        """As `text`, taken exactly; what stands there is never shown."""
        value = self.take(key)
        if not isinstance(value, str) or not value:
            self.wrong(key, "nothing" if value in (None, "") else "something else (hidden)", "a text")
            return ""
        if not _is_unicode(value):
            self.wrong(key, "something else (hidden)", "a text of whole characters (UTF-8)")
            return ""
        return value

    def number(self, key: str, default: int | None, *, least: int = 0, most: int = _MOST) -> int | None:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            bounds = f"at least {least}" if most == _MOST else f"from {least} to {most}"
            self.wrong(key, _shown(value), f"a whole number, {bounds}")
            return default
        return value

    def choice(self, key: str, kind: type[E], default: E) -> E:
        value = self.take(key)
        if value is None:
            return default
        by_word = {member.value: member for member in kind}
        if not isinstance(value, str) or value not in by_word:
            self.wrong(key, _shown(value), " or ".join(by_word))
            return default
        return by_word[value]

    def part(self, key: str) -> Given:
        """An object inside; an empty one where there is none."""
        value = self.take(key)
        return Given({} if value is None else value, path=f"{self._path}{key}.", findings=self.findings)

    def close(self) -> None:
        """Note every key that nobody read."""
        for key in self._left:
            self.wrong(key, "an unknown key", "a key that exists")
        self._left = {}

    def finish(self) -> None:
        """Close, and raise what was found.

        Raises:
            InputError: with every problem there is.
        """
        self.close()
        if self.findings:
            raise InputError(self.findings)


def _is_unicode(text: str) -> bool:
    """Half of a character can neither be stored nor sent."""
    return all(not "\ud800" <= one <= "\udfff" for one in text)


def _shown(value: object) -> str:
    return "nothing" if value is None else shortened(repr(value))


def shortened(text: str) -> str:
    """As much of it as a sentence can bear."""
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
