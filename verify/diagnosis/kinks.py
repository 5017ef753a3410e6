"""What a candidate does on a kink, and where it believes the kink to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from verify.cases import Case
from verify.cases.kinks import has_kinks, solve
from verify.diagnosis.changes import Change
from verify.diagnosis.looks import Look, at_gradient, sight_of
from verify.diagnosis.regression import Sight, System
from verify.diagnosis.scene import Floats, Scene
from verify.diagnosis.words import Diagnosis, number, times
from verify.laws import Subject
from verify.terms import Example, Term

LABEL, OTHERS, REST = Change("tied", "label", free=True), Change("tied", "others", free=True), Change("tied", "rest", free=True)
BOTH, WHOLE = Change("tied", "both", free=True), Change("tied", "whole", free=True)


def named(broken: Sequence[Look]) -> Diagnosis | None:
    """How ties are counted where the law breaks on kinks only."""
    tied = [look for look in broken if look.finite and not look.smooth]
    if not tied:
        return None
    found = System([_sight(look) for look in tied]).explained()
    if not found:
        return None
    counts = dict(found[0].terms)
    if WHOLE in counts:
        told = f"on a kink the whole gradient is {times(1 + counts[WHOLE])} what it must be"
        return Diagnosis("kink-outside", told, "all, only when on a kink")
    if REST in counts:
        return Diagnosis(
            "kink-outside",
            "an example with a switch exactly at 0 is counted otherwise than elsewhere: it is on a kink",
            "all, only when on a kink",
        )
    both = counts.get(BOTH, Fraction(0))
    label, others = both + counts.get(LABEL, Fraction(0)), both + counts.get(OTHERS, Fraction(0))
    start = _value_of_start(tied)
    if label == others:
        told = f"on a kink the switch counts {number(start + label)} times, where 0 to 1 is allowed"
        return Diagnosis("kink-outside", told, "all, only when on a kink")
    counted = f"{number(start + label)} times in the label's row and {number(start + others)} times in the other rows"
    told = f"on a kink the switch counts {counted}: > in one place and ≥ in the other"
    return Diagnosis("kink-inconsistent", told, "all, only when on a kink")


def _value_of_start(tied: Sequence[Look]) -> int:
    """1 where the first piece of a tied switch is the one that is on, else 0."""
    on = any(t.tied and t.value * (1 if t.entry != label else -1) < 0 for look in tied for e, label in _pairs(look) for t in e.terms)
    return int(on)


def _pairs(look: Look) -> list[tuple[Example, int]]:
    return [(e, int(label)) for e, label in zip(look.scene.examples(look.scene.y), look.scene.y, strict=True)]


def _sight(look: Look) -> Sight:
    scene = look.scene

    def tied(e: Example, t: Term, label: int) -> float:
        return float(t.tied)

    def of_label(e: Example, t: Term, label: int) -> float:
        return float(t.tied and t.entry == label)

    def of_others(e: Example, t: Term, label: int) -> float:
        return float(t.tied and t.entry != label)

    def rest(e: Example, t: Term, label: int) -> float:
        return float(not t.tied and e.ties)

    columns = {BOTH: tied, LABEL: of_label, OTHERS: of_others, REST: rest}
    return sight_of(look, {WHOLE: scene.whole} | {c: scene.sum_of(scene.slopes(count)) for c, count in columns.items()})


def threshold(subject: Subject) -> str | None:
    """Where the switch really is: a sentence where the candidate turns it on beside the kink and not on it."""
    if not has_kinks(subject.oracle):
        return None
    start = _one_tie(subject)
    if start is None:
        return None
    case, j = start
    for side in (-1.0, 1.0):
        wrong = [k for k in EXPONENTS[case.dtype] if _breaks(subject, _moved(case, j, side * 2.0**-k))]
        if wrong and wrong[0] > EXPONENTS[case.dtype][0]:
            bound = 2.0 ** -wrong[0]
            low, high = bound, 2 * bound
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if _breaks(subject, _moved(case, j, side * middle)) else (low, middle)
            told = f"{side * low:.3g}"
            return (
                f"the indicator switches about {told} beside the kink and not on it: it compares with a tolerance, or with another margin"
            )
    return None


EXPONENTS = {"float64": range(2, 44), "float32": range(2, 18)}
"""Distances 2^-k from the kink: from a quarter of a margin to well above rounding."""
HALVINGS = 12


def _one_tie(subject: Subject) -> tuple[Case, int] | None:
    """One example with one switch at 0, and the class whose bias moves it."""
    dtype = subject.oracle.dtype
    W, X, y = np.array([[0.5, 0.25], [0.25, -0.5], [-0.75, 0.5]], dtype), np.array([[0.5, 1.0]], dtype), np.zeros(1, np.int64)
    j = solve(subject.oracle, W, X[0], 0, 0, [0])
    return None if j is None else (Case(W=W, X=X, y=y, reg=0.0, family="panel"), j)


def _moved(case: Case, j: int, by: float) -> Case:
    W: Floats = case.W.copy()
    W[j, -1] += W.dtype.type(by)
    return replace(case, W=W)


def _breaks(subject: Subject, case: Case) -> bool:
    look = at_gradient(subject, Scene(subject.oracle, case))
    return look is not None and look.broken
