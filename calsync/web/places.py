"""Where the daemon is reached: a TCP address for everybody, a Unix socket beside the store for commands."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from calsync.core.errors import OwnStateError

_PATH_MAX: Final = 100
"""The system takes a little more than this for the name of a Unix socket."""
_BACKLOG: Final = 128


def socket_path(store: Path) -> Path:
    return store.with_name(f"{store.name}.sock")


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of ``path`` that fits a Unix socket, however deep its folder lies."""
    if len(str(path).encode()) <= _PATH_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen_beside(store: Path) -> socket.socket:
    """The socket for commands; only our own user may connect. The caller holds the store's lock."""
    path = socket_path(store)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with short_name(path) as name:
            listening.bind(name)
    except OSError as error:
        listening.close()
        raise OwnStateError(f"the socket {path} cannot be made: {error.strerror}") from error
    finally:
        os.umask(before)
    listening.listen(_BACKLOG)
    return listening


def listen_at(host: str, port: int) -> socket.socket:
    """The socket for everybody; port 0 takes a free one.

    Raises:
        OwnStateError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sets TCP_NODELAY; without it each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OwnStateError(f"cannot listen at {host} port {port}: {error.strerror}; see `[server] listen`") from error
    listening.listen(_BACKLOG)
    return listening
