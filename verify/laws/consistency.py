"""Same inputs, same bits: a candidate may choose any subgradient, but not by accident."""

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws.law import Law, Subject

OTHERWISE = "answers differently when it is asked the same again"


def measure(subject: Subject, case: Case) -> Measurement:
    """Asks three times, the last after another question. Raises Misbehaviour("nondeterministic", …) on other bits."""
    first, again = subject.ask(case), subject.ask(case)
    subject.ask(case.but(**subject.oracle.elsewhere(case.values)))
    for answer in (again, subject.ask(case)):
        same = np.array_equal(first.gradient, answer.gradient, equal_nan=True)
        if not same or not np.array_equal(first.value, answer.value, equal_nan=True):
            raise Misbehaviour("nondeterministic", OTHERWISE)
    return Measurement(evidence=(Evidence(measured=0.0, allowed=0.0),))


LAW = Law(
    name="consistency",
    statement="same inputs, same bits",
    measure=measure,
    needs_gradient=False,
    decisive=True,
    of_behaviour=True,
)
