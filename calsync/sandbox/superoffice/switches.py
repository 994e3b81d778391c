"""Every open question and every fault of the simulator, as one switchboard.

The defaults are what the documentation or a recording says; where it says nothing, the kinder reading. An
adapter has to pass under both settings of every switch.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from calsync.sandbox.superoffice.asgi import Call

Hook: TypeAlias = Callable[[Call], Awaitable[None] | None]


class AfterTime(Enum):
    """What ``afterTime`` does on ``updatedDate``, a column of type *date* (open question 5)."""

    WORKS = "works"
    WHOLE_DAYS = "whole-days"
    REFUSED = "refused"


class Harm(Enum):
    """What a fault does to the request it hits."""

    CUT_BEFORE = "cut-before"
    """The connection is lost and nothing was done."""
    CUT_AFTER = "cut-after"
    """The effect happened, the answer is lost."""
    ANSWER_BEFORE = "answer-before"
    """``status`` is answered and nothing was done."""
    ANSWER_AFTER = "answer-after"
    """The effect happened, yet ``status`` is answered."""
    HTML = "html"
    """A proxy's page is answered with ``status`` and nothing was done."""
    EMPTY = "empty"
    """``status`` without a body is answered and nothing was done."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """Hits matching requests number ``nth`` to ``nth + times - 1``, counted from when it was set."""

    harm: Harm
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int = 1
    status: int = 503
    retry_after: str | None = None
    seen: int = 0

    def hits(self, call: Call) -> bool:
        """Whether this request is one of those meant; counts it if it matches."""
        if (self.method and self.method != call.method) or self.path.lower() not in call.path.lower():
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(slots=True, kw_only=True)
class Switches:
    """Open questions (numbers of the reference's section 15) and faults."""

    # 1: sign-in
    signature_tolerance_min: int = 5
    """How far the time in a signed system token may be off."""
    refused_ticket_status: int = 200
    """HTTP status of a ticket exchange that says ``IsSuccessful: false``."""

    # 2: what bumps appointment.updated
    text_edit_bumps: bool = True
    """A change of title, agenda or notes alone (they live in table ``text``) stamps the appointment."""
    visibility_edit_bumps: bool = True
    """A change of ``VisibleFor`` alone (table ``visiblefor``) stamps the appointment."""
    mother_text_bumps_children: bool = False
    """Children share their mother's text; does its change stamp their rows?"""

    # 3: recurrence
    rest_write_follows_series: bool = False
    """A REST write on one row of a series acts as ThisAndForward instead of OnlyThis."""
    suffixed_recurrence_dates_shift: bool = False
    """A recurrence date sent with ``Z`` or offset is converted, so it may fall on the day before."""

    # 4: mail and ownership
    plain_save_mails: bool = False
    """PUT, PATCH, SaveAppointmentEntity, Move and DELETE mail participants although nobody asked."""
    default_by_associate_assigns: bool = False
    """CreateDefaultAppointmentEntityByTypeAndAssociate leads to an assignment for the system user."""

    # 5: archives
    after_time: AfterTime = AfterTime.WORKS
    after_includes_day: bool = False
    """``after '2026-03-01'`` finds the named day itself."""
    date_literals_in_base_zone: bool = False
    """A bare date literal is read in the base zone instead of UTC."""
    less_or_equal_works: bool = False
    """``le`` and ``ge`` are documented but reported as failing."""
    page_max: int = 1000
    first_page_cached_s: float = 0.0
    """The key list of an equal query is kept 60 s for later pages; with this, for the first one too."""
    dynamic_appointment: bool = True
    dynamic_travellog: bool = True
    dynamic_sequence: bool = True
    dynamic_associate: bool = True
    diary_by_start_only: bool = False
    """The diary methods want the start inside the range instead of an overlap."""
    diary_shows_declined: bool = True
    """The diary methods list declined and cancelled invitations."""

    # 7: fields
    title_wins: bool = True
    """If Title and Description differ in one write, Title is kept; else Description."""

    # 8: answers
    delete_missing_status: int = 404
    """DELETE of an id that does not exist: 404 or 204."""
    unmodified_since_strict: bool = False
    """``If-Unmodified-Since`` with the very second of the change fails (``>=``) instead of passing (``>``)."""

    # 9: foreign keys
    foreign_keys_die_with_record: bool = False
    foreign_key_stamps_record: bool = False
    """Writing a foreign key stamps the appointment."""
    foreign_key_makes_device: bool = False
    """A key for an unknown application or device makes them; else it is not saved."""

    # invitations
    uid_outlives_row: bool = False
    """The invitation row stays when its appointment is deleted, and still blocks the UID."""

    # newer server than the client knows
    future_property: str = ""
    """An additional property of this name in every entity; lost if a PUT does not echo it."""

    # faults
    throttle_every: int = 0
    """Every n-th request to a tenant is throttled; 0 = never."""
    throttle_status: int = 429
    retry_after: str | None = "1"
    """Seconds, an HTTP date, an absurd value, or None for no header."""
    error_every: int = 0
    """Every n-th request to a tenant is answered ``error_status`` before any effect."""
    error_status: int = 500
    html_every: int = 0
    """Every n-th request to a tenant is answered with a page, status 200."""
    latency_s: float = 0.0
    late_commit_s: float = 0.0
    """What people do in the web client gets ids and stamps now and shows this much later."""
    faults: list[Fault] = field(default_factory=list)

    # tests that step in between two requests of an adapter
    before_effect: list[Hook] = field(default_factory=list)
    after_effect: list[Hook] = field(default_factory=list)

    def struck_by(self, call: Call) -> Fault | None:
        """The first fault that hits; every fault counts the request."""
        hits = [fault for fault in self.faults if fault.hits(call)]
        return hits[0] if hits else None
