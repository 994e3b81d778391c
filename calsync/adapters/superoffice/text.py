"""Agenda HTML and plain text.

Law: ``text_from_html(html_from_text(t)) == t`` for every normalised text. HTML is written only when the notes
changed, so what a person formatted in SuperOffice stays as it is.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Final

from calsync.core.event import plain_text

_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "caption", "center", "dd", "div", "dl", "dt", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"}
    | {"nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)
_HIDDEN: Final = frozenset({"head", "script", "style", "template", "title"})
_VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_TAG: Final = re.compile(r"<[A-Za-z!/]")
_BLANKS: Final = re.compile(r"[ \t\n\r\f]+")
_KEPT: Final = re.compile(r"white-space\s*:\s*pre", re.IGNORECASE)
_MARK: Final = '<div style="white-space: pre-wrap">'


def html_from_text(text: str) -> str:
    """HTML that shows a normalised text as it stands: its blanks kept, its lines broken by ``<br>``."""
    if not text:
        return ""
    return f"{_MARK}{'<br>'.join(html.escape(line, quote=False) for line in text.split(chr(10)))}</div>"


def text_from_html(source: str) -> str:
    """The plain text of an agenda: blocks and ``<br>`` are line ends, markup and hidden parts are left out."""
    if not _TAG.search(source):
        return plain_text(html.unescape(source))
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return plain_text(reader.text)


def rounded(text: str) -> str:
    """What a round trip makes of a text."""
    return text_from_html(html_from_text(plain_text(text)))


class _Reader(HTMLParser):
    """Collects text line by line. A stack of open elements says where blanks count and what is hidden."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._counts: Counter[str] = Counter()
        self._hidden = 0

    @property
    def text(self) -> str:
        return "\n".join([*self._lines, "".join(self._line)])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._break()
            return
        if tag in _BLOCKS:
            self._end_block()
        if tag in _VOID:
            return
        style = next((value or "" for name, value in attrs if name == "style"), "")
        self._open.append((tag, tag == "pre" or bool(_KEPT.search(style)) or self._keeps_blanks))
        self._counts[tag] += 1
        self._hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end_block()
        while self._counts[tag]:
            name, _ = self._open.pop()
            self._counts[name] -= 1
            self._hidden -= name in _HIDDEN
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._keeps_blanks:
            *whole, rest = data.split("\n")
            for line in whole:
                self._add(line)
                self._break()
            self._add(rest)
            return
        self._add(self._collapsed(data))

    def _add(self, piece: str) -> None:
        if piece:
            self._line.append(piece)

    def _collapsed(self, data: str) -> str:
        words = _BLANKS.sub(" ", data)
        if not self._line or self._line[-1].endswith(" "):
            words = words.removeprefix(" ")
        return words.replace("\xa0", " ")

    @property
    def _keeps_blanks(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _break(self) -> None:
        self._lines.append("".join(self._line))
        self._line = []

    def _end_block(self) -> None:
        """A block begins on a line of its own; one that holds a lone blank is an empty line."""
        if self._line:
            self._break()
