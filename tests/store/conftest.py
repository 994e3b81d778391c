from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A store that was just made."""
    made = Desk(tmp_path)
    made.init()
    return made
