"""How the daemon is: what it counts, and whether it works."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from calsync.core.record import Run
from calsync.ports import Clock, Pair, PairState

STALLED_S: Final = 60.0
"""Without a dispatch for so long the daemon hangs."""
MISSED: Final = 3
"""A pair that is overdue by so many intervals is stuck."""


class Health:
    """Counts what happens; implements `web.app.Vitals`."""

    def __init__(self, clock: Clock, *, poll_s: float) -> None:
        self._clock = clock
        self._poll_s = poll_s
        self._dispatched_at: datetime = clock.now()
        self._trouble = ""
        self._is_serving = False
        self._registry = registry = CollectorRegistry()
        self._runs = Counter("calsync_runs", "Runs of pairs by how they ended.", ["state"], registry=registry)
        self._writes = Counter("calsync_writes", "Writes to calendar systems.", registry=registry)
        self._requests = Counter("calsync_requests", "Requests sent by runs.", registry=registry)
        self._seconds = Histogram("calsync_run_seconds", "How long runs take.", registry=registry)
        self._failures = Counter("calsync_failures", "Errors of the program itself.", ["where"], registry=registry)
        self._pairs = Gauge("calsync_pairs", "Pairs by state.", ["state"], registry=registry)
        self._overdue = Gauge("calsync_pairs_overdue", "Pairs that should have run long ago.", registry=registry)
        self._running = Gauge("calsync_pairs_running", "Pairs that run now.", registry=registry)
        info = Gauge("calsync_info", "The version.", ["version"], registry=registry)
        info.labels(version("calsync")).set(1)

    # --- what happens

    def serving(self, is_serving: bool) -> None:
        self._is_serving = is_serving

    def dispatched(self, running: int) -> None:
        self._dispatched_at = self._clock.now()
        self._running.set(running)
        self._trouble = ""

    def troubled(self, where: str, error: BaseException) -> None:
        """Something of ours failed; cleared by the next dispatch that works."""
        self._failures.labels(where).inc()
        self._trouble = f"{where}: {type(error).__name__}"

    def ran(self, run: Run) -> None:
        self._runs.labels(run.state.value if run.state is not None else "unknown").inc()
        self._writes.inc(run.writes)
        self._requests.inc(run.requests)
        if run.ended is not None:
            self._seconds.observe(max(0.0, (run.ended - run.started).total_seconds()))

    def counted(self, pairs: Sequence[Pair]) -> None:
        states = Tally(pair.state for pair in pairs)
        for state in PairState:
            self._pairs.labels(state.value).set(states[state])
        late = self._clock.now() - timedelta(seconds=MISSED * self._poll_s)
        self._overdue.set(sum(1 for pair in pairs if pair.due_at is not None and pair.due_at < late))

    # --- how it is

    @property
    def is_live(self) -> bool:
        return (self._clock.now() - self._dispatched_at).total_seconds() < STALLED_S

    def live(self) -> tuple[bool, dict[str, Any]]:
        return self.is_live, {"status": "ok" if self.is_live else "stalled", "version": version("calsync")}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        good = self._is_serving and self.is_live and not self._trouble
        return good, {"status": "ready" if good else self._trouble or "not ready"}

    def metrics(self) -> tuple[bytes, str]:
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
