"""f(x + ηd) ≤ f(x) + (η/2)⟨g, d⟩ + rounding for d ≈ −g and η ≤ |⟨g, d⟩| / sup f'': a small step downhill goes down.

At a kink a negative subgradient need not descend. There the law is that −g*, g* the element of least norm in ∂f, descends, and that a step
along any −g comes closer to any strictly better point v: ‖x − ηg − v‖ < ‖x − v‖ for 0 < η < 2(f(x) − f(v))/‖g‖². 0 ∈ ∂f is stationary:
there is no descent, and it is counted separately.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verify.cases import Case
from verify.difference import coarse
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws.law import OUT_OF_RANGE, Law, Subject, unless_precise
from verify.laws.line import Line, through
from verify.oracle import KinkOnSegment, Stretch

EXPONENTS = range(0, 16, 3)


def measure(subject: Subject, case: Case) -> Measurement:
    """Evidence on the decrease along −g (−g* on a kink), and on a kink on the distance to a better point."""
    gradient = subject.truth(case).gradient
    if not gradient.is_single and not np.all(np.isfinite(gradient.radius)):  # it has no element of least norm
        return Measurement(undecided=OUT_OF_RANGE)
    downhill = -subject.answer(case).gradient.astype(np.float64) if gradient.is_single else -gradient.least_norm()
    if not np.all(np.isfinite(downhill)):
        if not gradient.is_single:  # the true number is out of range
            return Measurement(undecided=OUT_OF_RANGE)
        return Measurement(evidence=(Evidence(measured=float("nan"), allowed=0.0, where=_where("gradient", 0.0, np.nan, 0.0)),))
    if np.max(np.abs(downhill) - 2 * gradient.radius, initial=0.0) <= 0:
        return Measurement(undecided="stationary: nothing to descend")
    line = through(subject, case, coarse(downhill, case.dtype))
    evidence = [*_decrease(line)]
    if not gradient.is_single and subject.oracle.claims_convexity:
        evidence += _approach(line)
    seen = any(e.sees for e in evidence)
    return Measurement(
        evidence=tuple(evidence),
        undecided=None if seen else "rounding swamps every decrease that is certain: float64, or a steeper point, would decide it",
    )


def is_certain(path: Sequence[Stretch], step: float, slope: float) -> bool:
    """Whether a step along −g, with this slope at its start, certainly lowers the loss by half of its length times the slope: it does if it
    reaches no kink and is no longer than 1/L.
    """
    return len(path) == 1 and path[0].curvature.is_finite() and step * float(path[0].curvature.upper()) <= -slope


def _decrease(line: Line) -> list[Evidence]:
    """For each step that the curvature allows, by how much the decrease of the loss falls short of (η/2)|⟨g, d⟩|."""
    single = line.truth.gradient.is_single
    slope = line.slope if single else line.truth.gradient.support(line.d)
    if slope >= 0 and single:  # g is no gradient at all
        return [Evidence(measured=slope, allowed=line.slope_noise, magnitude=0.0, where=_where("slope", 0.0, slope, 0.0))]
    if slope >= 0:  # −g* was rounded so coarsely that it no longer descends: not the candidate's fault
        return []
    evidence, steps = [], line.steps(*EXPONENTS)
    try:
        left = line.truth.short(line.d, [eta for eta, _, _ in steps], -slope)
    except KinkOnSegment:
        return []
    for eta, x, _ in steps:
        if eta not in left:
            continue
        try:
            path = line.truth.path(line.d, eta, 2)
        except KinkOnSegment:
            continue
        if not is_certain(path, eta, slope):
            continue
        fell, due = line.here.value - line.value(x), -eta / 2 * slope
        allowed = 2 * line.noise_at(eta) + eta * line.slope_noise
        short = float(np.maximum(due - fell, 0.0))  # NaN stays NaN
        evidence.append(Evidence(measured=short, allowed=allowed, magnitude=due, where=_where("decrease", eta, fell, due)))
    return evidence


def _approach(line: Line) -> list[Evidence]:
    """For the candidate's own subgradient g on a kink: ‖x − ηg − v‖² − ‖x − v‖² = η²‖g‖² − 2η⟨g, x − v⟩ < 0.

    v is found by walking along −g*; η is half of the greatest allowed, so that the right side is at most −η(f(x) − f(v)).
    """
    here = line.here
    g = here.gradient.astype(np.float64)
    square = float(np.sum(g * g))
    for eta in (0.5, 0.0625, 2.0**-8):
        v = line.point(eta)
        if v is None or square == 0:
            continue
        better, noise = here.value - line.value(v), 2 * line.noise
        if better <= 2 * noise:
            continue
        step = better / square
        closer = 2 * step * float(np.sum(g * (line.case.x.astype(np.float64) - v))) - step**2 * square
        allowed = step * (noise + 2 * float(np.sum(line.truth.gradient.radius * np.abs(line.case.x - v))))
        short = float(np.maximum(step * better - closer, 0.0))
        return [
            Evidence(
                measured=short,
                allowed=allowed,
                magnitude=step * better,
                where=_where("approach", step, closer, step * better),
            )
        ]
    return []


def _where(method: str, step: float, measured: float, expected: float) -> dict[str, float | str]:
    return {"method": method, "h": step, "measured": measured, "expected": expected}


LAW = Law(
    name="descent",
    statement="a step below 1/L along −g (−g* on a kink) lowers the loss by half of η‖g‖²",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=unless_precise,
    needs_loss=True,
    along_lines=True,
)
