"""f(W) = (1/N) Σ_i ℓ(W x_i, y_i) + λR(W) and its gradient over linear scores, the bias being the last column.

Two drivers around a row formula that they are handed: `plain`, two loops, for small problems and as the twin in tests; and
`blocked`, one pass over X in blocks of rows that stay in the cache, on all cores. `LinearObjective` is the door from Python.

Sums over the examples are float64 at both dtypes, and the order of all sums follows from the shapes alone: the same bits on
any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
from numba import get_num_threads, njit, prange, types
from numba.extending import overload
from numba.np.numpy_support import from_dtype
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled, compiled_row, interpreted, row_type
from verify.core.penalty import with_squares
from verify.core.tiles import CLASSES, accumulate, scores

Floats = NDArray[np.floating]
Answer = tuple[float, Floats]

BLOCK = 16
"""Rows of one block, whole tiles: 16 rows of 3,073 float64 are 393 kB, which fits the second-level cache."""

FLUSH = 64
"""Rows whose gradients are added up in the dtype of W before they go into float64: 64 roundings at most, at next to no cost."""

PARTITIONS = 16
"""Contiguous parts of the rows, each with sums of its own, and of FLUSH rows at least: fewer are not worth the sums. Their number
follows from the shapes alone: with one part a thread the bits would depend on the machine.
"""

MOST_SUMS = 2**23
"""Numbers in the sums of all partitions; greater W get fewer partitions."""

SMALL = 2**15
"""Multiply-adds N·C·D below which `plain` is faster: handing a row formula to `blocked` costs some 50 µs."""

PARALLEL = 2**24
"""Multiply-adds from which more than one thread pays, two milliseconds' worth: a second core saves half of them, but where it is busy,
waiting for it costs five to fifty.
"""


PRANGE_ONLY: Any = {"prange": True} | dict.fromkeys(
    ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False
)
"""numba's parallel option, for the loop over the partitions and nothing else."""

LABELS = np.dtype(np.int64)

REST = (types.float64, types.float64, types.boolean)
"""The types of parameter, coefficient and bias."""


@njit(inline="always", error_model="numpy")
def plain(row, W, X, y, parameter, coefficient, bias, dW):
    """(1/N) Σ_i ℓ(W x_i, y_i) + coefficient·ΣW²; writes its gradient to `dW`. Scores in W's dtype, the other sums in float64.

    Raises ValueError where shapes or labels do not fit. Inlined into the file of each loss, so that the row formula is too.
    """
    N, (C, D) = X.shape[0], W.shape
    if X.shape[1] != D or y.size != N or N == 0 or dW.shape != W.shape:
        raise ValueError("shapes do not fit")
    for i in range(N):
        if not 0 <= y[i] < C:
            raise ValueError("a label is out of range")
    s, ds, sums, loss = np.empty(C, W.dtype), np.empty(C, W.dtype), np.zeros((C, D)), 0.0
    for i in range(N):
        for j in range(C):
            score = W.dtype.type(0)
            for k in range(D):
                score += W[j, k] * X[i, k]
            s[j], ds[j] = score, 0
        loss += row(s, y[i], W.dtype.type(parameter), ds)
        for j in range(C):
            if ds[j] != 0:  # most margins of the hinge are inactive; NaN goes through
                for k in range(D):
                    sums[j, k] += np.float64(ds[j]) * X[i, k]
    return loss / N + with_squares(sums, N, W, 0, coefficient, bias, dW)


@njit(error_model="numpy", cache=True)
def _part(row, W, X, y, parameter, first, last, sums):
    """Σ_i ℓ(W x_i, y_i) over the rows first..last; adds its gradient to `sums` (C, D). W is padded to whole tiles."""
    classes, D = sums.shape
    S, dS, recent = np.empty((BLOCK, W.shape[0]), W.dtype), np.empty((BLOCK, W.shape[0]), W.dtype), np.zeros(W.shape, W.dtype)
    padded, loss, lost = np.zeros((BLOCK, D), W.dtype), 0.0, 0.0
    for i in range(first, last, BLOCK):
        rows = min(BLOCK, last - i)
        block = _rows(X, i, rows, padded)
        scores(W, block, S)
        dS[:] = 0
        for r in range(rows):
            loss, lost = _plus(loss, lost, row(S[r, :classes], y[i + r], parameter, dS[r, :classes]))
        accumulate(dS, block, recent)
        if (i - first) % FLUSH == FLUSH - BLOCK or i + BLOCK >= last:
            for j in range(classes):
                for k in range(D):
                    sums[j, k] += recent[j, k]
            recent[:] = 0
    return _rounded(loss, lost)


@njit(error_model="numpy")
def _plus(total, lost, x):
    """(total, lost) with x added: what the rounding of `total` loses is gathered in `lost` (D. Knuth, TAOCP vol. 2, 4.2.2)."""
    moved = total + x
    shifted = moved - total
    return moved, lost + ((total - (moved - shifted)) + (x - shifted))


@njit(error_model="numpy")
def _rounded(total, lost):
    """The sum of what `_plus` added; an infinite one has lost NaN."""
    return total + lost if abs(total) < np.inf else total


def _rows(X: Any, first: int, rows: int, padded: Any) -> Any:
    """`BLOCK` rows of X from `first` on: a view where that is possible, else a copy in `padded`, with zeros after the last."""


@overload(_rows)
def _rows_compiled(X, first, rows, padded):  # noqa: ARG001  # numba asks for the same names
    if X.layout == "C" and X.mutable:
        return lambda X, first, rows, padded: X[first : first + BLOCK] if rows == BLOCK else _copied(X, first, rows, padded)
    return lambda X, first, rows, padded: _copied(X, first, rows, padded)


@njit(error_model="numpy")
def _copied(X, first, rows, padded):
    for r in range(rows):
        for k in range(X.shape[1]):
            padded[r, k] = X[first + r, k]
    padded[rows:] = 0
    return padded


@njit(error_model="numpy", cache=True)
def blocked(row, W, X, y, parameter, coefficient, bias, partitions, dW):
    """What `plain` computes, of labels that are known to be right, block by block in one partition after the other."""
    N, (padded, sums, losses) = X.shape[0], _room(W, partitions)
    for p in range(partitions):
        losses[p] = _part(row, padded, X, y, W.dtype.type(parameter), N * p // partitions, N * (p + 1) // partitions, sums[p])
    return _total_loss(losses) / N + with_squares(_total(sums), N, W, 0, coefficient, bias, dW)


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def blocked_on_all_cores(row, W, X, y, parameter, coefficient, bias, partitions, dW):
    """The same with the partitions side by side."""
    N, (padded, sums, losses) = X.shape[0], _room(W, partitions)
    for p in prange(partitions):
        losses[p] = _part(row, padded, X, y, W.dtype.type(parameter), N * p // partitions, N * (p + 1) // partitions, sums[p])
    return _total_loss(losses) / N + with_squares(_total(sums), N, W, 0, coefficient, bias, dW)


@njit(error_model="numpy")
def _room(W, partitions):
    """W with classes of zeros up to whole tiles, and zeros for the sums of every partition."""
    C, D = W.shape
    padded = np.zeros((-(-C // CLASSES) * CLASSES, D), W.dtype)
    padded[:C] = W
    return padded, np.zeros((partitions, C, D)), np.zeros(partitions)


@njit(error_model="numpy")
def _total_loss(losses):
    """Σ_p losses[p], rounded about once."""
    loss, lost = 0.0, 0.0
    for part in losses:
        loss, lost = _plus(loss, lost, part)
    return _rounded(loss, lost)


@njit(error_model="numpy")
def _total(sums):
    """Σ_p sums[p], in the order of the partitions, in the place of the first."""
    for p in range(1, sums.shape[0]):
        for j in range(sums.shape[1]):
            for k in range(sums.shape[2]):
                sums[0, j, k] += sums[p, j, k]
    return sums[0]


@dataclass(frozen=True, kw_only=True)
class LinearObjective:
    """Loss and gradient of one row formula with one penalty; called as `f(W, X, y, reg)`, it returns `(f, dW)`.

    W is (C, D), X is (N, D) of the same dtype (float64 or float32), in any memory layout; y is (N,) of integers in 0..C−1, reg
    is λ; dW is (C, D) in that dtype, written into `out` where it is given. `delta` replaces the loss's parameter.
    Error: that of the scores, relative γ_D of their terms' magnitudes in W's dtype, and of the row formula. Sums over the examples add
    γ_64 in W's dtype and γ_{N/1024} in float64, or γ_N in float64 where N·C·D ≤ SMALL. The same bits on any number of threads.
    Infinite numbers in X may give NaN in entries that they do not enter. Made for few classes: dW should fit into the second-level
    cache. `out` may be W or X itself, but overlap no part of them otherwise.
    Raises TypeError for dtypes and ValueError for shapes, labels and values outside that.

    `change` and `kinks`, where a loss has them, make its numerical gradient exact: see `verify.core.differences`.
    """

    row: Any
    kernel: Any
    many: Any
    parameter: float
    factor: float
    bias: bool
    change: Any = None
    kinks: Any = None
    same_bits: ClassVar[bool] = True
    """What it claims, and the law `compiled` tests: no number of threads changes its answer."""

    def __call__(
        self, W: ArrayLike, X: ArrayLike, y: ArrayLike, reg: float = 0.0, *, delta: float | None = None, out: Floats | None = None
    ) -> Answer:
        """(f, dW)."""
        parameter = self.parameter if delta is None else delta
        try:  # straight to the compiled function, which a small problem costs less than any check in Python
            if y.dtype is LABELS and self.kernel.overloads and W.size * len(X) <= SMALL:  # type: ignore[union-attr, arg-type]
                dW = np.empty(W.shape, W.dtype) if out is None else out  # type: ignore[union-attr]
                return self.kernel(W, X, y, parameter, self.factor and self.factor * reg, self.bias, dW), dW
        except (AttributeError, TypeError, ValueError):
            pass  # not compiled for this dtype yet, or wrong input, which the checks below put in words
        return self._checked(W, X, y, parameter, reg, out)

    def _checked(self, W: Any, X: Any, y: Any, parameter: float, reg: float, out: Floats | None) -> Answer:
        W, X, y, dW = checked(W, X, y, out)
        rest = parameter, self.factor and self.factor * float(reg), self.bias  # without a penalty 0, whatever λ is
        if W.size * len(X) <= SMALL:
            return compiled(self.kernel, *_kernel_types(W.dtype))(W, X, y, *rest, dW), dW
        partitions = partitions_of(len(X), W.size)
        many = partitions > 1 and get_num_threads() > 1
        in_place = X.flags.c_contiguous and X.flags.writeable  # blocks of rows are then no copies
        driver = compiled(blocked_on_all_cores if many else blocked, *_driver_types(W.dtype, in_place))
        return driver(compiled_row(self.row, from_dtype(W.dtype)), W, X, y, *rest, partitions, dW), dW

    @property
    def py_func(self) -> Callable[..., Answer]:
        """The same function, interpreted: nothing compiled takes part. Same arguments, same answer within rounding."""
        return partial(_interpreted, self)


def _interpreted(
    f: LinearObjective,
    W: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    reg: float = 0.0,
    *,
    delta: float | None = None,
    out: Floats | None = None,
) -> Answer:
    W, X, y, dW = checked(W, X, y, out)
    with np.errstate(all="ignore"):
        loss = interpreted(f.kernel)(W, X, y, f.parameter if delta is None else delta, f.factor and f.factor * float(reg), f.bias, dW)
    return float(loss), dW


def objectives(
    row: Any, kernel: Any, many: Any, *, parameter: float = 0.0, change: Any = None, kinks: Any = None
) -> tuple[LinearObjective, ...]:
    """The objectives of one row formula, in the order none, l2 (λ‖W‖²), l2_no_bias, half_l2 (½λ‖W‖²), half_l2_no_bias.

    `kernel` is `plain` and `many` is `batched.together` around it, compiled in the file of the loss, since numba caches no function that
    is made by another.
    """
    kinds = ((0.0, True), (1.0, True), (1.0, False), (0.5, True), (0.5, False))
    common = {"row": row, "kernel": kernel, "many": many, "parameter": parameter, "change": change, "kinks": kinks}
    return tuple(LinearObjective(**common, factor=factor, bias=bias) for factor, bias in kinds)


def _data_types(real: Any, *, any_layout: bool) -> tuple[Any, ...]:
    """W, X and y."""
    return array(real, 2, any_layout=True), array(real, 2, any_layout=any_layout), array(types.int64, 1, any_layout=True)


@cache
def _kernel_types(dtype: Any) -> tuple[Any, ...]:
    """(W, X, y, parameter, coefficient, bias, dW): small data may lie in memory as it likes."""
    real = from_dtype(dtype)
    return (*_data_types(real, any_layout=True), *REST, array(real, 2))


@cache
def _driver_types(dtype: Any, in_place: bool) -> tuple[Any, ...]:
    """(row, W, X, y, parameter, coefficient, bias, partitions, dW)."""
    real = from_dtype(dtype)
    return (row_type(real), *_data_types(real, any_layout=not in_place), *REST, types.int64, array(real, 2))


def partitions_of(N: int, weights: int) -> int:
    """How many partitions N examples of so many weights are summed in: by the shapes alone."""
    return max(1, min(PARTITIONS, N // FLUSH, MOST_SUMS // weights)) if N * weights >= PARALLEL else 1


def told(out: Any) -> str:
    """What was given as `out`."""
    return f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__


def checked(W: Any, X: Any, y: Any, out: Floats | None) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """(W, X, y, dW), or the error that says which one does not fit."""
    W, X, y = np.asarray(W), np.asarray(X), np.asarray(y)
    if W.dtype not in (np.float64, np.float32) or X.dtype != W.dtype:
        raise TypeError(f"W is {W.dtype} and X is {X.dtype}; both must be float64 or both float32.")
    if W.ndim != 2 or X.ndim != 2 or X.shape[1] != W.shape[1] or y.shape != X.shape[:1] or not len(X):
        raise ValueError(f"W {W.shape}, X {X.shape}, y {y.shape} do not fit; they must be (C, D), (N, D), (N,) with N ≥ 1.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y is {y.dtype}; labels must be integers.")
    if y.min() < 0 or y.max() >= len(W):
        raise ValueError(f"labels run from {y.min()} to {y.max()}; they must lie in 0..{len(W) - 1} (W has {len(W)} rows).")
    if out is not None and (not isinstance(out, np.ndarray) or out.shape != W.shape or out.dtype != W.dtype or not out.flags.carray):
        raise ValueError(f"out is {told(out)}; it must be C-contiguous, free to write to, {W.dtype} {W.shape} like W.")
    dW = np.empty(W.shape, W.dtype) if out is None else out
    return np.require(W, requirements="A"), np.require(X, requirements="A"), np.require(y, np.int64, "A"), dW
