"""The numerical gradient of all entries of W for the price of a few gradients.

Moving W[c, k] by t moves one score of each example: s_c by d = t·x_k. So each entry's quotient is a mean of
ℓ(s + d·e_c) − ℓ(s), which a loss's `change` computes without cancellation: its error is one of u, not of u·f/h, and small steps
do not drown, unless they cross a kink, whose place is known as well as the scores are. With the `kinks` of ℓ along e_c, those that
a step crosses are counted on the way.

It takes S = X Wᵀ for granted, so it says what the quotients of *this* loss are. Whether somebody's loss is this one must be seen
beside it: by their values, and by quotients of their own loss along a few directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit, prange, types
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled, formula, row_type
from verify.core.linear import PARALLEL, PRANGE_ONLY
from verify.core.objective import LinearObjective, checked
from verify.core.tiles import product

METHODS = ("centred", "forward")
NARROWEST = 128
"""Columns below which a block is not worth the calls that it costs."""

REAL, VECTOR, MATRIX = types.float64, array(types.float64, 1), array(types.float64, 2)
ENTRY = (VECTOR, types.int64, REAL, types.int64)
"""Types of s, y, parameter, c."""

CHANGE = types.FunctionType(types.void(*ENTRY, VECTOR, REAL, types.boolean, VECTOR))
KINKS, ROW = types.FunctionType(types.int64(*ENTRY, VECTOR)), row_type(REAL)
DATA = (MATRIX, MATRIX, array(types.int64, 1), REAL, REAL, types.boolean)
"""Types of S, X, y, parameter, h, centred."""

BY_ROWS = (ROW, *DATA, MATRIX)
BY_CHANGES = (CHANGE, KINKS, *DATA, VECTOR, types.int64, MATRIX, array(types.int64, 2))


@dataclass(frozen=True, kw_only=True)
class Differences:
    """`gradient` (C, D): the difference quotient of every entry of W, float64. `crossings` (C, D): how many kinks of the examples'
    losses lie strictly within the entry's segment; None where the loss does not say where its kinks are.
    """

    gradient: NDArray[np.float64]
    crossings: NDArray[np.int64] | None


def numerical_gradient(
    f: LinearObjective,
    W: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    reg: float = 0.0,
    *,
    h: float = 1e-5,
    method: str = "centred",
    delta: float | None = None,
) -> Differences:
    """(f(W + hE) − f(W − hE)) / 2h, or (f(W + hE) − f(W)) / h, for each of the C·D unit matrices E.

    W (C, D), X (N, D), y (N,) as `f` takes them; all is computed in float64. Error of an entry: that of the scores where the
    slope of ℓ depends on them, over h where the step crosses a kink, and γ_{N+20} of the mean magnitude of the examples' own
    quotients; for a loss without `change` also 2u·ℓ/h of each example. The same bits on any number of threads.
    Raises ValueError for another method and for a step that is no finite number above 0, TypeError and ValueError as `f` does.
    """
    if method not in METHODS or not 0 < h < np.inf:
        raise ValueError(f"method {method!r} with h {h!r}; give one of {', '.join(METHODS)} and a finite step above 0.")
    W, X, y, _ = checked(W, X, y, None)
    W, X, y = (np.require(a, kind, ("C", "A", "W")) for a, kind in ((W, np.float64), (X, np.float64), (y, np.int64)))
    found, crossings = np.zeros(W.shape), np.zeros(W.shape, np.int64)
    data = compiled(product, MATRIX, MATRIX)(W, X), X, y, f.parameter if delta is None else float(delta), float(h), method == "centred"
    many = 2 * W.size * len(X) >= PARALLEL and get_num_threads() > 1  # an entry of an example takes two multiply-adds' time, or more
    if f.change is None:
        compiled(_by_rows_on_all_cores if many else _by_rows, *BY_ROWS)(formula(f.row, ROW), *data, found)
    else:
        # of whole rows: the blocks follow the threads, and the bits must not
        reach = h * np.maximum(X.max(axis=1, initial=0), -X.min(axis=1, initial=0))
        blocks = max(1, min(2 * get_num_threads(), W.shape[1] // NARROWEST))
        kernel = compiled(_by_changes_on_all_cores if many else _by_changes, *BY_CHANGES)
        kernel(formula(f.change, CHANGE), formula(f.kinks, KINKS), *data, reach, blocks, found, crossings)
    penalty = f.factor * float(reg) * (2 * W + (0 if method == "centred" else h))
    penalty[:, W.shape[1] - (not f.bias) :] = 0
    return Differences(gradient=found + penalty, crossings=None if f.change is None else crossings)


@njit(error_model="numpy", cache=True)
def _columns(change, kinks, S, X, y, parameter, h, centred, reach, first, last, found, crossings):
    """Writes the quotients of the columns first..last to `found` and counts their crossings, in one pass over X."""
    N, C, K = S.shape[0], S.shape[1], last - first
    d, at, moved = np.empty(K), np.empty(C), np.zeros((C, K))
    for i in range(N):
        for k in range(K):
            d[k] = h * X[i, first + k]
        for c in range(C):
            change(S[i], y[i], parameter, c, d, reach[i], centred, moved[c])
            for n in range(kinks(S[i], y[i], parameter, c, at)):
                if abs(at[n]) < reach[i]:
                    for k in range(K):
                        forward = at[n] != 0 and (at[n] > 0) == (d[k] > 0)  # no product, which may underflow
                        crossings[c, first + k] += abs(at[n]) < abs(d[k]) and (centred or forward)
    for c in range(C):
        for k in range(K):
            found[c, first + k] = moved[c, k] / (2 * h if centred else h) / N


@njit(error_model="numpy", cache=True)
def _by_changes(change, kinks, S, X, y, parameter, h, centred, reach, _, found, crossings):
    """All columns."""
    _columns(change, kinks, S, X, y, parameter, h, centred, reach, 0, X.shape[1], found, crossings)


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _by_changes_on_all_cores(change, kinks, S, X, y, parameter, h, centred, reach, blocks, found, crossings):
    """All columns, in parallel blocks."""
    for b in prange(blocks):
        first, last = X.shape[1] * b // blocks, X.shape[1] * (b + 1) // blocks
        _columns(change, kinks, S, X, y, parameter, h, centred, reach, first, last, found, crossings)


@njit(error_model="numpy", cache=True)
def _by_rows(row, S, X, y, parameter, h, centred, found):
    """The quotients from a row formula alone: C times the work, and each example's difference cancels."""
    for c in range(S.shape[1]):
        _of_class(row, S, X, y, parameter, h, centred, c, found[c])


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _by_rows_on_all_cores(row, S, X, y, parameter, h, centred, found):
    """The quotients from a row formula, with classes in parallel."""
    for c in prange(S.shape[1]):
        _of_class(row, S, X, y, parameter, h, centred, c, found[c])


@njit(error_model="numpy", cache=True)
def _of_class(row, S, X, y, parameter, h, centred, c, found):
    """Writes the quotients of row c of W to `found`, which contains zeros."""
    (N, C), D = S.shape, X.shape[1]
    s, ds = np.empty(C), np.zeros(C)
    for i in range(N):
        s[:] = S[i]
        here = row(s, y[i], parameter, ds)
        for k in range(D):
            s[c] = S[i, c] + h * X[i, k]
            ahead, behind = row(s, y[i], parameter, ds), here
            if centred:
                s[c] = S[i, c] - h * X[i, k]
                behind = row(s, y[i], parameter, ds)
            found[k] += ahead - behind
    for k in range(D):
        found[k] /= (2 * h if centred else h) * N
