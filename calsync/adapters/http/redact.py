"""Keeps secrets and control characters out of logs, whoever logs."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

HIDDEN: Final = "[hidden]"
_DEPTH_MAX: Final = 8
_CANARY_LEAST: Final = 4
_HEADERS: Final = r"(?:proxy-)?authorization|set-cookie2?|cookie"
_NAMES: Final = (
    r"so-?apptoken|x-[a-z-]*token|password|passwd|pwd|(?:client_)?secret|client_assertion"
    r"|(?:access_|refresh_|id_|system_user_)?token|ticket|api_?key|code_verifier"
)
_HIDDEN_KEY: Final = re.compile(rf"(?:.*[_-])?(?:{_HEADERS}|{_NAMES})", re.IGNORECASE)
_SCHEMES: Final = r"(?:basic|bearer|digest|soticket|negotiate)\s+"
_IS: Final = r"""["']?\s*(?:[:=]|%3D|,\s?(?=b?["']))\s*b?"""  # header lines, JSON, repr of mappings and pairs, forms
_RULES: Final = (
    (
        re.compile(rf"""(?P<name>\b(?:{_HEADERS})\b{_IS})(?:(?P<q>["'])[^\n]*?(?P=q)|[^\n"']+[^\n]*)""", re.IGNORECASE),
        rf"\g<name>{HIDDEN}",
    ),
    (
        re.compile(rf"""(?P<name>\b(?:{_NAMES})\b{_IS})(?:(?P<q>["'])[^\n]*?(?P=q)|[^\s"'&,;}}\])]+)""", re.IGNORECASE),
        rf"\g<name>{HIDDEN}",
    ),
    (re.compile(rf"(?P<scheme>\b{_SCHEMES})[A-Za-z0-9._~+/:=-]{{6,}}", re.IGNORECASE), rf"\g<scheme>{HIDDEN}"),
    (re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE), rf"\g<scheme>{HIDDEN}@"),
    (re.compile(r"\b(?:7T|8A):[^\s\"'&,;]{4,}"), HIDDEN),  # SuperOffice's tickets and refresh tokens
    (re.compile(r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,4}"), HIDDEN),  # JSON web tokens
)
_STRUCTLOGS_OWN: Final = frozenset({"_record", "_from_structlog", "_logger", "_name"})
# C0, DEL, C1, and the marks that break or turn a line for a reader.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def escaped(text: str) -> str:
    """The text on one line, with every control character spelled out."""
    return _CONTROL.sub(lambda match: _spelled(match.group()), text)


def _spelled(mark: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(mark) or (
        f"\\x{ord(mark):02x}" if ord(mark) < 256 else f"\\u{ord(mark):04x}"  # noqa: PLR2004  # one byte
    )


class Redactor:
    """A processor for structlog; `RedactingFilter` makes it a filter for the standard library's logging."""

    def __init__(self) -> None:
        self._canaries: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def register(self, secret: str) -> None:
        """Hide this very text from now on, wherever it appears."""
        if len(secret) < _CANARY_LEAST or secret in self._canaries:
            return
        with self._lock:
            self._canaries.add(secret)
            longest_first = sorted(self._canaries, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, _logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Clean a whole event; a traceback becomes text here, so that no later processor writes it out unseen."""
        caught = event_dict.pop("exc_info", None)
        if caught:
            event_dict["exception"] = _traceback(caught)
        for key, value in event_dict.items():
            if key not in _STRUCTLOGS_OWN:
                event_dict[key] = self._clean_item(key, value, 0)
        return event_dict

    def text(self, text: str) -> str:
        """The text without secrets; line ends stay."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        return text

    def line(self, text: str) -> str:
        """The text without secrets and control characters. Escapes may hide a secret, so they are looked at too."""
        return escaped(self.text(text))

    def _clean_item(self, key: object, value: Any, depth: int) -> Any:
        if isinstance(key, str) and _HIDDEN_KEY.fullmatch(key) and value is not None and not isinstance(value, bool):
            return HIDDEN
        return self._clean(value, depth + 1)

    def _clean(self, value: Any, depth: int) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.line(value)
            case Mapping() if depth < _DEPTH_MAX:
                return {self._clean(key, depth): self._clean_item(key, item, depth) for key, item in value.items()}
            case list() | tuple() | set() | frozenset() if depth < _DEPTH_MAX:
                return [self._clean(item, depth + 1) for item in value]
            case _:
                return self.line(str(value))


def _traceback(caught: Any) -> str:
    if isinstance(caught, BaseException):
        return "".join(traceback.format_exception(caught))
    kind, error, trace = caught if isinstance(caught, tuple) else sys.exc_info()
    return "".join(traceback.format_exception(kind, error, trace))


class RedactingFilter(logging.Filter):
    """Put it on every handler: it rewrites the message and the traceback before they are formatted."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, MutableMapping):  # an event of structlog on its way to a ProcessorFormatter
            record.msg = self._redactor(None, "", record.msg)
        else:
            record.msg = self._redactor.line(record.getMessage())
            record.args = None
        if record.exc_info:
            record.exc_text = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            lines = self._redactor.text(record.exc_text).split("\n")
            record.exc_text = "\n".join(map(escaped, lines))
        return True
