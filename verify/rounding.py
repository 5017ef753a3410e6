"""Unit roundoffs, γₙ, and the chosen constants that several modules share, each with its reason. A constant of one module stands in that
module.

Source of the error model: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, chapters 2 and 3: fl(a ∘ b) =
(a ∘ b)(1 + θ), |θ| ≤ u, and |θₙ| ≤ γₙ for a product of n such factors.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

SLACK = 4.0
"""Factor by which a candidate may exceed the derived rounding bound. With a formula it is the one factor of the bounds that is chosen and
not derived: it pays for operations that a right implementation may add (a max-shift, a division by N in two steps). Where the truth is
estimated from differences of a loss, `verify.pair` has its own constants.
"""

ELEMENTARY = 8
"""Roundings charged to one call of exp, log, … Documented worst case of the libraries in use: 3.83 ulp (numpy's
vectorised float32 log), and one ulp is two unit roundoffs."""

COMPOSED_ROUNDINGS = 12
"""Roundings charged to φ/Φ and to the derivatives of digamma, which libraries make of several functions. Measured on some thousand points:
up to 8.2 (√(2/π) over scipy's erfcx) and 6.7 (scipy's polygamma)."""

BALL_BITS = 128
"""Working precision of the balls: 75 bits beyond float64, so that the oracle's own radius never shows in a strain."""

EXACT_BITS = 1 << 14
"""Precision at which an undecided sign is given up. A product of two float64 has its bits between 2^-2148 and 2^2048, so every sum of such
products is exact well before; what remains undecided is transcendental.
"""

WINDOW = 30.0
"""An order is confirmed only where the truncation term is at least this many times the rounding term: there rounding
moves the ratio e(2h)/e(h) by at most 2·2/30, far less than what separates one order from the next."""

LADDER = {"float64": range(21), "float32": range(11)}
"""Exponents k of the step ladder h = 2^-k. The largest step is the scale of the weights; the smallest keeps W ± hd
representable after `difference.on_grid` and lies beyond the best centred step u^(1/3) of the dtype."""

DENSE_RUNGS = 4
"""Neighbouring rungs that are judged from the largest kink-free step down: an order needs at least two of them."""

SPARSE_RUNGS = 4
"""Below the dense rungs, every fourth rung is judged, down to the smallest step, where a stale or quantised loss shows."""

DIRECTION_BITS = 4
"""Directions have entries that are multiples of 2^-DIRECTION_BITS, so that W ± hd needs few bits to be exact."""

MAX_SCORE_STEP = 8.0
"""The most that the longest step may move a score: several margins, so that kinks are crossed, and far from overflow."""

BEYOND_BEST_STEP = 30.0
"""A step this much longer than the best one is no longer near it: truncation there is at least 30 (900 centred) times that
at the best step, so its error is greater whatever the roundings do."""

AT_START = 2.0**-10
"""Kinks within this part of a step are taken for one at its start: they move the quotient by a thousandth of their jump, which is
allowed for exactly."""

MOST_INTERVALS = 64
"""Intervals examined for the first zero of a curved switch: enough to halve one ten times on either side of a kink, in a few hundredths of
a second. What is undecided then only touches 0, or is enclosed too widely.
"""

NARROWINGS = 64
"""Most Newton steps on an isolated zero. Each at least halves its ball, and soon doubles its digits: about seven reach BALL_BITS."""

VAGUE_UNCERTAINTY = 2.0**-20
"""Relative to the size of a gradient, the uncertainty from which on a mistake may hide in it."""
SAME_NUMBER = 2.0**-90
"""Relative to the size of a gradient, the distance within which two balls are one number: the rest of sums in real arithmetic."""

MOST_VERTICES = 64
"""Vertices of one open switch that are distinguished: six nested switches. Beyond, intervals stand for their hull."""

MOST_LIMITS = 64
"""One-sided limits of a second derivative that are distinguished: six switches at once."""

MOST_PRODUCTS = 64
"""Products that a slope is expanded into, to see which numbers leave a dtype's range; beyond, sums stay unexpanded."""

EXPLAINED_SLACK = 4.0
"""Multiple of the rounding bound by which an explained gradient may be off: a wrong formula is evaluated in other steps than the spec's."""

GREATEST_DENOMINATOR = 12
"""Coefficients of explanations are fractions with denominators up to this: people write halves, thirds and tenths, not 7/13."""


HALF_DIGITS_ULPS = {"float64": 2.0**26, "float32": 2.0**12}
"""Error in ulps of a number that still has half of its digits."""


HALVES = {"bfloat16": (2.0**-8, 2.0**-126, "float32"), "float16": (2.0**-11, 2.0**-14, "float16")}
"""By format of half precision: unit roundoff, smallest normal number, and a numpy dtype with the same range."""


def unit_roundoff(dtype: str, half: str | None = None) -> float:
    """The unit roundoff u of `dtype` ("float64" or "float32"), half the distance from 1 to the next float, or of a coarser format of
    `HALVES`.
    """
    return float(np.finfo(dtype).eps) / 2 if half is None else HALVES[half][0]


def smallest_normal(dtype: str, half: str | None = None) -> float:
    """The least absolute error that underflow can cause where subnormals are flushed to zero."""
    return float(np.finfo(dtype).smallest_normal) if half is None else HALVES[half][1]


def with_range(dtype: str, half: str | None) -> str:
    """The dtype whose range the answers have."""
    return dtype if half is None else HALVES[half][2]


def keeps_subnormals(dtype: str) -> bool:
    """Whether this process computes with subnormal numbers, and does not flush them to 0."""
    half = np.finfo(dtype).smallest_normal * np.dtype(dtype).type(0.5)
    return bool(half > 0)


@overload
def gamma(n: float, u: float) -> float: ...
@overload
def gamma(n: float, u: NDArray[np.float64] | float) -> NDArray[np.float64] | float: ...
def gamma(n: float, u: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
    """γₙ = n·u / (1 − n·u): the relative error of n successive roundings, for each `u`. Infinite where n·u ≥ 1."""
    lost = n * u
    if isinstance(lost, np.ndarray):
        return np.asarray(np.divide(lost, 1 - lost, out=np.full(lost.shape, np.inf), where=lost < 1))
    return lost / (1 - lost) if lost < 1 else float("inf")


def ulps(error: float, at: float, dtype: str) -> float:
    """`error` in units in the last place of `at`, in `dtype`; infinite where either is out of the dtype's range."""
    if not np.isfinite(error):
        return float("inf")
    size = max(abs(at), smallest_normal(dtype))
    if size > float(np.finfo(dtype).max):
        return float("inf")
    return abs(error) / float(np.spacing(np.dtype(dtype).type(size)))


def blas() -> str:
    """The linear algebra library that numpy was built with, and its version, as far as numpy reports them: each sums in its own order."""
    try:
        told = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError):
        return "unknown"
    return f"{told.get('name')} {told.get('version')}"
