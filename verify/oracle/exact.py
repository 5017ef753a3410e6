"""Floats as what they are, exact dyadic rationals: scores without any rounding."""

from __future__ import annotations

import numpy as np
from flint import arb, fmpz_mat
from numpy.typing import NDArray

from verify.tape.balls import precision

Floats = NDArray[np.floating]


def _integers(A: Floats) -> tuple[list[list[int]], int]:
    """(M, e) with A = M·2^e exactly, M integers. Raises ValueError where A is not finite."""
    if not np.all(np.isfinite(A)):
        raise ValueError("the oracle needs finite numbers")
    mantissa, exponent = np.frexp(A.astype(np.float64))
    mantissa, exponent = (mantissa * 2.0**53).astype(np.int64), exponent.astype(np.int64) - 53
    used = exponent[mantissa != 0]
    low = int(used.min()) if used.size else 0
    shift = np.where(mantissa != 0, exponent - low, 0)
    return [[int(m) << int(s) for m, s in zip(ms, ss, strict=True)] for ms, ss in zip(mantissa, shift, strict=True)], low


def product(A: Floats, B: Floats) -> list[list[arb]]:
    """A Bᵀ, entry by entry without error, whatever the precision in force. A is (N, D), B is (C, D)."""
    a, ea = _integers(A)
    b, eb = _integers(B)
    if not A.size or not B.size:
        return [[arb(0)] * len(B) for _ in A]
    exact = fmpz_mat(a) * fmpz_mat(b).transpose()
    return [[arb((entry, ea + eb)) for entry in row] for row in exact.tolist()]


def ball(x: float | np.floating) -> arb:
    """A float as an exact ball."""
    return arb(float(x))


def error(x: float, truth: arb) -> float:
    """X − truth, rounded once; NaN where x is not finite."""
    with precision():
        return float(ball(x) - truth) if np.isfinite(x) else float("nan")


def distance(x: float, truth: arb) -> float:
    """|x − truth|, rounded once; NaN where x is not finite."""
    return abs(error(x, truth))
