"""D⁺(h) − ⟨g, d⟩ ∈ h/2·[f''] ± r and D⁰(h) − ⟨g, d⟩ ∈ h²/6·[f'''] ± r: differences converge to the gradient at their order.

[f''] and [f'''] are enclosures along d over the segment W ± hd, which must cross no kink; r = 2ε/h (forward) or ε/h (centred)
plus the rounding of ⟨g, d⟩, with ε the rounding bound of one loss value. The envelope has two sides: inside the window, where its
lower side is at least WINDOW·r on two neighbouring rungs, an error within it does fall like h (like h²), so the order
is confirmed, not only bounded. Where the truncation term is identically zero the quotient is *exact*, and that is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

import numpy as np
from flint import arb

from verify.cases import Case
from verify.difference import Floats, centred, direction, forward, ladder, on_grid
from verify.evidence import Evidence, Finding
from verify.laws.law import Law, Subject
from verify.oracle import KinkOnSegment, Point
from verify.rounding import DENSE_RUNGS, SPARSE_RUNGS, WINDOW


@dataclass(frozen=True)
class Rung:
    """One quotient at one step: its signed error, the enclosure of its truncation term, and its rounding r."""

    method: str
    h: float
    error: float
    truncation: arb
    rounding: float

    @property
    def in_window(self) -> bool:
        """Whether truncation certainly dominates rounding, so that the order can be seen."""
        return float(self.truncation.abs_lower()) >= WINDOW * self.rounding

    def evidence(self, slope: float, size: float) -> Evidence:
        """The error against its envelope."""
        middle, half = float(self.truncation.mid()), float(self.truncation.rad())
        where = {"method": self.method, "h": self.h, "measured": slope + self.error, "expected": slope + middle}
        return Evidence(law="order", measured=abs(self.error - middle), allowed=half + self.rounding, magnitude=size, where=where)


def measure(subject: Subject, case: Case) -> Finding:
    """One evidence for each method and rung on which no kink is crossed."""
    case = replace(case, W=on_grid(case.W))
    d = direction(case.seed, case.W.shape, case.dtype)
    gradient = subject.truth(case).gradient
    if not gradient.is_single:
        return Finding(undecided="on a kink")
    answer = subject.answer(case)
    slope = float(np.sum(answer.gradient.astype(np.longdouble) * d))
    size = float(np.sum(gradient.magnitude * np.abs(d)))
    rungs = list(_rungs(subject, case, d, answer.value, slope, float(np.sum(gradient.radius * np.abs(d)))))
    if not rungs:
        return Finding(undecided="a kink within every step")
    if not all(isfinite(r.rounding) for r in rungs):
        return Finding(undecided="allowance not finite")
    evidence = tuple(r.evidence(slope, size) for r in rungs)
    by_method = [[r for r in rungs if r.method == m] for m in ("forward", "centred")]
    answered = any(_confirmed(rs) or _exact(rs, size) for rs in by_method)
    return Finding(evidence=evidence, undecided=None if answered else "no window: rounding swamps every step")


def _rungs(subject: Subject, case: Case, d: Floats, here: float, slope: float, slope_radius: float) -> Iterator[Rung]:
    truth = subject.truth(case)
    smooth = list(_smooth(truth, case.W, d))
    if not smooth:
        return
    # Every term of the rounding bound is convex along the line where f is, so its greatest value lies at an end.
    _, furthest_ahead, furthest_behind, _ = smooth[0]
    radius = max(p.value.radius for p in (truth, subject.truth(case, furthest_ahead), subject.truth(case, furthest_behind)))
    for h, ahead, behind, taylor in smooth:
        f_ahead, f_behind = subject.answer(case, ahead).value, subject.answer(case, behind).value
        yield Rung("forward", h, forward(f_ahead, here, h) - slope, h * taylor[2], 2 * radius / h + slope_radius)
        yield Rung("centred", h, centred(f_ahead, f_behind, h) - slope, h**2 * taylor[3], radius / h + slope_radius)


def _smooth(truth: Point, W: Floats, d: Floats) -> Iterator[tuple[float, Floats, Floats, list[arb]]]:
    """(h, W + hd, W − hd, Taylor coefficients) from the longest step on which f is known to be smooth: DENSE_RUNGS
    neighbours, then every SPARSE_RUNGS-th step. Shorter segments lie within the longer ones, so they are smooth too.
    """
    found = 0
    for h, ahead, behind in ladder(W, d):
        if found < DENSE_RUNGS or (found - DENSE_RUNGS) % SPARSE_RUNGS == 0:
            try:
                taylor = truth.along(d, -h, h)
            except KinkOnSegment:
                continue
            if not all(c.is_finite() for c in taylor):
                continue  # the segment is too long for its enclosures to say anything
            yield h, ahead, behind, taylor
        found += 1


def _confirmed(rungs: list[Rung]) -> bool:
    """Two neighbouring rungs inside the window: there the envelope itself falls like the order."""
    return any(a.in_window and b.in_window and a.h == 2 * b.h for a, b in pairwise(rungs))


def _exact(rungs: list[Rung], size: float) -> bool:
    """The truncation term is identically zero, and some rung sees the slope well above its rounding."""
    return all(r.truncation.is_zero() for r in rungs) and any(0 < WINDOW * r.rounding <= size for r in rungs)


LAW = Law(name="order", statement="D⁺ errs like h, D⁰ like h²; exactly 0 where f is linear (quadratic)", measure=measure)
