"""The candidate and the truth along a line: the loss at exact points x + td, and the rounding bound of each value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from flint import arb

from verify.candidates import Answer
from verify.cases import Case
from verify.difference import Floats, ladder, moved
from verify.evidence import Evidence
from verify.laws.law import Subject
from verify.oracle import Point, Value, precise
from verify.rounding import MAX_SCORE_STEP

T = TypeVar("T")

MAY_JUMP = "the loss jumps within the steps, or may: one that does not would decide it"


@dataclass(frozen=True)
class Line:
    """`case.x` is on the grid on which steps along `d` are exact: see `through`. What does not depend on the candidate is derived once for
    all laws that use the line.
    """

    subject: Subject
    case: Case
    d: Floats
    _values: dict[float, Value] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def here(self) -> Answer:
        """The candidate's answer at x."""
        return self.subject.answer(self.case)

    @cached_property
    def truth(self) -> Point:
        """The truth at x."""
        return self.subject.truth(self.case)

    def point(self, t: float) -> Floats | None:
        """The point x + td; None where it would have to be rounded, or lies outside the domain."""
        x = moved(self.case.x, self.d, t)
        return x if x is not None and self.subject.oracle.contains(self.case.at(x).values) else None

    def value(self, x: Floats) -> float:
        """The candidate's loss at another point."""
        return self.subject.value(self.case.at(x))

    @cached_property
    def noise(self) -> float:
        """ε: the rounding bound of one loss value anywhere on the ladder.

        Every term of the bound is convex along the line where f is, so its greatest value lies at an end of the longest step; where f is
        not convex, every rung is evaluated.
        """
        return self._once("noise", self._noise)

    def _noise(self) -> float:
        convex = self.subject.oracle.claims_convexity
        steps = [h for h, _, _ in (self.rungs[:1] if convex else self.rungs)]
        return self._greatest(t for h in steps for t in (h, -h))

    def noise_at(self, *steps: float) -> float:
        """ε: the rounding bound of a loss value at x, and at x + td for these t of the ladder. For convex f it is `noise`, which is
        cheaper.
        """
        return self.noise if self.subject.oracle.claims_convexity else self._greatest(steps)

    def _greatest(self, steps: Iterable[float]) -> float:
        return max([self.truth.value.radius, *(self.at(t).radius for t in steps)])

    @property
    def rungs(self) -> list[tuple[float, Floats, Floats]]:
        """(h, x + hd, x − hd) for all steps of the ladder that are exact."""
        return self._once("rungs", lambda: ladder(self.case.x, self.d))

    def _once(self, what: str, derived: Callable[[], T]) -> T:
        return self.truth.once((what, self.d.tobytes()), derived)

    def at(self, t: float) -> Value:
        """The truth of the loss at x + td, a point of the ladder."""
        if t not in self._values:
            x = moved(self.case.x, self.d, t)
            assert x is not None
            self._values[t] = self.subject.truth(self.case.at(x)).value
        return self._values[t]

    @cached_property
    def slope(self) -> float:
        """⟨g, d⟩ with the candidate's gradient."""
        return float(np.sum(self.here.gradient.astype(np.longdouble) * self.d))

    @cached_property
    def slope_noise(self) -> float:
        """The rounding bound of ⟨g, d⟩."""
        return self._once("slope noise", lambda: float(np.sum(self.truth.gradient.radius * np.abs(self.d))))

    @cached_property
    def size(self) -> float:
        """The magnitude of the terms of ⟨g, d⟩."""
        return self._once("size", lambda: float(np.sum(self.truth.gradient.magnitude * np.abs(self.d))))

    @precise
    def exactly(self, method: str, h: float) -> tuple[arb, float]:
        """The error of D⁺(h) or D⁰(h) without rounding, and its rounding bound, from the true values at its ends.

        Over a long step this is narrower than an enclosure, and its rounding bound smaller than `noise`, which is that of the longest step.
        """
        here, slope, ahead = self.truth.value, self.truth.along(self.d, 0.0, 0.0)[1], self.at(h)
        if method == "forward":
            return (ahead.exact - here.exact) / h - slope, (ahead.radius + here.radius) / h + self.slope_noise
        behind = self.at(-h)
        return (ahead.exact - behind.exact) / (2 * h) - slope, (ahead.radius + behind.radius) / (2 * h) + self.slope_noise

    def is_torn(self, found: Evidence, low: float, high: float) -> bool:
        """Whether a broken comparison of two loss values may be explained by a jump of f between them."""
        return not found.strain <= 1 and self.truth.jumps(self.d, low, high)

    def steps(self, *exponents: int) -> list[tuple[float, Floats, Floats]]:
        """(h, x + hd, x − hd) for h = 2^-k of the given exponents, where exact."""
        wanted = {2.0**-k for k in exponents}
        return [step for step in self.rungs if step[0] in wanted]


def through(subject: Subject, case: Case, d: Floats) -> Line:
    """The line through the case's point, rounded to the grid. Its direction is divided by the power of two that keeps a unit step from
    moving any score by more than MAX_SCORE_STEP: with large features it would leave the range in which code is accurate.
    """
    point, along = subject.truth(case).once(("through", d.tobytes()), lambda: _on_grid(subject, case, d))
    return Line(subject, point, along)


def _on_grid(subject: Subject, case: Case, d: Floats) -> tuple[Case, Floats]:
    x, d = subject.oracle.stretched(case.values, d)
    shrink = 2.0 ** -np.ceil(np.log2(max(1.0, subject.oracle.moves(case.values, d) / MAX_SCORE_STEP)))
    return case.at(x), np.asarray(d * d.dtype.type(shrink))
