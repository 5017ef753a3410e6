"""The name of the bug in a pair: its gradient against that of the differences, entry by entry, at several points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.cases.case import NAMING
from verify.diagnosis import Diagnosis, Numbers, of_inputs, of_numbers
from verify.evidence import Measurement
from verify.pair.laws import rounding
from verify.pair.place import GIVEN, grid
from verify.pair.subject import Floats, Pair, direction
from verify.problem.sampling import scales
from verify.trial import Watch

MOST_ENTRIES = 48
"""Larger gradients are not examined entry by entry, since each entry costs some seventy evaluations of the loss, but along dense
directions, which show changes of all entries.
"""
DIRECTIONS = 8
ALIKE = ("scaled", "sign", "term-missing")
"""Codes of changes that concern all entries."""
POINTS = 3
NUDGE = 2.0**-18
"""Relative step of the second differences: its square is beyond the digits of float32, and steps of half precision are longer."""

THERE = "; this is the example itself: give another one (at) where that is at fault and not the code"
NOT_FINITE = "the computation leaves the range of the dtype, or divides by 0"


def diagnosed(
    pair: Pair, case: Case, what: Measurement | Misbehaviour, others: Iterator[Case], watch: Watch, avoided: Sequence[Case]
) -> Diagnosis:
    """The name of the bug that broke a law at a case, or the measurement there. `watch` receives each of the `others` that are needed;
    those `avoided` are skipped.
    """
    if isinstance(what, Misbehaviour):
        hint = THERE if what.code == "crashed" and case.family == GIVEN else ""
        return Diagnosis(what.code, f"the candidate {what}{hint}", kind="behaviour")
    worst = what.worst
    assert worst is not None
    where = worst.where
    there = f"entry {where['entry']}" if "entry" in where else where["method"]
    entries: Any = [where["entry"]] if "entry" in where else "all"
    if "entry" in where and len(case.values) > 1:
        name, index = case.place(where["entry"])
        there = entries = f"{name}{index or ''}"
    if not np.isfinite(where["measured"]):
        return Diagnosis("overflow", f"{there} is {where['measured']}: {NOT_FINITE}", entries, kind="precision")
    step = f" at h = {where['h']:g}" if "h" in where else ""
    measured = f"{there}{step} is {where['measured']:.17g}, allowed {where['expected']:.17g} ± {worst.allowed:.2g}"
    keys = {c.key for c in avoided}
    asked = (c for c in chain([case], others) if c.key not in keys)
    found = _named(pair, case, asked, watch)
    return Diagnosis("unknown", measured, entries) if found is None else replace(found, measured=measured)


def _named(pair: Pair, broken: Case, there: Iterator[Case], watch: Watch) -> Diagnosis | None:
    """The bug that explains the gradient at the first smooth points; None if there is none."""
    seen = list(islice(_seen(pair, there, watch), POINTS))
    if len(broken.values) > 1 and broken.x.size <= MOST_ENTRIES:
        return of_inputs([_by_input(broken, n) for n in seen], broken.dtype)
    found = of_numbers(seen, broken.dtype)
    return found if found is None or broken.x.size <= MOST_ENTRIES or (found.code in ALIKE and found.entries == "all") else None


def _by_input(case: Case, numbers: Numbers) -> dict[str, Numbers]:
    """The numbers split by input."""
    parts = [case.parted(a) for a in (numbers.gradient, numbers.truth, numbers.error, numbers.grain)]
    return {name: Numbers(*(p[name] for p in parts)) for name in case.differentiated}


def _seen(pair: Pair, there: Iterator[Case], watch: Watch) -> Iterator[Numbers]:
    """The numbers at points that are smooth in every entry. Elsewhere a candidate may choose."""
    for case in there:
        watch(replace(case, family=NAMING))
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
    """The numbers along dense directions instead of entries."""
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
    """Second differences of the gradient at steps so short that a smooth gradient has none: the rest is rounding."""
    before, here, after = (pair.gradient(x * x.dtype.type(1 + k * NUDGE)).astype(np.float64) for k in (-1, 0, 1))
    with np.errstate(invalid="ignore"):  # beside a pole
        return np.asarray(np.abs(before - 2 * here + after))
