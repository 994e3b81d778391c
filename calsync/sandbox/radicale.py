"""Radicale, a real CalDAV server, as a process of its own.

Radicale's licence (GPL-3.0) ends at the border of its process: it is started, spoken to over HTTP, and
never imported here.
"""

import base64
import importlib.util
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from xml.sax.saxutils import escape

from calsync.core.errors import CalsyncError
from calsync.sandbox.child import ChildServer

_USERS: Final[Mapping[str, str]] = {"kari": "kari-password"}
_ANSWER_WAIT_S: Final = 10.0
_MULTISTATUS: Final = 207

# `plain` passwords: they are made up, live in the given folder, and cost no hashing per request.
_CONFIG: Final = """\
[server]
hosts = 127.0.0.1:{port}
max_connections = 64
delay_on_error = 0
[auth]
type = htpasswd
htpasswd_filename = {users}
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {storage}
[web]
type = none
[logging]
level = warning
"""

_MKCALENDAR: Final = """\
<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>{title}</D:displayname>
<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>
</D:prop></D:set></C:mkcalendar>"""


class SandboxMissingError(CalsyncError):
    """A part of the sandbox is not installed."""


class RadicaleProcess:
    """One Radicale with its own storage; ``with RadicaleProcess(folder) as radicale:``.

    The folder is made if it is missing, and keeps configuration, passwords, calendars and log, so that a
    second start on it serves the same calendars. ``users`` maps names to passwords; ``user`` and
    ``password`` are the first of them.

    Raises:
        SandboxMissingError: Radicale is not installed.
        ServerStartError: it did not come up.
    """

    def __init__(self, folder: Path, *, users: Mapping[str, str] | None = None, port: int | None = None) -> None:
        self.folder = folder
        self.users: Mapping[str, str] = dict(users or _USERS)
        self.user, self.password = next(iter(self.users.items()))
        self._child = ChildServer(
            module="radicale",
            arguments=self._arguments,
            is_ready=self._is_ready,
            log=folder / "radicale.log",
            port=port,
        )

    @property
    def url(self) -> str:
        """The root of the server, with a slash at the end."""
        return f"http://127.0.0.1:{self._child.port}/"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def home_url(self, user: str | None = None) -> str:
        """The collection that holds the calendars of ``user``."""
        return f"{self.url}{urllib.parse.quote(user or self.user)}/"

    def start(self) -> None:
        if importlib.util.find_spec("radicale") is None:
            raise SandboxMissingError(
                "Radicale, the CalDAV server of the sandbox, is not installed. "
                "Install calsync with its `sandbox` extra: calsync[sandbox]."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_users()
        self._child.start()

    def stop(self) -> None:
        self._child.stop()

    def make_calendar(self, name: str, *, user: str | None = None, title: str | None = None) -> str:
        """Make an empty calendar and give its URL.

        Raises:
            urllib.error.HTTPError: refused; 409 when it exists already.
        """
        url = f"{self.home_url(user)}{urllib.parse.quote(name)}/"
        body = _MKCALENDAR.format(title=escape(title or name)).encode()
        self._send("MKCALENDAR", url, body, user=user)
        return url

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_users(self) -> None:
        path = self.folder / "users"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}:{password}\n" for name, password in self.users.items()))

    def _arguments(self, port: int) -> list[str]:
        config = self.folder / "radicale.ini"
        config.write_text(
            _CONFIG.format(port=port, users=(self.folder / "users").resolve(), storage=self.storage.resolve())
        )
        return ["--config", str(config)]

    def _is_ready(self, port: int) -> bool:
        # With our password: a stranger's server on that port would not let us in.
        url = f"http://127.0.0.1:{port}/{urllib.parse.quote(self.user)}/"
        try:
            return self._send("PROPFIND", url, b"") == _MULTISTATUS
        except OSError:
            return False

    def _send(self, method: str, url: str, body: bytes, *, user: str | None = None) -> int:
        name = user or self.user
        login = base64.b64encode(f"{name}:{self.users[name]}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310  # the URL is that of our own loopback server
            url,
            data=body,
            method=method,
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/xml", "Depth": "0"},
        )
        with _OPENER.open(request, timeout=_ANSWER_WAIT_S) as answer:
            status: int = answer.status
            return status


# No proxy from the environment stands between us and loopback.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
