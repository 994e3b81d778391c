r"""iCalendar text as a tree of content lines that remembers every byte (RFC 5545 3.1, RFC 6868).

``render(parse(data)) == data``, always: a line keeps its own text with its folding and its line end, and an edit
replaces lines. Reading is lenient about what calendars really send (bare LF, a BOM, blank lines, names in lower
case, folds inside a UTF-8 character); writing is strict. Nothing here knows what a property means.

The two values are tuples, not dataclasses: an object of 1.2 KiB has 40 lines, and making them is most of the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from calsync.core.errors import CalsyncError
from calsync.core.reason import Reason

SIZE_MAX: Final = 4 * 1024 * 1024
LINES_MAX: Final = 20_000
COMPONENTS_MAX: Final = 2_000
DEPTH_MAX: Final = 8

_FOLD_AT: Final = 75
_BOM: Final = "\ufeff"

_LOGICAL: Final = re.compile(r"(([A-Za-z0-9-]+(?=[:;]))?[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z))")
_NAME: Final = re.compile(r"[A-Za-z0-9-]+(?=[:;])")
_UNFOLD: Final = re.compile(r"\r?\n[ \t]")
_HEAD: Final = re.compile(r'[^":]*(?:"[^"]*"[^":]*)*:')
_PARAM: Final = re.compile(r';([^=;:"]+)=((?:"[^"]*"|[^";])*)')
_PARAM_VALUE: Final = re.compile(r'"([^"]*)"|([^",]+)')
_CARET: Final = re.compile(r"\^([n'^])")
_CARET_MEANS: Final = {"n": "\n", "'": '"', "^": "^"}
_ESCAPE: Final = re.compile(r'\\([nN\\;,:"])')
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class UnreadableError(CalsyncError):
    """The text is no calendar object, or is larger than can be handled; ``reason`` says which."""

    def __init__(self, message: str, *, reason: Reason = Reason.UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason


class Line(NamedTuple):
    """One content line; ``name`` is upper case, and empty for a line without a name.

    ``raw`` is its exact text with folds and line end. Bytes that are not UTF-8 by themselves (a fold inside a
    character) stand in it as lone surrogates.
    """

    raw: str
    name: str

    @property
    def content(self) -> str:
        """The unfolded text without its line end."""
        text = self.raw.rstrip("\r\n")
        if "\n" in text:
            text = _UNFOLD.sub("", text)
        try:
            return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode()
        except UnicodeDecodeError as error:
            raise UnreadableError(f"the line {self.name or '?'} is not UTF-8") from error

    @property
    def value(self) -> str:
        """What follows the first colon outside of quotes, as it stands."""
        return _split(self.content)[1]

    @property
    def params(self) -> dict[str, tuple[str, ...]]:
        """Parameters by upper-case name, in order, without quotes."""
        return {
            name.strip().upper(): tuple(_decaret(quoted or bare) for quoted, bare in _PARAM_VALUE.findall(values))
            for name, values in _PARAM.findall(_split(self.content)[0])
        }

    def param(self, name: str) -> str:
        """The first value of a parameter; empty where it is absent."""
        return next(iter(self.params.get(name, ())), "")


class Component(NamedTuple):
    """A component: its BEGIN line, what it holds in order, and its END line."""

    name: str
    begin: str
    items: tuple[Item, ...]
    end: str

    @property
    def eol(self) -> str:
        """The line end the document uses."""
        return "\r\n" if self.begin.endswith("\r\n") else "\n"

    @property
    def lines(self) -> Iterator[Line]:
        return (item for item in self.items if isinstance(item, Line))

    @property
    def components(self) -> Iterator[Component]:
        return (item for item in self.items if isinstance(item, Component))

    def all(self, name: str) -> list[Line]:
        return [item for item in self.items if item[1] == name and isinstance(item, Line)]

    def first(self, name: str) -> Line | None:
        for item in self.items:
            if item[1] == name and isinstance(item, Line):
                return item
        return None

    def named(self, name: str) -> list[Component]:
        return [item for item in self.components if item.name == name]

    def keeping(self, keep: Callable[[Item], bool]) -> Component:
        return self._replace(items=tuple(item for item in self.items if keep(item)))

    def without(self, *names: str) -> Component:
        """This component less every line of these names."""
        return self.keeping(lambda item: not (isinstance(item, Line) and item.name in names))

    def swapping(self, old: Item, new: Item) -> Component:
        """This component with that very item (not an equal one) replaced."""
        return self._replace(items=tuple(new if item is old else item for item in self.items))

    def with_line(self, name: str, value: str, params: Mapping[str, tuple[str, ...]] | None = None) -> Component:
        """This component with exactly one line of that name: in its old place, else after the last line.

        ``value`` is written as it stands: text must have gone through `escape`.
        """
        new = make_line(name, value, params, eol=self.eol)
        old = self.first(name)
        if old is None:
            last = max((n for n, item in enumerate(self.items) if isinstance(item, Line)), default=-1) + 1
            return self._replace(items=(*self.items[:last], new, *self.items[last:]))
        return self.swapping(old, new).keeping(
            lambda item: item is new or not (isinstance(item, Line) and item.name == name)
        )


Item: TypeAlias = Line | Component


class Document(NamedTuple):
    """A calendar object with whatever blank lines stand before and after it."""

    before: str
    calendar: Component
    after: str


def parse(data: bytes) -> Document:
    """Read one VCALENDAR.

    The text must begin with BEGIN:VCALENDAR (a BOM and blank lines may come first), so what is merely the name of
    a file is never anything else than unreadable.

    Raises:
        UnreadableError: not a calendar, not UTF-8, unbalanced, several calendars, or beyond a limit.
    """
    if len(data) > SIZE_MAX:
        raise UnreadableError(f"it has {len(data)} bytes; {SIZE_MAX} can be handled", reason=Reason.TOO_LARGE)
    text, broken = _decode(data)
    mark = _BOM if text.startswith(_BOM) else ""
    found = _LOGICAL.findall(text, len(mark))
    if len(found) > LINES_MAX:
        raise UnreadableError(f"it has more than {LINES_MAX} lines", reason=Reason.TOO_LARGE)
    items = _tree(found)
    if broken:
        _prove_text(items)
    return _document(mark, items)


def render(document: Document) -> bytes:
    parts = [document.before]
    _write(document.calendar, parts)
    parts.append(document.after)
    return "".join(parts).encode("utf-8", "surrogateescape")


def render_component(component: Component) -> str:
    parts: list[str] = []
    _write(component, parts)
    return "".join(parts)


def new_component(name: str, items: Iterable[Item], *, eol: str = "\r\n") -> Component:
    return Component(name, f"BEGIN:{name}{eol}", tuple(items), f"END:{name}{eol}")


def make_line(name: str, value: str, params: Mapping[str, tuple[str, ...]] | None = None, *, eol: str = "\r\n") -> Line:
    """A new line, folded at 75 octets; ``value`` is written as it stands and holds no line break."""
    if "\n" in value or "\r" in value:
        raise ValueError(f"the value of {name} has a line break")
    head = "".join(f";{key}={','.join(map(_quoted, values))}" for key, values in (params or {}).items())
    return Line(_fold(f"{name}{head}:{value}", eol), name)


def unescape(value: str) -> str:
    """TEXT as a person reads it; a backslash before anything that needs none is an ordinary one."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def escape(text: str) -> str:
    """Text as a TEXT value: nothing in it can end its line or its property."""
    clean = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def split_list(value: str) -> list[str]:
    """The members of a comma list of TEXT."""
    return [unescape(part) for part in re.findall(r"(?:[^,\\]|\\.|\\\Z)+", value)]


def _decode(data: bytes) -> tuple[str, bool]:
    """The text, and whether some bytes are no UTF-8 where they stand (each is then a lone surrogate)."""
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape"), True


def _prove_text(items: Iterable[Item]) -> None:
    for item in items:
        if isinstance(item, Component):
            _prove_text(item.items)
        elif not item.raw.isascii():
            item.content  # noqa: B018  # raises where the bytes are not UTF-8 even when unfolded


def _document(mark: str, top: list[Item]) -> Document:
    at = [n for n, item in enumerate(top) if isinstance(item, Component)]
    if len(at) != 1 or not isinstance(calendar := top[at[0]], Component) or calendar.name != "VCALENDAR":
        raise UnreadableError("it is not one calendar object")
    before, after = (
        "".join(item.raw for item in part if isinstance(item, Line)) for part in (top[: at[0]], top[at[0] + 1 :])
    )
    if before.strip(" \t\r\n") or after.strip(" \t\r\n\x00"):
        raise UnreadableError("there is other text beside the calendar object")
    return Document(mark + before, calendar, after)


def _tree(found: list[tuple[str, str]]) -> list[Item]:
    items: list[Item] = []
    stack: list[tuple[str, str, list[Item]]] = []
    count = 0
    for raw, written in found:
        name = written.upper()
        if name == "BEGIN":
            count += 1
            if count > COMPONENTS_MAX:
                raise UnreadableError(f"it has more than {COMPONENTS_MAX} components", reason=Reason.TOO_LARGE)
            if len(stack) >= DEPTH_MAX:
                raise UnreadableError(f"components are nested deeper than {DEPTH_MAX}")
            stack.append((_component_name(raw), raw, items))
            items = []
        elif name == "END":
            if not stack or stack[-1][0] != _component_name(raw):
                raise UnreadableError("a component has no beginning or no end")
            component, begin, outer = stack.pop()
            outer.append(Component(component, begin, tuple(items), raw))
            items = outer
        elif name:
            items.append(Line(raw, name))
        elif raw:
            items.append(_stray(raw, items, inside=bool(stack)))
    if stack:
        raise UnreadableError("a component has no end")
    return items


def _component_name(raw: str) -> str:
    text = raw if raw.find("\n", 0, -1) < 0 else _UNFOLD.sub("", raw)
    return text.partition(":")[2].strip().upper()


def _stray(raw: str, before: list[Item], *, inside: bool) -> Line:
    """A line whose first piece is no property.

    A fold may stand inside a name or right after it. Blank lines are kept; so is the rest of an extension property
    that was badly folded.
    """
    text = _UNFOLD.sub("", raw)
    if named := _NAME.match(text):
        return Line(raw, named[0].upper())
    last = before[-1] if before else None
    after_extension = isinstance(last, Line) and (last.name.startswith("X-") or not last.name)
    if inside and text.strip() and not after_extension:
        raise UnreadableError("a line is no property")
    return Line(raw, "")


def _write(component: Component, parts: list[str]) -> None:
    parts.append(component.begin)
    for item in component.items:
        if isinstance(item, Line):
            parts.append(item.raw)
        else:
            _write(item, parts)
    parts.append(component.end)


def _split(content: str) -> tuple[str, str]:
    """Name with parameters, and value. An unbalanced quote is taken for an ordinary character."""
    if '"' in content and (head := _HEAD.match(content)):
        return content[: head.end() - 1], content[head.end() :]
    name, colon, value = content.partition(":")
    if not colon:
        raise UnreadableError("a property has no value")
    return name, value


def _decaret(text: str) -> str:
    return _CARET.sub(lambda found: _CARET_MEANS[found[1]], text) if "^" in text else text


def _quoted(text: str) -> str:
    clean = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    clean = clean.replace("^", "^^").replace("\n", "^n").replace('"', "^'")
    return f'"{clean}"' if re.search("[,;: ]", clean) else clean


def _fold(text: str, eol: str) -> str:
    if len(text) <= _FOLD_AT and (text.isascii() or len(text.encode()) <= _FOLD_AT):
        return text + eol
    octets, pieces, at, room = text.encode(), [], 0, _FOLD_AT
    while at < len(octets):
        end = min(at + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # noqa: PLR2004  # 10xxxxxx: inside a character
            end -= 1
        pieces.append(octets[at:end].decode())
        at, room = end, _FOLD_AT - 1
    return f"{eol} ".join(pieces) + eol
