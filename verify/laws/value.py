"""|v − f(W)| ≤ rounding: the returned loss is what the formula says, up to the dtype's own errors."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws.law import Law, Subject
from verify.oracle.exact import distance
from verify.oracle.lanes import Many
from verify.rounding import ulps


def measure(subject: Subject, case: Case) -> Finding:
    """One evidence: the returned loss against the ball of the true one."""
    truth, value = subject.truth(case).value, subject.answer(case).value
    if not isfinite(truth.radius):
        return Finding(undecided="allowance not finite")
    expected = float(truth.exact)
    evidence = Evidence(
        law="value",
        measured=distance(value, truth.exact),
        allowed=truth.radius,
        magnitude=abs(expected),
        ulps=ulps(distance(value, truth.exact), expected, case.dtype),
        where={"measured": value, "expected": expected},
    )
    return Finding(evidence=(evidence,))


def screen(values: NDArray[np.float64], _: NDArray[np.float64], truth: Many) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The same of many problems."""
    return np.abs(values - truth.value) / truth.value_allowed, np.ones(len(values), bool)


LAW = Law(name="value", statement="|v − f(W)| ≤ rounding", measure=measure, needs_loss=True, screen=screen)
