"""The parts of the benchmark do what they say; nothing here measures a tool."""

import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks import measure, table
from tests.benchmarks.compare import difference, normal_form
from tests.benchmarks.counting import RequestCounter
from tests.benchmarks.events import mixed_events
from tests.benchmarks.measure import Cost
from tests.benchmarks.table import Sample
from tests.benchmarks.world import World, make_template

TRAFFIC = (
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    b"PUT /b HTTP/1.1\r\nContent-Length: 26\r\n\r\nGET /not-a-request HTTP\r\n\r\n"
    b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n"
    b"DELETE /d HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_requests_are_counted_however_the_bytes_arrive(size: int) -> None:
    counter = RequestCounter()

    for start in range(0, len(TRAFFIC), size):
        counter.feed(TRAFFIC[start : start + size])

    assert counter.count == 4


def test_the_same_seed_makes_the_same_events() -> None:
    assert mixed_events(50, seed=1) == mixed_events(50, seed=1) != mixed_events(50, seed=2)


def test_the_events_are_mixed() -> None:
    text = "".join(one.text for one in mixed_events(200, seed=1))

    wanted = ("DTSTART;VALUE=DATE:", "DTSTART;TZID=Asia/Kolkata:", "BEGIN:VALARM", "X-BENCH-NUMBER", "大阪")
    assert [word for word in wanted if word not in text] == []
    assert "RRULE" not in text.replace("RRULE:FREQ=YEARLY", "")  # only the zones recur
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


LUNCH = b"BEGIN:VEVENT\nUID:1\nSUMMARY:Lunch\\, long\nDTSTART;TZID=Europe/Oslo:20260701T120000\nEND:VEVENT\n"


def test_ways_of_writing_do_not_make_events_different() -> None:
    other = (
        b"BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nDTSTAMP:20300101T000000Z\r\n"
        b'DTSTART;TZID="Europe/Oslo":2026\r\n 0701T120000\r\nTRANSP:OPAQUE\r\nSUMMARY:Lunch, long\r\nUID:1\r\n'
        b"BEGIN:VALARM\r\nDESCRIPTION:soon\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    )

    assert normal_form(LUNCH, with_uid=True) == normal_form(other, with_uid=True)


@pytest.mark.parametrize(("old", "new"), [(b"Lunch", b"Dinner"), (b"T12", b"T13"), (b"Europe/Oslo", b"Europe/London")])
def test_what_a_person_would_see_makes_events_different(old: bytes, new: bytes) -> None:
    assert difference([LUNCH], [LUNCH.replace(old, new)], with_uid=False) is not None


def test_a_doubled_event_is_a_difference() -> None:
    assert difference([LUNCH], [LUNCH, LUNCH], with_uid=False) is not None


def test_the_uid_counts_only_where_it_is_promised() -> None:
    other = LUNCH.replace(b"UID:1", b"UID:2")

    assert difference([LUNCH], [other], with_uid=False) is None
    assert difference([LUNCH], [other], with_uid=True) is not None


def test_the_cost_of_a_command_includes_that_of_its_children(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); sys.exit(3)"

    ended = measure.run([sys.executable, "-c", parent], cwd=tmp_path, env={})

    assert ended.exit == 3
    assert 0.3 <= ended.cost.cpu_s <= ended.cost.wall_s * 2 + 0.1
    assert ended.cost.rss_mib > 0


def test_a_command_that_never_ends_is_killed(tmp_path: Path) -> None:
    ended = measure.run([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path, env={}, wait_s=0.5)

    assert ended.exit == -9


def cost(wall_s: float) -> Cost:
    return Cost(wall_s=wall_s, cpu_s=1.0, rss_mib=50.0)


def sample(tool: str, wall_s: float, note: str = "") -> Sample:
    return Sample(tool=tool, events=10, rtt_ms=40.0, scenario="first", cost=cost(wall_s), note=note)


def test_ratios_are_those_of_medians_and_a_run_with_a_note_does_not_count() -> None:
    samples = [
        *(sample("calsync", wall_s) for wall_s in (1.0, 2.0, 9.0)),
        *(sample("vdirsyncer", wall_s) for wall_s in (3.0, 4.0, 5.0)),
        sample("calsync", 0.1, note="unequal"),
    ]

    summary = table.as_json(samples, {})["summary"][0]["figures"]["wall_s"]

    assert (summary["calsync"]["low"], summary["calsync"]["middle"], summary["ratio"]) == (1.0, 2.0, 0.5)
    assert "does not count: calsync, 10 events, 40 ms, first: unequal" in table.as_text(samples)


@pytest.mark.server
def test_the_way_through_the_proxy_is_long_and_counted(tmp_path: Path) -> None:
    make_template(tmp_path / "template", a=mixed_events(4, seed=1))

    with World(tmp_path / "template", tmp_path / "run", rtt_ms=100) as world:
        begun = time.monotonic()
        answer = world.raw.send("PROPFIND", f"{world.ends[0].home_url}cal_a/", headers={"Depth": "1"})
        took_s = time.monotonic() - begun
        traffic = world.traffic()

    assert answer.status == 207
    assert took_s >= 0.2  # one round trip for the handshake, one for the request
    assert (traffic.connections, traffic.requests) == (1, 1)
    assert traffic.bytes_down > len(answer.body)


@pytest.mark.server
def test_both_sides_of_a_world_are_edited_by_turns(tmp_path: Path) -> None:
    samples = mixed_events(6, seed=1)
    make_template(tmp_path / "template", a=samples, b=samples)

    with World(tmp_path / "template", tmp_path / "run", rtt_ms=0) as world:
        world.change(4, round_number=7)
        edited = [sum(b"SUMMARY:7 " in text for text in world.raw.texts(end.direct_url).values()) for end in world.ends]

    assert edited == [2, 2]
