"""Comparable times: contestants take turns in shuffled rounds, and rounds in which other processes kept the machine busy are dropped."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verify.bench.table import Work

BUSY_CORES = 0.15
"""Cores that other processes may use during a round."""

PAUSE_SECONDS = 0.15
"""Seconds before each measurement: threads of a BLAS spin after a call and slow down the next contestant."""

MIN_SECONDS = 2e-3
"""Least seconds of a measurement; faster work is repeated."""

TRIES_PER_ROUND = 3
"""Rounds to try for each one needed."""

STAT = Path("/proc/stat")


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of one call of each contestant, round by round. `quiet` says whether other processes left the
    machine alone; None if unknown.
    """

    rounds: tuple[Mapping[str, float], ...]
    dropped: int
    quiet: bool | None


def measure(works: Mapping[str, Work], *, rounds: int, pause: float = PAUSE_SECONDS, shortest: float = MIN_SECONDS, seed: int = 0) -> Times:
    """Times of this many rounds. If the machine is never quiet, of the rounds that there are, marked as not quiet."""
    repeats = {name: _repeats(work, shortest) for name, work in works.items()}
    order, rng = list(works), random.Random(seed)  # noqa: S311  # an order, not a secret
    kept: list[Mapping[str, float]] = []
    busy: list[Mapping[str, float]] = []
    known = STAT.exists()
    while len(kept) < rounds and len(kept) + len(busy) < TRIES_PER_ROUND * rounds:
        rng.shuffle(order)
        before, began = _others(), time.perf_counter()
        found = {name: _timed(works[name], repeats[name], pause) for name in order}
        share = (_others() - before) / (time.perf_counter() - began)
        (busy if known and share > BUSY_CORES else kept).append(found)
    if len(kept) < rounds:
        return Times(rounds=(*kept, *busy)[:rounds], dropped=0, quiet=False)
    return Times(rounds=tuple(kept), dropped=len(busy), quiet=True if known else None)


def _repeats(work: Work, shortest: float) -> int:
    """How many calls take `shortest` together. The first call may compile and does not count."""
    work()
    calls = 1
    while (spent := _timed(work, calls, 0.0) * calls) < shortest:
        calls = max(calls + 1, min(10 * calls, int(calls * shortest / max(spent, 1e-9)) + 1))
    return calls


def _timed(work: Work, calls: int, pause: float) -> float:
    time.sleep(pause)
    collecting = gc.isenabled()
    gc.disable()
    try:
        began = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - began) / calls
    finally:
        if collecting:
            gc.enable()


def _others() -> float:
    """CPU seconds that all processes except this one and its children have used since the machine started; 0 if unknown."""
    if not STAT.exists():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, STAT.read_text(encoding="ascii").split("\n")[0].split()[1:])
    mine = os.times()
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - sum(mine[:4])
