from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from calsync.core.errors import OwnStateError
from calsync.ports import Changes
from calsync.store.database import driver_of
from calsync.store.errors import InstanceLockedError, StoreExistsError
from calsync.store.layout import StoreFiles
from tests.contracts.store_values import PAIR, TENANT, link, pair, tenant
from tests.store.desk import Desk, bytes_beside


async def fill(desk: Desk, links: int = 40) -> None:
    async with desk.open() as store:
        await store.people.put_tenant(tenant())
        await store.people.put_pair(pair())
        await store.records.commit(PAIR, Changes(links=tuple(link(f"{number:04}") for number in range(links))))


async def refused(desk: Desk) -> str:
    """Why the store is not opened; that it was not touched is checked too."""
    before = desk.path.read_bytes() if desk.path.exists() else None
    with pytest.raises(OwnStateError) as caught:
        async with desk.open():
            pass
    assert (desk.path.read_bytes() if desk.path.exists() else None) == before
    assert not list(desk.folder.glob("*.new"))
    return str(caught.value)


async def test_a_new_store_opens_and_keeps_what_it_is_given(desk: Desk) -> None:
    await fill(desk)

    async with desk.open() as store:
        assert await store.people.tenants() == [tenant()]
        assert len(await store.records.links(PAIR)) == 40


def test_a_store_is_for_our_eyes_only(desk: Desk) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.folder.iterdir()}

    assert modes == dict.fromkeys(["calsync.db", "calsync.db.epoch", "calsync.db.keys", "calsync.db.lock"], 0o600)


def test_a_store_is_never_made_over_another(desk: Desk) -> None:
    before = desk.path.read_bytes()

    with pytest.raises(StoreExistsError):
        desk.init()

    assert desk.path.read_bytes() == before


async def test_K09_a_missing_store_is_refused_and_not_made(tmp_path: Path) -> None:
    assert "calsync init" in await refused(Desk(tmp_path))
    assert bytes_beside(tmp_path) == b""
    assert not StoreFiles(tmp_path / "calsync.db").lock.exists()


async def test_K09_an_empty_file_is_refused(desk: Desk) -> None:
    desk.path.write_bytes(b"")

    assert "is empty" in await refused(desk)


async def test_K09_another_programs_file_is_refused(desk: Desk) -> None:
    desk.path.write_bytes(b"Dear diary, this is no database at all.")
    assert "not a store" in await refused(desk)

    desk.path.unlink()
    with closing(sqlite3.connect(desk.path)) as foreign:
        foreign.execute("CREATE TABLE links (id)")
    assert "another program" in await refused(desk)


async def test_K08_a_flipped_page_is_found_at_start(desk: Desk) -> None:
    await fill(desk)
    with closing(sqlite3.connect(desk.path)) as driver:
        (page,) = driver.execute("SELECT rootpage FROM sqlite_master WHERE name = 'links'").fetchone()
        (size,) = driver.execute("PRAGMA page_size").fetchone()
    content = bytearray(desk.path.read_bytes())
    start = (page - 1) * size
    content[start : start + size] = bytes(byte ^ 0xFF for byte in content[start : start + size])
    desk.path.write_bytes(content)

    assert "calsync restore" in await refused(desk) or "calsync fsck" in await refused(desk)


async def test_K08_a_truncated_file_is_found_at_start(desk: Desk) -> None:
    await fill(desk)
    content = desk.path.read_bytes()
    desk.path.write_bytes(content[: len(content) // 2 // 4096 * 4096])

    assert "store" in await refused(desk)


async def test_K08_a_store_without_its_log_is_found_at_start(desk: Desk) -> None:
    await fill(desk)
    with desk.process("writer.py") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
        writer.wait()
    desk.files.wal.unlink()

    assert "old copy" in await refused(desk)


async def test_K04_a_torn_log_gives_the_old_state_or_the_new_one(desk: Desk) -> None:
    await fill(desk, links=0)
    with desk.process("writer.py") as writer:
        assert writer.stdout is not None
        done = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.kill()
        writer.wait()
    log = desk.files.wal.read_bytes()
    counts = []
    for part in (1.0, 0.9, 0.6):
        copy = Desk(desk.folder / str(part), key=desk.key)
        shutil.copytree(desk.folder, copy.folder, ignore=lambda *_: ["1.0", "0.9", "0.6"])
        copy.files.wal.write_bytes(log[: int(len(log) * part)])
        async with copy.open() as store:
            counts.append(len(await store.records.links(PAIR)))

    assert counts[0] >= done + 1
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


async def test_K01_what_was_committed_survives_a_kill(desk: Desk) -> None:
    await fill(desk, links=0)
    with desk.process("writer.py") as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(10)][-1]
        writer.kill()
        writer.wait()

    async with desk.open() as store:
        assert {each.id for each in await store.records.links(PAIR)} >= {f"{number:06}" for number in range(said + 1)}


async def test_K10_an_old_copy_is_refused_and_the_remedy_named(desk: Desk, tmp_path: Path) -> None:
    await fill(desk)
    shutil.copy(desk.path, tmp_path / "backup")
    async with desk.open():
        pass
    shutil.copy(tmp_path / "backup", desk.path)

    why = await refused(desk)

    assert "old copy" in why
    assert "calsync restore" in why


async def test_K10_a_store_whose_epoch_file_is_missing_is_refused(desk: Desk) -> None:
    await fill(desk)
    desk.files.epoch.unlink()

    assert "calsync restore" in await refused(desk)
    assert not desk.files.epoch.exists()


async def test_K10_an_epoch_file_that_holds_no_number_is_refused(desk: Desk) -> None:
    desk.files.epoch.write_text("")

    assert "calsync restore" in await refused(desk)


async def test_a_store_ahead_of_its_epoch_file_is_fine(desk: Desk) -> None:
    """The process may die between the commit and the copy."""
    async with desk.open() as store:
        epoch = await store.raise_epoch()
    desk.files.epoch.write_text(f"{epoch - 1}\n")

    async with desk.open() as store:
        assert await store.raise_epoch() == epoch + 2


async def test_the_epoch_is_raised_at_every_start_and_when_told(desk: Desk) -> None:
    assert desk.files.epoch.read_text() == "1\n"
    async with desk.open() as store:
        assert desk.files.epoch.read_text() == "2\n"
        assert await store.raise_epoch() == 3
        assert desk.files.epoch.read_text() == "3\n"


async def test_a_new_store_carries_on_the_epoch_and_the_keys_of_a_lost_one(desk: Desk, tmp_path: Path) -> None:
    await fill(desk)
    lost = desk.path.rename(tmp_path / "lost")
    epoch = int(desk.files.epoch.read_text())

    desk.init()

    async with desk.open() as store:
        assert await store.people.tenants() == []
        assert int(desk.files.epoch.read_text()) == epoch + 2
    lost.replace(desk.path)
    assert "old copy" in await refused(desk)
    async with desk.read() as store:
        assert await store.people.tenants() == [tenant()]


async def test_a_new_store_with_a_new_master_key_puts_the_lost_ones_keys_away(desk: Desk) -> None:
    keys = desk.files.keys.read_bytes()
    desk.path.unlink()
    desk.key = Fernet.generate_key().decode()

    desk.init()

    assert (desk.folder / "calsync.db.keys.1").read_bytes() == keys
    await fill(desk)


async def test_a_new_store_does_not_take_in_the_log_of_a_lost_one(desk: Desk) -> None:
    await fill(desk)
    with desk.process("writer.py") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
        writer.wait()
    desk.path.unlink()

    desk.init()

    async with desk.open() as store:
        assert await store.people.pairs() == []


async def test_A18_a_wrong_master_key_is_refused_and_nothing_is_touched(desk: Desk) -> None:
    await fill(desk)
    everything = bytes_beside(desk.folder)
    desk.key, right = Fernet.generate_key().decode(), desk.key

    assert "key file" in await refused(desk)

    assert bytes_beside(desk.folder) == everything
    desk.key = right
    async with desk.open() as store:
        assert len(await store.people.tenants()) == 1


async def test_A18_missing_wrapped_keys_are_refused(desk: Desk) -> None:
    await fill(desk)
    desk.files.keys.unlink()

    assert "are missing" in await refused(desk)
    assert not desk.files.keys.exists()


async def test_K11_a_second_instance_is_turned_away_while_the_first_goes_on(desk: Desk) -> None:
    await fill(desk)
    with desk.process("writer.py") as first:
        assert first.stdout is not None
        before = int(first.stdout.readline())

        with desk.process("writer.py") as second:
            assert second.stdout is not None
            assert second.stdout.readline().strip() == "InstanceLockedError"
        with pytest.raises(InstanceLockedError, match=str(first.pid)):
            async with desk.open():
                pass

        assert int(first.stdout.readline()) > before


async def test_K11_the_lock_of_a_killed_instance_is_free(desk: Desk) -> None:
    await fill(desk)
    with desk.process("writer.py") as first:
        assert first.stdout is not None
        first.stdout.readline()
        first.kill()
        first.wait()

    async with desk.open() as store:
        assert len(await store.people.pairs()) == 1


async def test_a_refused_start_gives_the_lock_back(desk: Desk) -> None:
    epoch = desk.files.epoch.read_text()
    desk.files.epoch.unlink()
    await refused(desk)
    desk.files.epoch.write_text(epoch)

    async with desk.open():
        pass


async def test_K12_a_newer_store_is_refused(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.path)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = '9999'")

    assert "upgrade calsync" in await refused(desk)


async def test_K12_an_older_store_is_refused_and_the_remedy_named(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.path)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = '0000'")

    assert "calsync migrate" in await refused(desk)


async def test_reading_goes_on_while_another_instance_writes(desk: Desk) -> None:
    await fill(desk, links=0)
    with desk.process("writer.py") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()

        async with desk.read() as store:
            first = len(await store.records.links(PAIR))
            while int(writer.stdout.readline()) <= first:
                pass
            second = len(await store.records.links(PAIR))

    assert 0 < first < second


async def test_a_reader_cannot_write(desk: Desk) -> None:
    await fill(desk)
    epoch = desk.files.epoch.read_text()

    async with desk.read() as store:
        with pytest.raises(OwnStateError, match="readonly"):
            await store.people.remove_pair(PAIR)

    assert desk.files.epoch.read_text() == epoch
    async with desk.open() as store:
        assert len(await store.people.pairs()) == 1


async def test_an_old_copy_can_still_be_looked_at(desk: Desk) -> None:
    await fill(desk)
    desk.files.epoch.write_text("99\n")

    async with desk.read() as store:
        assert len(await store.people.pairs()) == 1


@pytest.mark.parametrize("damage", ["missing", "empty", "foreign"])
async def test_a_reader_refuses_what_is_no_store(desk: Desk, damage: str) -> None:
    desk.path.unlink()
    if damage != "missing":
        desk.path.write_bytes(b"" if damage == "empty" else b"hello")

    with pytest.raises(OwnStateError):
        async with desk.read():
            pass


async def test_T11_an_erased_tenant_cannot_be_read_in_a_backup(desk: Desk, tmp_path: Path) -> None:
    await fill(desk)
    shutil.copy(desk.path, tmp_path / "backup")
    async with desk.open() as store:
        await store.people.erase_tenant(TENANT)
        epoch = await store.raise_epoch()
    shutil.copy(tmp_path / "backup", desk.path)
    with closing(sqlite3.connect(desk.path)) as driver, driver:  # as `restore` would
        driver.execute("UPDATE counters SET value = ? WHERE name = 'epoch'", [epoch])

    async with desk.read() as reader:
        with pytest.raises(OwnStateError, match="no key"):
            await reader.people.tenants()
    async with desk.open() as store:
        assert await store.people.tenants() == []
        assert await store.people.pairs() == []


async def test_an_erasure_that_died_half_way_is_finished_at_the_next_start(desk: Desk) -> None:
    await fill(desk)
    async with desk.open() as store:
        store.vault.destroy(TENANT)

    async with desk.open() as store:
        assert await store.people.tenants() == []
        rows = await store.database.run(
            lambda connection: driver_of(connection).execute("SELECT count(*) FROM links").fetchone()
        )
    assert rows == (0,)


async def test_leases_of_a_dead_instance_are_forgotten(desk: Desk) -> None:
    await fill(desk)
    async with desk.open() as store:
        await store.people.put_pair(pair(due_at=desk.clock.at))
        assert len(await store.people.claim_due(desk.clock.at, limit=9, lease_s=3600)) == 1

    async with desk.open() as store:
        assert len(await store.people.claim_due(desk.clock.at, limit=9, lease_s=3600)) == 1
