"""Xandikos, the second real CalDAV server of the tests, as a process of its own. It has no login."""

import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from calsync.sandbox.child import ChildServer

_ANSWER_WAIT_S: Final = 10.0
_MULTISTATUS: Final = 207
_HOME: Final = "user/calendars/"
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class XandikosProcess:
    """One Xandikos with its own storage; ``user`` and ``password`` are there to be sent, not checked."""

    user: Final = "user"
    password: Final = "not-checked"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child = ChildServer(
            module="xandikos",
            arguments=self._arguments,
            is_ready=self._is_ready,
            log=folder / "xandikos.log",
        )

    @property
    def url(self) -> str:
        """The root of the server, with a slash at the end."""
        return f"http://127.0.0.1:{self._child.port}/"

    def home_url(self) -> str:
        return f"{self.url}{_HOME}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._child.start()

    def stop(self) -> None:
        self._child.stop()

    def make_calendar(self, name: str) -> str:
        """Make an empty calendar and give its URL."""
        url = f"{self.home_url()}{urllib.parse.quote(name)}/"
        _send("MKCALENDAR", url)
        return url

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _arguments(self, port: int) -> list[str]:
        return [
            "serve",
            f"--directory={self.folder / 'storage'}",
            f"--state-dir={self.folder / 'state'}",
            "--defaults",
            "--no-detect-systemd",
            "--listen-address=127.0.0.1",
            f"--port={port}",
        ]

    @staticmethod
    def _is_ready(port: int) -> bool:
        try:
            return _send("PROPFIND", f"http://127.0.0.1:{port}/{_HOME}") == _MULTISTATUS
        except OSError:
            return False


def _send(method: str, url: str) -> int:
    request = urllib.request.Request(url, method=method, headers={"Depth": "0"})  # noqa: S310  # loopback
    with _OPENER.open(request, timeout=_ANSWER_WAIT_S) as answer:
        status: int = answer.status
        return status
