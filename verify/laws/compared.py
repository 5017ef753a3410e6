"""Evidence from comparing two answers that should be equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Any

import numpy as np

from verify.candidates import Answer
from verify.cases import Case
from verify.evidence import LOSS, Evidence
from verify.laws.law import Subject
from verify.oracle import Point


def apart(subject: Subject, case: Case, what: str, answer: Answer, value: float, gradient: np.ndarray) -> Iterator[Evidence]:
    """Another answer to the same question beside the first; a gradient only where no tie lets the candidate choose. They may be as far
    apart as the truth allows two answers, and as sums of numbers of the answer's own size: what is wrong need not vary.
    """
    truth, slopes = subject.truth(case), float(np.max(np.abs(gradient), initial=0.0))
    sums = [2 * truth.careful(size) for size in (abs(value), slopes)]
    if subject.oracle.code is not None:  # whose truth takes longest to derive, where no other law has asked for it
        alike = [
            close("loss", answer.value, value, sums[0], abs(value), answer=LOSS),
            entrywise(what, answer.gradient, gradient, np.full(gradient.shape, sums[1]), np.full(gradient.shape, slopes)),
        ]
        if all(e.strain <= 1 for e in alike):
            yield from alike
            return
    if any(subject.excused(truth, v, g) for v, g in ((answer.value, answer.gradient), (value, gradient))):
        return  # an infinity on the way is NaN or infinity in the end, as the sums are arranged
    yield close("loss", answer.value, value, 2 * truth.value.radius + sums[0], truth.value.magnitude, answer=LOSS)
    if truth.gradient.is_single:
        yield gradients_apart(truth, what, answer.gradient, gradient)


def gradients_apart(truth: Point, what: str, gradient: np.ndarray, first: np.ndarray) -> Evidence:
    """Another gradient beside the first, as far apart as two that are right may be off a kink."""
    sums = 2 * truth.careful(float(np.max(np.abs(first), initial=0.0)))
    return entrywise(what, gradient, first, 2 * truth.gradient.radius + sums, truth.gradient.magnitude)


RISES = 4
"""Steps one way, and none the other, by which a number drifts that rounding lets stand still at some. Chance takes so many in a row of
twenty once in 10⁹ times.
"""


def drifts(answers: Sequence[np.ndarray]) -> bool:
    """Whether a number rises from answer to answer and never falls, or falls and never rises: at every step, or at `RISES` of them."""
    steps = np.diff(np.stack([np.ravel(a) for a in answers]).astype(np.float64), axis=0)
    one_way = [np.all(up >= 0, axis=0) & (np.sum(up > 0, axis=0) >= min(RISES, len(steps))) for up in (steps, -steps)]
    return bool(np.any(one_way))


def counts(answers: Sequence[tuple[Any, np.ndarray]]) -> bool:
    """Whether values and gradients, of the same question, drift from answer to answer."""
    values, gradients = zip(*answers, strict=True)
    return drifts([np.array(value) for value in values]) or drifts(gradients)


def close(method: str, measured: float, expected: float, allowed: float, magnitude: float, *, answer: str | None = None) -> Evidence:
    """Evidence on two numbers that should be equal. NaN equals NaN, infinity equals infinity."""
    same = measured == expected or (isnan(measured) and isnan(expected))
    where = {"method": method, "measured": measured, "expected": expected}
    return Evidence(measured=0.0 if same else abs(measured - expected), allowed=allowed, magnitude=magnitude, where=where, answer=answer)


def entrywise(what: str, measured: np.ndarray, expected: np.ndarray, allowed: np.ndarray, size: np.ndarray) -> Evidence:
    """Evidence on two gradients that should be equal: the entry with the greatest strain among those with a finite allowance. NaN equals
    NaN, infinity equals infinity.
    """
    measured = measured.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.where((measured == expected) | (np.isnan(measured) & np.isnan(expected)), 0.0, np.abs(measured - expected))
    strain = np.where(np.isnan(error), np.inf, error / np.where(allowed > 0, allowed, np.finfo(float).tiny))
    strain = np.where(np.isfinite(allowed), strain, -1.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(strain)), strain.shape))
    return Evidence(
        measured=float(error[at]),
        allowed=float(allowed[at]),
        magnitude=float(size[at]),
        where={"method": what, "entry": list(at), "measured": float(measured[at]), "expected": float(expected[at])},
    )
