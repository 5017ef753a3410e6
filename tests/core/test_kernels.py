"""The kernels against formulas in numpy that share nothing with them, in extended precision."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from verify.core.compiling import compiled
from verify.rounding import gamma

LOSSES = ("multiclass_hinge", "softmax_cross_entropy")
PENALTIES = {"none": (0.0, True), "l2": (1.0, True), "l2_no_bias": (1.0, False), "half_l2": (0.5, True), "half_l2_no_bias": (0.5, False)}
DTYPES = ("float64", "float32")
N, D, C = 7, 4, 5


def hinge(S, y, delta=1.0):
    M = S - S[np.arange(len(y)), y][:, None] + delta
    M[np.arange(len(y)), y] = 0
    A = (M > 0).astype(S.dtype)
    A[np.arange(len(y)), y] = -A.sum(1)
    return np.maximum(M, 0).sum(1), A


def softmax(S, y):
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(y)), y])
    P[np.arange(len(y)), y] -= 1
    return loss, P


def formula(loss, penalty, W, X, y, reg, **parameters):
    """(f, dW, size of the terms) in numpy's long double."""
    W, X = W.astype(np.longdouble), X.astype(np.longdouble)
    values, A = {"multiclass_hinge": hinge, "softmax_cross_entropy": softmax}[loss](X @ W.T, y, **parameters)
    factor, bias = PENALTIES[penalty]
    R = W.copy()
    R[:, -1] *= bias
    size = 1 + np.abs(X).sum() * (1 + np.abs(W).sum()) + reg * (W * W).sum()
    return values.mean() + factor * reg * (R * R).sum(), A.T @ X / len(X) + 2 * factor * reg * R, float(size)


def objective(loss, penalty):
    return getattr(import_module(f"verify.core.{loss}"), penalty)


def random_point(dtype):
    rng = np.random.default_rng(5)
    W, X = rng.normal(size=(C, D)).astype(dtype), rng.normal(size=(N, D)).astype(dtype)
    X[:, -1] = 1
    return W, X, rng.integers(0, C, N)


def tied_point(dtype):
    """All scores 0, 1 or 2, so that s_j − s_y + 1 is often exactly 0; all sums are exact."""
    rng = np.random.default_rng(6)
    W, X = np.zeros((C, D), dtype), np.ones((N, D), dtype)
    W[:, -1] = [0, 1, 2, 1, 0]
    return W, X, rng.integers(0, C, N)


POINTS = {"random": random_point, "tied": tied_point}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradient_are_the_formula_s(loss, penalty, dtype, point):
    W, X, y = POINTS[point](dtype)
    value, dW = objective(loss, penalty)(W, X, y, 0.375)
    expected, gradient, size = formula(loss, penalty, W, X, y, 0.375)
    allowed = gamma(N * C + D, float(np.finfo(dtype).eps)) * size
    assert dW.dtype == W.dtype
    assert dW.shape == W.shape
    assert abs(value - expected) <= allowed
    assert np.abs(dW - gradient).max() <= allowed


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_subgradient_of_the_hinge_on_a_tie_is_0(dtype):
    W, X, y = np.array([[0], [1], [0]], dtype), np.ones((1, 1), dtype), np.array([1])
    value, dW = objective("multiclass_hinge", "none")(W, X, y)  # both margins are 0 − 1 + 1 = 0
    assert value == 0
    assert not dW.any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delta", [0.25, 4.0])
def test_delta_moves_the_hinge_s_margin(delta, dtype):
    W, X, y = random_point(dtype)
    value, dW = objective("multiclass_hinge", "l2")(W, X, y, 0.5, delta=delta)
    expected, gradient, size = formula("multiclass_hinge", "l2", W, X, y, 0.5, delta=delta)
    allowed = gamma(N * C + D, float(np.finfo(dtype).eps)) * size
    assert abs(value - expected) <= allowed
    assert np.abs(dW - gradient).max() <= allowed


@pytest.mark.parametrize("loss", LOSSES)
def test_out_is_overwritten_and_returned(loss):
    W, X, y = random_point("float64")
    out = np.full_like(W, np.nan)
    f = objective(loss, "half_l2")
    value, dW = f(W, X, y, 0.5, out=out)
    assert dW is out
    fresh_value, fresh = f(W, X, y, 0.5)
    assert value == fresh_value
    np.testing.assert_array_equal(out, fresh)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_without_reg_there_is_no_penalty(loss, penalty):
    W, X, y = random_point("float64")
    value, dW = objective(loss, penalty)(W, X, y)
    bare, d_bare = objective(loss, "none")(W, X, y, 0.75)
    assert value == bare
    np.testing.assert_array_equal(dW, d_bare)


@pytest.mark.parametrize("where", ["W", "X"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_nan_reaches_loss_and_gradient(loss, dtype, where):
    W, X, y = random_point(dtype)
    {"W": W, "X": X}[where][2, 1] = np.nan
    value, dW = objective(loss, "l2")(W, X, y, 0.5)
    assert np.isnan(value)
    assert np.isnan(dW).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_great_scores_is_finite(dtype):
    W, X, y = np.array([[1e4], [-1e4], [0]], dtype), np.ones((3, 1), dtype), np.arange(3)
    value, dW = objective("softmax_cross_entropy", "none")(W, X, y)
    assert value == pytest.approx(1e4, rel=8 * float(np.finfo(dtype).eps))  # (0 + 20000 + 10000) / 3
    np.testing.assert_allclose(dW[:, 0], [2 / 3, -1 / 3, -1 / 3], rtol=8 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("loss", LOSSES)
def test_inputs_are_left_alone(loss):
    point = random_point("float64")
    kept = [a.copy() for a in point]
    for a in point:
        a.flags.writeable = False
    objective(loss, "l2")(*point, 0.5)
    for a, before in zip(point, kept, strict=True):
        np.testing.assert_array_equal(a, before)


LAID_OUT = {
    "Fortran order": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed view": lambda a: a[::-1].copy()[::-1],
}


@pytest.mark.parametrize("layout", LAID_OUT)
@pytest.mark.parametrize("loss", LOSSES)
def test_memory_layout_changes_no_bit(loss, layout):
    W, X, y = random_point("float64")
    value, dW = objective(loss, "l2")(W, X, y, 0.5)
    value_laid, dW_laid = objective(loss, "l2")(*(LAID_OUT[layout](a) for a in (W, X, y)), 0.5)
    assert value_laid == value
    np.testing.assert_array_equal(dW_laid, dW)


@pytest.mark.parametrize("labels", [list, np.int8, np.uint64], ids=["list", "int8", "uint64"])
def test_labels_of_any_integers_are_the_same(labels):
    W, X, y = random_point("float64")
    given = y.tolist() if labels is list else y.astype(labels)
    assert objective("multiclass_hinge", "none")(W, X, given)[0] == objective("multiclass_hinge", "none")(W, X, y)[0]


W, X, Y = np.ones((3, 2)), np.ones((4, 2)), np.array([0, 1, 2, 0])
WRONG = {
    "W of integers": ((W.astype(int), X, Y), {}, TypeError, "W is int64 and X is float64"),
    "W of half precision": ((W.astype("f2"), X.astype("f2"), Y), {}, TypeError, "W is float16"),
    "dtypes mixed": ((W, X.astype("f4"), Y), {}, TypeError, "W is float64 and X is float32"),
    "W of one dimension": ((W[0], X, Y), {}, ValueError, r"W \(2,\)"),
    "features do not fit": ((W, X[:, :1], Y), {}, ValueError, r"W \(3, 2\), X \(4, 1\)"),
    "labels too few": ((W, X, Y[:3]), {}, ValueError, r"y \(3,\)"),
    "labels in a column": ((W, X, Y[:, None]), {}, ValueError, r"y \(4, 1\)"),
    "labels of floats": ((W, X, Y.astype(float)), {}, TypeError, "y is float64"),
    "labels of truth values": ((W, X, Y > 0), {}, TypeError, "y is bool"),
    "label too great": ((W, X, Y + 1), {}, ValueError, r"labels run from 1 to 3.*0\.\.2"),
    "label negative": ((W, X, Y - 1), {}, ValueError, "labels run from -1 to 1"),
    "no example": ((W, X[:0], Y[:0]), {}, ValueError, r"X \(0, 2\).*N ≥ 1"),
    "out of another shape": ((W, X, Y), {"out": W.T.copy()}, ValueError, r"out is float64 \(2, 3\)"),
    "out of another dtype": ((W, X, Y), {"out": W.astype("f4")}, ValueError, "out is float32"),
    "out in Fortran order": ((W, X, Y), {"out": np.asfortranarray(W)}, ValueError, "C-contiguous"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case, loss):
    arguments, keywords, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        objective(loss, "l2")(*arguments, 0.5, **keywords)


def test_no_penalty_is_none_at_any_lambda():
    for f in (objective("multiclass_hinge", "none"), objective("multiclass_hinge", "none").py_func):
        assert f(W, X, Y, np.inf)[0] == f(W, X, Y, 0.0)[0] == 2.0


@pytest.mark.parametrize("y", [Y.astype("i4"), Y.astype("u1"), Y.tolist()], ids=["int32", "uint8", "list"])
def test_labels_of_any_integer_type_give_the_same_bits(y):
    value, dW = objective("softmax_cross_entropy", "l2")(W, X, y, 0.5)
    due, d_due = objective("softmax_cross_entropy", "l2")(W, X, Y, 0.5)
    assert value == due
    np.testing.assert_array_equal(dW, d_due)


FIRST = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import numpy as np
from verify.core import multiclass_hinge
together = Barrier(4)
def first(dtype):
    together.wait()
    return multiclass_hinge.l2(np.ones((3, 4), dtype), np.ones((5, 4), dtype), np.zeros(5, int), 0.5)[0]
with ThreadPoolExecutor(4) as pool:
    print(*pool.map(first, ("f8", "f4", "f8", "f4")))
"""


def test_several_threads_may_make_the_first_call():
    run = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stdout.split()) == (0, ["8.0"] * 4), run.stderr


INTERPRETED = """
import numpy as np
from verify.core import batched, differences, multiclass_hinge, softmax_cross_entropy
rng = np.random.default_rng(0)
for N, C in ((5, 3), (700, 3), (40, 20)):
    W, X, y = rng.normal(size=(C, 16)), rng.normal(size=(N, 16)), rng.integers(0, C, N)
    for f in (multiclass_hinge.l2, softmax_cross_entropy.l2):
        value, dW = f(W, X, y, 0.5)
        print(value, *dW[0], *batched.evaluate(f, W[None], X[None], y[None], 0.5)[0])
        print(*differences.numerical_gradient(f, W, X, y).gradient[0])
"""


def test_without_jit_all_is_interpreted():
    told = []
    for disabled in ("0", "1"):
        place = os.environ | {"NUMBA_DISABLE_JIT": disabled}
        run = subprocess.run([sys.executable, "-c", INTERPRETED], env=place, capture_output=True, encoding="utf-8", check=False)
        assert run.returncode == 0, run.stderr
        told.append(np.array(run.stdout.split(), float))
    assert len(told[0]) == 6 * (1 + 16 + 1 + 16)
    np.testing.assert_allclose(told[0], told[1], rtol=1e-9, atol=1e-12)


def test_what_is_not_compiled_for_is_not_compiled_after_an_interrupt(monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    kernel = objective("multiclass_hinge", "l2").kernel
    objective("multiclass_hinge", "l2")(W, X, Y)
    before = dict(kernel.overloads)
    monkeypatch.setattr(kernel, "compile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiled(kernel, "another signature")
    with pytest.raises(TypeError, match="No matching definition"):
        kernel(W.astype("c16"), X, Y, 1.0, 0.5, True, W.copy())
    assert kernel.overloads.keys() == before.keys()
