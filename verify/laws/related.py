"""f(x) = Σ w f(x′) and ∂f(x) = Σ w Aᵀ∂f(x′) for the relations of a problem, up to the rounding bounds at all these points.

Parts of the laws `batches` and `symmetry`, for functions of named inputs. Where f changes at a known rate along a direction, the gradient
must agree: where shifts change nothing its entries add up to 0, and ⟨∂f(x), x⟩ = k f(x) for degree k (Euler). Gradients are compared where
no switch is ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer
from verify.cases import Case
from verify.difference import joined
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws.compared import close, entrywise
from verify.laws.gradient import input_of
from verify.laws.law import OUT_OF_RANGE, OutOfRange, Subject
from verify.oracle import Point
from verify.oracle.problem_claims import uphold
from verify.problem import Equation, Values, equations
from verify.rounding import gamma, unit_roundoff
from verify.spec.relations import Relation

Floats = NDArray[np.floating]
T = TypeVar("T", float, NDArray[Any])

NOTHING_TO_MOVE = "nothing to move, or no room for it: more entries would decide it"


def related(subject: Subject, asked: Callable[[Relation], bool]) -> list[Relation]:
    """The problem's relations for which `asked` holds."""
    return [r for r in subject.oracle.relations if asked(r)]


def measured(subject: Subject, case: Case, asked: Callable[[Relation], bool]) -> Measurement:
    """Evidence on value, gradient and slope for each relation. Raises UsageError where a relation is false for the function itself: then no
    candidate is judged by it.
    """
    instance, evidence, lost = subject.named.instance, list[Evidence](), False
    for relation in related(subject, asked):
        for e in equations(instance, relation, case.values, case.seed):
            try:
                here, *there = (Judged.of(subject, case.but(**values)) for values in (e.here, *(t.values for t in e.terms)))
            except OutOfRange:
                lost = True
                continue
            places = (here, *there)
            slopes = [p.case.parted(p.truth.gradient.center) for p in places] if all(p.truth.gradient.is_single for p in places) else []
            uphold(instance.problem, relation, e, [p.truth.value.exact for p in places], slopes)
            evidence += _compared(e, here, there)
    return Measurement(evidence=tuple(evidence)) if evidence else Measurement(undecided=OUT_OF_RANGE if lost else NOTHING_TO_MOVE)


@dataclass(frozen=True)
class Judged:
    """The answer at a case, beside the truth there."""

    case: Case
    answer: Answer
    truth: Point
    has_loss: bool

    @classmethod
    def of(cls, subject: Subject, case: Case) -> Judged:
        """The answer and the truth at a case. Raises OutOfRange where the answer decides nothing."""
        return cls(case, subject.answer(case), subject.truth(case), subject.candidate.has_loss)

    def along(self, direction: Values) -> Floats:
        """A direction in the layout of the point: 0 for inputs that it does not move."""
        parts = (np.broadcast_to(direction.get(name, 0.0), np.shape(self.case[name])) for name in self.case.differentiated)
        return joined([np.asarray(a, np.float64) for a in parts])


def _compared(e: Equation, here: Judged, there: Sequence[Judged]) -> Iterator[Evidence]:
    truth, own = here.truth, gamma(len(there) + 2, unit_roundoff("float64"))  # of the sums here: weights, products, additions
    weighed = [(float(t.weight), t.back, p) for t, p in zip(e.terms, there, strict=True)]
    if here.has_loss:
        due = sum(w * p.answer.value for w, _, p in weighed)
        room = sum(w * _wider(p.truth.value.radius, p.truth.value.magnitude, own) for w, _, p in weighed)
        yield close(f"loss, {e.what}", here.answer.value, due, truth.value.radius + room, truth.value.magnitude, answer=LOSS)
    if not all(p.truth.gradient.is_single for p in (here, *there)):
        return
    slopes, rooms = np.zeros(here.case.x.shape), truth.gradient.radius
    for w, back, p in weighed:
        wider = _wider(p.truth.gradient.radius, p.truth.gradient.magnitude, own)
        slopes, rooms = (
            total + w * joined([*back(given).values()]).astype(np.float64)
            for total, given in ((slopes, p.answer.gradients), (rooms, p.case.parted(wider)))
        )
    found = entrywise(e.what, here.answer.gradient, slopes, rooms, truth.gradient.magnitude)
    yield replace(found, where=found.where | input_of(here.case, tuple(found.where["entry"])))
    if e.direction is not None and (here.has_loss or not e.degree):
        yield _slope(e, here)


def _slope(e: Equation, here: Judged) -> Evidence:
    d, g, truth = here.along(e.direction or {}), here.answer.gradient.astype(np.float64), here.truth
    due, room = (e.degree * here.answer.value, abs(e.degree) * truth.value.radius) if e.degree else (0.0, 0.0)
    wider = _wider(truth.gradient.radius, truth.gradient.magnitude, gamma(d.size + 2, unit_roundoff("float64")))
    allowed = room + float(np.sum(np.where(d == 0, 0.0, np.abs(d) * wider)))
    size = float(np.sum(np.abs(d) * truth.gradient.magnitude))
    return close(f"slope, {e.what}", float(np.sum(d * g)), due, allowed, size)


def _wider(radius: T, magnitude: T, own: float) -> T:
    """The radius, increased by the suite's own roundings of values of at most this magnitude."""
    return (1 + own) * radius + own * magnitude
