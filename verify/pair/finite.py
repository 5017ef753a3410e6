"""Answers that are not finite: where they are wrong, where they are right, and where that is unknown.

A loss that is not a number at the given point is wrong there, or the point lies outside its domain: the user says that it does not. At
other points a domain may have ended. An infinite loss is right where the true one is beyond the dtype's range, or at a pole; an infinite
slope where the loss has no finite one.
"""

from __future__ import annotations

from math import inf, isfinite, isnan, nan

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.pair.place import GIVEN, grid
from verify.pair.subject import Pair
from verify.problem.sampling import scales

Floats = NDArray[np.floating]

OUTSIDE = "the loss is not finite: outside its domain"
BEYOND = "the loss is infinite: it grows beyond the dtype's range, or has a pole here"
STEEP = "the gradient is not finite, and neither are the slopes of the loss"
HALVINGS = 60
"""Bisections between a point with a finite loss and one without: to the last bit in float64."""
GROWN = 0.25
"""Power of the dtype's greatest number from which on a loss counts as growing beyond it: a right formula may compute the square, or the
fourth power, of a finite result. If log Σ exp is 710 where exp overflows, the true value is finite.
"""
ENTRIES = 3
"""Entries that are not finite to examine."""


def of_loss(pair: Pair, case: Case) -> Measurement | None:
    """The meaning of a loss that is not finite here. None if it is finite."""
    value = pair.value(case.x)
    if isfinite(value):
        return None
    if case.family != GIVEN:
        return Measurement(undecided=OUTSIDE)
    if not isnan(value) and (_grows(pair, case.x) or _has_a_pole(pair, case.x)):
        return Measurement(undecided=BEYOND)
    where = {"method": "the loss at the given point", "measured": value, "expected": nan}
    return Measurement(evidence=(Evidence(measured=nan, allowed=0.0, where=where),))


def _grows(pair: Pair, x: Floats) -> bool:
    """Whether the last finite loss on the way to x is so great that the next ones may truly be beyond the range."""
    low, high = 0.0, 1.0
    last = pair.sampled(x * x.dtype.type(low))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value = pair.sampled(x * x.dtype.type(middle))
        if isfinite(value):
            low, last = middle, value
        else:
            high = middle
    return isfinite(last) and abs(last) >= float(np.finfo(x.dtype).max) ** GROWN


def _has_a_pole(pair: Pair, x: Floats) -> bool:
    """Whether the loss is finite at some point very near."""
    by = scales(x) * float(np.finfo(x.dtype).eps) ** 0.75
    signs = np.random.default_rng(x.size).choice((-1.0, 1.0), size=(8, *x.shape))
    both = (*signs, np.ones(x.shape), -np.ones(x.shape))
    return any(isfinite(pair.sampled((x + s * by).astype(x.dtype))) for s in both)


def of_gradient(pair: Pair, case: Case, g: Floats) -> Measurement | None:
    """Broken if an entry is not finite though the slopes of the loss along it are. None if that is not certain."""
    x, scale = grid(case), scales(case.x)
    for i in np.flatnonzero(~np.isfinite(g))[:ENTRIES]:
        d = np.zeros_like(x)
        d.flat[i] = scale.flat[i]
        low, high, error = pair.along(x, d).interval
        if isfinite(error) and (max(abs(low), abs(high)) + error) / scale.flat[i] < float(np.finfo(x.dtype).max):
            entry = [int(k) for k in np.unravel_index(i, x.shape)]
            expected = (low + high) / 2 / scale.flat[i]
            where = {"entry": entry, "measured": float(g.flat[i]), "expected": expected}
            off = (error + (high - low) / 2) / scale.flat[i]
            return Measurement(evidence=(Evidence(measured=inf, allowed=off, magnitude=abs(expected), where=where),))
    return None


def no_numbers(pair: Pair, case: Case, found: Measurement) -> Measurement:
    """The law's measurement, or if it is undecided, the meaning of a gradient that is not finite there."""
    if found.undecided is None or found.evidence or not isfinite(pair.sampled(case.x)):
        return found
    try:
        g = pair.gradient(case.x)
    except Misbehaviour as error:
        if error.code != "crashed" or case.family == GIVEN:
            raise
        return found  # its domain may end before that of a reference
    return found if np.all(np.isfinite(g)) else of_gradient(pair, case, g) or found
