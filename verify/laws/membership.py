"""On a kink, g ∈ ∂f(x): 0, 1, ½ and the mean of the tied are all allowed; a value outside is not.

The gradient law with a simplex that is not trivial, asked only where a switch is exactly 0 in exact arithmetic.
"""

from dataclasses import replace

from verify.cases import Case
from verify.evidence import Finding
from verify.laws import gradient
from verify.laws.law import Law, Subject, has_switches


def measure(subject: Subject, case: Case) -> Finding:
    """One evidence: the entry under the greatest strain."""
    if subject.truth(case).gradient.is_single:
        return Finding(undecided="not on a kink")
    found = gradient.measure(subject, case)
    return replace(found, evidence=tuple(replace(e, law="membership") for e in found.evidence))


LAW = Law(name="membership", statement="on kinks, g is one of the allowed subgradients", measure=measure, inapplicable=has_switches)
