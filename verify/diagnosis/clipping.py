"""Clipped numbers: each between a least and a greatest number, or all of them to a greatest norm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.decomposition import Floats
from verify.diagnosis.residuals import HESSIAN, Aspect, Residual
from verify.diagnosis.wording import Diagnosis


def clipped(aspect: Aspect, residuals: Sequence[Residual]) -> Diagnosis | None:
    """The diagnosis of a bound beyond which everything is clipped, if nothing else is wrong; else None."""
    for words, shares in (
        ("", [1.0] * len(residuals)),
        (" before the mean is taken", [residual.decomposition.share for residual in residuals]),
    ):
        numbers = [
            (residual.given / s, (residual.given - residual.error) / s, residual.radius / s)
            for residual, s in zip(residuals, shares, strict=True)
        ]
        cut_off = bounds(*(np.concatenate([row[k].ravel() for row in numbers]) for k in range(3)))
        if cut_off is not None:
            return Diagnosis("curvature" if aspect is HESSIAN else "entries", f"the {aspect.name} is cut off{words}: {cut_off}")
    most = norm([(residual.given, residual.given - residual.error, residual.broken) for residual in residuals])
    return None if most is None else Diagnosis("scaled", f"the {aspect.name} is scaled down to a norm of {most:.6g} where it is longer")


def bounds(given: Floats, truth: Floats, radius: Floats) -> str | None:
    """The bounds of the given numbers where the true ones exceed them, in words; None if there are none."""
    wrong = ~(np.abs(given - truth) <= radius)
    low, high = (_bound(given, truth, radius, wrong & beyond) for beyond in (given > truth, given < truth))
    if not (low or high) or low == 0 or high == 0:
        return None
    least, most = (-np.inf if low is None else low), (np.inf if high is None else high)
    there, about = truth[~wrong], radius[~wrong]
    if np.sum(wrong) < ENOUGH or np.sum(there != 0) < ENOUGH or np.any(there < least - about) or np.any(there > most + about):
        return None
    if low and high:
        return f"it stays within [{low:.6g}, {high:.6g}]"
    return f"it is never less than {low:.6g}" if low else f"it is never greater than {high:.6g}"


def _bound(given: Floats, truth: Floats, radius: Floats, beyond: NDArray[np.bool_]) -> float | None:
    """The number that replaces different ones beyond it: None if there is nothing beyond, 0 if there is no single number."""
    if not np.any(beyond):
        return None
    values, about = given[beyond], np.max(radius[beyond])
    return 0.0 if np.ptp(values) > about or np.ptp(truth[beyond]) <= about else float(np.median(values))


def norm(pairs: Sequence[tuple[Floats, Floats, bool]]) -> float | None:
    """The norm to which longer gradients are scaled down, from triples (given, true, whether it is broken); None if there is none."""
    norms = np.array([(np.linalg.norm(given), np.linalg.norm(truth)) for given, truth, _ in pairs])
    broken = np.array([wrong for *_, wrong in pairs])
    if np.sum(broken) < ENOUGH or np.all(broken):
        return None
    most = float(np.median(norms[broken, 0]))
    alike = np.abs(norms[broken, 0] - most) <= NEARLY * most
    if not np.all(alike) or np.any(norms[broken, 1] < most) or np.any(norms[~broken, 1] > (1 + NEARLY) * most):
        return None
    for (given, truth, wrong), (mine, theirs) in zip(pairs, norms, strict=True):
        if wrong and np.any(np.abs(given * (theirs / mine) - truth) > NEARLY * theirs):
            return None
    return most


ENOUGH = 4
"""Numbers, or cases, that must be clipped."""
NEARLY = 1e-6
