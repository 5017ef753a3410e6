"""On a kink, g ∈ ∂f(x): 0, 1, ½ and the mean of the tied are all allowed; a value outside is not.

The gradient law, only where a switch is exactly 0 in exact arithmetic: pieces with several slopes allow a simplex of gradients; pieces with
one slope, as those of (s − t)²·|τ − [s > t]| at s = t, allow one gradient.
"""

from verify.cases import Case
from verify.evidence import GRADIENT, Measurement
from verify.laws import gradient
from verify.laws.law import Law, Subject, unless_kinked


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence: the entry with the greatest strain."""
    truth = subject.truth(case)
    if truth.gradient.is_single and not truth.is_at_a_switch:
        return Measurement(undecided="not on a kink")
    return gradient.measure(subject, case)


LAW = Law(
    name="membership",
    statement="on kinks, g is one of the allowed subgradients",
    measure=measure,
    judges=(GRADIENT,),
    inapplicable=unless_kinked,
    in_balls=True,
)
