"""Balls beside what mpmath says."""

from __future__ import annotations

import mpmath
from flint import arb

from verify.tape.balls import precision


def ball_of(x):
    with precision(400):
        return arb(mpmath.nstr(x, 55, strip_zeros=False)) * (1 + arb(0, 1e-50))


def contains(ball, x, within=0.0):
    """Whether a ball contains a number that is known to 50 digits, or up to `within`."""
    with precision(400):
        return bool(ball.overlaps(ball_of(x) + arb(0, within)))


def is_narrow(ball, digits, size=1.0):
    """Whether the radius is small beside the value and the sizes that it is made of."""
    return bool(ball.rad() <= arb(10) ** -digits * (ball.abs_upper() + size))
