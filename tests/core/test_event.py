from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given

from calsync.core.errors import InvalidEventError
from calsync.core.event import AllDay, Event, Timed, one_line, plain_text
from calsync.core.lens import Lens
from tests.builders import all_day, event, events, timed
from tests.engine.bench import CRM_LENS

AUTUMN = timed("2026-10-25 02:30", minutes=15)


def test_D07_the_two_halves_of_a_repeated_hour_are_two_times() -> None:
    second = replace(AUTUMN, start=AUTUMN.start.replace(fold=1), end=AUTUMN.end.replace(fold=1))

    assert second != AUTUMN
    assert (second.start_utc - AUTUMN.start_utc).total_seconds() == 3600


def test_elsewhere_the_fold_means_nothing() -> None:
    summer = timed("2026-07-01 10:00")

    assert replace(summer, start=summer.start.replace(fold=1)) == summer


def test_D08_the_wall_clock_is_kept_and_the_instant_is_derived() -> None:
    assert timed("2026-07-01 10:00").start_utc.hour == 8
    assert timed("2026-12-01 10:00").start_utc.hour == 9


def test_D09_an_event_cannot_end_before_it_starts() -> None:
    with pytest.raises(InvalidEventError):
        timed(minutes=-5)
    with pytest.raises(InvalidEventError):
        AllDay(first=all_day("2026-07-02").first, last=all_day("2026-07-01").first)


def test_wall_times_carry_no_zone_of_their_own() -> None:
    aware = datetime.fromisoformat("2026-07-01T10:00:00+02:00")
    with pytest.raises(InvalidEventError):
        Timed(start=aware, end=aware, zone="Europe/Oslo")


def test_D19_D20_text_is_one_normal_form() -> None:
    assert plain_text("a\r\nb\rc\u2028d \x00\n\n") == "a\nb\nc\nd"
    assert one_line(" a\r\n b\tc ") == "a b c"
    assert plain_text("e\u0301") == "\u00e9"
    assert event(notes="\ufeffhei").notes == "hei"


@given(any_event=events())
def test_making_an_event_of_an_events_values_changes_nothing(any_event: Event) -> None:
    assert replace(any_event) == any_event


@given(any_event=events())
def test_what_a_side_shows_it_shows_again(any_event: Event) -> None:
    for lens in (Lens(), CRM_LENS):
        assert lens.show(lens.show(any_event)) == lens.show(any_event)
