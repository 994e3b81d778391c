from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from calsync.core.errors import OwnStateError
from calsync.store.errors import SealError
from calsync.store.keyfiles import FileKeyStore, add_master_key, make_key_file, retire_master_keys
from calsync.store.vault import KeyRing, KeyStore, MemoryKeyStore, Vault, master_from_text

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def vault_of(text: str, keys: KeyStore, *tenants: str) -> Vault:
    vault = Vault(master_from_text(text), keys)
    if not keys.load().check.key:
        vault.start()
    for tenant in tenants:
        vault.provide(tenant)
    return vault


def test_what_is_sealed_is_opened_again() -> None:
    vault = vault_of(OLD, MemoryKeyStore(), "a")

    sealed = vault.seal("a").close("link 1", b"with\0zeros")

    assert vault.seal("a").open("link 1", sealed) == b"with\0zeros"
    assert b"zeros" not in sealed


def test_A20_sealed_content_moved_to_another_row_is_refused() -> None:
    vault = vault_of(OLD, MemoryKeyStore(), "a")
    sealed = vault.seal("a").close("link 1", b"content")

    with pytest.raises(SealError, match="something else"):
        vault.seal("a").open("link 2", sealed)


def test_A20_sealed_content_moved_to_another_tenant_is_refused() -> None:
    vault = vault_of(OLD, MemoryKeyStore(), "a", "b")
    sealed = vault.seal("a").close("link 1", b"content")

    with pytest.raises(SealError):
        vault.seal("b").open("link 1", sealed)


def test_A20_the_key_of_another_tenant_does_not_help() -> None:
    keys = MemoryKeyStore()
    vault = vault_of(OLD, keys, "a", "b")
    sealed = vault.seal("a").close("link 1", b"content")
    ring = keys.load()
    keys.save(KeyRing(ring.check, {"b": ring.tenants["a"]}))

    with pytest.raises(SealError, match="something else"):
        vault_of(OLD, keys).seal("b").open("link 1", sealed)


@pytest.mark.parametrize("place", [0, 20, -1])
def test_damaged_content_is_refused(place: int) -> None:
    seal = vault_of(OLD, MemoryKeyStore(), "a").seal("a")
    sealed = bytearray(seal.close("link 1", b"content"))
    sealed[place] ^= 1

    with pytest.raises(SealError):
        seal.open("link 1", bytes(sealed))


def test_A18_another_master_key_is_refused_and_nothing_is_touched() -> None:
    keys = MemoryKeyStore()
    vault_of(OLD, keys, "a")
    before = keys.load()

    with pytest.raises(OwnStateError, match="key file that belongs to this store"):
        Vault(master_from_text(OTHER), keys).check()

    assert keys.load() == before


@pytest.mark.parametrize(("text", "what"), [("", "empty"), (" \n", "empty"), ("abc", "not a Fernet key")])
def test_A18_a_master_key_that_is_none_is_refused(text: str, what: str) -> None:
    with pytest.raises(OwnStateError, match=what):
        master_from_text(text)


def test_a_wrong_line_of_the_key_file_is_not_repeated() -> None:
    with pytest.raises(OwnStateError) as caught:
        master_from_text(f"{OLD}\nalmost-a-key-canary")

    assert "canary" not in str(caught.value)
    assert OLD not in repr(master_from_text(OLD))


def test_A19_all_is_readable_before_and_after_the_keys_are_rewrapped() -> None:
    keys = MemoryKeyStore()
    sealed = vault_of(OLD, keys, "a").seal("a").close("link 1", b"content")
    both = vault_of(f"{NEW}\n{OLD}", keys, "b")

    assert both.stale() == 2  # the check and tenant a; tenant b came later
    assert both.seal("a").open("link 1", sealed) == b"content"
    assert both.rewrap() == 2

    assert both.stale() == both.rewrap() == 0
    assert vault_of(NEW, keys).seal("a").open("link 1", sealed) == b"content"
    with pytest.raises(OwnStateError):
        vault_of(OLD, keys).check()


class DyingKeyStore(MemoryKeyStore):
    """Dies instead of saving, as if the process was killed."""

    dies = False

    def save(self, ring: KeyRing) -> None:
        if self.dies:
            raise KeyboardInterrupt
        super().save(ring)


def test_A19_a_rotation_that_dies_is_resumed() -> None:
    keys = DyingKeyStore()
    sealed = vault_of(OLD, keys, "a").seal("a").close("link 1", b"content")
    keys.dies = True
    with pytest.raises(KeyboardInterrupt):
        vault_of(f"{NEW}\n{OLD}", keys).rewrap()
    keys.dies = False

    resumed = vault_of(f"{NEW}\n{OLD}", keys)

    assert resumed.seal("a").open("link 1", sealed) == b"content"
    assert resumed.rewrap() == 2


def test_A19_keys_wrapped_by_different_master_keys_are_all_readable() -> None:
    keys = MemoryKeyStore()
    first = vault_of(OLD, keys, "a").seal("a").close("link 1", b"content")
    second = vault_of(f"{NEW}\n{OLD}", keys, "b").seal("b").close("link 1", b"content")

    either_order = vault_of(f"{OLD}\n{NEW}", keys)

    assert either_order.seal("a").open("link 1", first) == either_order.seal("b").open("link 1", second)


def test_a_destroyed_key_opens_nothing_again_also_after_the_tenant_came_back() -> None:
    vault = vault_of(OLD, MemoryKeyStore(), "a")
    sealed = vault.seal("a").close("link 1", b"content")

    vault.destroy("a")

    assert vault.destroyed() == {"a"}
    with pytest.raises(SealError, match="no key"):
        vault.seal("a")
    vault.provide("a")
    assert vault.destroyed() == frozenset()
    with pytest.raises(SealError):
        vault.seal("a").open("link 1", sealed)


def test_the_key_file_is_ours_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"

    assert make_key_file(path)
    text = path.read_text()
    assert not make_key_file(path)

    assert path.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    master_from_text(text)


def test_a_new_master_key_comes_first_and_old_ones_are_retired_when_told(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key_file(path)
    first = path.read_text().strip()

    add_master_key(path)

    newest, older = path.read_text().split()
    assert older == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert retire_master_keys(path) == 1
    assert path.read_text() == f"{newest}\n"
    assert retire_master_keys(path) == 0


def test_wrapped_keys_survive_in_their_file(tmp_path: Path) -> None:
    keys = FileKeyStore(tmp_path / "keys")
    vault = Vault(master_from_text(OLD), keys)
    vault.start()
    vault.provide("a")
    sealed = vault.seal("a").close("p", b"content")

    again = Vault(master_from_text(OLD), FileKeyStore(tmp_path / "keys"))

    assert again.seal("a").open("p", sealed) == b"content"
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


@pytest.mark.parametrize(("text", "what"), [(None, "missing"), ("", "damaged"), ('{"check":{}}', "damaged")])
def test_missing_or_damaged_wrapped_keys_are_refused(tmp_path: Path, text: str | None, what: str) -> None:
    if text is not None:
        (tmp_path / "keys").write_text(text)

    with pytest.raises(OwnStateError, match=what):
        FileKeyStore(tmp_path / "keys").load()
