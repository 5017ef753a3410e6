"""Unit roundoffs, γₙ, and the chosen constants that several modules share, each with its reason. Those of one module stand there.

Source of the error model: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002,
chapters 2 and 3: fl(a ∘ b) = (a ∘ b)(1 + θ), |θ| ≤ u, and |θₙ| ≤ γₙ for a product of n such factors.
"""

from __future__ import annotations

import numpy as np

SLACK = 4.0
"""Factor by which a candidate may exceed the derived rounding bound. With a formula it is the one factor of the bounds that is chosen and
not derived: it pays for operations that a right implementation may add (a max-shift, a division by N in two steps). By differences of a
loss, where errors are estimated, `verify.pair` has constants of its own."""

ELEMENTARY = 8
"""Roundings charged to one call of exp, log, … Documented worst case of the libraries in use: 3.83 ulp (numpy's
vectorised float32 log), and one ulp is two unit roundoffs."""

COMPOSED = 12
"""Roundings charged to φ/Φ and to the derivatives of digamma, which libraries make of several functions. Measured on some thousand points:
up to 8.2 (√(2/π) over scipy's erfcx) and 6.7 (scipy's polygamma)."""

BALL_BITS = 128
"""Working precision of the balls: 75 bits beyond float64, so that the oracle's own radius never shows in a strain."""

EXACT_BITS = 1 << 14
"""Precision at which a sign that is still undecided is given up. A product of two float64 has its bits between 2^-2148
and 2^2048, so every sum of such products is exact long before; what remains undecided is transcendental."""

WINDOW = 30.0
"""An order is confirmed only where the truncation term is at least this many times the rounding term: there rounding
moves the ratio e(2h)/e(h) by at most 2·2/30, far less than what separates one order from the next."""

LADDER = {"float64": range(21), "float32": range(11)}
"""Exponents k of the step ladder h = 2^-k. The largest step is the scale of the weights; the smallest keeps W ± hd
representable after `difference.on_grid` and lies beyond the best centred step u^(1/3) of the dtype."""

DENSE_RUNGS = 4
"""Neighbouring rungs that are judged from the largest kink-free step down: an order needs at least two of them."""

SPARSE_RUNGS = 4
"""Every so many rungs one more is judged down to the smallest step, where a stale or quantised loss shows."""

DIRECTION_BITS = 4
"""Directions have entries that are multiples of 2^-DIRECTION_BITS, so that W ± hd needs few bits to be exact."""

FARTHEST = 8.0
"""Scores that the longest step moves: several margins, so that kinks are crossed, and far less than what overflows."""

BEYOND = 30.0
"""A step this much longer than the best one is no longer near it: truncation there is at least 30 (900 centred) times that
at the best step, so its error is greater whatever the roundings do."""

AT_START = 2.0**-10
"""Kinks within this part of a step are taken for one at its start: they move the quotient by a thousandth of their jump, which is
allowed for exactly."""

MOST_INTERVALS = 64
"""Intervals that are looked at for the first zero of a curved switch: enough to halve one ten times on either side of a kink, and
a few hundredths of a second; what is left then only touches 0, or is enclosed too widely."""

NARROWINGS = 64
"""Newton steps on an isolated zero at most. Each at least halves its ball, and soon doubles its digits: about seven reach BALL_BITS."""

VAGUE = 2.0**-20
"""Part of the size of a gradient from which on what is left open may hide a mistake."""
NARROW = 2.0**-90
"""Part of the size of a gradient within which two balls are one number: what is left of sums in real arithmetic."""

MOST_VERTICES = 64
"""Vertices of one open switch that are told apart: six switches within one another. Beyond, intervals around them stand for their hull."""

MOST_LIMITS = 64
"""One-sided limits of a second derivative that are told apart: six switches at once."""

MOST_PRODUCTS = 64
"""Products that a slope is multiplied out into, to see which numbers leave a dtype's range; beyond, sums stay as they are."""

EXPLAINED = 4.0
"""Times the rounding bound that an explained gradient may be off: a wrong formula is evaluated in other steps than the spec's."""

GREATEST_DENOMINATOR = 12
"""Coefficients of explanations are fractions with denominators up to this: people write halves, thirds and tenths, not 7/13."""


HALF = {"float64": 2.0**26, "float32": 2.0**12}
"""Ulps by which a number may be off that still has half of its digits."""


HALVES = {"bfloat16": (2.0**-8, 2.0**-126, "float32"), "float16": (2.0**-11, 2.0**-14, "float16")}
"""Of formats of half precision U, the smallest normal number, and a dtype of numpy's that has their range."""


def unit_roundoff(dtype: str, half: str | None = None) -> float:
    """U of `dtype` ("float64" or "float32"), half the distance from 1 to the next float, or of a coarser format of `HALVES`."""
    return float(np.finfo(dtype).eps) / 2 if half is None else HALVES[half][0]


def smallest_normal(dtype: str, half: str | None = None) -> float:
    """The least absolute error that underflow can cause where subnormals are flushed to zero."""
    return float(np.finfo(dtype).smallest_normal) if half is None else HALVES[half][1]


def with_range(dtype: str, half: str | None) -> str:
    """A dtype with the range of what is answered."""
    return dtype if half is None else HALVES[half][2]


def keeps_subnormals(dtype: str) -> bool:
    """Whether half of the smallest normal number is not 0 in this process."""
    half = np.finfo(dtype).smallest_normal * np.dtype(dtype).type(0.5)
    return bool(half > 0)


def gamma(n: float, u: float) -> float:
    """γₙ = n·u / (1 − n·u): the relative error of n successive roundings. Infinite where n·u ≥ 1."""
    return n * u / (1 - n * u) if n * u < 1 else float("inf")


def ulps(error: float, at: float, dtype: str) -> float:
    """`error` in units of the last place of `at` in `dtype`; infinite where either is beyond the dtype's range."""
    if not np.isfinite(error):
        return float("inf")
    size = max(abs(at), smallest_normal(dtype))
    if size > float(np.finfo(dtype).max):
        return float("inf")
    return abs(error) / float(np.spacing(np.dtype(dtype).type(size)))


def blas() -> str:
    """The library of linear algebra that numpy was built with, and its version, as far as numpy tells: they sum in different orders."""
    try:
        told = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError):
        return "unknown"
    return f"{told.get('name')} {told.get('version')}"
