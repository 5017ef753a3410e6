"""On kinks: the candidate's value of an entry beside the interval of all allowed values."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.cases import Case, has_kinks
from verify.cases.kinks import tie
from verify.laws import Subject
from verify.survey.rounding import short

POINTS = 12


def kink_map(subject: Subject) -> list[dict[str, Any]] | None:
    """One row for each point: the entry with the widest interval, its ends, the returned value and its position."""
    if not has_kinks(subject.scored):
        return None
    return [row for seed in range(POINTS) if (row := _row(subject, seed)) is not None]


def _row(subject: Subject, seed: int) -> dict[str, Any] | None:
    case = _on_a_kink(subject, seed)
    if case is None:
        return None
    truth, g = subject.truth(case).gradient, subject.raw_answer(case).gradient
    places = [(j, k) for j in range(g.shape[0]) for k in range(g.shape[1])]
    ends = {p: _interval(truth, p, g.shape) for p in places}
    j, k = max(places, key=lambda p: ends[p][1] - ends[p][0])
    (low, high), value, slack = ends[j, k], float(g[j, k]), float(truth.radius[j, k])
    if high <= low:
        return None
    state = "not a number" if np.isnan(value) else "inside" if low - slack <= value <= high + slack else "outside"
    return {"entry": [j, k], "low": short(low), "high": short(high), "returned": short(value), "state": state}


def _interval(truth: Any, place: tuple[int, int], shape: tuple[int, ...]) -> tuple[float, float]:
    e = np.zeros(shape)
    e[place] = 1
    return -truth.support(-e), truth.support(e)


def _on_a_kink(subject: Subject, seed: int) -> Case | None:
    """A point of the dyadic lattice with one bias solved, so that a switch of one example is exactly 0."""
    dtype, rng = subject.scored.dtype, np.random.default_rng(seed)
    W, X = (rng.integers(-4, 5, size=(3, 3)) / 2 for _ in range(2))
    X[:, -1] = 1
    y = rng.integers(0, 3, 3)
    W, X = W.astype(dtype), X.astype(dtype)
    if not tie(subject.scored, W, X, y, [0], rng):
        return None
    return Case(values={"W": W, "X": X, "y": y, "reg": 0.125}, family="kink", seed=seed)
