"""f((W+V)/2) ≤ (f(W)+f(V))/2, f(V) ≥ f(W) + ⟨g, V−W⟩, ⟨g_V − g_W, V−W⟩ ≥ 0, each up to rounding.

Pairs are near and far, in a dense direction, and across kinks.
"""

import numpy as np

from verify.cases import Case
from verify.difference import direction, moved
from verify.evidence import Evidence, Finding
from verify.laws.law import Law, Subject, claims_convexity
from verify.laws.line import through

DISTANCES = (4.0, 0.5, 2.0**-6)


def measure(subject: Subject, case: Case) -> Finding:
    """Three pieces of evidence for each distance; without a loss the last of them."""
    line = through(subject, case, direction(case.seed, case.W.shape, case.dtype))
    evidence = []
    for t in DISTANCES:
        V, M = moved(line.case.W, line.d, t), moved(line.case.W, line.d, t / 2)
        if V is None or M is None:
            continue
        there = subject.answer(line.case, V)
        noise = max(subject.truth(line.case, P).value.radius for P in (line.case.W, V))  # convex, so M's is no greater
        there_noise = float(np.sum(subject.truth(line.case, V).gradient.radius * np.abs(line.d)))
        slope = float(np.sum(there.gradient.astype(np.longdouble) * line.d))
        of_values = (
            ("midpoint", line.value(M), (line.here.value + there.value) / 2, 2 * noise, line.truth.value.magnitude),
            ("tangent", line.here.value + t * line.slope, there.value, 2 * noise + t * line.slope_noise, t * line.size),
        )
        for what, below, above, allowed, size in (
            *(of_values if subject.candidate.has_loss else ()),
            ("monotone", line.slope, slope, line.slope_noise + there_noise, line.size),
        ):
            where = {"method": what, "h": t, "measured": below, "expected": above}
            excess = float(np.maximum(below - above, 0.0))  # NaN stays NaN
            evidence.append(Evidence(law="convexity", measured=excess, allowed=allowed, magnitude=size, where=where))
    seen = any(e.sees for e in evidence)
    return Finding(evidence=tuple(evidence), undecided=None if seen else "rounding swamps every pair: float64 would decide it")


LAW = Law(name="convexity", statement="f lies below its chords and above its tangents", measure=measure, inapplicable=claims_convexity)
