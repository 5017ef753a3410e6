"""The first zero of functions along a line: never overlooked, and enclosed to the last digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb, arb_series
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.oracle import KinkOnSegment
from verify.tape.balls import precise
from verify.tape.root_isolation import first_zero


def zero(*functions, start=0.0, end=4.0):
    """The first zero of functions of a series t, the least t in (start, end]."""
    with_series = precise(lambda: first_zero(lambda t: [f(arb_series([t, 1], 4)) for f in functions], arb(start), arb(end)))
    return with_series()


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ([lambda t: t * t - 2], math.sqrt(2)),
        ([lambda t: t.exp() - 3], math.log(3)),
        ([lambda t: (t * t + 1).sqrt() - 2, lambda t: t - 3], math.sqrt(3)),
        ([lambda t: t * t - 9, lambda t: t * t - 2], math.sqrt(2)),
        ([lambda t: (3 * t).sin() + 0.5], (math.pi + math.pi / 6) / 3),
        ([lambda t: 1 - t * t * t * t], 1.0),
        ([lambda t: t * t - t / 1024], 1 / 1024),
        ([lambda t: t * t * (t - 3)], 3.0),
        ([lambda t: t * t - 16], 4.0),
    ],
    ids=[
        "square",
        "exponential",
        "square root",
        "the nearer of two",
        "sine",
        "all derivatives but the fourth vanish at 0",
        "close to the start, where it is 0",
        "twice 0 at the start",
        "at the very end",
    ],
)
def test_the_first_zero_is_enclosed(functions, expected):
    found = zero(*functions)
    assert found is not None
    assert abs(float(found.mid()) - expected) < 1e-15
    assert float(found.rad()) < 1e-30


@pytest.mark.parametrize(
    "f",
    [
        lambda t: t.exp(),
        lambda t: t * t,
        lambda t: t.exp() - 1,
        lambda t: t * t + 0.001,
        lambda t: t * t - 16.001,
        lambda t: t.exp() - 1 - t,
    ],
    ids=[
        "never",
        "only at the start, where it touches 0",
        "only at the start",
        "almost",
        "just beyond the end",
        "third order at the start",
    ],
)
def test_where_there_is_none_that_is_proved(f):
    assert zero(f) is None


@pytest.mark.parametrize("f", [lambda t: (t - 1) * (t - 1), lambda t: (t - 1.125) ** 2 * t.exp()], ids=["square", "times a curve"])
def test_a_function_that_touches_zero_decides_nothing(f):
    with pytest.raises(KinkOnSegment):
        zero(f)


@settings(deadline=None, max_examples=60, database=None)
@given(st.lists(st.integers(-40, 40), min_size=2, max_size=4, unique=True))
def test_of_a_polynomial_the_least_root_ahead_is_found(roots):
    """Roots are multiples of a third, so that no interval is halved in one."""

    def product(t):
        found = arb_series([1], 4)
        for r in roots:
            found = found * (3 * t - r)
        return found

    ahead = [r / 3 for r in sorted(roots) if 0 < r / 3 <= 4]
    try:
        found = zero(product)
    except KinkOnSegment:
        return  # too close to each other, which may be said, and nothing else
    assert (found is None) == (not ahead)
    assert found is None or np.isclose(float(found.mid()), ahead[0], rtol=1e-14)
