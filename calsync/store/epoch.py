"""The counter beside the store: a store whose own counter is lower was copied back and would repeat its past."""

from __future__ import annotations

from pathlib import Path

from calsync.core.errors import OwnStateError
from calsync.store.files import replace_file


class EpochFile:
    """``<store>.epoch``: the store's counter, written after the commit that raised it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The counter, or None where there is no file.

        Raises:
            OwnStateError: it holds something else.
        """
        try:
            return int(self._path.read_text("ascii"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise OwnStateError(f"{self._path} holds no number; run `calsync restore`") from None

    def write(self, epoch: int) -> None:
        replace_file(self._path, f"{epoch}\n".encode())

    def check(self, epoch: int) -> None:
        """See that the store at ``epoch`` is not an old copy.

        Raises:
            OwnStateError: it is, or nothing says that it is not.
        """
        beside = self.read()
        if beside is None:
            raise OwnStateError(
                f"{self._path} is missing, so this store may be an old copy; run `calsync restore` to go on with it"
            )
        if epoch < beside:
            raise OwnStateError(
                f"the store is an old copy (epoch {epoch}, but {beside} in {self._path}); "
                "run `calsync restore` to go on with it"
            )
