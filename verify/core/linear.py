"""f(W) = (1/N) Σ_i ℓ(W x_i, y_i) + λR(W) and its gradient over linear scores, the bias being the last column.

Two drivers around a row formula that they are handed: `plain`, two loops, for small problems and as the twin in tests; and
`blocked`, one pass over X in blocks of rows that stay in the cache, on all cores. `objective` is the door from Python.

Sums over the examples are float64 at both dtypes, and the order of all sums follows from the shapes alone: the same bits on
any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numba.core.cpu_options import ParallelOptions
from numba.extending import overload

from verify.core.penalty import with_squares
from verify.core.tiles import CLASSES, accumulate, scores

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


PRANGE_ONLY: Any = ParallelOptions(  # type: ignore[no-untyped-call]
    {"prange": True} | dict.fromkeys(("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False)
)
"""numba's parallel option, for the loop over the partitions and nothing else. Of a dict numba takes the entries out as it compiles the
first kernel, so that the next would be given all options.
"""


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
    return X[first : first + BLOCK] if rows == BLOCK else _copied(X, first, rows, padded)


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


def partitions_of(N: int, weights: int) -> int:
    """How many partitions N examples of so many weights are summed in: by the shapes alone."""
    return max(1, min(PARTITIONS, N // FLUSH, MOST_SUMS // weights)) if N * weights >= PARALLEL else 1
