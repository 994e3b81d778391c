from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from calsync.core.ends import End, Ends
from calsync.core.errors import OwnStateError
from calsync.core.link import Pending, Write
from calsync.core.record import ConflictState
from calsync.core.refs import LinkId, Ref
from calsync.ports import Changes
from calsync.store import Store
from calsync.store.fsck import check_store
from tests.contracts.store_values import NOW, PAIR, TENANT, aside, conflict, connection, held, link, pair, step, tenant
from tests.store.desk import Desk


async def fill(store: Store) -> None:
    await store.people.put_tenant(tenant())
    await store.people.put_connection(connection())
    await store.people.put_pair(pair())
    await store.records.commit(
        PAIR,
        Changes(
            links=(link(), link("link-2")), asides=(aside(),), conflicts=(conflict(),), held=(held(),), steps=(step(),)
        ),
    )


def kinds(desk: Desk) -> list[str]:
    return sorted({finding.kind for finding in check_store(desk.path, desk.master) if finding.is_fault})


def edit(desk: Desk, sql: str) -> None:
    with closing(sqlite3.connect(desk.path)) as driver, driver:
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(sql)


async def test_a_sound_store_has_no_findings_and_is_not_changed(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
    files = desk.files.store, desk.files.epoch, desk.files.keys
    before = [path.read_bytes() for path in files]

    assert check_store(desk.path, desk.master) == []

    assert [path.read_bytes() for path in files] == before


async def test_a_store_in_use_is_checked_too(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)

        assert check_store(desk.path, desk.master) == []


async def test_pending_writes_are_told_and_are_no_fault(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
        pending = Pending(write=Write.DELETE, at=NOW, ref=Ref("crm of link-1"))
        await store.records.commit(PAIR, Changes(links=(link(pending=Ends(pending, None)),)))

    (finding,) = check_store(desk.path, desk.master)
    assert (finding.kind, finding.is_fault) == ("pending", False)


async def test_an_object_that_two_links_claim_is_found(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
        pending = Pending(write=Write.UPDATE, at=NOW, ref=Ref("calendar of link-2"))
        await store.records.commit(PAIR, Changes(links=(link(pending=Ends(None, pending)),)))

    assert kinds(desk) == ["ref_twice"]


async def test_what_belongs_to_nothing_is_found(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
        lost = LinkId("lost")
        await store.records.commit(
            PAIR, Changes(asides=(aside(link=lost),), conflicts=(conflict(link=lost, state=ConflictState.OPEN),))
        )
    edit(desk, "DELETE FROM connections")

    findings = check_store(desk.path, desk.master)

    assert [finding.kind for finding in findings] == ["orphan"] * 3


async def test_rows_of_no_pair_are_found(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
    edit(desk, "DELETE FROM pairs")

    assert "damaged" in kinds(desk)


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE links SET sealed = (SELECT sealed FROM links WHERE id = 'link-2') WHERE id = 'link-1'", "links"),
        ("UPDATE connections SET sealed = zeroblob(9)", "connections"),
        ("UPDATE steps SET sealed = zeroblob(9)", "steps"),
        ("UPDATE conflicts SET state = 'odd'", "conflicts"),
        ("UPDATE asides SET reason = 'odd'", "asides"),
        ("UPDATE held SET end = 'odd'", "held"),
        ("UPDATE tenants SET sealed = zeroblob(9)", "tenants"),
    ],
)
async def test_content_that_cannot_be_read_is_found(desk: Desk, sql: str, table: str) -> None:
    async with desk.open() as store:
        await fill(store)
    edit(desk, sql)

    (finding,) = check_store(desk.path, desk.master)
    assert (finding.kind, finding.text.split(":")[0]) == ("unsealable", table)


async def test_an_old_copy_is_found(desk: Desk) -> None:
    desk.files.epoch.write_text("99\n")

    assert kinds(desk) == ["old_copy"]


async def test_A18_a_wrong_master_key_is_found(desk: Desk) -> None:
    desk.key = Fernet.generate_key().decode()

    assert kinds(desk) == ["unusable"]


async def test_a_tenant_without_a_key_is_found(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
        store.vault.destroy(TENANT)

    assert kinds(desk) == ["unsealable"]


async def test_K12_a_newer_store_is_found(desk: Desk) -> None:
    edit(desk, "UPDATE alembic_version SET version_num = '9999'")

    assert kinds(desk) == ["unusable"]


async def test_K08_a_truncated_store_is_found(desk: Desk) -> None:
    async with desk.open() as store:
        await fill(store)
    content = desk.path.read_bytes()
    desk.path.write_bytes(content[: len(content) // 2 // 4096 * 4096])

    assert kinds(desk) == ["damaged"]


def test_K09_a_missing_store_is_refused(desk: Desk) -> None:
    desk.path.unlink()

    with pytest.raises(OwnStateError):
        check_store(desk.path, desk.master)


async def test_ends_are_told_apart(desk: Desk) -> None:
    """A ref that both sides use is no object that two links claim."""
    async with desk.open() as store:
        await fill(store)
        both = link("link-3")
        assert both.base.crm is not None
        await store.records.commit(PAIR, Changes(links=(both.with_base(End.CALENDAR, both.base.crm),)))

    assert check_store(desk.path, desk.master) == []
