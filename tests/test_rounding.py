"""Unit roundoff, γₙ and units in the last place are what Higham defines."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest

from verify.rounding import LADDER, gamma, smallest_normal, ulps, unit_roundoff


@pytest.mark.parametrize(("dtype", "bits", "lowest"), [("float64", 53, -1022), ("float32", 24, -126)])
def test_the_unit_roundoff_is_half_the_distance_from_one_to_the_next(dtype, bits, lowest):
    u, one = unit_roundoff(dtype), np.dtype(dtype).type(1)
    assert u == 2.0**-bits
    assert np.nextafter(one, 2 * one) - one == 2 * u
    assert one + np.dtype(dtype).type(u) == one  # ties to even
    assert smallest_normal(dtype) == 2.0**lowest


@pytest.mark.parametrize(
    ("n", "u", "expected"),
    [(0, 0.25, 0.0), (1, 0.25, 1 / 3), (2, 0.25, 1.0), (3, 0.25, 3.0), (4, 0.25, inf), (5, 0.25, inf), (10**9, 2.0**-24, inf)],
)
def test_gamma_is_nu_by_one_minus_nu_and_infinite_where_it_has_no_meaning(n, u, expected):
    assert gamma(n, u) == expected
    assert gamma(n, np.array([u, 0.0])).tolist() == [expected, 0.0]


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_gamma_bounds_the_product_of_n_roundings(n):
    u = Fraction(1, 2**24)
    bound = Fraction(gamma(n, 2.0**-24)) * (1 + Fraction(1, 2**50))
    assert (1 + u) ** n - 1 <= bound
    assert 1 - (1 - u) ** n <= bound
    assert (1 - u) ** -n - 1 <= bound  # the greatest of them
    assert bound < (n + 1) * u


@pytest.mark.parametrize(
    ("error", "at", "dtype", "expected"),
    [
        (2.0**-52, 1.0, "float64", 1.0),
        (2.0**-52, -1.0, "float64", 1.0),
        (-(2.0**-52), 1.0, "float64", 1.0),
        (2.0**-23, 1.0, "float32", 1.0),
        (3 * 2.0**-52, 1.9, "float64", 3.0),
        (2.0**-52, 2.0, "float64", 0.5),
        (0.0, 1.0, "float64", 0.0),
        (5e-324, 0.0, "float64", 1.0),
        (2.0**-149, 0.0, "float32", 1.0),
        (inf, 1.0, "float64", inf),
        (nan, 1.0, "float64", inf),
        (1.0, 1e300, "float32", inf),
    ],
)
def test_ulps_count_units_in_the_last_place(error, at, dtype, expected):
    assert ulps(error, at, dtype) == expected


@pytest.mark.parametrize("dtype", LADDER)
def test_the_ladder_reaches_beyond_the_best_centred_step(dtype):
    assert 2.0 ** -max(LADDER[dtype]) < unit_roundoff(dtype) ** (1 / 3)
    assert min(LADDER[dtype]) == 0
