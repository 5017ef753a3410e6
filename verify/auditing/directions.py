"""Directions in which no single wrong entry can hide, and the comparison of a candidate's gradient with its own loss along them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import NDArray

from verify.auditing.noise import noise
from verify.auditing.slope import slope
from verify.candidates import Way
from verify.cases import Case
from verify.difference import Floats, on_grid
from verify.evidence import Evidence
from verify.rounding import SLACK, unit_roundoff

Entries = NDArray[np.intp]
TABLE_STEP = 2.0**-26
"""Step of the noise tables, in units of scores: thousands of roundings, and hardly any kink is so near."""

WIDEST = 40
"""Columns are scaled by at most 2^±WIDEST."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """A candidate at one point, with its gradient and the noise of its loss there."""

    candidate: Way
    case: Case

    @cached_property
    def gradient(self) -> Floats:
        """The candidate's gradient, (C, D)."""
        return np.asarray(self.candidate(**self.case.values).gradient, np.float64)

    def loss(self, d: Floats, t: float) -> float:
        """The candidate's loss at x + td."""
        case = self.case.at(self.case.x + self.case.x.dtype.type(t) * d)
        return self.candidate(**case.values).value

    @cached_property
    def u(self) -> float:
        """The unit roundoff of its dtype."""
        return unit_roundoff(self.case.dtype)

    @cached_property
    def noise(self) -> float:
        """The standard deviation of the rounding error of its loss."""
        d, step = rademacher(self.case, np.arange(self.case.x.size), seed=0), TABLE_STEP * self.u / unit_roundoff("float64")
        return noise(lambda t: self.loss(d, t), step=min(step, 2.0**-10), starts=(2.0**-8, -(2.0**-8), 2.0**-7), u=self.u)

    def along(self, d: Floats) -> Evidence:
        """⟨g, d⟩ against the slope of the candidate's own loss. The magnitude is the contribution of a typical entry."""
        low, high, error = slope(lambda t: self.loss(d, t), self.noise).interval
        terms = (self.gradient * d)[d != 0]
        measured, own = fsum(terms), SLACK * self.u * fsum(np.abs(terms))
        return Evidence(
            measured=max(low - measured, measured - high, 0.0),
            allowed=error + own,
            magnitude=float(np.median(np.abs(terms))),
            width=(high - low) / 2,
            where={"measured": measured, "expected": (low + high) / 2},
        )


def rademacher(case: Case, entries: Entries, *, seed: int) -> Floats:
    """±2^k at these entries of W (flat indices), 0 elsewhere, with random signs: every entry contributes for certain.

    A column's k makes its features about as large as others', and the whole direction moves the largest score by about 1.
    """
    X, shape = np.abs(case["X"]).astype(np.float64), case.x.shape
    size = np.sqrt((X * X).mean(axis=0))
    columns = np.where(size > 0, 2.0 ** -np.clip(np.round(np.log2(np.where(size > 0, size, 1))), -WIDEST, WIDEST), 1.0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=shape) * columns
    d = np.zeros(shape)
    d.ravel()[entries] = signs.ravel()[entries]
    moved = float(np.abs(case["X"].astype(np.float64) @ d.T).max())
    if moved == 0:
        moved = float(np.abs(d).max())  # only the penalty feels it
    return (d * 2.0 ** -np.round(np.log2(moved))).astype(case.dtype)


def settled(case: Case) -> Case:
    """The case with its point rounded to a grid, so that short steps are exact."""
    return case.at(on_grid(case.x))
