"""Content is nowhere readable: not in the file, not in its log, not in what stands beside it."""

from __future__ import annotations

from dataclasses import replace

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field, People, Person
from calsync.core.link import Pending, Wish, Write
from calsync.core.observation import Aside, Marker
from calsync.core.reason import Reason
from calsync.core.record import HeldEvent, Run, SetAside
from calsync.core.refs import ConflictId, Key, LinkId, Ref
from calsync.ports import Associate, Changes
from tests.builders import event
from tests.contracts.store_values import NOW, PAIR, TENANT, conflict, connection, held, link, pair, seen, step, tenant
from tests.store.desk import Desk, bytes_beside


def secret(number: int) -> Event:
    people = People(organizer=Person(email=f"canary{number}@x.example", name=f"canary{number} name"))
    plain = event(f"canary{number} title", place=f"canary{number} place", notes=f"canary{number} notes " * 400)
    return replace(plain, people=people, categories=(f"canary{number} category",), online_meeting=f"canary{number}")


FULL = Changes(
    links=(
        link(
            base=Ends(seen("1", secret(1)), seen("2", secret(2), uid="canary-uid")),
            pending=Ends(Pending(write=Write.UPDATE, at=NOW, sent=secret(3), ref=Ref("1")), None),
            wishes={Field.TITLE: Wish(conflict=ConflictId("c"), value="canary4", upon=Ends("canary5", "x"), by="kari")},
        ),
    ),
    conflicts=(conflict(title="canary6", base=Ends(secret(7), None), values=Ends("canary8", secret(9))),),
    held=(held(events=(HeldEvent(link=LinkId("l"), title="canary10", start="2026-07-01"),)),),
    asides=(
        SetAside(
            end=End.CRM,
            item=Aside(ref=Ref("3"), reason=Reason.MEETING, detail="canary11", title="canary12"),
            since=NOW,
        ),
    ),
    steps=(step("canary13", why="canary14"),),
    run=Run(id="run", pair=PAIR, started=NOW, error="canary15"),
)


async def test_no_content_and_no_secret_is_readable_on_the_disk(desk: Desk) -> None:
    async with desk.open() as store:
        await store.people.put_tenant(tenant(token="canary16", detail="canary17"))
        await store.people.put_associates(
            TENANT, [Associate(tenant=TENANT, id=7, name="canary18", email="canary19@x.example")]
        )
        await store.people.put_connection(connection(secret="canary20", username="canary21", subject="canary22"))
        await store.people.put_pair(pair())
        await store.records.commit(PAIR, FULL)
        in_use = bytes_beside(desk.folder)

        assert await store.records.links(PAIR) == list(FULL.links)

    assert b"canary" not in in_use
    assert b"canary" not in bytes_beside(desk.folder)
    assert PAIR.encode() in in_use  # the search would find something


async def test_the_index_of_a_side_is_read_without_any_key(desk: Desk) -> None:
    async with desk.open() as store:
        await store.people.put_tenant(tenant())
        await store.people.put_pair(pair())
        marker = Marker(realm="r", key=Key("k"), generation=1)
        await store.records.commit(PAIR, Changes(links=(link(base=Ends(seen("1"), seen("2", marker=marker))),)))
        store.vault.destroy(TENANT)

        assert set(await store.records.known(PAIR, End.CALENDAR)) == {"2"}
        assert await store.records.link_count(PAIR) == 1
