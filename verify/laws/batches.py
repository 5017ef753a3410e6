"""The mean over a concatenation is the weighted mean of the parts; duplicated data changes nothing; order hardly matters.

For a sum: the sum of the parts, and twice the value for duplicated data. Gradients are compared where no switch is ambiguous: on a tie a
candidate may choose by an example's position. Only the rounding bounds of both sides are needed. Weighted means of candidates that take
weights are compared in `weighting`, functions of named inputs, by parts along a dimension, in `related`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws import related, weighting
from verify.laws.compared import close, entrywise
from verify.laws.law import Law, Subject
from verify.spec.relations import Relation, Separable

Floats = NDArray[np.floating]


def measure(subject: Subject, case: Case) -> Measurement:
    """Compares value and gradient of the whole with those of its parts, of its duplicate, and of its reverse."""
    if subject.oracle.named is not None:
        return related.measured(subject, case, is_sum)
    evidence = [e for a in _arrangements(subject, case) for e in _compare(subject, case, a)]
    return Measurement(evidence=(*evidence, *weighting.measure(subject, case)))


@dataclass(frozen=True)
class Arrangement:
    """An arrangement of the examples of the `whole` into `parts`, described by `what`: f of the whole is a weighted sum over the parts."""

    what: str
    whole: Case
    parts: Sequence[NDArray[np.intp]]
    weights: Sequence[float]


def _arrangements(subject: Subject, case: Case) -> Iterator[Arrangement]:
    N, mean = len(case["y"]), subject.scored.objective.reduction == "mean"
    bare = case if mean else case.but(**subject.form.bare(case.values))  # a sum of parts would count the penalty more than once
    every = np.arange(N)
    yield Arrangement("reversed", case, [every[::-1]], [1.0])
    yield Arrangement("duplicated", bare, [np.concatenate([every, every])], [1.0 if mean else 0.5])
    if N > 1:
        cut = 1 + case.seed % (N - 1)
        yield Arrangement("in parts", bare, [every[:cut], every[cut:]], [cut / N, 1 - cut / N] if mean else [1.0, 1.0])


def _compare(subject: Subject, case: Case, a: Arrangement) -> Iterator[Evidence]:
    form, values = subject.form, a.whole.values
    there = [case.but(**form.of_examples(values, examples)) for examples in a.parts]
    whole, truth = subject.answer(a.whole), subject.truth(a.whole)
    answers, truths = [subject.answer(c) for c in there], [subject.truth(c) for c in there]
    if subject.candidate.has_loss:
        value = sum(w * part.value for w, part in zip(a.weights, answers, strict=True))
        allowed = truth.value.radius + sum(w * t.value.radius for w, t in zip(a.weights, truths, strict=True))
        yield close(f"loss, {a.what}", whole.value, value, allowed, truth.value.magnitude, answer=LOSS)
    if all(t.gradient.is_single for t in (truth, *truths)):

        def summed(parts: Sequence[Floats]) -> Floats:
            added = zip(a.weights, parts, a.parts, strict=True)
            return np.asarray(np.sum([w * form.back(values, part.astype(np.float64), examples) for w, part, examples in added], axis=0))

        gradient, radius = summed([part.gradient for part in answers]), truth.gradient.radius + summed([t.gradient.radius for t in truths])
        yield entrywise(a.what, whole.gradient, gradient, radius, truth.gradient.magnitude)


def is_sum(relation: Relation) -> bool:
    """Whether the relation compares the whole with its parts."""
    return isinstance(relation, Separable)


def inapplicable(subject: Subject) -> str | None:
    """Applies to losses of scores, and to functions that are sums by their form or by claim."""
    known = related.related(subject, is_sum)
    return None if known else "neither the function's form nor its claims say that it is a sum over examples"


LAW = Law(
    name="batches",
    statement="the whole is the weighted mean of its parts; order and duplicates change nothing",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=inapplicable,
)
