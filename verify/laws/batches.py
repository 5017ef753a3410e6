"""The mean over a concatenation is the weighted mean of the parts; duplicated data changes nothing; order hardly matters.

For a sum, the sum of the parts, and twice for duplicated data. Gradients are compared where no switch is ambiguous: on a tie a
candidate may choose by an example's place. Needs no truth but the rounding bounds of both sides. Where weights of the examples are
taken, they are such means too: see `weighting`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import numpy as np

from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws import weighting
from verify.laws.law import Law, Subject, of_scores


def measure(subject: Subject, case: Case) -> Finding:
    """Value and gradient of the whole against those of its parts, of its double, and of its reverse."""
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


def close(law: str, method: str, measured: float, expected: float, allowed: float, magnitude: float) -> Evidence:
    """Two numbers that ought to be the same. NaN is like NaN, infinity like infinity."""
    same = measured == expected or (isnan(measured) and isnan(expected))
    where = {"method": method, "measured": measured, "expected": expected}
    return Evidence(law=law, measured=0.0 if same else abs(measured - expected), allowed=allowed, magnitude=magnitude, where=where)


def entrywise(law: str, what: str, measured: np.ndarray, expected: np.ndarray, allowed: np.ndarray, size: np.ndarray) -> Evidence:
    """The entry of two gradients under the greatest strain, of those with a finite allowance. NaN is like NaN, infinity like infinity."""
    measured = measured.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.where((measured == expected) | (np.isnan(measured) & np.isnan(expected)), 0.0, np.abs(measured - expected))
    strain = np.where(np.isnan(error), np.inf, error / np.where(allowed > 0, allowed, np.finfo(float).tiny))
    strain = np.where(np.isfinite(allowed), strain, -1.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(strain)), strain.shape))
    return Evidence(
        law=law,
        measured=float(error[at]),
        allowed=float(allowed[at]),
        magnitude=float(size[at]),
        where={"method": what, "entry": list(at), "measured": float(measured[at]), "expected": float(expected[at])},
    )


LAW = Law(
    name="batches",
    statement="the whole is the weighted mean of its parts; order and duplicates change nothing",
    measure=measure,
    inapplicable=of_scores,
)
