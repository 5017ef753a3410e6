"""Row formulas of many classes, and what they are made of, beside those of few and beside numpy in extended precision."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from verify.core import multiclass_hinge, softmax_cross_entropy, wide

DTYPES = ("float64", "float32")


@njit(error_model="numpy")
def exponentials(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = wide.exponential(x[i])
    return out


@njit(error_model="numpy")
def greatest(x):
    return wide.greatest(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_are_right_to_a_unit_in_the_last_place(dtype):
    last = {"float64": -708, "float32": -87}[dtype]
    x = np.concatenate([np.linspace(last, 0, 20_001), -np.geomspace(1e-30, 1, 500), np.log(2) * (np.arange(-120, 0) + 0.5)]).astype(dtype)
    exact = np.exp(x.astype(np.longdouble))
    assert np.all(np.abs(exponentials(x) - exact) <= 1.05 * np.spacing(exact.astype(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_at_the_ends(dtype):
    x = np.array([0, -0.0, -np.finfo(dtype).tiny, -1000, -np.finfo(dtype).max, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(exponentials(x), np.array([1, 1, 1, 0, 0, 0, np.nan], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_greatest_of_any_order_and_sign(dtype):
    rng = np.random.default_rng(0)
    for numbers in (rng.normal(size=50), -rng.exponential(size=50), [-np.inf, -1e30], [np.inf, 1.0], [-0.0, -1e-30]):
        x = np.asarray(numbers, dtype)
        for order in (x, x[::-1].copy()):
            assert greatest(order) == x.max()
    assert np.isnan(greatest(np.array([1.0, np.nan, 2.0], dtype)))


@njit(error_model="numpy")
def hinges(S, y, delta, dS):
    few, many = np.empty(y.size, S.dtype), np.empty(y.size, S.dtype)
    for i in range(y.size):
        few[i] = multiclass_hinge.row(S[i], y[i], delta, dS[i])
        many[i] = multiclass_hinge.row_of_many(S[i], y[i], delta)
    return few, many


@njit(error_model="numpy")
def softmaxes(S, y, delta, dS):
    few, many = np.empty(y.size, S.dtype), np.empty(y.size, S.dtype)
    for i in range(y.size):
        few[i] = softmax_cross_entropy.row(S[i], y[i], delta, dS[i])
        many[i] = softmax_cross_entropy.row_of_many(S[i], y[i], delta)
    return few, many


@pytest.mark.parametrize("C", [1, 2, 7, 16, 37])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [hinges, softmaxes], ids=["hinge", "softmax"])
def test_the_formula_of_many_classes_is_that_of_few(rows, dtype, C):
    """With ties, on which the hinge's subgradient is 0, a score that is NaN, and one that is infinite."""
    rng = np.random.default_rng(1)
    S = (rng.integers(-4, 5, (30, C)) / 2).astype(dtype)
    S[10:20] += 300 * rng.normal(size=(10, C)).astype(dtype)
    S[28, 0], S[29, -1] = np.nan, -np.inf
    y, dS, u = rng.integers(0, C, 30), np.empty_like(S), float(np.finfo(dtype).eps) / 2
    few, many = rows(S, y, np.dtype(dtype).type(1), dS)
    np.testing.assert_allclose(many, few, rtol=C * u, atol=C * u)
    np.testing.assert_allclose(S, dS, rtol=0 if rows is hinges else (C + 8) * u, atol=2 * u)
