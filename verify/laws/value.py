"""|v − f(W)| ≤ rounding: the returned loss is what the formula says, up to the dtype's own errors."""

from math import isfinite

from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws.law import Law, Subject
from verify.oracle.exact import distance
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


LAW = Law(name="value", statement="|v − f(W)| ≤ rounding", measure=measure, needs_loss=True)
