"""Balls: python-flint's precision, functions that it lacks or bounds badly, and signs of power series.

Each function is defined on balls and on power series of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce, wraps
from math import factorial
from typing import Any, ParamSpec, TypeVar

import flint
from flint import arb, arb_series

from verify.rounding import BALL_BITS

P = ParamSpec("P")
R = TypeVar("R")
Ball = Any  # arb or arb_series: python-flint overloads both alike


class KinkOnSegment(Exception):
    """The segment may touch a kink, so the function is not known to be smooth on it."""


@contextmanager
def precision(bits: int = BALL_BITS) -> Iterator[None]:
    """Sets python-flint's precision, which is one setting for the whole process, and restores it."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def precise(f: Callable[P, R]) -> Callable[P, R]:
    """Runs a function of balls at the oracle's precision."""

    @wraps(f)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with precision():
            return f(*args, **kwargs)

    return inside


def vanishing(x: Ball) -> int:
    """The number of derivatives x, x', x'', … that may be 0 at t, before the first that certainly is not."""
    found = coefficients(x)
    return next((k for k, c in enumerate(found) if not c.contains(0)), len(found))


def sign_ahead(x: Ball) -> int | None:
    """The sign of x just ahead of t: that of the first derivative that is not 0; 0 if all known ones may be 0.

    The value itself may be a ball around 0, since t may be a ball around a zero of x. None if a slope is such a ball, too.
    """
    found, k = coefficients(x), vanishing(x)
    if k == len(found):
        return 0
    if k > 1 and not all(c.is_zero() for c in found[:k]):
        return None
    return 1 if found[k] > 0 else -1


def coefficients(x: Ball) -> list[arb]:
    """The known coefficients of a series; for a ball, the ball."""
    return [x[k] for k in range(x.prec)] if isinstance(x, arb_series) else [x]


def constant(x: Ball) -> arb:
    """The value of a series at its start."""
    return x[0] if isinstance(x, arb_series) else x


def quotient(x: Ball, y: Ball) -> Ball:
    """The quotient x/y. A series whose divisor may be 0 at its start is unknown: python-flint raises there."""
    if type(x) is arb and type(y) is arb:
        return x / y
    series = [z for z in (x, y) if isinstance(z, arb_series)]
    if series and constant(y).contains(0):
        terms = min(z.prec for z in series)
        return arb_series([arb.nan()] * terms, terms)
    return x / y


def held(numerator: int, denominator: int) -> bool:
    """Whether every dtype holds the fraction exactly: it is dyadic, with at most the 24 bits of float32's mantissa."""
    odd = numerator >> max(0, (numerator & -numerator).bit_length() - 1)
    return denominator & (denominator - 1) == 0 and odd.bit_length() <= 24


def _composed(derivatives: Sequence[arb], x: arb_series) -> arb_series:
    """The series of f(x) from f⁽ᵏ⁾(x₀), k = 0, 1, …, at least as many as the series has terms."""
    if x.prec > len(derivatives):
        raise ValueError(f"{len(derivatives)} derivatives are known, and {x.prec} terms are asked for")
    moved = arb_series([0, *(x[k] for k in range(1, x.length()))], x.prec)
    power, total = arb_series([1], x.prec), arb_series([0], x.prec)
    for k, d in enumerate(derivatives[: x.prec]):
        total += power * (d / factorial(k))
        power *= moved
    return total


def log_ndtr(x: Ball) -> Ball:
    """The function log Φ: increasing and concave, with a decreasing slope φ/Φ, so that balls of any width are bounded by their ends."""
    if isinstance(x, arb_series):
        return _composed([log_ndtr(x[0]), *_mills_and_slopes(x[0])], x)
    return _log_phi(arb(x.lower())).union(_log_phi(arb(x.upper())))


def inverse_mills(x: Ball) -> Ball:
    """The decreasing function φ/Φ."""
    if isinstance(x, arb_series):
        return _composed(_mills_and_slopes(x[0]), x)
    return _mills(arb(x.lower())).union(_mills(arb(x.upper())))


def _mills_and_slopes(x: arb) -> list[arb]:
    """The function φ/Φ = m and its first three derivatives, by m' = −m(x + m), which lies in [−1, 0]."""
    m = inverse_mills(x)
    a, b = x + m, x + 2 * m
    first = _within(-m * a, -1, 0)
    return [m, first, m * (a * b - 1), first * (a * b - 1) + m * ((1 + first) * b + a * (1 + 2 * first))]


def _log_phi(x: arb) -> arb:
    """The function log Φ at a point: where Φ is near 1, from 1 − Φ."""
    root = arb(2).sqrt()
    return (-(x / root).erfc() / 2).log1p() if x > 0 else ((-x / root).erfc() / 2).log()


def _mills(x: arb) -> arb:
    """φ(x)/Φ(x)."""
    return (-x * x / 2 - _log_phi(x)).exp() / (2 * arb.pi()).sqrt()


def _within(x: arb, low: float, high: float) -> arb:
    """A ball around the intersection of the ball and the interval between the bounds, which is not empty."""
    return x.intersection(arb((low + high) / 2, (high - low) / 2)) if x.is_finite() else arb((low + high) / 2, (high - low) / 2)


def polygamma(n: int, x: arb) -> arb:
    """The n-th derivative of digamma, n ≥ 0, for x > 0: each is monotone there, so that balls are bounded by their ends."""
    if not x > 0:
        return arb.nan()
    low, high = (e.digamma() if n == 0 else arb(n + 1).zeta(e) * (-1) ** (n + 1) * factorial(n) for e in (arb(x.lower()), arb(x.upper())))
    return low.union(high)


def lgamma(x: arb) -> arb:
    """The function log Γ for x > 0, by the mean value theorem: python-flint's own has no bounds on wide balls."""
    if not x > 0:
        return arb.nan()
    middle = arb(x.mid())
    return middle.lgamma() + (x - middle) * polygamma(0, x)


def integer_power(x: Ball, n: int) -> Ball:
    """xⁿ by products: python-flint's ** goes through the logarithm and has no answer where the ball contains 0."""
    return reduce(operator.mul, [x] * n) if n > 0 else x**n
