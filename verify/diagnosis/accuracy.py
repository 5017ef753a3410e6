"""The right formula with too much rounding: the error is that of a coarser dtype, or it shrinks with the dtype."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from verify.diagnosis import reference_cases
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.float_formats import BITS, holding
from verify.diagnosis.memoised import Memoised
from verify.diagnosis.residuals import Aspect, Residual
from verify.oracle import Oracle
from verify.rounding import unit_roundoff
from verify.spec import Objective

COARSER = {"float64": ("float32", "float16"), "float32": ("float16",)}
OTHER = {"float64": "float32", "float32": "float64"}
NAMES = {"float32": "single precision", "float16": "half precision", "bfloat16": "half precision"}

SHRINKS = 2.0**9
"""Factor by which the ratio of two errors may differ from that of the unit roundoffs, 2^29: rounding errors vary by chance."""
TELLING = 4
"""Number of cases after which errors that have not changed with the dtype are no rounding errors, whatever other cases say."""
LEAST = 1e-30
"""Magnitudes below this count as this, so that nothing is divided by 0."""
SCALE = 16.0
UNCHANGED = 1e-2
"""Relative amount by which an error that scales may change: intermediate sums fall into other binades."""
SMALL = 1e-2
"""Relative errors above this are no rounding errors."""


def coarser(aspect: Aspect, subject: Memoised, residuals: Sequence[Residual]) -> str | None:
    """A sentence if every error is explained by rounding to a coarser dtype."""
    oracle = subject.scored
    relative = [_relative(residual) for residual in residuals]
    for dtype in COARSER[oracle.dtype]:
        if np.median(relative) > unit_roundoff(dtype) / SHRINKS and all(aspect.precise(residual, dtype) for residual in residuals):
            name = _held(aspect, oracle.dtype, residuals) or (
                dtype if _is_relative(aspect, subject) and _is_rough(aspect, subject) else None
            )
            if name is not None:
                few = "" if name == "float32" else ", or rounded to as few digits"
                return f"the {aspect.name} is as accurate as {NAMES[name]}: something inside is computed in {name}{few}"
    return None


def held(aspect: Aspect, dtype: str, residuals: Sequence[Residual]) -> str | None:
    """A sentence if a coarser format holds all answers, and rounding to it explains all errors: this shows where the true number is not
    representable in the format.
    """
    name = _held(aspect, dtype, residuals)
    if name is None or any(
        np.any(np.abs(residual.error) > 2.0 ** -BITS[name] * np.abs(residual.given) + residual.radius) for residual in residuals
    ):
        return None
    return f"every number of the {aspect.name} is one of {name}: it is rounded to that, or computed in it"


def _held(aspect: Aspect, dtype: str, residuals: Sequence[Residual]) -> str | None:
    """The format that holds all numbers of the answers, as they are or before a division by N."""
    if aspect.name == "loss":
        return None
    given = ([residual.given * residual.decomposition.N**power for residual in residuals] for power in (0, 1))
    return next((name for numbers in given if (name := holding(numbers, dtype))), None)


def _is_relative(aspect: Aspect, subject: Memoised) -> bool:
    """Whether each error scales with its own number: rounding errors of floats do; those of rounding to so many decimals, or to a common
    step, do not.
    """
    if subject.form.is_apart:
        return _fades(aspect, subject)
    before, after = (aspect.residual(subject, decomposition) for decomposition in _scaled(subject.scored.objective, subject.scored.dtype))
    if before is None or after is None:
        return False
    factor = np.ones(1) if aspect.name == "loss" else _alternating(before.decomposition.D)
    return bool(np.max(np.abs(after.error * factor - before.error)) <= np.max(np.abs(before.error)) * UNCHANGED + 2 * np.max(before.radius))


@lru_cache(maxsize=16)
def _scaled(objective: Objective, dtype: str) -> tuple[Decomposition, Decomposition]:
    """The first ordinary case without a penalty, and the case with W·2^k and X/2^k, which has the same scores: the data term's gradient is
    divided by 2^k, exactly, and so is its error. Neighbouring features are scaled in opposite directions: steps of a common size, such as 8
    bits of the greatest entry, cannot follow both.
    """
    (decomposition, *_) = reference_cases.ordinary(objective, dtype)
    bare, scale = decomposition.case.but(reg=0.0), _alternating(decomposition.D).astype(dtype)
    return Decomposition(decomposition.oracle, bare), Decomposition(
        decomposition.oracle, bare.but(W=bare["W"] * scale, X=bare["X"] / scale)
    )


def _alternating(D: int) -> Floats:
    return np.where(np.arange(D) % 2, 1 / SCALE, SCALE)


def _fades(aspect: Aspect, subject: Memoised) -> bool:
    """For a function of scores: whether the error of an entry falls with the entry, where a score is so low, or so near to 0, that it is
    small.
    """
    before, after = 0.0, 0.0
    for decomposition, lower in _faded(subject.scored.objective, subject.scored.dtype):
        residuals = aspect.residual(subject, decomposition), aspect.residual(subject, lower)
        if residuals[0] is None or residuals[1] is None or residuals[0].error.shape != residuals[1].error.shape:
            continue
        size, small = residuals[0].magnitude, residuals[1].magnitude
        fell = (small > 0) & (small < size / FELL)
        before = max(before, float(np.max(np.abs(residuals[0].error[fell]) / size[fell], initial=0.0)))
        after = max(after, float(np.max(np.maximum(np.abs(residuals[1].error) - residuals[1].radius, 0)[fell] / small[fell], initial=0.0)))
        if after > LOST:
            return False
    return 0 < after <= FOLLOWS * before


@lru_cache(maxsize=16)
def _faded(objective: Objective, dtype: str) -> list[tuple[Decomposition, Decomposition]]:
    """Ordinary cases, each with one in which a score of each example is far lower, and with one with small scores."""
    found = []
    for decomposition in reference_cases.ordinary(objective, dtype)[:NUDGED]:
        scores = decomposition.case["scores"]
        low = scores.copy()
        low[np.arange(decomposition.N), (decomposition.y + 1) % decomposition.C if decomposition.C > 1 else 0] -= LOWER
        found += [
            (decomposition, Decomposition(decomposition.oracle, decomposition.case.at(other)))
            for other in (low, scores * scores.dtype.type(NEAR_0))
        ]
    return found


def _is_rough(aspect: Aspect, subject: Memoised) -> bool:
    """Whether the errors change where the numbers hardly change, as rounding errors do; a small wrong term hardly changes."""
    changed = []
    for decomposition, nudged in _nudged(subject.scored.objective, subject.scored.dtype):
        before, after = aspect.residual(subject, decomposition), aspect.residual(subject, nudged)
        if before is not None and after is not None:
            changed.append(np.max(np.abs(after.error - before.error)) > ROUGH * np.max(np.abs(before.error)))
    return bool(changed) and 2 * sum(changed) >= len(changed)


@lru_cache(maxsize=16)
def _nudged(objective: Objective, dtype: str) -> list[tuple[Decomposition, Decomposition]]:
    found = []
    for decomposition in reference_cases.ordinary(objective, dtype)[:NUDGED]:
        real = {name: decomposition.case[name] for name in decomposition.form.real}
        nudged = {name: a * a.dtype.type(1 + nudge) for (name, a), nudge in zip(real.items(), NUDGES, strict=False)}
        found.append((decomposition, Decomposition(decomposition.oracle, decomposition.case.but(**nudged))))
    return found


LOWER, NEAR_0 = 5.0, 2.0**-8
"""The amount by which a score is lowered, and the factor of small scores."""
FELL, FOLLOWS = 50.0, 16.0
"""Factor by which an entry must fall to count as small; its relative error may then grow by at most the second factor: scores lie farther
from 0.
"""
LOST = 0.1
"""Largest relative error of a small entry: one that has become 0 has lost all digits, but no more."""
NUDGED = 4
NUDGES = (1 / 29, 1 / 37)
"""Relative changes of W and X, the first one also of scores: much more than a unit in the last place of any dtype, much less than changes a
formula.
"""
ROUGH = 0.25
"""Share of an error that must change."""


def shrinking(aspect: Aspect, subject: Memoised, residuals: Sequence[Residual]) -> str | None:
    """A sentence if the errors change with the dtype as rounding errors do."""
    here, there = subject.scored.dtype, OTHER[subject.scored.dtype]
    other = subject.judged_by(Oracle(subject.scored.objective, there))
    if max(_relative(residual) for residual in residuals) >= SMALL:
        return None
    expected = unit_roundoff(here) / unit_roundoff(there)
    mine = theirs = 0.0
    for k, residual in enumerate(residuals, 1):
        again = aspect.residual(other, residual.decomposition.cast(there))
        if again is None or not (again.finite and residual.finite):
            return None
        mine, theirs = max(mine, _relative(residual)), max(theirs, _relative(again))
        if k in (TELLING, len(residuals)) and not (
            theirs > 0 and max(mine, theirs) < SMALL and 1 / SHRINKS < mine / theirs / expected < SHRINKS
        ):
            return None
    return (
        f"the error of the {aspect.name} shrinks with the dtype ({mine:.1g} in {here}, {theirs:.1g} in {there}): "
        "the formula is right and loses digits"
    )


def _relative(residual: Residual) -> float:
    return float(np.max(np.abs(residual.error))) / max(float(np.max(residual.magnitude)), LEAST)
