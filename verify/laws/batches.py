"""The mean over a concatenation is the weighted mean of the parts; duplicated data changes nothing; order hardly matters.

For a sum, the sum of the parts, and twice for duplicated data. Gradients are compared where no switch is ambiguous: on a tie a
candidate may choose by an example's place. Needs no truth but the rounding bounds of both sides. Where weights of the examples are
taken, they are such means too: see `weighting`. A function of named inputs is asked for its parts along a dimension: see `related`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws import related, weighting
from verify.laws.compared import close, entrywise
from verify.laws.law import Law, Subject
from verify.oracle import InstanceOracle
from verify.spec.relations import Relation, Separable


def measure(subject: Subject, case: Case) -> Finding:
    """Value and gradient of the whole against those of its parts, of its double, and of its reverse."""
    if isinstance(subject.oracle, InstanceOracle):
        return related.measured("batches", subject, case, is_sum)
    evidence = [e for what, parts, weights in _arrangements(subject, case) for e in _compare(subject, case, what, parts, weights)]
    return Finding(evidence=(*evidence, *weighting.measure(subject, case)))


def _arrangements(subject: Subject, case: Case) -> Iterator[tuple[str, list[Case], list[float]]]:
    """(what, cases, weights): f of the case is the weighted sum of f of these."""
    N, mean = len(case["X"]), subject.scored.objective.reduction == "mean"
    bare = case.but(reg=0.0) if not mean else case  # a sum of parts would count the penalty more than once
    reverse = case.but(X=np.ascontiguousarray(case["X"][::-1]), y=np.ascontiguousarray(case["y"][::-1]))
    double = bare.but(X=np.vstack([case["X"], case["X"]]), y=np.concatenate([case["y"], case["y"]]))
    yield "reversed", [reverse], [1.0]
    yield "duplicated", [double], [1.0 if mean else 0.5]
    if N > 1:
        cut = 1 + case.seed % (N - 1)
        parts = [bare.but(X=case["X"][:cut].copy(), y=case["y"][:cut].copy()), bare.but(X=case["X"][cut:].copy(), y=case["y"][cut:].copy())]
        yield "in parts", parts, [cut / N, 1 - cut / N] if mean else [1.0, 1.0]


def _compare(subject: Subject, case: Case, what: str, parts: list[Case], weights: list[float]) -> Iterator[Evidence]:
    whole = case if parts[0]["reg"] == case["reg"] else case.but(reg=0.0)
    answers, truths = [subject.answer(c) for c in (whole, *parts)], [subject.truth(c) for c in (whole, *parts)]
    factors = [1.0, *weights]
    if subject.candidate.has_loss:
        value = sum(w * a.value for w, a in zip(weights, answers[1:], strict=True))
        allowed = sum(w * t.value.radius for w, t in zip(factors, truths, strict=True))
        yield close("batches", f"loss, {what}", answers[0].value, value, allowed, truths[0].value.magnitude)
    if all(t.gradient.is_single for t in truths):
        gradient = np.sum([w * a.gradient.astype(np.float64) for w, a in zip(weights, answers[1:], strict=True)], axis=0)
        radius = np.sum([w * t.gradient.radius for w, t in zip(factors, truths, strict=True)], axis=0)
        yield entrywise("batches", what, answers[0].gradient, gradient, radius, truths[0].gradient.magnitude)


def is_sum(relation: Relation) -> bool:
    """Whether it tells the whole from its parts."""
    return isinstance(relation, Separable)


def inapplicable(subject: Subject) -> str | None:
    """Applies to losses of scores, and to functions that are sums, by their form or by what is claimed of them."""
    known = not isinstance(subject.oracle, InstanceOracle) or related.related(subject, is_sum)
    return None if known else "the function is no sum over examples by its form, and claims to be none over a dimension"


LAW = Law(
    name="batches",
    statement="the whole is the weighted mean of its parts; order and duplicates change nothing",
    measure=measure,
    inapplicable=inapplicable,
)
