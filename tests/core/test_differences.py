"""The numerical gradient of all entries: each quotient and each count of kinks recomputed, in fractions or in 50 digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction as Q
from itertools import product

import numpy as np
import pytest
import sympy
from numba.np.numpy_support import from_dtype

from verify.core import differences, multiclass_hinge, softmax_cross_entropy, tiles
from verify.core.compiling import array, compiled
from verify.core.differences import METHODS, numerical_gradient
from verify.core.objective import objectives
from verify.rounding import gamma

U = 2.0**-53


def hinge(S, y):
    return sum(max(Q(0), s - S[y] + 1) for j, s in enumerate(S) if j != y)


def softmax(S, y):
    return sum((s - S[y]).exp() for s in S).ln()


def scores(W, x, number):
    return [sum(number(float(w)) * number(float(v)) for w, v in zip(row, x, strict=True)) for row in W]


def kinks_of_hinge(S, y, c):
    return [(S[j] - S[y] + 1) * (-1 if j == c else 1) for j in range(len(S)) if j != y and c in (j, y)]


def quotients(loss, number, W, X, y, reg, h, method):
    """(gradient, crossings, magnitudes), entry by entry: what `numerical_gradient` claims to compute."""
    shape, h = W.shape, number(h)
    gradient, crossings, sizes = np.empty(shape), np.zeros(shape, int), np.empty(shape)
    rows = [scores(W, x, number) for x in X]
    for c, k in np.ndindex(*shape):
        parts = []
        for x, S, label in zip(X, rows, y, strict=True):
            d = h * number(float(x[k]))
            ahead, behind = ([s + (m if j == c else 0) for j, s in enumerate(S)] for m in (d, -d))
            if method == "forward":
                parts.append((loss(ahead, label) - loss(S, label)) / h)
            else:
                parts.append((loss(ahead, label) - loss(behind, label)) / (2 * h))
            if loss is hinge:
                low, high = (min(Q(0), d), max(Q(0), d)) if method == "forward" else (-abs(d), abs(d))
                crossings[c, k] += sum(low < t < high for t in kinks_of_hinge(S, label, c))
        w = number(float(W[c, k]))
        penalty = number(reg) * (2 * w + (h if method == "forward" else 0))
        gradient[c, k], sizes[c, k] = float(sum(parts) / len(X) + penalty), float(sum(map(abs, parts)) / len(X) + abs(penalty))
    return gradient, crossings, sizes


def lattice(seed, N=6, D=4, C=4):
    """Dyadic numbers whose scores are exact, so that margins vanish exactly and kinks lie at known places."""
    rng = np.random.default_rng(seed)
    W, X = rng.integers(-4, 5, (C, D)) / 4, rng.integers(-2, 3, (N, D)) / 2
    return W, X, rng.integers(0, C, N)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("h", [2.0**-20, 0.25, 1.0, 8.0])
def test_the_hinge_is_exact_at_kinks_and_across_them(method, h):
    counted = 0
    for seed in range(8):
        W, X, y = lattice(seed)
        found = numerical_gradient(multiclass_hinge.l2, W, X, y, 0.5, h=h, method=method)
        due, crossings, sizes = quotients(hinge, Q, W, X, y, 0.5, h, method)
        assert np.all(np.abs(found.gradient - due) <= gamma(len(X) + 4, U) * sizes)
        np.testing.assert_array_equal(found.crossings, crossings)
        counted += crossings.sum()
    assert counted if h > 2.0**-20 or method == "centred" else not counted  # a forward step from a kink crosses none


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("h", [1e-5, 2.0**-8, 1e-2, 3.0])
def test_softmax_is_right_to_the_last_digits_at_any_step(method, h):
    rng = np.random.default_rng(1)
    W, X, y = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.integers(0, 3, 5)
    with localcontext() as context:
        context.prec = 50
        due, _, sizes = quotients(softmax, Decimal, W, X, y, 0.5, h, method)
    found = numerical_gradient(softmax_cross_entropy.l2, W, X, y, 0.5, h=h, method=method)
    scores_move = gamma(6, U) * (np.abs(X) @ np.abs(W).T).max()
    assert np.all(np.abs(found.gradient - due) <= (gamma(len(X) + 20, U) + 2 * scores_move) * sizes)
    assert not found.crossings.any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("step", [1.0, -1.0])
@pytest.mark.parametrize("h", [0.5, 3.0, 40.0, 700.0, 1000.0])
def test_softmax_is_right_where_moves_are_as_great_as_the_scores(method, h, step):
    """p_c near 1 and near 0, and beyond what a float64 can hold, moved up and down."""
    W, X = np.array([[30.0], [0.0], [-800.0]]), np.array([[step]])
    for y in range(3):
        with localcontext() as context:
            context.prec, context.Emin = 80, -(10**6)
            due, _, sizes = quotients(softmax, Decimal, W, X, [y], 0, h, method)
        found = numerical_gradient(softmax_cross_entropy.none, W, X, [y], h=h, method=method).gradient
        # what the sum of the parts of a tiny probability loses, u·|s| in its logarithm, and the underflow of exp
        assert np.all(np.abs(found - due) <= 4000 * U * sizes + 1e-300), (y, found, due)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_power_series_of_softmax_has_the_coefficients_that_sympy_finds(sign):
    p, d = Q(2, 7), sympy.Symbol("d")
    due = sympy.series(sympy.log(1 + sympy.Rational(2, 7) * (sympy.exp(sign * d) - 1)), d, 0, 8)
    found = softmax_cross_entropy._taylor.py_func(p, 1 - p, sign)
    assert [Q(str(due.coeff(d, n))) for n in range(1, 8)] == list(found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scores_are_right_at_every_size_that_is_no_whole_tile(dtype):
    rng, matrix = np.random.default_rng(4), array(from_dtype(np.dtype(dtype)), 2)
    scores = compiled(tiles.product, matrix, matrix)
    for N, D, C in product(range(1, 10), (1, 2, 33), range(1, 8)):
        W, X = rng.integers(-8, 9, (C, D)).astype(dtype), rng.integers(-8, 9, (N, D)).astype(dtype)
        np.testing.assert_array_equal(scores(W, X), X @ W.T)  # integers: no rounding, whatever the order


def test_a_sure_label_keeps_its_digits():
    """p_y = 1 − 1e-13: the quotient of the label's row is 1e-13, not the rounding of 1 − 1."""
    W, X = np.array([[30.0], [0.0]]), np.ones((1, 1))
    found = numerical_gradient(softmax_cross_entropy.none, W, X, [0]).gradient
    assert found[0, 0] == pytest.approx(-np.exp(-30.0), rel=1e-9)
    assert found[1, 0] == pytest.approx(np.exp(-30.0), rel=1e-9)


@pytest.mark.parametrize("least", [0, 2**60], ids=["all cores", "one core"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loss", [multiclass_hinge, softmax_cross_entropy])
def test_a_row_formula_alone_is_enough(loss, method, least, monkeypatch):
    monkeypatch.setattr(differences, "PARALLEL", least)
    rng = np.random.default_rng(2)
    W, X, y = rng.normal(size=(4, 300)) / 16, rng.normal(size=(9, 300)), rng.integers(0, 4, 9)
    _, _, bare, *_ = objectives(loss.row, loss.kernel, loss.part, loss.many, parameter=loss.l2.parameter)
    known, alone = (numerical_gradient(f, W, X, y, 0.25, method=method) for f in (loss.l2_no_bias, bare))
    assert alone.crossings is None
    np.testing.assert_allclose(alone.gradient, known.gradient, rtol=0, atol=1e-9)  # u·ℓ/h
    assert np.any(alone.gradient != known.gradient)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", [multiclass_hinge, softmax_cross_entropy])
def test_it_is_the_gradient_at_the_size_of_cifar10(loss, dtype):
    rng = np.random.default_rng(3)
    W, X, y = rng.normal(size=(10, 3073)) / 64, rng.uniform(size=(50, 3073)), rng.integers(0, 10, 50)
    W, X = W.astype(dtype), X.astype(dtype)
    found = numerical_gradient(loss.l2, W, X, y, 1e-3)
    _, dW = loss.l2(W.astype(float), X.astype(float), y, 1e-3)
    assert found.gradient.dtype == np.float64
    assert np.abs(found.gradient - dW).max() < 1e-11
    assert np.abs(found.gradient - dW * (1 + 1e-5)).max() > 1e-7


@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize("loss", [multiclass_hinge, softmax_cross_entropy])
def test_nan_is_not_lost(loss, where):
    data = [np.ones((3, 2)), np.ones((4, 2))]
    data[where][1, 0] = np.nan
    assert np.isnan(numerical_gradient(loss.l2, *data, [0, 1, 2, 0]).gradient).any()


def test_a_kink_is_counted_however_short_the_step():
    W, X = np.zeros((2, 1)), np.full((1, 1), 1e-165)
    found = numerical_gradient(multiclass_hinge.none, W, X, [0], delta=-1e-175, h=1e-5, method="forward")
    np.testing.assert_array_equal(found.crossings, [[0], [1]])


def test_delta_is_the_margin():
    W, X, y = lattice(0)
    wide, narrow = (numerical_gradient(multiclass_hinge.none, W, X, y, delta=d).gradient for d in (50.0, 1e-9))
    np.testing.assert_allclose(wide, multiclass_hinge.none(W, X, y, delta=50.0)[1], rtol=1e-13)
    assert not np.array_equal(wide, narrow)


WRONG = {
    "another method": ({"method": "centered"}, ValueError),
    "no step": ({"h": 0.0}, ValueError),
    "a step that is no number": ({"h": float("nan")}, ValueError),
    "labels that do not fit": ({"y": [0, 1, 2, 9]}, ValueError),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_told(case):
    options, error = WRONG[case]
    with pytest.raises(error):
        numerical_gradient(multiclass_hinge.l2, np.ones((3, 2)), np.ones((4, 2)), **({"y": [0, 1, 2, 0]} | options))
