"""Sealing: one key for each tenant, wrapped by the master key.

The wrapped keys stand in a file of their own beside the store, so that a backup of the store does not bring back
what was erased: destroying a tenant's key leaves nothing that opens its content, in any copy.

A sealed text carries its tenant and its purpose (which row it belongs to) inside and is refused anywhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct

from calsync.core.errors import OwnStateError
from calsync.store.errors import SealError

_CHECK: Final = b"calsync master key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """The master keys, newest first: the newest wraps, all of them unwrap. ``name`` tells the newest from others."""

    newest: Fernet = field(repr=False)
    every: MultiFernet = field(repr=False)
    name: str


def master_from_text(text: str) -> Master:
    """From one Fernet key a line, newest first.

    Raises:
        OwnStateError: there is no key, or a line is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise OwnStateError("the master key is empty; restore the key file, or run `calsync init` for a new store")
    try:
        keys = [Fernet(line) for line in lines]
    except ValueError:
        raise OwnStateError("a line of the master key is not a Fernet key; restore the key file") from None
    return Master(newest=keys[0], every=MultiFernet(keys), name=hashlib.sha256(lines[0].encode()).hexdigest()[:12])


class WrappedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant's key, and the name of the master key that wrapped it. An empty key was destroyed."""

    master: str = ""
    key: str = ""


class KeyRing(Struct, frozen=True, forbid_unknown_fields=True):
    """All wrapped keys. ``check`` is a known text under the master key."""

    check: WrappedKey
    tenants: dict[str, WrappedKey]


class KeyStore(Protocol):
    """Where the ring is kept. Saving is atomic and durable."""

    def load(self) -> KeyRing: ...

    def save(self, ring: KeyRing) -> None: ...


class MemoryKeyStore:
    """Keys that end with the process."""

    def __init__(self) -> None:
        self._ring = KeyRing(WrappedKey(), {})

    def load(self) -> KeyRing:
        return self._ring

    def save(self, ring: KeyRing) -> None:
        self._ring = ring


class Seal:
    """Seals and opens for one tenant."""

    __slots__ = ("_fernet", "_tenant")

    def __init__(self, tenant: str, key: bytes) -> None:
        self._tenant = tenant.encode()
        self._fernet = Fernet(key)

    def close(self, purpose: str, content: bytes) -> bytes:
        return self._fernet.encrypt(b"%b\0%b\0%b" % (self._tenant, purpose.encode(), content))

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The content again.

        Raises:
            SealError: it was sealed with another key or for another purpose, or it is damaged.
        """
        try:
            tenant, for_what, content = self._fernet.decrypt(sealed).split(b"\0", 2)
        except (InvalidToken, ValueError):
            raise SealError(f"the sealed content of {purpose} cannot be opened with its tenant's key") from None
        if tenant != self._tenant or for_what != purpose.encode():
            raise SealError(f"the sealed content of {purpose} was sealed for something else")
        return content


class Vault:
    """The keys of all tenants. Used from the store's one thread only."""

    def __init__(self, master: Master, keys: KeyStore) -> None:
        self._master = master
        self._keys = keys
        self._seals: dict[str, Seal] = {}

    def start(self) -> None:
        """Make an empty ring for a new store."""
        self._keys.save(KeyRing(self._wrap(_CHECK), {}))

    def check(self) -> None:
        """See that the master key is the one of this store.

        Raises:
            OwnStateError: it is not; nothing was changed.
        """
        if self._unwrap(self._keys.load().check) != _CHECK:
            raise OwnStateError("the file of wrapped keys is damaged; restore it from its backup")

    def seal(self, tenant: str) -> Seal:
        """A tenant's seal.

        Raises:
            SealError: the tenant has no key (any more).
        """
        if tenant not in self._seals:
            wrapped = self._keys.load().tenants.get(tenant)
            if wrapped is None or not wrapped.key:
                raise SealError(f"there is no key for tenant {tenant}; restore the file of wrapped keys")
            self._seals[tenant] = Seal(tenant, self._unwrap(wrapped))
        return self._seals[tenant]

    def provide(self, tenant: str) -> None:
        """Make a key for a tenant that has none."""
        ring = self._keys.load()
        wrapped = ring.tenants.get(tenant)
        if wrapped is None or not wrapped.key:
            self._keys.save(KeyRing(ring.check, ring.tenants | {tenant: self._wrap(Fernet.generate_key())}))

    def destroy(self, tenant: str) -> None:
        """Destroy a tenant's key for good: nothing sealed with it can be opened again, in any copy."""
        self._seals.pop(tenant, None)
        ring = self._keys.load()
        self._keys.save(KeyRing(ring.check, ring.tenants | {tenant: WrappedKey()}))

    def destroyed(self) -> frozenset[str]:
        return frozenset(tenant for tenant, wrapped in self._keys.load().tenants.items() if not wrapped.key)

    def stale(self) -> int:
        """How many keys are not wrapped by the newest master key yet."""
        ring = self._keys.load()
        return sum(self._is_stale(wrapped) for wrapped in (ring.check, *ring.tenants.values()))

    def rewrap(self) -> int:
        """Wrap all keys with the newest master key; says how many. Repeating it, also after a crash, is safe."""
        ring = self._keys.load()
        count = self.stale()
        if count:
            tenants = {tenant: self._renewed(wrapped) for tenant, wrapped in ring.tenants.items()}
            self._keys.save(KeyRing(self._renewed(ring.check), tenants))
        return count

    def _is_stale(self, wrapped: WrappedKey) -> bool:
        return bool(wrapped.key) and wrapped.master != self._master.name

    def _renewed(self, wrapped: WrappedKey) -> WrappedKey:
        return self._wrap(self._unwrap(wrapped)) if self._is_stale(wrapped) else wrapped

    def _wrap(self, key: bytes) -> WrappedKey:
        return WrappedKey(self._master.name, self._master.newest.encrypt(key).decode())

    def _unwrap(self, wrapped: WrappedKey) -> bytes:
        try:
            return self._master.every.decrypt(wrapped.key)
        except InvalidToken:
            raise OwnStateError(
                "the master key does not open this store's keys; give the key file that belongs to this store"
            ) from None
