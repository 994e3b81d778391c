"""Small files that must not be lost or seen half written."""

from __future__ import annotations

import os
from pathlib import Path


def write_new_file(path: Path, content: bytes) -> None:
    """Make a file that only we can read, durably.

    Raises:
        FileExistsError: there is one already; it stays as it is.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole: after a crash there is the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    write_new_file(fresh, content)
    fresh.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
