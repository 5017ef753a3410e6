"""The name of the bug in a pair: its gradient beside that of the differences, entry by entry, at several points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import Diagnosis, Numbers, of_numbers
from verify.pair.laws import rounding
from verify.pair.place import GIVEN, Start, grid, places
from verify.pair.slope import scales
from verify.pair.subject import Floats, Pair, direction

MOST_ENTRIES = 48
"""Larger gradients are not looked at entry by entry: each entry costs some seventy evaluations of the loss. They are looked at along dense
directions, which tell what is done to all entries alike.
"""
DIRECTIONS = 8
ALIKE = ("scaled", "sign", "term-missing")
"""Codes of what is done to all entries alike."""
POINTS = 3
NUDGE = 2.0**-18
"""Relative step of the second differences: its square is beyond the digits of float32, and steps of half precision are longer."""
LOOKED_AT = 12


def named(pair: Pair, broken: Case, at: Start, dtype: str, seed: int, watch: Callable[[Case], None] = lambda _: None) -> Diagnosis | None:
    """The bug that explains the gradient at the broken place and at points around it; None where none is found. `watch` hears of
    each point before the pair does.
    """
    others = (p for p in islice(places(at, dtype, seed), LOOKED_AT) if p.family in (GIVEN, "near"))
    found = of_numbers(list(islice(_seen(pair, chain([broken], others), watch), POINTS)), dtype)
    return found if found is None or broken.x.size <= MOST_ENTRIES or (found.code in ALIKE and found.entries == "all") else None


def _seen(pair: Pair, there: Iterator[Case], watch: Callable[[Case], None]) -> Iterator[Numbers]:
    """The points that are smooth in every entry. Elsewhere a candidate may choose."""
    for case in there:
        watch(case)
        try:
            numbers = _numbers(pair, case) if case.x.size <= MOST_ENTRIES else _along_directions(pair, case)
        except Misbehaviour:
            continue
        if numbers is not None:
            yield numbers


def _numbers(pair: Pair, case: Case) -> Numbers | None:
    x, scale = grid(case), scales(case.x)
    truth, error = np.zeros(x.shape), np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        d = np.zeros_like(x)
        d[at] = scale[at]
        line = pair.along(x, d)
        low, high, off = line.interval
        if line.kink or not np.isfinite(off):
            return None
        truth[at], error[at] = (low + high) / 2 / scale[at], (off + rounding(pair, line, x, d)) / scale[at]
    return Numbers(pair.gradient(x).astype(np.float64), truth, error, _grain(pair, x))


def _along_directions(pair: Pair, case: Case) -> Numbers | None:
    """The same along dense directions in place of entries."""
    x = grid(case)
    g = pair.gradient(x).astype(np.float64)
    told, truth, error = np.zeros((3, DIRECTIONS))
    for k in range(DIRECTIONS):
        d = direction(x, case.seed + k)
        line = pair.along(x, d)
        low, high, off = line.interval
        if line.kink or not np.isfinite(off):
            return None
        told[k], truth[k], error[k] = np.sum(g * d), (low + high) / 2, off + rounding(pair, line, x, d)
    return Numbers(told, truth, error, np.zeros(DIRECTIONS))


def _grain(pair: Pair, x: Floats) -> Floats:
    """Second differences of the gradient at steps so short that a smooth one has none: what is left is rounding."""
    before, here, after = (pair.gradient(x * x.dtype.type(1 + k * NUDGE)).astype(np.float64) for k in (-1, 0, 1))
    return np.asarray(np.abs(before - 2 * here + after))
