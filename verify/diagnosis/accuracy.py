"""The right formula with too much rounding: the error is that of a coarser dtype, or it shrinks with the dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from verify.cases import Case
from verify.diagnosis import panel
from verify.diagnosis.asked import Asked
from verify.diagnosis.looks import Aspect, Look
from verify.diagnosis.scene import Scene
from verify.oracle import Oracle
from verify.rounding import unit_roundoff

COARSER = {"float64": ("float32", "float16"), "float32": ("float16",)}
OTHER = {"float64": "float32", "float32": "float64"}
NAMES = {"float32": "single precision", "float16": "half precision"}

SHRINKS = 2.0**9
"""Factor by which the ratio of two errors may differ from that of the unit roundoffs, 2^29: roundings fall as they like."""
LEAST = 1e-30
"""Magnitudes below this count as this: nothing is divided by 0."""
SCALE = 16.0
UNCHANGED = 1e-2
"""An error that scales may differ by this much of itself: intermediate numbers fall into other binades where they are added."""
SMALL = 1e-2
"""Relative errors above this are no rounding."""


def coarser(aspect: Aspect, subject: Asked, looks: Sequence[Look]) -> str | None:
    """A sentence where every error is explained by roundings of a coarser dtype."""
    oracle = subject.oracle
    relative = [_relative(look) for look in looks]
    for dtype in COARSER[oracle.dtype]:
        typical = bool(np.median(relative) > unit_roundoff(dtype) / SHRINKS)
        if (
            typical
            and _is_relative(aspect, subject)
            and _is_rough(aspect, subject)
            and all(aspect.precise(look, Oracle(oracle.objective, dtype)) for look in looks)
        ):
            few = ", or rounded to as few digits" if dtype == "float16" else ""
            return f"the {aspect.name} is as accurate as {NAMES[dtype]}: something inside is computed in {dtype}{few}"
    return None


def _is_relative(aspect: Aspect, subject: Asked) -> bool:
    """Whether each error scales with its own numbers: roundings of floats do, exactly by powers of two, and those to so many digits do not.

    W·2^k and X/2^k have the same scores, so the data term's gradient is divided by 2^k, and its error with it. Neighbouring features are
    scaled in opposite directions: steps of a common size, as of 8 bits of the greatest entry, cannot follow both.
    """
    (scene, *_) = panel.ordinary(subject.oracle.objective, subject.oracle.dtype)
    bare = replace(scene.case, reg=0.0)
    alternate = np.where(np.arange(scene.D) % 2, 1 / SCALE, SCALE)
    scale = np.full(scene.D, SCALE) if subject.oracle.objective.of_scores else alternate  # there X picks the scores
    scaled = replace(bare, W=bare.W * scale.astype(bare.W.dtype), X=bare.X / scale.astype(bare.X.dtype))
    before, after = (aspect.look(subject, Scene(subject.oracle, case)) for case in (bare, scaled))
    if before is None or after is None:
        return False
    factor = np.ones(1) if aspect.name == "loss" else scale
    return bool(np.max(np.abs(after.error * factor - before.error)) <= np.max(np.abs(before.error)) * UNCHANGED + 2 * np.max(before.radius))


def _is_rough(aspect: Aspect, subject: Asked) -> bool:
    """Whether the errors are others where the numbers are almost the same, as roundings are; a small wrong term hardly changes."""
    changed = []
    for scene in panel.ordinary(subject.oracle.objective, subject.oracle.dtype)[:NUDGED]:
        W, X = (a * a.dtype.type(1 + nudge) for a, nudge in zip((scene.case.W, scene.case.X), NUDGES, strict=True))
        if subject.oracle.objective.of_scores:  # X picks the scores
            X = scene.case.X
        before, after = (aspect.look(subject, Scene(subject.oracle, case)) for case in (scene.case, replace(scene.case, W=W, X=X)))
        if before is not None and after is not None:
            changed.append(np.max(np.abs(after.error - before.error)) > ROUGH * np.max(np.abs(before.error)))
    return bool(changed) and 2 * sum(changed) >= len(changed)


NUDGED = 4
NUDGES = (1 / 29, 1 / 37)
"""Relative changes of W and X: far more than a unit in the last place of any dtype, far less than what changes a formula."""
ROUGH = 0.25
"""Part of an error that must be another one."""


def shrinking(aspect: Aspect, subject: Asked, looks: Sequence[Look]) -> str | None:
    """A sentence where the errors change with the dtype as roundings do."""
    here, there = subject.oracle.dtype, OTHER[subject.oracle.dtype]
    other = subject.judged_by(Oracle(subject.oracle.objective, there))
    errors = []
    if max(_relative(look) for look in looks) >= SMALL:
        return None
    for look in looks:
        again = aspect.look(other, Scene(other.oracle, _cast(look.scene.case, there)))
        if again is None or not (again.finite and look.finite):
            return None
        errors.append([_relative(x) for x in (look, again)])
    mine, theirs = np.max(errors, axis=0)
    expected = unit_roundoff(here) / unit_roundoff(there)
    if not (theirs > 0 and max(mine, theirs) < SMALL and 1 / SHRINKS < mine / theirs / expected < SHRINKS):
        return None
    return (
        f"the error of the {aspect.name} shrinks with the dtype ({mine:.1g} in {here}, {theirs:.1g} in {there}): "
        "the formula is right and loses digits"
    )


def _relative(look: Look) -> float:
    return float(np.max(np.abs(look.error))) / max(float(np.max(look.magnitude)), LEAST)


def _cast(case: Case, dtype: str) -> Case:
    return replace(case, W=case.W.astype(dtype), X=case.X.astype(dtype))
