"""Runs tables and collects the results in one document."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

import numpy as np

from verify.bench.clock import MIN_SECONDS, PAUSE_SECONDS, measure
from verify.bench.table import Setup, Table
from verify.errors import UsageError
from verify.versions import DISTRIBUTION, versions

SCHEMA = "verify-bench/1"
ROUNDS = 9
LIBRARIES = ("numba", "numpy", "scipy", "torch", "jax", "scikit-learn", "hypothesis")


def bench(chosen: Iterable[Table], *, rounds: int = ROUNDS, smoke: bool = False, on_setup: Callable[[str], None] = lambda _: None) -> Any:
    """The document of these tables. With `smoke`, sizes and rounds take only seconds, as a test; the times mean nothing."""
    found = []
    for table in chosen:
        rows: list[dict[str, Any]] = []
        for setup in table.setups(smoke):
            on_setup(f"{table.name}: {setup.label}")
            rows += _rows(
                setup, rounds=1 if smoke else rounds, pause=0.0 if smoke else PAUSE_SECONDS, shortest=0.0 if smoke else MIN_SECONDS
            )
        grows = [] if table.compares else growth(rows)
        found.append({"name": table.name, "title": table.title, "compares": table.compares, "rows": rows, "growth": grows})
    return {"schema": SCHEMA, "smoke": smoke, "environment": environment(), "tables": found}


def _rows(setup: Setup, *, rounds: int, pause: float, shortest: float) -> list[dict[str, Any]]:
    errors, says = _answers(setup)
    times = measure({**setup.contestants, **setup.limits}, rounds=rounds, pause=pause, shortest=shortest)
    first = next(iter(setup.contestants))
    told = []
    for name in (*setup.contestants, *setup.limits):
        per = setup.problems * setup.parts.get(name, 1.0)
        seconds = [r[name] / per for r in times.rounds]
        ratios = [s / (r[first] / setup.problems) for s, r in zip(seconds, times.rounds, strict=True)]
        told.append(
            {
                "setup": setup.label,
                "axis": setup.axis,
                "size": setup.size,
                "series": setup.series,
                "contestant": name,
                "limit": name in setup.limits,
                "share": setup.parts.get(name, 1.0),
                "seconds": _spread(seconds),
                "ratio": _spread(ratios),
                "error": errors.get(name),
                "says": says.get(name),
                "rounds": len(seconds),
                "dropped": times.dropped,
                "quiet": times.quiet,
            }
        )
    return told


def _answers(setup: Setup) -> tuple[dict[str, float], dict[str, str]]:
    """Each contestant's error, and its answer in words. Raises UsageError if an error is too large for the time to be meaningful."""
    if setup.error is None and setup.says is None:
        return {}, {}
    answers = {name: work() for name, work in setup.contestants.items()}
    errors = {} if setup.error is None else {name: float(setup.error(answer)) for name, answer in answers.items()}
    for name, error in errors.items():
        if not error <= setup.allowed:
            raise UsageError(f"{setup.label}: {name} is wrong by {error:.2g}, allowed {setup.allowed:.2g}: its time means nothing.")
    return errors, {} if setup.says is None else {name: setup.says(answer) for name, answer in answers.items()}


def _spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles."""
    quartiles = quantiles(values, n=4, method="inclusive") if len(values) > 1 else list(values) * 3
    return {"median": median(values), "low": quartiles[0], "high": quartiles[2]}


def growth(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each contestant and axis the exponent b of time ≈ a·sizeᵇ, by least squares over the logarithms."""
    return [
        {"contestant": name, "axis": axis, "exponent": float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), "points": len(sizes)}
        for (name, axis), sizes, seconds in _curves(rows)
        if len(sizes) > 1
    ]


def _curves(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str], list[int], list[float]]]:
    for name, axis in dict.fromkeys((r["contestant"], r["axis"]) for r in rows if r["axis"]):
        mine = [r for r in rows if (r["contestant"], r["axis"]) == (name, axis)]
        yield (name, axis), [r["size"] for r in mine], [r["seconds"]["median"] for r in mine]


def environment() -> dict[str, Any]:
    """The machine and versions of the times."""
    there = versions(LIBRARIES)
    machine = {"platform": platform.platform(), "machine": platform.machine(), "cores": os.cpu_count()}
    found = {"libraries": there, "absent": [name for name in LIBRARIES if name not in there]}
    return machine | {"python": platform.python_version(), "verify": versions([DISTRIBUTION])[DISTRIBUTION]} | found
