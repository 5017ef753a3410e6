"""The blocked driver beside its twin, the plain one, and beside numpy: any shape, any layout, any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from numba import njit, prange
from numba.core.cpu_options import ParallelOptions

from verify.core import batched, linear, tiles
from verify.core import objective as door
from verify.core.compiling import compiled, interpreted
from verify.rounding import gamma

LOSSES = ("multiclass_hinge", "softmax_cross_entropy")
DTYPES = ("float64", "float32")
SHAPES = {  # (N, D, C): whole tiles and blocks, one more, one less, far fewer
    "whole blocks": (128, 64, 10),
    "a row more than the blocks": (129, 40, 10),
    "a row less": (127, 41, 9),
    "fewer rows than a block": (7, 1025, 6),
    "one column": (4000, 1, 11),
    "one class": (900, 50, 1),
    "two classes": (3000, 17, 2),
    "more columns than a chunk": (40, 1500, 3),
    "all cores": (21_000, 200, 4),
    "many classes": (300, 33, 37),
    "more panels than one": (70, 300, 70),
    "a panel of two vectors, or of three": (70, 300, 84),
    "a panel of three vectors": (71, 300, 104),
    "more blocks than are gathered": (1000, 20, 16),
}


def objective(loss, penalty="l2"):
    return getattr(import_module(f"verify.core.{loss}"), penalty)


def point(shape, dtype):
    (N, D, C), rng = shape, np.random.default_rng(3)
    W, X = rng.normal(size=(C, D)).astype(dtype), rng.normal(size=(N, D)).astype(dtype)
    W /= np.sqrt(W.shape[1]).astype(dtype)
    return W, X, rng.integers(0, C, N)


def plain(f, W, X, y, reg):
    dW = np.empty_like(W)
    compiled(f.kernel, *door._kernel_types(W.dtype))
    return f.kernel(W, X, y, f.parameter, f.factor * reg, f.bias, dW), dW


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_plain_driver_is_its_twin(loss, dtype, shape, monkeypatch):
    monkeypatch.setattr(door, "PLAIN_WORK", 0)
    W, X, y = point(SHAPES[shape], dtype)
    f, u = objective(loss, "l2_no_bias"), float(np.finfo(dtype).eps) / 2
    value, dW = f(W, X, y, 0.25)
    twin_value, twin = plain(f, W, X, y, 0.25)
    rows = np.abs(X).sum(axis=0) / len(X) * 2 + 0.5 * np.abs(W)  # magnitudes of the terms of one entry of dW
    scores = gamma(W.shape[1] + 4, u) * float((np.abs(X) @ np.abs(W).T).max())
    assert abs(value - twin_value) <= 4 * len(W) * (scores + u * abs(value))
    assert np.all(np.abs(dW.astype("f8") - twin) <= (gamma(linear.MAX_ROWS + linear.GATHERED_BLOCKS, u) + 4 * scores) * rows + u)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_sums_of_many_examples_are_as_good_as_float64(loss):
    """20,000 equal examples: a float32 sum over them would lose 1e-4; in blocks, of which few are gathered, it loses γ_72 at most."""
    rng = np.random.default_rng(4)
    W, x = rng.normal(size=(10, 20)).astype("f4"), rng.normal(size=(1, 20)).astype("f4")
    one, d_one = objective(loss, "none")(W, x, [3])
    many, d_many = objective(loss, "none")(W, np.repeat(x, 20_000, axis=0), np.full(20_000, 3))
    assert abs(many - one) <= 1e-6 * abs(one)  # the score tile may reorder the 20 products of a score
    rounded = linear.MAX_ROWS + linear.GATHERED_BLOCKS + 24  # 24: the score and its row formula
    np.testing.assert_allclose(d_many, d_one, rtol=gamma(rounded, 2.0**-24))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_of_equal_losses_is_that_loss(loss, monkeypatch):
    """20,000 plain additions would lose up to 1,250 units in each of the 16 parts, and their sums some more."""
    monkeypatch.setattr(door, "PLAIN_WORK", 0)
    monkeypatch.setattr(linear, "PARTITIONED_WORK", 0)
    rng, f = np.random.default_rng(4), objective(loss, "none")
    W, x = rng.normal(size=(10, 20)), rng.normal(size=(1, 20))
    one, many = (f(W, np.repeat(x, N, axis=0), np.full(N, 3))[0] for N in (64, 20_000))  # a sum of 64 is exact
    assert abs(many - one) <= 2 * np.spacing(one)


@pytest.mark.parametrize(
    ("N", "weights", "partitions"),
    [(50_000, 30_730, 16), (2000, 30_730, 8), (500, 30_730, 2), (400, 30_730, 1), (4000, 2**20, 4), (3000, 2**24, 1), (0, 0, 1)],
)
def test_partitions_have_work_enough_and_room(N, weights, partitions):
    assert linear.partitions_of(N, weights) == partitions
    assert partitions == 1 or partitions * weights <= linear.MOST_SUMS


def test_an_infinite_loss_stays_infinite(monkeypatch):
    monkeypatch.setattr(door, "PLAIN_WORK", 0)
    assert objective("multiclass_hinge")(np.array([[1e308], [-1e308]]), np.array([[-8.0], [1.0]]), [0, 0])[0] == np.inf


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed view": lambda a: a[::-1].copy()[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_memory_layout_changes_no_bit(loss, layout):
    W, X, y = point((2000, 30, 4), "float64")
    value, dW = objective(loss)(W, X, y, 0.5)
    value_laid, dW_laid = objective(loss)(*(LAYOUTS[layout](a) for a in (W, X, y)), 0.5)
    assert value_laid == value
    np.testing.assert_array_equal(dW_laid, dW)


def test_out_is_overwritten_and_returned():
    W, X, y = point((2000, 30, 4), "float64")
    out = np.full_like(W, np.nan)
    _, dW = objective("multiclass_hinge")(W, X, y, 0.5, out=out)
    assert dW is out
    np.testing.assert_array_equal(out, objective("multiclass_hinge")(W, X, y, 0.5)[1])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("where", ["W", "X"])
def test_nan_reaches_loss_and_gradient(loss, where):
    W, X, y = point((2000, 30, 4), "float64")
    {"W": W, "X": X}[where][2, 1] = np.nan
    value, dW = objective(loss)(W, X, y, 0.5)
    assert np.isnan(value)
    assert np.isnan(dW).any()


BITS = """
import hashlib, numpy as np
from verify.core.differences import numerical_gradient
from verify.core import multiclass_hinge, softmax_cross_entropy
rng = np.random.default_rng(0)
for loss in (multiclass_hinge, softmax_cross_entropy):
    for dtype in ("f8", "f4"):
        W, X = rng.normal(size=(10, 300)).astype(dtype) / 16, rng.normal(size=(5601, 300)).astype(dtype)
        value, dW = loss.l2(W, X, rng.integers(0, 10, 5601), 0.5)
        print(value.hex(), hashlib.sha256(dW.tobytes()).hexdigest())
    y, X = rng.integers(0, 10, 5601), X * np.geomspace(0.01, 3, 300).astype(dtype)  # moves of some columns are long
    for h in (1e-5, 1e-2):
        print(hashlib.sha256(numerical_gradient(loss.l2, W, X, y, 0.5, h=h).gradient.tobytes()).hexdigest())
"""


def test_any_number_of_threads_gives_the_same_bits():
    told = []
    for threads in ("1", "2", "5"):
        run = subprocess.run(
            [sys.executable, "-c", BITS],
            env=os.environ | {"NUMBA_NUM_THREADS": threads},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert run.returncode == 0, run.stderr
        told.append(run.stdout)
    assert len(told[0].splitlines()) == 8
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_interpreted_twin_agrees(loss, dtype):
    W, X, y = point((9, 5, 4), dtype)
    f = objective(loss, "half_l2")
    value, dW = f(W, X, y, 0.5)
    twin_value, twin = f.py_func(W, X, y, 0.5)
    rounding = 64 * float(np.finfo(dtype).eps)
    assert value == pytest.approx(twin_value, rel=rounding)
    np.testing.assert_allclose(dW, twin, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("C", range(1, 12))
def test_products_are_those_of_the_classes_that_there_are(C):
    """By tiles of five of them, of two and of one; what lies behind stays as it is."""
    W, X, _ = point((9, 5, C), "float64")
    S, sums = np.full((9, 16), np.nan), np.zeros((16, 5))
    interpreted(tiles.scores)(W, np.empty((0, 1)), X, 0, 9, S)
    np.testing.assert_allclose(S[:, :C], X @ W.T, rtol=1e-12)
    assert np.all(np.isnan(S[:, C:]))
    interpreted(tiles.accumulate)(np.nan_to_num(S, nan=1.0), C, X, 0, 9, sums)
    np.testing.assert_allclose(sums[:C], S[:, :C].T @ X, rtol=1e-12)
    assert not sums[C:].any()


def test_interpreting_reaches_what_is_called():
    inner = interpreted(objective("multiclass_hinge").kernel)
    assert not any(hasattr(inner.__globals__[name], "py_func") for name in inner.__code__.co_names if name in inner.__globals__)


@pytest.mark.skipif(not hasattr(batched._on_all_cores, "targetoptions"), reason="numba is switched off")
def test_compiling_one_kernel_leaves_the_options_of_the_next():
    """Numba takes the entries out of a dict of options while it compiles."""

    @njit(parallel=linear.PRANGE_ONLY)
    def doubled(x):
        for i in prange(x.size):
            x[i] *= 2

    x = np.ones(4)
    doubled(x)
    assert x.tolist() == [2.0] * 4
    for kernel in (doubled, batched._on_all_cores):
        kept = ParallelOptions(kernel.targetoptions["parallel"])
        assert (kept.prange, kept.fusion, kept.reduction, kept.numpy) == (True, False, False, False)
