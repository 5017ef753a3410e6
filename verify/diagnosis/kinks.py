"""The candidate's choice on a kink, and the position where it puts the kink."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from verify.cases import Case
from verify.cases.conversion import adapted
from verify.cases.kinks import has_kinks, solve
from verify.diagnosis.change import Change, DesignMatrix
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.regression import ErrorSystem, Observation
from verify.diagnosis.residuals import Residual, at_gradient, observation
from verify.diagnosis.wording import AXES, Diagnosis, number, times
from verify.laws import Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.terms import ExampleTerms, Term

LABEL, OTHERS, REST = Change("tied", "label", free=True), Change("tied", "others", free=True), Change("tied", "rest", free=True)
BOTH, WHOLE = Change("tied", "both", free=True), Change("tied", "whole", free=True)


def named(broken: Sequence[Residual]) -> Diagnosis | None:
    """The diagnosis of how ties are counted, if the law breaks only on kinks."""
    tied = [residual for residual in broken if residual.finite and not residual.smooth]
    if not tied:
        return None
    found = ErrorSystem([_observation(residual) for residual in tied]).explained()
    if not found:
        return None
    counts = dict(found[0].terms)
    if WHOLE in counts:
        sentence = f"on a kink the whole gradient is {times(1 + counts[WHOLE])} what it must be"
        return Diagnosis("kink-outside", sentence, "all, only when on a kink")
    if REST in counts:
        return Diagnosis(
            "kink-outside",
            "an example with a switch exactly at 0 is counted otherwise than elsewhere: it is on a kink",
            "all, only when on a kink",
        )
    both = counts.get(BOTH, Fraction(0))
    label, others = both + counts.get(LABEL, Fraction(0)), both + counts.get(OTHERS, Fraction(0))
    start = _start(tied)
    if label == others:
        if start is None:
            return Diagnosis("kink-outside", "on a kink the answer lies outside of the slopes on its sides", "all, only when on a kink")
        sentence = f"on a kink the switch counts {number(start + label)} times, where 0 to 1 is allowed"
        return Diagnosis("kink-outside", sentence, "all, only when on a kink")
    axes = AXES[tied[0].decomposition.form]
    sentence = f"one piece is taken in the label's {axes.row} and another one in the other {axes.rows}"
    if start is not None:
        counted = f"{number(start + label)} times in the label's {axes.row} and {number(start + others)} times in the other {axes.rows}"
        sentence = f"the switch counts {counted}"
    sentence = f"on a kink {sentence}: > in one place and ≥ in the other"
    return Diagnosis("kink-inconsistent", sentence, "all, only when on a kink")


def _start(residuals: Sequence[Residual]) -> int | None:
    """How often a tied switch counts in the first of its pieces: 0 or 1 if the other piece is the constant 0; else None."""
    starts = {start for residual in residuals for e in residual.decomposition.examples(residual.decomposition.y) for start in _starts(e)}
    return starts.pop() if len(starts) == 1 else None


def _starts(e: ExampleTerms) -> Iterator[int | None]:
    for switch in {t.switch for t in e.terms if t.tied and t.value}:
        taken = sorted((t.entry, t.value) for t in e.terms if t.switch == switch and t.value and not t.tied)
        instead = sorted((t.entry, -t.value) for t in e.terms if t.switch == switch and t.value and t.tied)
        yield 0 if not taken else 1 if taken == instead else None


def _observation(residual: Residual) -> Observation:
    decomposition = residual.decomposition

    def tied(e: ExampleTerms, t: Term, label: int) -> float:
        return float(t.tied)

    def of_label(e: ExampleTerms, t: Term, label: int) -> float:
        return float(t.tied and t.entry == label)

    def of_others(e: ExampleTerms, t: Term, label: int) -> float:
        return float(t.tied and t.entry != label)

    def rest(e: ExampleTerms, t: Term, label: int) -> float:
        return float(not t.tied and e.ties)

    columns = {BOTH: tied, REST: rest} | ({LABEL: of_label, OTHERS: of_others} if decomposition.targets is None else {})
    return observation(
        residual,
        DesignMatrix.of(
            {WHOLE: decomposition.whole} | {c: decomposition.sum_of(decomposition.slopes(count)) for c, count in columns.items()}
        ),
    )


def threshold(subject: Subject) -> str | None:
    """A sentence on the true position of the switch, if the candidate turns it on beside the kink and not on it."""
    objective, dtype = subject.scored.objective, subject.scored.dtype
    if not has_kinks(subject.scored) or _one_tie(objective, dtype) is None:
        return None
    for side in (-1.0, 1.0):
        first = _first_wrong(subject, side)
        if first is not None and _is_of_the_switch(subject, side * 2.0 ** -EXPONENTS[dtype][-1]):
            low, high = 2.0**-first, 2.0 ** (1 - first)
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if _breaks(subject, side * middle) else (low, middle)
            if not _is_everywhere(subject, side * low):
                return None
            shown = f"{side * low:.3g}"
            return (
                f"the indicator switches about {shown} beside the kink and not on it: it compares with a tolerance, or with another margin"
            )
    return None


def _first_wrong(subject: Subject, side: float) -> int | None:
    """The greatest distance 2^-k from the kink at which the candidate breaks, if it breaks at the nearest and not at the farthest: code
    with another comparison is wrong from there to the kink.
    """
    holds, breaks = EXPONENTS[subject.scored.dtype][0], EXPONENTS[subject.scored.dtype][-1]
    if not _breaks(subject, side * 2.0**-breaks) or _breaks(subject, side * 2.0**-holds):
        return None
    while breaks - holds > 1:
        middle = (holds + breaks) // 2
        holds, breaks = (holds, middle) if _breaks(subject, side * 2.0**-middle) else (middle, breaks)
    return breaks


def _is_everywhere(subject: Subject, by: float) -> bool:
    """Whether the switch has this position for other scores, too: code that rounds the scores switches elsewhere."""
    if subject.scored.objective.loss.targets is not None or abs(by) < FAR * np.finfo(subject.scored.dtype).eps:
        return True
    return _breaks(subject, 0.75 * by, AWAY) and not _breaks(subject, 1.5 * by, AWAY)


AWAY = 12.75
"""Added to every score: a few more binary digits before the point."""
FAR = 1e4
"""Least distance, in units in the last place, of a bound from the kink."""


def _is_of_the_switch(subject: Subject, by: float) -> bool:
    """Whether the error beside the tie is a multiple of the tied switch's terms."""
    objective, dtype = subject.scored.objective, subject.scored.dtype
    residual, decomposition = at_gradient(subject, _beside(objective, dtype, by)), _beside(objective, dtype, 0.0)
    terms = decomposition.sum_of(decomposition.slopes(lambda e, t, label: float(t.tied)))
    if residual is None or not residual.finite or not terms.any():
        return False
    share = float(np.sum(residual.error * terms) / np.sum(terms * terms))
    return bool(np.max(np.abs(residual.error - share * terms)) <= ALIKE * np.max(np.abs(residual.error)))


ALIKE = 0.1
"""Relative difference of an error from the switch's terms: those of a curved piece change beside the kink."""
EXPONENTS = {"float64": range(-3, 44), "float32": range(-3, 18)}
"""Distances 2^-k from the kink: from eight, beyond the next margins, to well above rounding."""
HALVINGS = 12


@lru_cache(maxsize=16)
def _one_tie(objective: Objective, dtype: str) -> tuple[Case, int] | None:
    """One example with one switch at 0, and the class whose score moves it."""
    oracle, scalar = Oracle(objective, dtype), objective.loss.targets is not None
    W, X, y = np.array([[0.5, 0.25], [0.25, -0.5], [-0.75, 0.5]], dtype), np.array([[0.5, 1.0]], dtype), np.zeros(1, np.int64)
    case = adapted(Case(values={"W": W, "X": X, "y": y, "reg": 0.0}, family="panel"), oracle)
    if objective.form.is_apart:  # a score is a bias of its own
        W, x = np.ascontiguousarray(case.x.T), np.ones(1, dtype)
    else:
        W, x = case["W"], case["X"][0]
    j = solve(oracle, W, x, 0, 0, [] if scalar else [0])
    return None if j is None else (case.at(objective.form.by_class(W)), j)


@lru_cache(maxsize=256)
def _beside(objective: Objective, dtype: str, by: float, away: float = 0.0) -> Decomposition:
    """The tie with its switch moved by this much, and every score by `away`."""
    tie = _one_tie(objective, dtype)
    assert tie is not None
    case, j = tie
    values = objective.form.lifted(objective.form.lifted(case.values, slice(None), away), j, by)
    return Decomposition(Oracle(objective, dtype), case.but(**values))


def _breaks(subject: Subject, by: float, away: float = 0.0) -> bool:
    residual = at_gradient(subject, _beside(subject.scored.objective, subject.scored.dtype, by, away))
    return residual is not None and residual.broken
