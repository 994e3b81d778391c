"""What is sealed of a link: both bases, pending writes and wishes, in one text.

Refs, versions and digests stand beside it as plain columns. Most of the time both sides show the same event; it is
then written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import field
from msgspec.json import Decoder

from calsync.core.ends import Ends
from calsync.core.event import Event, Field
from calsync.core.link import Link, Pending, Wish, Write
from calsync.core.observation import Digest, Marker, Seen
from calsync.core.refs import NO_VERSION, ConflictId, Identity, Key, Ref, Version
from calsync.store.codec import (
    Content,
    EventContent,
    ValueContent,
    content_from_event,
    content_from_value,
    decode,
    encode,
    event_from_content,
    moment_from_text,
    text_from_moment,
    value_from_content,
)
from calsync.store.errors import CodecError


class SeenContent(Content, frozen=True):
    """One base; no ``event`` at the calendar's means: as at the other end."""

    identity: str
    event: EventContent | None = None
    uid: str = ""
    marker: tuple[str, str, int] | None = None


class PendingContent(Content, frozen=True):
    """A pending write."""

    write: Write
    at: datetime
    sent: EventContent | None = None
    fields: tuple[Field, ...] = ()
    expected: str = ""
    key: str | None = None
    generation: int = 1
    attempts: int = 0


class WishContent(Content, frozen=True):
    """What somebody chose instead."""

    conflict: str
    value: ValueContent
    upon: tuple[ValueContent, ValueContent]
    by: str


class LinkContent(Content, frozen=True):
    """All of it."""

    crm: SeenContent | None = None
    calendar: SeenContent | None = None
    crm_pending: PendingContent | None = None
    calendar_pending: PendingContent | None = None
    wishes: dict[Field, WishContent] = field(default_factory=dict)
    waiting: tuple[Field, ...] = ()
    masked: bool = False
    past: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    made_at: datetime | None = None


_LINK: Final = Decoder(LinkContent)
_WRITES: Final = Decoder(tuple[list[str], list[str]])


def encode_link(link: Link) -> bytes:
    crm = None if link.base.crm is None else content_from_event(link.base.crm.event)
    calendar = None if link.base.calendar is None else content_from_event(link.base.calendar.event)
    return encode(
        LinkContent(
            _content_from_seen(link.base.crm, crm),
            _content_from_seen(link.base.calendar, None if calendar == crm else calendar),
            _content_from_pending(link.pending.crm),
            _content_from_pending(link.pending.calendar),
            {of: _content_from_wish(wish) for of, wish in link.wishes.items()},
            _sorted_fields(link.waiting),
            link.masked,
            (link.past.crm, link.past.calendar),
            link.made_at,
        )
    )


def decode_link(text: bytes) -> LinkContent:
    return decode(text, _LINK)


def _content_from_seen(seen: Seen | None, event: EventContent | None) -> SeenContent | None:
    if seen is None:
        return None
    marker = None if seen.marker is None else (seen.marker.realm, seen.marker.key, seen.marker.generation)
    return SeenContent(seen.identity, event, seen.uid, marker)


Plain: TypeAlias = tuple[str, str, str]
"""The plain columns of one end: ref, version, digest."""


def bases_from_content(content: LinkContent, plain: Ends[Plain | None]) -> Ends[Seen | None]:
    crm = _event_of(content.crm)
    calendar = _event_of(content.calendar) or crm
    return Ends(
        _seen_from_content(content.crm, plain.crm, crm), _seen_from_content(content.calendar, plain.calendar, calendar)
    )


def _event_of(content: SeenContent | None) -> Event | None:
    return None if content is None or content.event is None else event_from_content(content.event)


def _seen_from_content(content: SeenContent | None, plain: Plain | None, event: Event | None) -> Seen | None:
    if content is None and plain is None:
        return None
    if content is None or plain is None or event is None:
        raise CodecError("the content of a link and its columns disagree about what there is")
    marker = content.marker
    return Seen(
        ref=Ref(plain[0]),
        version=Version(plain[1]),
        digest=Digest(plain[2]),
        identity=Identity(content.identity),
        event=event,
        uid=content.uid,
        marker=None if marker is None else Marker(realm=marker[0], key=Key(marker[1]), generation=marker[2]),
    )


def _sorted_fields(fields: frozenset[Field]) -> tuple[Field, ...]:
    return tuple(sorted(fields, key=lambda of: of.value)) if fields else ()


def _content_from_pending(pending: Pending | None) -> PendingContent | None:
    if pending is None:
        return None
    return PendingContent(
        pending.write,
        pending.at,
        None if pending.sent is None else content_from_event(pending.sent),
        _sorted_fields(pending.fields),
        pending.expected,
        pending.key,
        pending.generation,
        pending.attempts,
    )


def pendings_from_content(content: LinkContent, refs: Ends[str | None]) -> Ends[Pending | None]:
    """``refs`` are the plain columns."""
    return Ends(
        _pending_from_content(content.crm_pending, refs.crm),
        _pending_from_content(content.calendar_pending, refs.calendar),
    )


def _pending_from_content(content: PendingContent | None, ref: str | None) -> Pending | None:
    if content is None:
        return None
    return Pending(
        write=content.write,
        at=content.at,
        sent=None if content.sent is None else event_from_content(content.sent),
        fields=frozenset(content.fields),
        ref=None if ref is None else Ref(ref),
        expected=NO_VERSION if not content.expected else Version(content.expected),
        key=None if content.key is None else Key(content.key),
        generation=content.generation,
        attempts=content.attempts,
    )


def _content_from_wish(wish: Wish) -> WishContent:
    upon = (content_from_value(wish.upon.crm), content_from_value(wish.upon.calendar))
    return WishContent(wish.conflict, content_from_value(wish.value), upon, wish.by)


def wishes_from_content(content: LinkContent) -> Mapping[Field, Wish]:
    return {of: _wish_from_content(wish) for of, wish in content.wishes.items()}


def _wish_from_content(content: WishContent) -> Wish:
    return Wish(
        conflict=ConflictId(content.conflict),
        value=value_from_content(content.value),
        upon=Ends(value_from_content(content.upon[0]), value_from_content(content.upon[1])),
        by=content.by,
    )


def text_from_writes(writes: Ends[tuple[datetime, ...]]) -> str:
    """The times of our recent writes; empty where there are none."""
    if not writes.crm and not writes.calendar:
        return ""
    return encode([list(map(text_from_moment, at)) for at in writes]).decode()


def writes_from_text(text: str) -> Ends[tuple[datetime, ...]]:
    if not text:
        return Ends((), ())
    crm, calendar = decode(text, _WRITES)
    return Ends(tuple(map(moment_from_text, crm)), tuple(map(moment_from_text, calendar)))
