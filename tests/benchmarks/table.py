"""From samples to medians, spreads and ratios, as a table for people and as JSON for programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from tests.benchmarks.measure import Cost

_OURS, _THEIRS = "calsync", "vdirsyncer"
_FIGURES: Final = (
    ("wall_s", "wall s", "{:.2f}"),
    ("cpu_s", "CPU s", "{:.3f}"),
    ("requests", "requests", "{:.1f}"),
    ("rss_mib", "peak MiB", "{:.1f}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured piece of work; with a ``note`` it does not count, and the note says why."""

    tool: str
    events: int
    rtt_ms: float
    scenario: str
    cost: Cost | None
    note: str = ""

    @property
    def counts(self) -> bool:
        return self.cost is not None and not self.note


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several measurements of the same thing."""

    low: float
    middle: float
    high: float
    count: int


Case = tuple[int, float, str]


def cases(samples: Iterable[Sample]) -> list[Case]:
    """Name what was measured, in the order in which it first was."""
    return list(dict.fromkeys((one.events, one.rtt_ms, one.scenario) for one in samples))


def spread(samples: Iterable[Sample], case: Case, tool: str, figure: str) -> Spread | None:
    """Summarise one figure of one tool; None where no sample counts."""
    values = [
        float(getattr(one.cost, figure))
        for one in samples
        if one.counts and one.tool == tool and (one.events, one.rtt_ms, one.scenario) == case
    ]
    if not values:
        return None
    return Spread(low=min(values), middle=median(values), high=max(values), count=len(values))


def ratio(ours: Spread | None, theirs: Spread | None) -> float | None:
    """Divide the medians, ours by theirs."""
    if ours is None or theirs is None or not theirs.middle:
        return None
    return ours.middle / theirs.middle


def as_text(samples: Sequence[Sample]) -> str:
    """Lay out everything measured, one line a figure, then what did not count."""
    head = f"{'events':>6} {'RTT ms':>6} {'scenario':9} {'figure':9} {_OURS:>26} {_THEIRS:>26} {'ratio':>6}"
    notes = [f"does not count: {_name(one)}: {one.note}" for one in samples if one.note]
    return "\n".join([head, *_lines(samples), *notes])


def as_json(samples: Sequence[Sample], about: dict[str, Any]) -> dict[str, Any]:
    """Give the same with every single sample, and what it was measured with."""
    return {
        "about": about,
        "samples": [asdict(one) for one in samples],
        "summary": [_summary(samples, case) for case in cases(samples)],
    }


def _lines(samples: Sequence[Sample]) -> Iterator[str]:
    for case in cases(samples):
        events, rtt_ms, scenario = case
        for figure, title, form in _FIGURES:
            ours, theirs = (spread(samples, case, tool, figure) for tool in (_OURS, _THEIRS))
            share = ratio(ours, theirs)
            yield (
                f"{events:>6} {rtt_ms:>6g} {scenario:9} {title:9} {_shown(ours, form):>26} "
                f"{_shown(theirs, form):>26} {'' if share is None else f'{share:.2f}':>6}"
            )


def _shown(found: Spread | None, form: str) -> str:
    if found is None:
        return "-"
    low, middle, high = (form.format(value) for value in (found.low, found.middle, found.high))
    return f"{middle} [{low}..{high}] n={found.count}"


def _summary(samples: Sequence[Sample], case: Case) -> dict[str, Any]:
    events, rtt_ms, scenario = case
    figures: dict[str, Any] = {}
    for figure, _, _ in _FIGURES:
        ours, theirs = (spread(samples, case, tool, figure) for tool in (_OURS, _THEIRS))
        figures[figure] = {
            _OURS: None if ours is None else asdict(ours),
            _THEIRS: None if theirs is None else asdict(theirs),
            "ratio": ratio(ours, theirs),
        }
    return {"events": events, "rtt_ms": rtt_ms, "scenario": scenario, "figures": figures}


def _name(sample: Sample) -> str:
    return f"{sample.tool}, {sample.events} events, {sample.rtt_ms:g} ms, {sample.scenario}"
