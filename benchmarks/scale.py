"""What a large search costs: what is measured here, and a simulation with it of searches on 2, 100 and 10,000 cores.

    python benchmarks/scale.py

Measured are problems a second and core in parts of a large search, the bytes of an outcome on its way and in the ledger, rows that the
ledger commits a second, and units that a scheduler of dask hands out and takes back a second, where distributed is installed. The
simulation draws the time of each part from those that were measured; the scheduler and the ledger serve one part after the other.
"""

from __future__ import annotations

import heapq
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path

import numpy as np

from verify.campaign import documents, large
from verify.campaign.judging import perform
from verify.campaign.ledger import Ledger
from verify.campaign.task import Outcome, Request, Task
from verify.cases.case import IN_BULK

PARTS, ROUNDS = 8, 5
"""Parts that are timed, shorter than those of a search."""

NUMPY = """
import numpy as np

def softmax(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    value = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return value, P.T @ X / len(X) + 2 * reg * W
"""


def parts(target: str, loss: str) -> tuple[list[Outcome], list[float]]:
    """Outcomes of parts of a search, and the seconds that each took."""
    task = Task(Request(candidate=target, loss=loss, laws=("gradient",)), "float64", "gradient", rounds=ROUNDS)
    found, seconds = [], []
    for k in range(PARTS + 1):
        began = time.perf_counter()
        outcome = perform(replace(task, part=k + 1), goes_on=True)
        if k:  # the first compiles
            assert isinstance(outcome, Outcome)
            found.append(outcome)
            seconds.append(time.perf_counter() - began)
    return found, seconds


def rows_a_second(outcome: Outcome, folder: Path, rows: int = 300) -> float:
    """Rows that the ledger commits."""
    ledger, told = Ledger(folder / "ledger.sqlite"), json.dumps(documents.as_data(outcome))
    began = time.perf_counter()
    for k in range(rows):
        ledger.keep(str(k), told, {"files": {}, "libraries": {}}, subject="x")
    taken = time.perf_counter() - began
    ledger.close()
    return rows / taken


def units_a_second(outcome: Outcome, units: int = 1500) -> float | None:
    """Units that a scheduler hands out and takes back, with a payload of one outcome each; None without distributed."""
    if find_spec("distributed") is None:
        return None
    from distributed import Client, LocalCluster, as_completed

    payload = pickle.dumps(replace(outcome))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        client.gather(client.map(bytes, [payload] * 50, pure=False))
        began = time.perf_counter()
        waiting = as_completed([client.submit(bytes, payload, pure=False) for _ in range(64)])
        asked = 64
        for future in waiting:
            future.result()
            future.release()
            if asked < units:
                waiting.add(client.submit(bytes, payload, pure=False))
                asked += 1
        return units / (time.perf_counter() - began)


MOST = 300_000
"""Parts that are simulated one by one; of more the first of them, which stand for all."""


def simulated(times: Sequence[float], count: int, cores: int, scheduler: float, ledger: float) -> float:
    """Seconds that `count` parts take on so many cores, with `scheduler` and `ledger` seconds of service for each part."""
    rng, shown = np.random.default_rng(0), min(count, max(MOST, 4 * cores))
    drawn = rng.choice(np.asarray(times), size=shown)
    free = [0.0] * min(cores, shown)
    handed = kept = 0.0
    for seconds in drawn.tolist():
        handed = max(handed, heapq.heappop(free)) + scheduler
        end = handed + seconds
        heapq.heappush(free, end)
        kept = max(kept, end) + ledger
    return max(kept, *free) * count / shown


def main() -> None:
    """Prints the tables."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.py").write_text(NUMPY, encoding="utf-8")
        kinds = {
            "compiled (numba)": ("verify.core.softmax_cross_entropy:l2", "softmax_cross_entropy"),
            "numpy": (f"{folder}/mine.py:softmax", "softmax_cross_entropy"),
        }
        measured = {name: parts(*how) for name, how in kinds.items()}
        outcome = measured["numpy"][0][0]
        rows, units = rows_a_second(outcome, Path(folder)), units_a_second(outcome)
    text = json.dumps(documents.as_data(outcome))
    print(f"{'candidate':18} {'problems/s and core':>20} {'spread of times':>16}")
    rates = {}
    for name, (outcomes, seconds) in measured.items():
        problems = [o.result.families[IN_BULK] for o in outcomes]
        rates[name] = sum(problems) / sum(seconds)
        print(f"{name:18} {rates[name]:20,.0f} {max(seconds) / min(seconds):15.2f}×")
    print(f"\noutcome: {len(pickle.dumps(outcome)):,} bytes on its way, {len(text):,} in the ledger; {rows:,.0f} rows/s")
    print(f"scheduler: {'distributed is not installed' if units is None else f'{units:,.0f} units/s'}\n")
    scheduler, ledger = 1 / (units or 500.0), 1 / rows
    print(f"{'problems':>8} {'cores':>7} {'candidate':18} {'parts':>10} {'of seconds':>10} {'takes':>12} {'beyond ideal':>12}")
    for problems in (1e9, 1e12):
        rounds = large.rounds_of(problems)
        for cores in (2, 100, 10_000):
            for name, (outcomes, seconds) in measured.items():
                size = outcomes[0].result.families[IN_BULK] * rounds / ROUNDS
                times = [s * rounds / ROUNDS for s in seconds]
                count = ceil(problems / size)
                takes = simulated(times, count, cores, scheduler, ledger)
                ideal = count * float(np.mean(times)) / cores
                told = f"{takes / 3600:,.2f} h" if takes > 600 else f"{takes:,.0f} s"
                print(f"{problems:8.0e} {cores:7,} {name:18} {count:10,} {np.mean(times):10.1f} {told:>12} {takes / ideal - 1:11.1%}")


if __name__ == "__main__":
    sys.exit(main())
