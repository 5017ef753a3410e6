"""Floats as exact dyadic rationals: scores without any rounding."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from verify.rounding import EXACT_BITS, unit_roundoff
from verify.tape.balls import precision

Floats = NDArray[np.floating]


def product(A: Floats, B: Floats) -> list[list[arb]]:
    """A Bᵀ, entry by entry without error, at any present precision. A is (N, D), B is (C, D).

    At EXACT_BITS nothing is rounded, so that no entry has a radius. Raises ValueError for a number that is not finite.
    """
    if not (np.isfinite(A).all() and np.isfinite(B).all()):
        raise ValueError("the oracle needs finite numbers")
    if not A.size or not B.size:
        return [[arb(0)] * len(B) for _ in A]
    with precision(EXACT_BITS):
        found: list[list[arb]] = (arb_mat(A.astype(np.float64).tolist()) * arb_mat(B.T.astype(np.float64).tolist())).tolist()
    return found


def ball(x: float | np.floating) -> arb:
    """A float as an exact ball."""
    return arb(float(x))


def held(x: float, dtype: str) -> arb:
    """The number x rounded to a dtype."""
    return ball(np.dtype(dtype).type(x))


def rounded(x: float, dtype: str, unsure: float = 0.0) -> arb:
    """The number x, widened by its rounding to the dtype if that cannot hold it: code that computes in it rounds once. `unsure` is the
    relative uncertainty of x itself.
    """
    return arb(x, (unsure + (0.0 if float(np.dtype(dtype).type(x)) == x else unit_roundoff(dtype))) * abs(x))


def error(x: float, truth: arb) -> float:
    """The difference x − truth, rounded once; NaN if x is not finite."""
    with precision():
        return float(ball(x) - truth) if np.isfinite(x) else float("nan")


def distance(x: float, truth: arb) -> float:
    """The distance |x − truth|, rounded once; NaN if x is not finite."""
    return abs(error(x, truth))


def fits(x: arb, dtype: str) -> bool:
    """Whether a ball certainly holds a finite number in the range of a dtype."""
    return bool(x.is_finite()) and bool(abs(x) < arb(float(np.finfo(dtype).max)))
