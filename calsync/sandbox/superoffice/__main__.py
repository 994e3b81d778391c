"""The simulator as a process of its own: ``python -m calsync.sandbox.superoffice --port N --ready-file F``."""

import argparse
import asyncio
import dataclasses
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calsync.sandbox.superoffice.believable import believable_company, believable_week
from calsync.sandbox.superoffice.server import SuperOfficeSandbox, Tls
from calsync.sandbox.superoffice.world import World


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m calsync.sandbox.superoffice", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of the login host; 0 takes a free one")
    parser.add_argument("--tenant-hosts", type=int, default=2, help="number of tenant hosts")
    parser.add_argument("--single-port", action="store_true", help="login and tenants on one origin")
    parser.add_argument("--ready-file", help="written when it serves: URLs, credentials and people as JSON")
    parser.add_argument("--custid", default="Cust12345")
    parser.add_argument("--base-zone", default="NO", help="SuperOffice zone code of the tenant")
    parser.add_argument("--world", choices=("week", "people"), default="week", help="what is there at start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cert-file")
    parser.add_argument("--key-file")
    return parser.parse_args(words)


def _world(chosen: argparse.Namespace) -> tuple[World, dict[str, int]]:
    world = World()
    tenant = world.add_tenant(chosen.custid, base_zone=chosen.base_zone)
    if chosen.world == "people":
        company = believable_company(tenant)
    else:
        today = datetime.now(UTC).date()
        monday = today - timedelta(days=today.weekday())
        company = believable_week(tenant, monday=monday, seed=chosen.seed)
    return world, dataclasses.asdict(company)


async def _run(chosen: argparse.Namespace) -> None:
    world, people = _world(chosen)
    tls = Tls(cert_file=chosen.cert_file, key_file=chosen.key_file) if chosen.cert_file else None
    sandbox = SuperOfficeSandbox(
        world,
        host=chosen.host,
        port=chosen.port,
        tenant_hosts=chosen.tenant_hosts,
        single_port=chosen.single_port,
        tls=tls,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with sandbox:
        told = {
            "login_url": sandbox.login_url,
            "tenant_url": sandbox.tenant_url(),
            "control_url": sandbox.control_url,
            "credentials": dataclasses.asdict(sandbox.credentials()),
            "people": people,
            "pid": os.getpid(),
        }
        _tell(told, chosen.ready_file)
        await stop.wait()


def _tell(told: dict[str, object], ready_file: str | None) -> None:
    """Write the ready file in one step, so that a reader never sees half of it."""
    text = json.dumps(told, indent=2)
    if ready_file is None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        return
    path = Path(ready_file)
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    asyncio.run(_run(_arguments(sys.argv[1:])))
