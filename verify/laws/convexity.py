"""f((x+v)/2) ≤ (f(x)+f(v))/2, f(v) ≥ f(x) + ⟨g, v−x⟩, ⟨g_v − g, v−x⟩ ≥ 0, each up to rounding.

Pairs are near and far, in a dense direction, and across kinks.
"""

import numpy as np

from verify.cases import Case
from verify.difference import direction
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, unless_convex
from verify.laws.line import through

DISTANCES = (4.0, 0.5, 2.0**-6)


def measure(subject: Subject, case: Case) -> Measurement:
    """Three pieces of evidence for each distance; for a candidate without a loss, the last of them."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    evidence = []
    for t in DISTANCES:
        v, middle = line.point(t), line.point(t / 2)
        if v is None or middle is None:
            continue
        there, truth = subject.answer(line.case.at(v)), subject.truth(line.case.at(v))
        noise = max(line.truth.value.radius, truth.value.radius)  # convex, so the middle's is no greater
        there_noise = float(np.sum(truth.gradient.radius * np.abs(line.d)))
        slope = float(np.sum(there.gradient.astype(np.longdouble) * line.d))
        of_values = (
            ("midpoint", line.value(middle), (line.here.value + there.value) / 2, 2 * noise, line.truth.value.magnitude),
            ("tangent", line.here.value + t * line.slope, there.value, 2 * noise + t * line.slope_noise, t * line.size),
        )
        for what, below, above, allowed, size in (
            *(of_values if subject.candidate.has_loss else ()),
            ("monotone", line.slope, slope, line.slope_noise + there_noise, line.size),
        ):
            where = {"method": what, "h": t, "measured": below, "expected": above}
            excess = float(np.maximum(below - above, 0.0))  # NaN stays NaN
            evidence.append(Evidence(measured=excess, allowed=allowed, magnitude=size, where=where))
    seen = any(e.sees for e in evidence)
    return Measurement(evidence=tuple(evidence), undecided=None if seen else "rounding swamps every pair: float64 would decide it")


LAW = Law(
    name="convexity",
    statement="f lies below its chords and above its tangents",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=unless_convex,
)
