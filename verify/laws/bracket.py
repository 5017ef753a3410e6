"""D⁻(h) − 2ε/h ≤ ⟨g, d⟩ ≤ D⁺(h) + 2ε/h for every h > 0: the subgradient inequality along ±d, kink or not.

It needs neither derivatives nor a kink detector, only convexity. Besides coordinate directions, dense ones are judged, and at ties the
differences of the tied gradients.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from verify.cases import Case
from verify.difference import Floats, backward, coarse, direction, forward
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, unless_convex
from verify.laws.line import through

EXPONENTS = (1, 5, 10)
MAX_TIED = 3
"""Most differences of tied gradients that are tried; each costs as much as a dense direction."""


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence for each direction and step."""
    evidence = []
    for d in _directions(subject, case):
        line = through(subject, case, d)
        for h, ahead, behind in line.steps(*EXPONENTS):
            noise = 2 * line.noise / h + line.slope_noise
            low, high = backward(line.value(behind), line.here.value, h), forward(line.value(ahead), line.here.value, h)
            outside = np.maximum(max(low - line.slope, line.slope - high), 0.0)  # NaN stays NaN
            where = {"method": "bracket", "h": h, "measured": line.slope, "expected": low if line.slope < low else high}
            width = max(high - low, 0.0) / 2
            measured = Evidence(measured=float(outside), allowed=noise, magnitude=line.size, width=width, where=where)
            evidence.append(measured)
    seen = any(e.sees for e in evidence)
    return Measurement(
        evidence=tuple(evidence), undecided=None if seen else "rounding swamps every slope: float64, or a steeper point, would decide it"
    )


def _directions(subject: Subject, case: Case) -> Iterator[Floats]:
    yield direction(case.seed, case.x.shape, case.dtype)
    one = np.zeros(case.x.shape)
    one.flat[case.seed % case.x.size] = 1.0
    yield coarse(one, case.dtype)
    ties = (g.matrix for group in subject.truth(case).gradient.groups for g in group if g.matrix.any())
    for difference in islice(ties, MAX_TIED):
        yield coarse(difference, case.dtype)


LAW = Law(
    name="bracket",
    statement="D⁻(h) ≤ ⟨g, d⟩ ≤ D⁺(h) for every h, kinks or not",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=unless_convex,
    needs_loss=True,
)
