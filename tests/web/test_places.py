"""The socket beside the store: private, and usable however deep its folder lies."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from calsync.core.errors import OwnStateError
from calsync.web.places import listen_at, listen_beside, short_name, socket_path


def reached(store: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as calling, short_name(socket_path(store)) as name:
        return calling.connect_ex(name) == 0


def test_a_deep_folder_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 10)
    folder.mkdir(parents=True)
    store = folder / "calsync.db"

    with listen_beside(store):
        assert reached(store)
        assert socket_path(store).stat().st_mode & 0o777 == 0o600


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    store = tmp_path / "calsync.db"
    listen_beside(store).close()

    assert not reached(store)
    with listen_beside(store):
        assert reached(store)


def test_a_taken_address_is_said_in_one_sentence() -> None:
    with listen_at("127.0.0.1", 0) as first, pytest.raises(OwnStateError, match="cannot listen at"):
        listen_at("127.0.0.1", first.getsockname()[1])


def test_the_socket_for_everybody_names_its_protocol() -> None:
    with listen_at("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
