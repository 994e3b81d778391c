"""What a front does to the answers of the real server behind it. Every switch stands alone; all are off at first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, auto


class Etags(Enum):
    """How entity tags leave the front, in headers and in multistatus bodies alike unless said otherwise."""

    AS_IS = auto()
    WEAK = auto()  # `W/"x"` everywhere; an If-Match with it never matches (RFC 9110 13.1.1)
    WEAK_ACCEPTED = auto()  # the same, but an If-Match with it is taken for the strong one (Cyrus)
    WEAK_ON_PUT = auto()  # weak in answers to PUT only (GMX)
    GZIP_SUFFIX = auto()  # `"x-gzip"` in answers to GET only, and never accepted again (Apache)
    OPAQUE = auto()  # another text for each tag, always the same one; mapped back in conditions


class Rewrite(Flag):
    """What the server makes of every object it holds, however it came in; applied to what is read."""

    NONE = 0
    ORDER = auto()  # the properties of each component sorted backwards
    STAMPS = auto()  # its own DTSTAMP and LAST-MODIFIED
    ZONE_NAMES = auto()  # TZID in other letters: `europe/oslo`
    EXTRA = auto()  # a property of its own in each event
    ALL = ORDER | STAMPS | ZONE_NAMES | EXTRA


class UnknownToken(Enum):
    """How a sync token is refused that the server behind does not know (any more)."""

    AS_IS = auto()
    FORBIDDEN = auto()  # 403 with valid-sync-token (Radicale, Cyrus)
    CONFLICT = auto()  # 409 with valid-sync-token
    PRECONDITION_FAILED = auto()  # 412 with valid-sync-token (Xandikos)
    SERVER_ERROR = auto()  # 500
    FULL_LIST = auto()  # 207, everything, no word about deletions (DAViCal, SOGo)


class Collection(Enum):
    """What is wrong with the collection as a whole."""

    FINE = auto()
    NOT_FOUND = auto()  # 404 to everything, members too
    SERVER_ERROR = auto()  # 500 to everything
    LOGIN_PAGE = auto()  # 200 with an HTML page to everything
    TRUNCATED = auto()  # multistatus bodies end in the middle; Content-Length agrees with what is sent
    CUT_SHORT = auto()  # multistatus bodies end in the middle; Content-Length promised more
    EMPTY = auto()  # multistatus bodies list no member; reads of single members work


class Fault(Enum):
    """What happens to one request."""

    CUT_BEFORE = auto()  # the connection is cut, the server behind never hears of it
    CUT_AFTER = auto()  # the server behind has done it, the connection is cut before the answer
    CUT_IN_ANSWER = auto()  # half of the answer, then the connection is cut
    HANG = auto()  # no answer until the client gives up or the front is closed; not done
    HANG_AFTER = auto()  # the same, but done: the moment to kill a client between effect and answer
    SAY_500 = auto()  # 500, not done
    SAY_502_AFTER = auto()  # 502, but done


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it reached the front. Header names are lower case, ``number`` counts from 1."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer, written by hand or come from the server behind. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what became of it: ``status`` is what was sent back, 0 if the connection was cut.

    ``reached`` says whether the server behind got it.
    """

    asked: Asked
    status: int
    reached: bool


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """The switches of a front; change them at any time, the next request follows them."""

    # Abilities taken away
    sync_collection: bool = True  # False: not advertised, no sync-token, REPORT refused with supported-report
    ctag: bool = True  # False: CS:getctag is answered 404, as an unknown property
    multiget: bool = True  # False: REPORT calendar-multiget is refused with 501

    # Entity tags
    etags: Etags = Etags.AS_IS
    etag_on_put: bool = True  # False: stripped from answers to PUT

    # Conditions
    if_none_match: bool = True  # False: ignored, so a PUT overwrites (SOGo, Zimbra)
    if_match_on_delete: bool = True  # False: ignored (SOGo)

    # Lists
    multiget_omits: Callable[[str], bool] | None = None  # members (by href) left out without a word
    listing_omits: Callable[[str], bool] | None = None  # members left out of every list; reads of them work
    sync_page: int | None = None  # so many members in a sync report, then 507 and a token for the rest
    tokens_expired: bool = False  # every sync token sent to us is unknown
    unknown_token: UnknownToken = UnknownToken.AS_IS

    # The collection as a whole, the account, the host
    collection: Collection = Collection.FINE
    unauthorised: bool = False  # 401 to everything
    challenge: bool = True  # False: that 401 has no WWW-Authenticate (Yahoo)
    throttle_every: int = 0  # every n-th request is refused; 1 refuses all
    throttle_status: int = 429
    retry_after: str | None = "1"
    redirect_to: str | None = None  # everything is redirected to this URL plus the path
    redirect_status: int = 307

    # Bodies
    rewrite: Rewrite = Rewrite.NONE
    compress: bool = False  # answers are gzip where the client accepts it
    bomb_mib: int = 0  # bodies of 2xx answers are so many MiB of blanks behind a small gzip

    # Time
    delay_s: float = 0.0  # before the request goes on
    drip_s: float = 0.0  # between the bytes of an answer's body
    drip_bytes: int = 1

    # One request at a time: a fault, or an answer in place of the server's. Called from the front's thread.
    fault: Callable[[Asked], Fault | None] | None = None
    canned: Callable[[Asked], Given | None] | None = None


def nth(
    fault: Fault, *, methods: frozenset[str] = frozenset({"PUT", "DELETE"}), first: int = 1, times: int = 1
) -> Callable[[Asked], Fault | None]:
    """Choose ``fault`` for ``times`` requests with one of ``methods``, from the ``first`` one on (from 1)."""
    seen = 0

    def choose(asked: Asked) -> Fault | None:
        nonlocal seen
        seen += asked.method in methods
        return fault if asked.method in methods and first <= seen < first + times else None

    return choose
