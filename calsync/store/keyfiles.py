"""The two files of keys: the master key, and the tenants' keys that it wraps."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from calsync.core.errors import OwnStateError
from calsync.store.files import replace_file, write_new_file
from calsync.store.vault import KeyRing


def make_key_file(path: Path) -> bool:
    """Make a master key that only we can read; False where the file exists."""
    try:
        write_new_file(path, Fernet.generate_key() + b"\n")
    except FileExistsError:
        return False
    return True


def add_master_key(path: Path) -> None:
    """Put a new key before the others: it wraps from now on, and the old ones still unwrap."""
    replace_file(path, Fernet.generate_key() + b"\n" + path.read_bytes())


def retire_master_keys(path: Path) -> int:
    """Keep the newest key alone (after `Vault.rewrap`); says how many went."""
    newest, *older = path.read_bytes().split()
    if older:
        replace_file(path, newest + b"\n")
    return len(older)


class FileKeyStore:
    """The wrapped keys in ``<store>.keys``, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> KeyRing:
        """Read the file.

        Raises:
            OwnStateError: it is missing or damaged.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=KeyRing)
        except FileNotFoundError:
            raise OwnStateError(f"the tenants' keys {self._path} are missing; restore that file") from None
        except msgspec.MsgspecError:
            raise OwnStateError(f"the tenants' keys {self._path} are damaged; restore that file") from None

    def save(self, ring: KeyRing) -> None:
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(ring)))

    def put_away(self) -> None:
        """Keep a ring that belongs to another master key, out of the way of a new store."""
        numbers = (number for number in itertools.count(1) if not self._numbered(number).exists())
        self._path.rename(self._numbered(next(numbers)))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
