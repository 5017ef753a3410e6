"""What the guard costs: microseconds for each case and each call, milliseconds for a worker that was lost.

    python benchmarks/guard.py

The same laws on the same candidate as a worker asks them and as `--in-process` does; the difference is the guard's. What `asked` does
to each call it does in both, and is measured apart.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from verify.campaign.executor import execute
from verify.campaign.guarded import perform_guarded
from verify.campaign.judging import perform
from verify.campaign.notes import TaskNotes
from verify.campaign.task import Request
from verify.candidates import Linear, float_environment
from verify.cases import Case

SOURCE = """
import numpy as np

def loss(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    value = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return value, P.T @ X / len(X) + 2 * reg * W

def counted(*arguments):
    counted.calls += 1
    return loss(*arguments)

counted.calls = 0

def lost(W, X, y, reg):
    import os
    return os._exit(1) if len(X) == 1 else loss(W, X, y, reg)
"""
RUNS = 5
LAWS = ("value", "gradient", "order", "consistency", "purity")


def microseconds(f: Callable[[], object], times: int = 5000) -> float:
    """The median over five runs."""

    def once() -> float:
        began = time.perf_counter()
        for _ in range(times):
            f()
        return (time.perf_counter() - began) / times * 1e6

    return statistics.median(once() for _ in range(5))


def least(f: Callable[[], object]) -> float:
    """Seconds of this process in the least of some runs."""

    def once() -> float:
        began = time.process_time()
        f()
        return time.process_time() - began

    return min(once() for _ in range(RUNS))


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.py"
        file.write_text(SOURCE, encoding="utf-8")
        rng = np.random.default_rng(0)
        case = Case(
            values={"W": rng.normal(size=(10, 65)), "X": rng.normal(size=(32, 65)), "y": rng.integers(0, 10, 32), "reg": 0.5},
            family="benchmark",
        )
        notes, names = TaskNotes(Path(folder) / "notes-of-a-case"), dict[str, object]()
        exec(SOURCE, names)  # noqa: S102
        f: Callable[..., object] = names["loss"]  # type: ignore[assignment]
        candidate = Linear(f=f)
        arguments = candidate.arguments(**case.values)
        print(f"note of a case (32 × 65, 10 classes)   {microseconds(lambda: notes.on_case(case)):8.1f} µs a case")
        print(f"settings for floats, read twice        {2 * microseconds(float_environment.settings):8.1f} µs a call")
        plain, asked = microseconds(lambda: f(*arguments)), microseconds(lambda: candidate.answer(arguments))
        print(f"a call and what is made of its answer  {asked - plain:8.1f} µs a call, beside {plain:.1f} µs of the candidate's own")

        tasks = Request(candidate=f"{file}:counted", loss="softmax_cross_entropy", laws=LAWS).tasks()
        here = least(lambda: [perform(task) for task in tasks])
        there = least(lambda: [perform_guarded(task, Path(folder) / "notes", Path(folder) / "output") for task in tasks])
        module = next(m for name, m in sys.modules.items() if name.startswith("_verify_mine"))
        calls = module.counted.calls / (2 * RUNS)
        print(f"all of it, over {calls:.0f} calls              {(there - here) / calls * 1e6:8.1f} µs a call")

        def wall(name: str) -> float:
            began = time.perf_counter()
            execute(Request(candidate=f"{file}:{name}", loss="softmax_cross_entropy", laws=("value",) * 10).tasks(), timeout=None)
            return time.perf_counter() - began

        once = min(wall("lost") for _ in range(3)) / 10
        print(f"a law whose worker is lost             {once * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
