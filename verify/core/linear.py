"""f(W) = (1/N) Σ_i ℓ(W x_i, y_i) + λR(W) and its gradient over linear scores, the bias being the last column.

`fused` is the driver: one pass over X, two loops around a row formula that it is handed. `LinearObjective` is the door from
Python: it checks, adds the penalty and allocates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from verify.core.penalty import add_squares

Floats = NDArray[np.floating]
Answer = tuple[float, Floats]


@njit(inline="always", error_model="numpy")
def fused(row, W, X, y, parameter, share, dW):
    """share·Σ_i ℓ(W x_i, y_i); adds share·dSᵀX to `dW`. Sums in the order of the examples, in W's dtype.

    Inlined, because numba refuses to cache a kernel that passes one compiled function to another.
    """
    scores = np.empty(W.shape[0], W.dtype)
    ds = np.empty(W.shape[0], W.dtype)
    total = W.dtype.type(0)
    for i in range(X.shape[0]):
        for j in range(W.shape[0]):
            s = W.dtype.type(0)
            for k in range(W.shape[1]):
                s += W[j, k] * X[i, k]
            scores[j] = s
        ds[:] = 0
        total += row(scores, y[i], parameter, ds)
        for j in range(W.shape[0]):
            if ds[j] != 0:  # most margins of the hinge are inactive; NaN goes through
                for k in range(W.shape[1]):
                    dW[j, k] += ds[j] * share * X[i, k]
    return total * share


@dataclass(frozen=True, kw_only=True)
class LinearObjective:
    """Loss and gradient of one kernel with one penalty; called as `f(W, X, y, reg)`, it returns `(f, dW)`.

    W is (C, D), X is (N, D) of the same dtype (float64 or float32), y is (N,) of integers in 0..C−1, reg is λ; dW is (C, D)
    in that dtype, written into `out` where it is given. `delta` replaces the loss's parameter.
    Error: relative γ_{N·C+D} of the terms' magnitudes, as for every sum in plain order.
    Raises TypeError for dtypes and ValueError for shapes, labels and values outside that.
    """

    kernel: Callable[..., float]
    parameter: float
    factor: float
    bias: bool

    def __call__(
        self, W: ArrayLike, X: ArrayLike, y: ArrayLike, reg: float = 0.0, *, delta: float | None = None, out: Floats | None = None
    ) -> Answer:
        """(f, dW)."""
        W, X, y = _checked(W, X, y)
        real = W.dtype.type
        dW = np.zeros(W.shape, W.dtype) if out is None else _cleared(out, W)
        loss = self.kernel(W, X, y, real(self.parameter if delta is None else delta), real(1 / len(X)), dW)
        if self.factor and reg:
            loss += add_squares(W, real(self.factor * reg), W.shape[1] if self.bias else W.shape[1] - 1, dW)
        return loss, dW


def objectives(kernel: Callable[..., float], *, parameter: float = 0.0) -> tuple[LinearObjective, ...]:
    """The objectives of one kernel, in the order none, l2 (λ‖W‖²), l2_no_bias, half_l2 (½λ‖W‖²), half_l2_no_bias."""
    kinds = ((0.0, True), (1.0, True), (1.0, False), (0.5, True), (0.5, False))
    return tuple(LinearObjective(kernel=kernel, parameter=parameter, factor=factor, bias=bias) for factor, bias in kinds)


def _cleared(out: Floats, W: Floats) -> Floats:
    if out.shape != W.shape or out.dtype != W.dtype or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} {out.shape}; it must be C-contiguous, {W.dtype} {W.shape} like W.")
    out[...] = 0
    return out


def _checked(W: Any, X: Any, y: Any) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The arrays in C order, or the error that says which one does not fit."""
    W, X, y = np.asarray(W), np.asarray(X), np.asarray(y)
    if W.dtype not in (np.float64, np.float32) or X.dtype != W.dtype:
        raise TypeError(f"W is {W.dtype} and X is {X.dtype}; both must be float64 or both float32.")
    if W.ndim != 2 or X.ndim != 2 or X.shape[1] != W.shape[1] or y.shape != X.shape[:1] or not len(X):
        raise ValueError(f"W {W.shape}, X {X.shape}, y {y.shape} do not fit; they must be (C, D), (N, D), (N,) with N ≥ 1.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y is {y.dtype}; labels must be integers.")
    if y.min() < 0 or y.max() >= len(W):
        raise ValueError(f"labels run from {y.min()} to {y.max()}; they must lie in 0..{len(W) - 1} (W has {len(W)} rows).")
    return np.ascontiguousarray(W), np.ascontiguousarray(X), np.ascontiguousarray(y, dtype=np.int64)
