"""The first zero of functions of t, isolated by balls: none is missed, and it lies in the returned ball.

On an interval on which a derivative of g has one sign, g is monotone beyond the zeros of its lower derivatives: it has no zero, or one that
its sign at the end shows. Intervals on which neither is known are halved. Source: W. Tucker, Validated Numerics, Princeton 2011, chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from flint import arb, arb_series

from verify.rounding import MOST_INTERVALS, NARROWINGS
from verify.tape.balls import KinkOnSegment, sign_ahead, vanishing

MAX_ENCLOSURES, MIN_INTERVALS = 4096, 8
"""Most enclosures of single functions to spend on a zero, and the number of intervals that are examined in any case."""

Functions = Callable[[arb], Sequence[arb_series]]
"""The Taylor coefficients g(t), g'(t), … of every function over a ball of t, enclosed."""


def first_zero(functions: Functions, start: arb, end: arb) -> arb | None:
    """The least t in (start, end] at which one of the functions is 0; None if there is none. A zero at the start does not count.

    Raises KinkOnSegment where that is undecided: for a function that only touches 0, or whose enclosures stay too wide.
    """
    here = functions(start)
    signs, orders = [sign_ahead(g) for g in here], [vanishing(g) for g in here]
    if not all(signs):
        raise KinkOnSegment
    low, ends = start, [end]
    for _ in range(min(MOST_INTERVALS, max(MIN_INTERVALS, MAX_ENCLOSURES // max(1, len(signs))))):
        if not ends:
            return None
        high = ends[-1]
        over = functions(low.union(high))
        open_ = [i for i, g in enumerate(over) if not _sign(g[orders[i]])]
        reached = functions(high) if open_ else over
        open_ = [i for i in open_ if not (_sign(over[i][1]) and _sign(reached[i][0]) == signs[i])]
        if not open_:
            ends.pop()
            low, orders = high, [0] * len(orders)
        elif all(_sign(over[i][1]) and _crossed(reached[i][0], signs[i]) for i in open_):
            return least(_narrowed(functions, i, low, high) for i in open_)
        else:
            ends.append((low.mid() + high) / 2)
    raise KinkOnSegment


def _narrowed(functions: Functions, i: int, low: arb, high: arb) -> arb:
    """The zero of a function that is monotone on the interval and changes its sign there, by Newton's method with enclosures."""
    zero = low.union(high)
    for _ in range(NARROWINGS):
        middle = zero.mid()
        newton = middle - functions(middle)[i][0] / functions(zero)[i][1]
        closer = zero.intersection(newton) if newton.is_finite() else zero
        if not 2 * closer.rad() < zero.rad():
            break
        zero = closer
    return zero


def least(zeros: Iterable[arb]) -> arb:
    """The least of the zeros; if two overlap, a ball around both."""
    first, *rest = zeros
    for zero in rest:
        first = zero if zero < first else first.union(zero) if zero.overlaps(first) else first
    return first


def _sign(x: arb) -> int:
    """1 or −1 for a ball that is certainly positive or negative, else 0."""
    return 1 if x > 0 else -1 if x < 0 else 0


def _crossed(x: arb, sign: int | None) -> bool:
    return x.is_zero() or _sign(x) * (sign or 0) < 0
