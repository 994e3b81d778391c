"""The demo from its first line to its last: set up as an operator would, play the story, leave it running."""

from __future__ import annotations

import asyncio
import json
import shlex
import statistics
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from calsync.cli.demo_daemon import DemoOperator, clean_environment, serving
from calsync.compose import init_house
from calsync.core.errors import CalsyncError
from calsync.sandbox.child import free_port
from calsync.sandbox.demo.papers import connect_paper, pair_paper, tenant_paper, write_secret, write_settings
from calsync.sandbox.demo.play import CALENDAR, Play
from calsync.sandbox.demo.scene import Pace, Scene, played
from calsync.sandbox.demo.stage import Person, Stage, open_stage
from calsync.sandbox.demo.story import STORY
from calsync.sandbox.demo.telling import Heading, Saw, Teller
from calsync.sandbox.demo.week import next_monday
from calsync.settings import Settings, load_settings

_REST_S: Final = 2.5
_POLL_S: Final = 1.0
_POLL_MIN_S: Final = 0.2


class PromiseBrokenError(CalsyncError):
    """Something happened that never may: a mail, or an event that stands twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for on the command line.

    ``is_kept``: the folder stays afterwards. ``listen`` is HOST:PORT, or empty for a free port.
    """

    folder: Path
    is_kept: bool = True
    once: bool = False
    speed: float = 1.0
    seed: str | None = None
    listen: str = ""


@dataclass(slots=True, kw_only=True)
class Demo:
    """One showing. ``is_open_end`` is True once the story is over and it only waits to be stopped."""

    wanted: Wanted
    teller: Teller
    is_open_end: bool = False
    latencies: list[float] = field(default_factory=list)

    @property
    def pace(self) -> Pace:
        return Pace(rest_s=_REST_S / self.wanted.speed)

    async def run(self) -> None:
        """Everything; with ``once`` it returns after the story, else when it is cancelled.

        Raises:
            CalsyncError: something did not work; the message says what.
        """
        monday = next_monday(datetime.now(UTC).date())
        seed = self.wanted.seed
        number = 1 if seed is None else crc32(seed.encode())
        self.teller.wait("the sandbox to start")
        async with open_stage(self.wanted.folder, monday=monday, seed=number) as stage:
            settings = await self._settings(stage)
            async with serving(settings, stage.folder, seed=seed) as daemon:
                await _first_of(self._show(stage, settings), daemon.watch())

    async def _show(self, stage: Stage, settings: Settings) -> None:
        operator = DemoOperator(settings)
        pairs = await self._set_up(stage, operator)
        for number, step in enumerate(STORY, start=1):
            heading = Heading(name=step.name, title=step.title, number=number)
            async with played(heading, self.teller, self.pace) as scene:
                await step.play(Play(stage=stage, operator=operator, pairs=pairs, scene=scene))
            self.latencies += [line.after_s for line in scene.lines if isinstance(line, Saw)]
        await self._sum_up(stage, operator)
        if not self.wanted.once:
            await self._leave_running(stage, settings)

    # --- before ---------------------------------------------------------------------------------------------------

    async def _settings(self, stage: Stage) -> Settings:
        """Write what an operator would write, and make the store."""
        heading = Heading(name="sandbox", title="A company, its SuperOffice and a CalDAV server")
        async with played(heading, self.teller, self.pace) as scene:
            people = " and ".join(person.first for person in stage.people)
            scene.note(f"A simulated SuperOffice and Radicale, a real CalDAV server, hold next week of {people}.")
            listen = self.wanted.listen or f"127.0.0.1:{free_port()}"
            file = write_settings(stage, listen=listen, poll_s=max(_POLL_MIN_S, round(_POLL_S / self.wanted.speed, 2)))
            settings = load_settings(file, clean_environment())
            scene.ran("calsync init")
            init_house(settings)
            scene.ran("calsync serve")
            scene.fact("settings", str(file))
        return load_settings(file, clean_environment())

    async def _set_up(self, stage: Stage, operator: DemoOperator) -> Mapping[str, str]:
        heading = Heading(name="connect", title="Connecting it, as an operator does")
        pairs = {}
        async with played(heading, self.teller, replace(self.pace, rest_s=0)) as scene:
            paper = _written(scene, stage, "tenant add", "tenant.json", tenant_paper(stage))
            tenant = await operator.ask("tenant.add", input=paper)
            scene.note(f"{tenant['tenant']} is {tenant['state']} and has {tenant['people']} users.")
        for person in stage.people:
            heading = Heading(name=f"pair-{person.first.lower()}", title=f"{person.first}'s diary and calendar")
            async with played(heading, self.teller, self.pace) as scene:
                pairs[person.first] = await _pair_up(scene, stage, operator, person)
        return pairs

    # --- after ----------------------------------------------------------------------------------------------------

    async def _sum_up(self, stage: Stage, operator: DemoOperator) -> None:
        mails, duplicates = stage.mails, await stage.duplicates()
        conflicts = await operator.ask("conflicts.list")
        heading = Heading(name="summary", title="What it came to")
        async with played(heading, self.teller, replace(self.pace, rest_s=0)) as scene:
            scene.fact("mails sent", mails)
            scene.fact("duplicates", duplicates)
            scene.fact("conflicts kept, each with both values", len(conflicts))
            scene.fact("effects seen on the other side", len(self.latencies))
            scene.fact("seconds until they showed, median", round(statistics.median(self.latencies), 2))
            scene.fact("seconds until they showed, longest", round(max(self.latencies), 2))
        if mails or duplicates:
            raise PromiseBrokenError(f"{mails} mails were sent and {duplicates} events stand twice; that is a bug")

    async def _leave_running(self, stage: Stage, settings: Settings) -> None:
        heading = Heading(name="play", title="Now it is yours")
        async with played(heading, self.teller, replace(self.pace, rest_s=0)) as scene:
            scene.note("Point any calendar program at one of these, and edit:")
            for person in stage.people:
                program = person.program
                scene.fact(f"{person.first}'s calendar", program.url)
                scene.fact(f"{person.first}'s user and password", f"{program.user} / {program.password}")
            scene.note("In another terminal:")
            told = f"{_program()} --config {shlex.quote(str(settings.file))}"
            for command in ("status", "conflicts list", "set-aside list", f"why {stage.kari.appointments()[0]['id']}"):
                scene.ran(f"{told} {command}")
            scene.note("SuperOffice, as it lies in its database, and an edit there:")
            scene.ran(f"curl {stage.superoffice.control_url}/records")
            scene.ran(_edit_by_hand(stage))
            scene.note("Ctrl-C ends it." if self.wanted.is_kept else "Ctrl-C ends it and removes everything.")
        self.is_open_end = True
        await asyncio.Event().wait()


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Until one of them is done or fails; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _program() -> str:
    """What to type in another terminal, where this one's virtual environment is not active."""
    own = Path(sys.prefix, "bin", "calsync")
    return shlex.quote(str(own)) if sys.prefix != sys.base_prefix and own.exists() else "calsync"


def _edit_by_hand(stage: Stage) -> str:
    row = stage.ola.appointments()[0]
    asked = {"args": [stage.ola.associate, row["id"]], "fields": {"title": "Edited by hand"}}
    return f"curl -d '{json.dumps(asked)}' {stage.superoffice.control_url}/act/edit"


def _written(scene: Scene, stage: Stage, command: str, name: str, paper: Mapping[str, Any]) -> Mapping[str, Any]:
    """``paper`` as a file beside the settings, and the command line that reads it."""
    write_secret(stage.folder / name, json.dumps(paper, indent=2))
    scene.ran(f"calsync {command} --from-file {name}")
    return paper


async def _pair_up(scene: Scene, stage: Stage, operator: DemoOperator, person: Person) -> str:
    """Connect, look at the preview, apply it, and see it on the other side; gives the pair's id."""
    name = person.first.lower()
    account = _written(scene, stage, "connect", f"connect-{name}.json", connect_paper(stage, person))
    connection = (await operator.ask("connect", input=account))["connection"]
    wanted = _written(scene, stage, "pair add --preview", f"pair-{name}.json", pair_paper(person, connection))
    preview = await operator.ask("pair.preview", input=wanted)
    scene.note(_said(preview))
    scene.ran(f"calsync pair add --apply {preview['checksum']} --from-file pair-{name}.json")
    scene.acted()
    added = await operator.ask("pair.add", input=wanted, checksum=preview["checksum"])
    titles = {row["title"] for row in person.appointments() if _is_plain(row)}

    async def has_all() -> bool:
        return titles <= {entry.title for entry in await person.program.entries()}

    await scene.see(CALENDAR, f"all {len(titles)} of {person.first}'s appointments", has_all)
    pair: str = added["pair"]
    return pair


def _is_plain(row: Mapping[str, Any]) -> bool:
    return row["type"] == "inDiary" and not (row["mother"] or row["rule"])


def _said(preview: Mapping[str, Any]) -> str:
    alone = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in preview["left_alone"].items())
    return (
        f"The preview: {preview['link']} are on both sides already ({preview['differs']} of them differ), "
        f"{preview['create']['calendar']} are new for the calendar and {preview['create']['crm']} for SuperOffice; "
        f"left alone: {alone or 'nothing'}. Nothing is written yet."
    )
