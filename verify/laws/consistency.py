"""Same inputs, same answer: a candidate may choose any subgradient, but not by accident.

Bits may differ as far as another order of summation explains: threads add up in the order in which they end, and libraries of linear
algebra in one that depends on where an array lies in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws.compared import apart, counts, gradients_apart
from verify.laws.law import Law, Subject
from verify.problem.sampling import on_the_way

INCONSISTENT = "answers differently when it is asked the same again"
DRIFTS = f"{INCONSISTENT}, and goes on from answer to answer: it counts, or adds to what it keeps"
OTHER_BITS = "answers with other bits when it is asked the same again, as another order of summation may"

ASKED = 16
"""Times that it is asked the same where bits differ: to see whether it drifts, and off a tie whether it sums in another order."""


def measure(subject: Subject, case: Case) -> Measurement:
    """Asks three times, the last after another question. Raises Misbehaviour("nondeterministic", …) on another answer."""
    first, again = subject.call(case), subject.call(case)
    subject.call(case.but(**subject.oracle.elsewhere(case.values)))
    answers = [first, again, subject.call(case)]
    evidence = _all_agreed(subject, case, answers)
    if all(same_bits(first, answer) for answer in answers):
        return Measurement(evidence=evidence)
    answers += [subject.call(case) for _ in range(ASKED)]
    if counts([(a.value, a.gradient) for a in answers]):
        raise Misbehaviour("nondeterministic", DRIFTS)
    return Measurement(evidence=_all_agreed(subject, case, answers), limitations=(OTHER_BITS,))


def _all_agreed(subject: Subject, case: Case, answers: Sequence[Answer]) -> tuple[Evidence, ...]:
    """How far apart the answers to one question are. Raises Misbehaviour where no order of summation explains that."""
    found = [agreed(subject, case, answers[0], answer) for answer in answers[1:]]
    if None in found:
        raise Misbehaviour("nondeterministic", INCONSISTENT)
    return tuple(e for some in found for e in some or ())


def same_bits(a: Answer, b: Answer) -> bool:
    """Whether two answers are one; NaN is like NaN."""
    return np.array_equal(a.value, b.value, equal_nan=True) and np.array_equal(a.gradient, b.gradient, equal_nan=True)


def agreed(subject: Subject, case: Case, first: Answer, answer: Answer) -> list[Evidence] | None:
    """How far apart two answers to the same question are, None where no order of summation explains that."""
    if same_bits(first, answer):
        return [Evidence(measured=0.0, allowed=0.0)]
    found = [*apart(subject, case, "again", answer, first.value, first.gradient)]
    return None if any(not e.strain <= 1 for e in found) or _chooses(subject, case, first, answer) else found


def _chooses(subject: Subject, case: Case, first: Answer, answer: Answer) -> bool:
    """Whether it has taken another subgradient on a tie. One that sums in another order each time may undo a tie by that."""
    truth = subject.truth(case)
    if truth.gradient.is_single:
        return False
    return not gradients_apart(truth, "again", answer.gradient, first.gradient).strain <= 1 and not _sums_otherwise(subject, case)


def _sums_otherwise(subject: Subject, case: Case) -> bool:
    """Whether its bits differ from call to call where no tie lets it choose."""
    for there in elsewhere(subject, case):
        with suppress(Misbehaviour):
            first, single = subject.call(there), subject.truth(there).gradient.is_single
            others = (subject.call(there) for _ in range(ASKED))
            return any(not (same_bits(first, a) if single else np.array_equal(first.value, a.value, equal_nan=True)) for a in others)
    return False


def elsewhere(subject: Subject, case: Case) -> Iterator[Case]:
    """Other numbers, as the candidate's way has them, and some on the way there, where the domain of code may end before."""
    others = subject.candidate.others(case.values)
    ways = [on_the_way(case[name], a) for name, a in others.items()]
    for there in zip(*ways, strict=True) if ways else [()]:
        yield case.but(**dict(zip(others, there, strict=True)))


LAW = Law(
    name="consistency",
    statement="same inputs, same answer, up to the order of sums",
    measure=measure,
    needs_gradient=False,
    decisive=True,
    of_behaviour=True,
)
