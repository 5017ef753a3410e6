"""|v − f(x)| ≤ rounding: the returned loss is the value of the formula, up to the dtype's rounding."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws.law import OUT_OF_RANGE, Law, Subject
from verify.oracle.exact import distance
from verify.oracle.vectorised import Vectorised
from verify.rounding import ulps


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence: the returned loss against the ball around the true one."""
    point, value = subject.truth(case), subject.raw_answer(case).value
    truth = point.value
    right = truth.rounds_to(value, case.dtype)
    if not right and not isfinite(value) and point.out_of_range(slopes=False).any():
        return Measurement(undecided=OUT_OF_RANGE)
    expected = float(truth.exact)
    error = 0.0 if right else distance(value, truth.exact)
    evidence = Evidence(
        measured=error,
        allowed=truth.radius if not right else 0.0,
        magnitude=0.0 if right else abs(expected),
        ulps=None if right else ulps(error, expected, case.dtype),
        where={"measured": value, "expected": expected},
    )
    return Measurement(evidence=(evidence,))


def screen(values: NDArray[np.float64], _: NDArray[np.float64], truth: Vectorised) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The law on many problems."""
    return np.abs(values - truth.value) / truth.value_allowed, np.ones(len(values), bool)


LAW = Law(
    name="value",
    statement="|v − f(x)| ≤ rounding",
    measure=measure,
    judges=(LOSS,),
    needs_loss=True,
    needs_gradient=False,
    decisive=True,
    steers=True,
    of_arithmetic=True,
    in_balls=True,
    screen=screen,
)
