"""Two real servers with copied data, behind one delaying proxy: what every run starts from."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from calsync.sandbox.radicale import RadicaleProcess
from tests.benchmarks.events import Sample
from tests.benchmarks.proxy import Traffic
from tests.servers.witness import RawWitness

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One of the two calendars, as a tool gets to know it: everything goes through the proxy."""

    origin: str
    calendar_name: str
    user: str
    password: str
    direct_url: str

    @property
    def home_url(self) -> str:
        return f"{self.origin}/{self.user}/"


def make_template(folder: Path, *, a: Sequence[Sample], b: Sequence[Sample] = ()) -> None:
    """Make the data that runs copy: two servers with a calendar each, holding these events.

    The files are laid into the storage and read once. By PUT it would take hours: Radicale reads the whole
    collection for every new object, to see that no other one has its UID.
    """
    for name, samples in (("a", a), ("b", b)):
        calendar = f"cal_{name}"
        with RadicaleProcess(folder / name) as server:
            server.make_calendar(calendar)
        shelf = server.storage / "collection-root" / server.user / calendar
        for sample in samples:
            (shelf / sample.href).write_bytes(sample.text.encode())
        with RadicaleProcess(folder / name) as server:
            found = RawWitness(server.user, server.password).etags(f"{server.home_url()}{calendar}/")
            assert len(found) == len(samples)


class World:
    """The two servers and the proxy, on a copy of a template; a context manager."""

    def __init__(self, template: Path, folder: Path, *, rtt_ms: float) -> None:
        shutil.copytree(template, folder)
        self._servers = [RadicaleProcess(folder / name) for name in ("a", "b")]
        self._rtt_ms = rtt_ms
        self._stack = ExitStack()
        self.raw = RawWitness(self._servers[0].user, self._servers[0].password)

    def __enter__(self) -> Self:
        for server in self._servers:
            self._stack.enter_context(server)
        targets = [server.url.split("/")[2] for server in self._servers]
        self._proxy = self._stack.enter_context(_proxy(targets, rtt_ms=self._rtt_ms))
        self._stack.callback(self._proxy.terminate)
        assert self._proxy.stdout is not None
        ports = json.loads(self._proxy.stdout.readline())
        self._control = f"http://127.0.0.1:{ports['control']}"
        self.ends = [
            End(
                origin=f"http://127.0.0.1:{port}",
                calendar_name=f"cal_{name}",
                user=server.user,
                password=server.password,
                direct_url=f"{server.home_url()}cal_{name}/",
            )
            for name, port, server in zip("ab", ports["ports"], self._servers, strict=True)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def traffic(self) -> Traffic:
        """Read the counts of the proxy."""
        with _direct.open(self._control, timeout=10) as answer:
            return Traffic(**json.loads(answer.read()))

    def change(self, count: int, *, round_number: int) -> None:
        """Edit ``count`` events, by turns on either side, each once, straight on the servers."""
        by_title = [
            {_title(text): (url, text) for url, text in self.raw.texts(end.direct_url).items()} for end in self.ends
        ]
        titles = sorted(set(by_title[0]) & set(by_title[1]))
        for number in range(count):
            url, text = by_title[number % 2][titles[number * len(titles) // count]]
            edited = text.replace(b"\nSUMMARY:", b"\nSUMMARY:%d " % round_number, 1)
            assert self.raw.put(url, edited).status == 204


def _title(text: bytes) -> bytes:
    return text.partition(b"\nSUMMARY:")[2].partition(b"\n")[0].strip()


def _proxy(targets: list[str], *, rtt_ms: float) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.benchmarks.proxy", "--rtt-ms", str(rtt_ms), *targets]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
