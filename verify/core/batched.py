"""Many small problems of one size in one call: what a search over cases asks for, without the price of a call for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numba.np.numpy_support import from_dtype
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled, compiled_row, row_type
from verify.core.linear import PARALLEL, PRANGE_ONLY, Floats, LinearObjective, one_by_one
from verify.core.penalty import with_squares

CHUNK = 64
"""Problems that one thread takes at once."""


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
    if W.dtype not in (np.float64, np.float32) or X.dtype != W.dtype:
        raise TypeError(f"W is {W.dtype} and X is {X.dtype}; both must be float64 or both float32.")
    if W.ndim != 3 or X.ndim != 3 or y.shape != X.shape[:2] or (len(W), W.shape[2]) != (len(X), X.shape[2]) or not y.size:
        raise ValueError(f"W {W.shape}, X {X.shape}, y {y.shape} do not fit; they must be (B, C, D), (B, N, D), (B, N) with B, N ≥ 1.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y is {y.dtype}; labels must be integers.")
    if y.min() < 0 or y.max() >= W.shape[1]:
        raise ValueError(f"labels run from {y.min()} to {y.max()}; they must lie in 0..{W.shape[1] - 1}.")
    if out is not None and (out.shape != W.shape or out.dtype != W.dtype or not out.flags.c_contiguous):
        raise ValueError(f"out is {out.dtype} {out.shape}; it must be C-contiguous, {W.dtype} {W.shape} like W.")
    coefficients = np.full(len(W), f.factor) * np.asarray(reg, np.float64)
    W, X, y = np.require(W, None, ("C", "A", "W")), np.require(X, None, ("C", "A", "W")), np.require(y, np.int64, ("C", "A", "W"))
    dW, values = np.empty_like(W) if out is None else out, np.empty(len(W))
    many = W.size * X.shape[1] >= PARALLEL and get_num_threads() > 1
    driver, real = compiled(_all_on_all_cores if many else _all_in_order, *_types(W)), from_dtype(W.dtype)
    driver(compiled_row(f.row, real), W, X, y, f.parameter if delta is None else delta, coefficients, f.bias, dW, values)
    return values, dW


def _types(W: Floats) -> tuple[Any, ...]:
    real = from_dtype(W.dtype)
    many, vector = array(real, 3), array(types.float64, 1)
    return row_type(real), many, many, array(types.int64, 2), types.float64, vector, types.boolean, many, vector


@njit(error_model="numpy", cache=True)
def _some(row, W, X, y, parameter, coefficients, bias, dW, values, first, last):
    """The problems first..last, in the same room: to allocate it for each costs as much as a small problem."""
    _, C, D = W.shape
    s, ds, sums = np.empty(C, W.dtype), np.empty(C, W.dtype), np.empty((C, D))
    for b in range(first, last):
        sums[:] = 0
        total = one_by_one(row, W[b], X[b], y[b], parameter, s, ds, sums)
        values[b] = total / X.shape[1] + with_squares(sums, X.shape[1], W[b], coefficients[b], bias, dW[b])


@njit(error_model="numpy", cache=True)
def _all_in_order(row, W, X, y, parameter, coefficients, bias, dW, values):
    """One problem after the other."""
    _some(row, W, X, y, parameter, coefficients, bias, dW, values, 0, W.shape[0])


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _all_on_all_cores(row, W, X, y, parameter, coefficients, bias, dW, values):
    """The same, chunk by chunk side by side."""
    for chunk in prange(-(-W.shape[0] // CHUNK)):
        _some(row, W, X, y, parameter, coefficients, bias, dW, values, chunk * CHUNK, min(W.shape[0], (chunk + 1) * CHUNK))
