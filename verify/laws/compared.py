"""Two answers that ought to be the same, as evidence."""

from __future__ import annotations

from math import isnan

import numpy as np

from verify.evidence import Evidence


def close(method: str, measured: float, expected: float, allowed: float, magnitude: float, *, answer: str | None = None) -> Evidence:
    """Two numbers that ought to be the same. NaN is like NaN, infinity like infinity."""
    same = measured == expected or (isnan(measured) and isnan(expected))
    where = {"method": method, "measured": measured, "expected": expected}
    return Evidence(measured=0.0 if same else abs(measured - expected), allowed=allowed, magnitude=magnitude, where=where, answer=answer)


def entrywise(what: str, measured: np.ndarray, expected: np.ndarray, allowed: np.ndarray, size: np.ndarray) -> Evidence:
    """The entry of two gradients under the greatest strain, of those with a finite allowance. NaN is like NaN, infinity like infinity."""
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
