"""f(W) = (1/N) Σ_i ℓ(W x_i, y_i) + λR(W) and its gradient over linear scores, the bias being the last column.

Two drivers around a row formula that they are handed: `plain`, two loops, for small problems and as the twin in tests; and
`blocks`, one pass over X in blocks of rows that stay in the cache. `objective` is the door from Python.

Sums over the examples are float64 at both dtypes, and the order of all sums follows from the shapes alone: the same bits on
any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.core.cpu_options import ParallelOptions
from numba.extending import overload

from verify.core.penalty import with_squares
from verify.core.tiles import accumulate, scores
from verify.core.vectors import BYTES

BLOCK = 2**19
"""Bytes of X in one block of rows, which then stays in the second-level cache."""

MIN_ROWS, MAX_ROWS = 16, 64
"""Least rows of a block: whole tiles, whose gradients are added up in registers, in the dtype of W: 64 roundings at most."""

GATHERED_BLOCKS = 8
"""Blocks whose gradients are added up in the dtype of W before they are added in float64: as many more roundings, an eighth of the
conversions.
"""

PARTITIONS, SHARE = 16, 240
"""Most contiguous parts of the rows, each with its own sums, and their least rows: smaller ones are not worth the sums. Their number
follows from the shapes alone: with one part per thread the bits would depend on the machine.
"""

LARGE_W = 2**17
"""Weights whose sums leave the second-level cache, so that a part must have more rows."""

MOST_SUMS = 2**23
"""Numbers in the sums of all partitions; greater W get fewer partitions."""

PLAIN_WORK = 2**12
"""Multiply-adds N·C·D up to which `plain` is about as fast or faster, since it is one call; for one long
example it is slower from here on.
"""

PARTITIONED_WORK = 2**21
"""Multiply-adds from which the rows are partitioned, so that several threads can help: a tenth of a millisecond."""

PARALLEL = 2**24
"""Multiply-adds from which numba's own parallel loops pay, two milliseconds' worth: a second core saves half of them, but where it is busy,
waiting for it costs five to fifty.
"""


PRANGE_ONLY: Any = ParallelOptions(  # type: ignore[no-untyped-call]
    {"prange": True} | dict.fromkeys(("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False)
)
"""numba's parallel option, only for the loop over the partitions. numba removes the entries from a plain dict when it compiles the first
kernel, so that the next would get all options.
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


@njit(inline="always", error_model="numpy")
def blocks(row, row_of_many, min_vectors, W, panels, X, y, parameter, first, last, sums):
    """Σ_i ℓ(W x_i, y_i) over the rows first..last of X, whose labels are known to be right; adds its gradient to `sums` (C, D). `panels`
    are of W or of no size. Inlined into the file of each loss, as `plain` is. Where the classes fill `min_vectors` the row formula is
    that for many.
    """
    (C, D), lanes = W.shape, BYTES // W.itemsize
    most = max(MIN_ROWS, min(MAX_ROWS, BLOCK // max(1, D * W.itemsize) // MIN_ROWS * MIN_ROWS))
    width = -(-C // lanes) * lanes
    width += lanes if width % 512 == 0 else 0  # a column of it would meet itself in the cache
    S, room = np.empty((most, width), W.dtype), _room(X, most)
    many = min_vectors * lanes <= C
    dS = S if many else np.empty((most, width), W.dtype)
    near = _near(W, sums)
    loss, lost = 0.0, 0.0
    for i in range(first, last, most):
        rows = min(most, last - i)
        block, at = _block(X, i, rows, room)
        scores(W, panels, block, at, rows, S)
        if many:
            for r in range(rows):
                loss, lost = _plus(loss, lost, row_of_many(S[r, :C], y[i + r], W.dtype.type(parameter)))
        else:
            for r in range(rows):
                loss, lost = _plus(loss, lost, row(S[r, :C], y[i + r], W.dtype.type(parameter), dS[r, :C]))
        accumulate(dS, C, block, at, rows, near)
        if i + rows == last or (i - first) // most % GATHERED_BLOCKS == GATHERED_BLOCKS - 1:
            _flush(near, sums)
    return _rounded(loss, lost)


@njit(error_model="numpy")
def _plus(total, lost, x):
    """(total, lost) with x added: the rounding error of `total` is gathered in `lost` (D. Knuth, TAOCP vol. 2, 4.2.2)."""
    moved = total + x
    shifted = moved - total
    return moved, lost + ((total - (moved - shifted)) + (x - shifted))


@njit(error_model="numpy")
def _rounded(total, lost):
    """The sum of all numbers added by `_plus`; for an infinite one `lost` is NaN."""
    return total + lost if abs(total) < np.inf else total


def _room(X: Any, rows: int) -> Any:
    """An array into which `_block` may copy this many rows of X, if necessary."""
    return np.empty((rows, X.shape[1]), X.dtype)


def _block(X: Any, first: int, rows: int, room: Any) -> tuple[Any, int]:
    """An array and the place in it from which on the rows of X from `first` on lie one behind the other: X itself, or a copy in `room`."""
    room[:rows] = X[first : first + rows]
    return room, 0


def _near(W: Any, sums: Any) -> Any:
    """The array in which gradients are added up in the dtype of W: `sums` itself if it has that dtype."""
    return sums if W.dtype == sums.dtype else np.zeros(W.shape, W.dtype)


def _flush(near: Any, sums: Any) -> None:
    """Moves the contents of `near` to `sums`."""
    if near is not sums:
        sums += near
        near[:] = 0


@overload(_near)
def _near_compiled(W, sums):
    if W.dtype == sums.dtype:
        return lambda W, sums: sums  # noqa: ARG005
    return lambda W, sums: np.zeros(W.shape, W.dtype)  # noqa: ARG005


@overload(_flush)
def _flush_compiled(near, sums):
    if near.dtype == sums.dtype:
        return lambda near, sums: None  # noqa: ARG005

    def flushed(near, sums):
        for j in range(sums.shape[0]):
            for k in range(sums.shape[1]):
                sums[j, k] += near[j, k]
                near[j, k] = 0

    return flushed


@overload(_room)
def _room_compiled(X, rows):  # noqa: ARG001  # numba asks for the same names
    if X.layout == "C":
        return lambda X, rows: None  # noqa: ARG005
    return lambda X, rows: np.empty((rows, X.shape[1]), X.dtype)


@overload(_block)
def _block_compiled(X, first, rows, room):  # noqa: ARG001
    if X.layout == "C":
        return lambda X, first, rows, room: (X, first)  # noqa: ARG005

    def copied(X, first, rows, room):
        for r in range(rows):
            for k in range(X.shape[1]):
                room[r, k] = X[first + r, k]
        return room, 0

    return copied


@njit(error_model="numpy")
def _total_loss(losses):
    """Σ_p losses[p], rounded about once."""
    loss, lost = 0.0, 0.0
    for part in losses:
        loss, lost = _plus(loss, lost, part)
    return _rounded(loss, lost)


@njit(error_model="numpy")
def _total(sums):
    """Σ_p sums[p], in the order of the partitions, stored in the first."""
    for j in range(sums.shape[1]):
        for p in range(1, sums.shape[0]):
            for k in range(sums.shape[2]):
                sums[0, j, k] += sums[p, j, k]
    return sums[0]


@njit(error_model="numpy", cache=True)
def finished(losses, sums, N, W, coefficient, bias, dW):
    """The objective, from the losses (P,) and the gradients' sums (P, C, D) of all partitions; writes its gradient to `dW`."""
    return _total_loss(losses) / N + with_squares(_total(sums), N, W, 0, coefficient, bias, dW)


@njit(error_model="numpy", cache=True)
def in_range(y, C):
    """Whether all labels are classes."""
    for label in y:  # noqa: SIM110  # numba has no generators inside of `all`
        if label < 0 or label >= C:
            return False
    return True


def partitions_of(N: int, weights: int) -> int:
    """The number of partitions for N examples of this many weights, by the shapes alone."""
    rows = SHARE if weights <= LARGE_W else 4 * SHARE
    most = min(PARTITIONS, N // rows, MOST_SUMS // weights) if N * weights >= PARTITIONED_WORK else 1
    return 1 << max(most, 1).bit_length() - 1  # equal loads for as many threads as there commonly are
