"""Many small problems of one size in one call: the bulk search needs them, without the cost of a call for each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numba.np.numpy_support import from_dtype
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled
from verify.core.linear import PARALLEL, PRANGE_ONLY
from verify.core.objective import Floats, LinearObjective, must_be_real, room
from verify.core.penalty import with_squares

PROBLEMS_PER_THREAD = 64
"""Problems that one thread processes at once."""

ROW = 256
"""Multiply-adds of a large problem that take as long as one example of a small one."""


def evaluate(
    f: LinearObjective,
    W: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    reg: ArrayLike = 0.0,
    *,
    delta: float | None = None,
    out: Floats | None = None,
) -> tuple[NDArray[np.float64], Floats]:
    """(values, gradients) of B problems: W (B, C, D), X (B, N, D) and y (B, N) as `f` takes them, reg (B,) or one λ for all.

    values (B,) float64, gradients (B, C, D) in W's dtype, written into `out` where it is given. Each problem gets the bits that `f`
    gives it alone, where that is small, on any number of threads. Raises TypeError and ValueError as `f` does.
    """
    W, X, y = np.asarray(W), np.asarray(X), np.asarray(y)
    must_be_real(W, X)
    if W.ndim != 3 or X.ndim != 3 or y.shape != X.shape[:2] or (len(W), W.shape[2]) != (len(X), X.shape[2]) or not y.size:
        raise ValueError(f"W {W.shape}, X {X.shape}, y {y.shape} do not fit; they must be (B, C, D), (B, N, D), (B, N) with B, N ≥ 1.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y is {y.dtype}; labels must be integers.")
    if y.min() < 0 or y.max() >= W.shape[1]:
        raise ValueError(f"labels run from {y.min()} to {y.max()}; they must lie in 0..{W.shape[1] - 1}.")
    if np.asarray(reg).dtype.kind not in "fiu":
        raise TypeError(f"reg is {np.asarray(reg).dtype}; it must be one real number or one for each problem.")
    dW, values = room(out, W), np.empty(len(W))
    W, X, y = (
        np.require(a, None, ("C", "A", "W")).reshape(a.shape[0] * a.shape[1], *a.shape[2:]) for a in (W, X, y.astype(np.int64, copy=False))
    )
    coefficients = np.full(len(values), reg, np.float64) * f.factor if f.factor else np.zeros(len(values))
    rest = f.parameter if delta is None else delta, coefficients, f.bias, dW.reshape(W.shape), values
    types_of = _types(W.dtype)
    kernel = compiled(f.many, *types_of)
    if len(X) * (W.size // len(values) + ROW) >= PARALLEL and get_num_threads() > 1:
        compiled(_on_all_cores, types.FunctionType(types.void(*types_of)), *types_of[:-2])(kernel, W, X, y, *rest)
    else:
        kernel(W, X, y, *rest, 0, len(values))
    return values, dW


@cache
def _types(dtype: Any) -> tuple[Any, ...]:
    """(W, X, y, parameter, coefficients, bias, dW, values, first, last), the problems one under the other."""
    matrix, vector = array(from_dtype(dtype), 2), array(types.float64, 1)
    return matrix, matrix, array(types.int64, 1), types.float64, vector, types.boolean, matrix, vector, types.int64, types.int64


@njit(inline="always", error_model="numpy")
def together(row, W, X, y, parameter, coefficients, bias, dW, values, first, last):
    """The results of `linear.plain` for the problems first..last out of `values.size`, whose W (C, D), X (N, D) and y (N,) are stacked.

    They share work arrays, since allocating them costs as much as a small problem. So do references to arrays that are passed to a
    function, which is why its loops are repeated here.
    """
    B, D = values.size, W.shape[1]
    C, N = W.shape[0] // B, X.shape[0] // B
    s, ds, sums = np.empty(C, W.dtype), np.empty(C, W.dtype), np.empty((C, D))
    for b in range(first, last):
        sums[:] = 0
        loss = 0.0
        for i in range(b * N, b * N + N):
            for j in range(C):
                score = W.dtype.type(0)
                for k in range(D):
                    score += W[b * C + j, k] * X[i, k]
                s[j], ds[j] = score, 0
            loss += row(s, y[i], W.dtype.type(parameter), ds)
            for j in range(C):
                for k in range(D):
                    sums[j, k] += np.float64(ds[j]) * X[i, k]
        values[b] = loss / N + with_squares(sums, N, W, b * C, coefficients[b], bias, dW)


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _on_all_cores(many, W, X, y, parameter, coefficients, bias, dW, values):
    """Runs chunks in parallel."""
    for chunk in prange(-(-values.size // PROBLEMS_PER_THREAD)):
        many(
            W,
            X,
            y,
            parameter,
            coefficients,
            bias,
            dW,
            values,
            chunk * PROBLEMS_PER_THREAD,
            min(values.size, (chunk + 1) * PROBLEMS_PER_THREAD),
        )
