"""Permuting the classes permutes the gradient; Σ_j ∂ℓ/∂s_j = 0, so a constant added to all scores changes nothing; f_λ − f_0 = λR.

The first two apply to losses that claim them. Gradients are compared where no switch is ambiguous. Only the rounding bounds are needed. For
functions of named inputs the relations are those that the spec claims, and for arrays linearity in the upstream gradient: see `related`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from verify.cases import Case
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws import related
from verify.laws.batches import is_sum
from verify.laws.compared import close, entrywise
from verify.laws.law import Law, Subject
from verify.spec.relations import Relation


def measure(subject: Subject, case: Case) -> Measurement:
    """Evidence on the symmetries that the loss claims, and on the penalty."""
    if subject.oracle.named is not None:
        return related.measured(subject, case, moves)
    claims = subject.scored.objective.loss.claims
    evidence = [*_penalty(subject, case)] if subject.form.is_penalised else []
    if claims.symmetric:
        evidence += _permuted(subject, case)
    if claims.shift_invariant:
        evidence += _balanced(subject, case)
    return Measurement(evidence=tuple(evidence))


def _permuted(subject: Subject, case: Case) -> Iterator[Evidence]:
    form = subject.form
    order = np.random.default_rng(case.seed).permutation(form.classes(case.values))
    other = case.but(**{**form.of_classes(case.values, order), "y": np.argsort(order)[case["y"]]})
    here, there = subject.answer(case), subject.answer(other)
    truth, truth_there = subject.truth(case), subject.truth(other)
    if subject.candidate.has_loss:
        yield _loss("classes permuted", here.value, there.value, truth.value.radius + truth_there.value.radius, truth.value.magnitude)
    if truth.gradient.is_single and truth_there.gradient.is_single:
        slopes, radius, size = (np.take(a, order, form.axis) for a in (here.gradient, truth.gradient.radius, truth.gradient.magnitude))
        yield entrywise("classes permuted", there.gradient, slopes, radius + truth_there.gradient.radius, size)


def _balanced(subject: Subject, case: Case) -> Iterator[Evidence]:
    """Without the penalty the gradient sums to 0 over the classes, for any choice of subgradient."""
    bare = case.but(**subject.form.bare(case.values))
    truth, gradient = subject.truth(bare).gradient, subject.answer(bare).gradient.astype(np.float64)
    total, allowed, size = (a.sum(axis=subject.form.axis, keepdims=True) for a in (gradient, truth.radius, truth.magnitude))
    yield entrywise("sum over the classes", total, np.zeros_like(total), allowed, size)


def _penalty(subject: Subject, case: Case) -> Iterator[Evidence]:
    """f_2λ − f_λ = f_λ − f_0: the loss is affine in λ."""
    cases = [case.but(reg=factor * case["reg"]) for factor in (0.0, 1.0, 2.0)]
    none, once, twice = (subject.answer(c).value for c in cases)
    radius = sum(f * subject.truth(c).value.radius for f, c in zip((1, 2, 1), cases, strict=True))
    yield _loss("penalty doubled", twice - once, once - none, radius, subject.truth(cases[2]).value.magnitude)


def _loss(what: str, measured: float, expected: float, allowed: float, size: float) -> Evidence:
    return close(f"loss, {what}", measured, expected, allowed, size, answer=LOSS)


def moves(relation: Relation) -> bool:
    """Whether the relation keeps the size of the whole."""
    return not is_sum(relation)


def inapplicable(subject: Subject) -> str | None:
    """Applies to all but functions of one score, which have neither classes nor a penalty, and functions without claims."""
    return None if related.related(subject, moves) else f"the {'loss' if subject.oracle.named is None else 'function'} claims no symmetry"


LAW = Law(
    name="symmetry",
    statement="classes may be renamed and scores shifted; the loss is affine in λ",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=inapplicable,
)
