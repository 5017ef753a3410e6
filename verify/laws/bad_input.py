"""f(NaN) ∌ ℝ: input without a meaningful answer is refused, or answered by NaN or infinity, never by ordinary numbers.

Broken where a weight that the penalty counts is NaN or infinite and neither the loss nor the gradient shows it: no way of computing λR(W)
does that. What right code often accepts silently (NaN in a margin that is compared, −1 as a label, too many columns) is reported as a
limitation, and so is an infinite loss where scores lie so far apart that p in −log p underflows.

For a function of named inputs: broken where NaN or infinity in an input on which f depends there, and in which it is a polynomial, shows in
neither value nor gradient; or where it is in the upstream gradient and shows in no gradient. Nothing is compared there, and sums of
products propagate it. Other functions may be computed with comparisons (with an end of a domain, or a bound beyond which the function is
constant in the dtype), which accept NaN silently: for these, only limitations are reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.difference import joined
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws import misuse
from verify.laws.law import Law, Subject
from verify.oracle import InstanceOracle, Point
from verify.oracle.exact import distance
from verify.problem import Part, small
from verify.spec.function import UPSTREAM

POISONS = {"NaN": np.nan, "infinity": np.inf}
DECOMPOSITIONS = {"eigenvalues", "eigenvectors"}
TOLD = {"scores": "the scores"}
TOO_FAR = {"float64": 1000.0, "float32": 200.0}
"""Score differences at which exp(−difference) is 0 even as a subnormal: beyond 745 and 103."""


def measure(subject: Subject, case: Case) -> Measurement:
    """Raises Misbehaviour where a NaN or infinity vanishes that must show; else reports what was accepted, and the loss at scores very far
    apart.
    """
    looked = Evidence(measured=0.0, allowed=0.0)
    misused = subject.once("misuse", lambda: misuse.taken(subject, case.dtype))
    if (named := subject.oracle.named) is not None:
        return Measurement(evidence=(looked,), limitations=(*_taken(subject, named, case), *misused))
    limitations = [*_poisoned(subject, case), *misused]
    evidence, told = _far_apart(subject, case) if subject.candidate.has_loss and subject.form.classes(case.values) > 1 else ([], [])
    return Measurement(evidence=(looked, *evidence), limitations=(*limitations, *told))


def _poisoned(subject: Subject, case: Case) -> Iterator[str]:
    rng = np.random.default_rng(case.seed)
    for name, poison in POISONS.items():
        for array in subject.form.real:
            poisoned = np.array(case[array])
            j, k = (int(rng.integers(n)) for n in poisoned.shape)
            poisoned[j, k] = poison
            answer = _answer(subject, case.but(**{array: poisoned}))
            if answer is None or _shows(subject, answer):
                continue
            if array == "W" and case["reg"] and subject.scored.penalised(case["W"])[k]:
                raise Misbehaviour("value", f"answers a finite loss and gradient where W[{j}, {k}] is {name}")
            yield f"takes {name} in {TOLD.get(array, array)} without a sign of it"


def _taken(subject: Subject, oracle: InstanceOracle, case: Case) -> Iterator[str]:
    """What a function of inputs accepts silently: NaN or infinity in one number of each differentiated input,
    and of the upstream gradient.
    """
    rng = np.random.default_rng(case.seed)
    of_upstream = (UPSTREAM,) if UPSTREAM in case.values else ()
    for poison, name in product(_poisons(oracle, case), (*case.differentiated, *of_upstream)):
        poisoned = np.array(case[name])
        at = tuple(int(rng.integers(n)) for n in poisoned.shape)
        poisoned[at] = POISONS[poison]
        answer = _answer(subject, case.but(**{name: poisoned[()]}))
        if answer is None or not np.all(np.isfinite(answer.gradient)) or (name != UPSTREAM and _shows(subject, answer)):
            continue
        if _reaches_the_gradient(subject, case, at) if name == UPSTREAM else _must_show(subject, oracle, case, name, at):
            finite = "gradient" if name == UPSTREAM else "value and gradient"
            raise Misbehaviour("value", f"answers a finite {finite} where {name}{[*at] or ''} is {poison}")
        yield f"takes {poison} in {name} without a sign of it"


def _poisons(oracle: InstanceOracle, case: Case) -> Sequence[str]:
    """The bad numbers to try. Infinity is left out for matrix decompositions: LAPACK's singular values, and its least squares by them, need
    not terminate on it.
    """
    code = oracle.problem.code
    formulas = [oracle.formula(part.key) for part in oracle.problem.parts(case.values)]
    decomposes = any(i.row.name in DECOMPOSITIONS for f in formulas for i in f.value_tape.instructions)
    decomposes = decomposes or (code is not None and code.record(case.values)[0].b.has_recorded(DECOMPOSITIONS))
    return tuple(name for name, poison in POISONS.items() if not (decomposes and np.isinf(poison)))


def _must_show(subject: Subject, oracle: InstanceOracle, case: Case, name: str, at: tuple[int, ...]) -> bool:
    """Whether f is a polynomial in this number, with a slope there that is certainly not 0."""
    mark = {other: np.zeros(np.shape(case[other]), bool) for other in case.differentiated}
    mark[name][at] = True
    place = int(np.flatnonzero(joined([*mark.values()]))[0])
    known = oracle.problem.input(name).is_free and all(_is_polynomial(oracle, p, place) for p in oracle.problem.parts(case.values))
    return subject.candidate.has_loss and known and bool(_certain(subject.truth(case)).flat[place])


def _is_polynomial(oracle: InstanceOracle, part: Part, place: int) -> bool:
    """Whether an element does not depend on a number, or is a polynomial in it."""
    return all(oracle.formula(part.key).is_polynomial_in(int(j)) for j in np.flatnonzero(part.places == place))


def _reaches_the_gradient(subject: Subject, case: Case, at: tuple[int, ...]) -> bool:
    """Whether the gradient certainly depends on this entry of the upstream gradient."""
    one = np.zeros_like(case[UPSTREAM])
    one[at] = 1
    return bool(np.any(_certain(subject.truth(case.but(**{UPSTREAM: one[()]})))))


def _certain(truth: Point) -> NDArray[np.bool_]:
    """The entries of the gradient that are certainly not 0."""
    found = truth.gradient
    size = np.abs(found.center.astype(np.float64))
    return np.asarray(np.isfinite(found.radius) & (size > found.radius) & found.is_single)


def only_tells(subject: Subject) -> bool:
    """Whether no silent acceptance is certainly wrong for this function of inputs, so that only limitations are reported."""
    oracle = subject.oracle.named
    if oracle is None:
        return False
    values = small(oracle.problem)
    free = joined([np.full(np.shape(values[name]), oracle.problem.input(name).is_free).ravel() for name in oracle.problem.differentiated])
    part = oracle.problem.parts(values)[0]
    polynomial = any(free[place] and oracle.formula(part.key).is_polynomial_in(j) for j, place in enumerate(part.places.tolist()))
    return oracle.problem.output is None and not (subject.candidate.has_loss and polynomial)


def _shows(subject: Subject, answer: Answer) -> bool:
    """Whether some number of an answer is not finite."""
    return not ((isfinite(answer.value) or not subject.candidate.has_loss) and np.all(np.isfinite(answer.gradient)))


def _far_apart(subject: Subject, case: Case) -> tuple[list[Evidence], list[str]]:
    """Evidence on the loss where the first example's label has the least score by far: the exact value is an ordinary number."""
    form, label, gap = subject.form, case["y"][0], TOO_FAR[case.dtype]
    first = form.bare(form.of_examples(case.values, [0]))
    (scores,) = form.scores(form.double(first))
    # Below all the others, not only below where it was: between 708 and 745 the p of −log p is subnormal, and right code inexact.
    far = case.but(**form.lifted(first, label, -float(np.ceil(scores[label] - np.min(np.delete(scores, label)) + gap))))
    answer, point = _answer(subject, far), subject.truth(far)
    if point.out_of_range(slopes=False).any():
        return [], []
    truth = point.value
    expected = float(truth.exact)
    if answer is None or not isfinite(answer.value):
        shown = "raises" if answer is None else f"answers {answer.value}"
        return [], [f"{shown} where the scores of an example differ by {gap:g} and the loss is finite"]
    where = {"method": f"loss, scores {gap:g} apart", "measured": answer.value, "expected": expected}
    error = distance(answer.value, truth.exact)
    return [Evidence(measured=error, allowed=truth.radius, magnitude=abs(expected), where=where, answer=LOSS)], []


def _answer(subject: Subject, case: Case) -> Answer | None:
    """The candidate's answer; None where it refuses."""
    try:
        return subject.raw_answer(case)
    except Misbehaviour:
        return None


LAW = Law(
    name="bad-input",
    statement="NaN and infinity in the weights show in the answer, or are refused",
    measure=measure,
    of_behaviour=True,
    only_tells=only_tells,
)
