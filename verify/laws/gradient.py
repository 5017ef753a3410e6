"""dist(g, ∂f(x)) ≤ rounding, entrywise: the returned gradient is one of the allowed ones, on kinks too.

Every selection of a subgradient is allowed, whatever a candidate takes on ties; a value that no single choice of
multipliers explains is not.
"""

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.evidence import GRADIENT, NOT_FINITE, Evidence, Measurement
from verify.laws.law import OUT_OF_RANGE, Law, Subject
from verify.oracle.vectorised import Vectorised
from verify.rounding import ulps


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence: the entry of the gradient with the greatest strain."""
    truth, g = subject.truth(case).gradient, subject.raw_answer(case).gradient
    judged = truth.judged(g)
    if not judged.any():
        return Measurement(undecided=NOT_FINITE if np.all(np.isfinite(g)) else OUT_OF_RANGE)
    nearest = truth.distance(g)
    if nearest.strain > 1 and nearest.certified <= 1:
        return Measurement(undecided="membership neither shown nor refuted: a point on fewer kinks would decide it")
    finest = np.min((truth.radius / np.maximum(truth.magnitude, truth.radius))[judged])
    evidence = Evidence(
        measured=nearest.residual,
        allowed=nearest.allowed,
        magnitude=nearest.allowed / float(finest),
        ulps=ulps(nearest.residual, nearest.nearest, case.dtype) if truth.is_single else None,
        where={
            "entry": [*nearest.entry],
            **input_of(case, nearest.entry),
            "measured": float(g[nearest.entry]),
            "expected": nearest.nearest,
            "ambiguous switches": len(truth.groups),
        },
    )
    return Measurement(evidence=(evidence,))


def input_of(case: Case, entry: tuple[int, ...]) -> dict[str, object]:
    """Where several inputs are differentiated: the input that an entry belongs to, and its index there."""
    if len(case.differentiated) == 1:
        return {}
    name, index = case.place(entry)
    return {"input": name, "index": index}


def screen(_: NDArray[np.float64], gradients: NDArray[np.float64], truth: Vectorised) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The law on many problems, entry by entry: on a tie that is weaker than membership in the set."""
    outside = np.maximum(np.maximum(truth.low - gradients, gradients - truth.high), 0)  # NaN stays NaN
    return (outside / truth.allowed).max(axis=(1, 2)), ~truth.tied


LAW = Law(
    name="gradient",
    statement="dist(g, ∂f(x)) ≤ rounding, kinks included",
    measure=measure,
    judges=(GRADIENT,),
    decisive=True,
    steers=True,
    of_arithmetic=True,
    in_balls=True,
    of_signs=True,
    screen=screen,
)
