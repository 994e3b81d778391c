"""Compares calsync with vdirsyncer: ``python -m tests.benchmarks.run [--short] [--json]``.

Both tools sync two calendars on two real Radicale servers through a delaying proxy, in turn, each time
from the same copied data and from nothing known:

* first: calendar a holds all events, b is empty (``--both-ways``: each holds one half);
* quiet: nothing has changed;
* changed: 1 % of the events were edited since, half of them on either side;
* resident: calsync's daemon while nothing changes, per poll (wall is the poll interval).

Finding the calendars and connecting is not measured. CPU and memory are those of the tool alone,
requests are counted by the proxy. A run that leaves the calendars unequal does not count. Figures of a
machine with other work compare nothing: look at the ratios, and at the spread beside them. The servers
wait for the disk at every write; TMPDIR on a memory file system takes that noise away. Radicale reads the
whole collection for each new object (about 60 µs an event in it), one write at a time: at 5,000 events a
first sync is mostly its work, whoever asks.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import table
from tests.benchmarks.compare import difference
from tests.benchmarks.events import mixed_events
from tests.benchmarks.measure import Cost
from tests.benchmarks.table import Sample
from tests.benchmarks.tools import VDIRSYNCER_VERSION, Calsync, Resident, Tool, ToolError, Vdirsyncer
from tests.benchmarks.world import World, make_template

_SEED: Final = 20261124
_SHORT_LIMIT_S: Final = 22 * 60.0  # no run starts later than that, so that the last one ends within 30 minutes
_SETTLE_POLLS: Final = 2
_WATCHED_POLLS: Final = 4
_TOOLS: Final[dict[str, Callable[[], Tool]]] = {"calsync": Calsync, "vdirsyncer": Vdirsyncer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    events: tuple[int, ...]
    rtts_ms: tuple[float, ...]
    repetitions: int
    tools: tuple[str, ...]
    both_ways: bool = False
    limit_s: float | None = None


def measure_all(extent: Extent, folder: Path, report: Callable[[Sample], None]) -> None:
    """Measure everything; each sample is reported as soon as it is there."""
    begun = time.monotonic()
    tools = [_TOOLS[name]() for name in extent.tools]
    for count in extent.events:
        template = folder / f"template-{count}"
        samples = mixed_events(count, seed=_SEED)
        middle = count // 2 if extent.both_ways else count
        make_template(template, a=samples[:middle], b=samples[middle:])
        for rtt_ms in extent.rtts_ms:
            for number in range(extent.repetitions):
                for tool in tools:
                    if extent.limit_s is not None and time.monotonic() - begun > extent.limit_s:
                        return
                    run_folder = folder / f"{tool.name}-{count}-{rtt_ms:g}-{number}"
                    for sample in _one_run(tool, template, run_folder, count=count, rtt_ms=rtt_ms):
                        report(sample)


def _one_run(tool: Tool, template: Path, folder: Path, *, count: int, rtt_ms: float) -> Iterator[Sample]:
    """Go through all scenarios once; a tool that fails ends its run with a sample that says so."""
    blank = Sample(tool=tool.name, events=count, rtt_ms=rtt_ms, scenario="first", cost=None)
    (folder / "tool").mkdir(parents=True)
    with World(template, folder / "servers", rtt_ms=rtt_ms) as world:
        try:
            tool.prepare(folder / "tool", world.ends)
            yield _checked(world, tool, replace(blank, cost=_counted(world, tool.first)))
            blank = replace(blank, scenario="quiet")
            yield _checked(world, tool, replace(blank, cost=_counted(world, tool.sync)))
            blank = replace(blank, scenario="changed")
            world.change(max(1, count // 100), round_number=1)
            yield _checked(world, tool, replace(blank, cost=_counted(world, tool.sync)))
            if isinstance(tool, Calsync):
                blank = replace(blank, scenario="resident")
                yield _checked(world, tool, replace(blank, cost=_per_poll(world, tool)))
        except ToolError as error:
            yield replace(blank, note=str(error))


def _counted(world: World, work: Callable[[], Cost]) -> Cost:
    before = world.traffic()
    cost = work()
    after = world.traffic()
    moved = after.bytes_up + after.bytes_down - before.bytes_up - before.bytes_down
    return replace(cost, requests=float(after.requests - before.requests), bytes=float(moved))


def _checked(world: World, tool: Tool, sample: Sample) -> Sample:
    """Let a sample count only if both calendars hold the same events now."""
    a, b = (world.raw.texts(end.direct_url).values() for end in world.ends)
    found = difference(a, b, with_uid=tool.keeps_uid)
    if found is None and len(a) == sample.events:
        return sample
    return replace(sample, note=f"the calendars hold {len(a)} and {len(b)} events; {found}")


def _per_poll(world: World, tool: Calsync) -> Cost:
    """Watch the daemon over some polls, after it has settled, and divide."""
    daemon = tool.serve()
    try:
        time.sleep(_SETTLE_POLLS * daemon.poll_s)
        return _watch(world, daemon)
    finally:
        daemon.stop()


def _watch(world: World, daemon: Resident) -> Cost:
    before, requests_before = daemon.snapshot(), world.traffic().requests
    time.sleep(_WATCHED_POLLS * daemon.poll_s)
    after, requests_after = daemon.snapshot(), world.traffic().requests
    polls = (after.at - before.at) / daemon.poll_s
    return Cost(
        wall_s=daemon.poll_s,
        cpu_s=(after.cpu_s - before.cpu_s) / polls,
        rss_mib=after.rss_mib,
        requests=(requests_after - requests_before) / polls,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer of everything; ends within 30 minutes")
    parser.add_argument("--events", type=_numbers, metavar="N,N", help="sizes (1000,5000; short: 1000)")
    parser.add_argument("--rtt", type=_numbers, metavar="MS,MS", help="round trips in milliseconds (0,40)")
    parser.add_argument("--repetitions", type=int, metavar="N", help="how often (5; short: 3)")
    parser.add_argument("--tools", type=_names, metavar="NAME,NAME", help="which tools (calsync,vdirsyncer)")
    parser.add_argument("--both-ways", action="store_true", help="half of the events on either side at first")
    parser.add_argument("--json", action="store_true", help="JSON on standard output; progress goes to stderr")
    return parser.parse_args(given)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(_TOOLS):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(_TOOLS)}")
    return names


def _extent(arguments: argparse.Namespace) -> Extent:
    sizes = arguments.events or ((1000,) if arguments.short else (1000, 5000))
    return Extent(
        events=tuple(int(size) for size in sizes),
        rtts_ms=arguments.rtt or (0.0, 40.0),
        repetitions=arguments.repetitions or (3 if arguments.short else 5),
        tools=arguments.tools or tuple(_TOOLS),
        both_ways=arguments.both_ways,
        limit_s=_SHORT_LIMIT_S if arguments.short else None,
    )


def _about(extent: Extent) -> dict[str, Any]:
    return {
        "vdirsyncer": VDIRSYNCER_VERSION,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "seed": _SEED,
        "events": extent.events,
        "rtt_ms": extent.rtts_ms,
        "repetitions": extent.repetitions,
        "both_ways": extent.both_ways,
    }


def main() -> None:
    arguments = _arguments()
    extent = _extent(arguments)
    samples: list[Sample] = []

    def report(sample: Sample) -> None:
        samples.append(sample)
        took = "failed" if sample.cost is None else f"{sample.cost.wall_s:.2f} s"
        print(
            f"{sample.tool} {sample.events} events {sample.rtt_ms:g} ms {sample.scenario}: {took} {sample.note}",
            file=sys.stderr,
            flush=True,
        )

    with tempfile.TemporaryDirectory(prefix="calsync-benchmark-") as folder:
        measure_all(extent, Path(folder), report)
    if arguments.json:
        print(json.dumps(table.as_json(samples, _about(extent)), indent=1))
    else:
        print(f"{_about(extent)}\n{table.as_text(samples)}")


if __name__ == "__main__":
    main()
