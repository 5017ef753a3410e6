"""The slope of a loss along a direction, from its values alone, and how far it may be off.

Quotients are taken down a ladder of halved steps. D⁰(h) = (f(h) − f(−h))/2h and its bend D⁺(h) − D⁻(h) are extrapolated to h = 0, which
takes away h² of the one and h of the other. Where three rungs agree, what truncation and kinks in between leave is small; what they
disagree by, and the noise over the step, is the error. A bend that does not go to 0 is a kink at the middle itself: there a
subgradient may differ from the slope by half of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from verify.difference import centred

LONGEST, SHORTEST = 3, 30
"""Exponents of the ladder 2^-k: from steps that cross kinks to those in which nothing is left but noise."""

TREMBLE = 10.0
"""Standard deviations of noise that a value is allowed: roundings are bounded, and thousands of values are looked at."""

DISAGREEMENT = 2.0
"""Errors of an extrapolation fall at least by half from rung to rung, so that what is left is less than the last difference."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """⟨g, d⟩ lies within `value` ± `error`, for every gradient, and every subgradient of a convex f; `step` was the best one."""

    value: float
    error: float
    step: float


def slope(f: Callable[[float], float], noise: float) -> Slope:
    """The slope of t → f(t) at 0; f is one along a direction that moves scores by about t."""
    here, best = f(0.0), Slope(value=0.0, error=inf, step=0.0)
    rungs: list[tuple[float, float]] = []
    extrapolated: list[tuple[float, float]] = []
    for h in (2.0**-k for k in range(LONGEST, SHORTEST)):
        ahead, behind = f(h), f(-h)
        rungs.append((centred(ahead, behind, h), (ahead + behind - 2 * here) / h))
        if len(rungs) > 1:
            (d, bend), (d1, bend1) = rungs[-2:]
            extrapolated.append(((4 * d1 - d) / 3, 2 * bend1 - bend))
        tremble = TREMBLE * noise / h
        if tremble > best.error:
            break
        if len(extrapolated) > 2:
            values, kinks = zip(*extrapolated[-3:], strict=True)
            apart = max(values) - min(values) + (max(kinks) - min(kinks)) / 2
            error = DISAGREEMENT * apart + tremble + max(map(abs, kinks)) / 2
            if error < best.error:
                best = Slope(value=values[-1], error=error, step=h)
    return best
