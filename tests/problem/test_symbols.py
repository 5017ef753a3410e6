"""Arrays of symbols compute what numpy's arrays of numbers do."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from verify.problem.symbols import array, entries, named

X, W, K = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]]), np.array([0.75, -2.0, 1.25]), np.float64(0.5)


def _in_place(x, w, k):
    total = 0
    for a, b in zip(w, x[0], strict=True):
        total += a * np.exp(b)
    y = x * 1
    y -= k
    y[0] *= total
    return y


FORMULAS = {
    "a function of a sum": lambda x, w, k: np.exp(x.sum()),
    "a root of a product": lambda x, w, k: np.sqrt(w @ w + k),
    "one number": lambda x, w, k: np.log(1 + k) * np.tanh(x[0, 1]),
    "products of matrices": lambda x, w, k: np.sin(x @ w) + (x.T @ x).trace(),
    "broadcasting": lambda x, w, k: (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + k),
    "softmax": lambda x, w, k: (
        np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    ),
    "choices": lambda x, w, k: np.where(x > 0, x**2, np.abs(x)) + np.clip(x, -1, 1) + np.minimum(x, w),
    "reductions": lambda x, w, k: np.array([x.min(), x.max(), w.std(), np.linalg.norm(x), np.prod(w), np.mean(x), w.var(ddof=1)]),
    "einsum": lambda x, w, k: np.einsum("ij,j->i", x, w) + np.outer(w, w)[:2, 0],
    "stacks": lambda x, w, k: np.concatenate([np.cumsum(w), np.diag(np.outer(w, w)), x.reshape(-1)[1:3]]),
    "functions of stacks": lambda x, w, k: np.exp(np.concatenate([w, x[0]]) / k) @ np.stack([w, w]).T.sum(axis=1).repeat(2),
    "logaddexp": lambda x, w, k: np.logaddexp(0, w) + np.log1p(np.exp(w)) - np.expm1(w) + np.square(w) + 1 / w,
    "in place": lambda x, w, k: _in_place(x, w, k),
    "loops": lambda x, w, k: sum(np.exp(a) * k for a in w) + sum(row[0] for row in x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_the_value_that_numpy_gives_it(name):
    f, (x, w, k) = FORMULAS[name], (named(n, np.shape(a)) for n, a in (("x", X), ("w", W), ("k", K)))
    found, shape = entries(f(x, w, k))
    due = np.asarray(f(X, W, K))
    symbols = {s: v for a, b in ((x, X), (w, W), (k, K)) for s, v in zip(np.ravel(a).tolist(), np.ravel(b).tolist(), strict=True)}
    assert shape == due.shape
    assert np.allclose([float(sympy.sympify(e).subs(symbols)) for e in found], due.ravel(), rtol=1e-12)


def test_sympy_takes_single_entries_and_conditions():
    x = named("x", (2,))
    a, b = sympy.symbols("x_0 x_1", real=True)
    assert sympy.Max(0, x[0]) == sympy.Max(0, a)
    assert sympy.Piecewise((x[0], x[0] > x[1]), (0, True)) == sympy.Piecewise((a, a > b), (0, True))
    assert sympy.Add(*x) == a + b
    assert entries(sympy.Rational(1, 2) * x)[0] == [a / 2, b / 2]
    with pytest.raises(sympy.SympifyError, match="an array of shape"):
        sympy.exp(x)


def test_numbers_among_symbols_stay_what_they_are():
    labels = array([2, 0])
    assert [10, 20, 30][labels[0]] == 30
    assert type(labels[1]) is int


@pytest.mark.parametrize("f", [np.sign, np.floor, np.rint])
def test_what_jumps_is_refused(f):
    with pytest.raises(TypeError, match="is no function of symbols"):
        f(named("x", (2,)))
