"""The numerical gradient of all entries of W for the price of a few gradients.

Moving W[c, k] by t moves one score of each example: s_c by d = t·x_k. So each entry's quotient is a mean of
ℓ(s + d·e_c) − ℓ(s), which a loss's `change` computes without cancellation: its error is one of u, not of u·f/h, and small steps
do not drown. With the `kinks` of ℓ along e_c, those that a step crosses are counted on the way.

It takes S = X Wᵀ for granted, so it says what the quotients of *this* loss are. Whether somebody's loss is this one must be seen
beside it: by their values, and by quotients of their own loss along a few directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled, compiled_row, row_type
from verify.core.linear import PARALLEL, PRANGE_ONLY, LinearObjective, checked
from verify.core.tiles import product

METHODS = ("centred", "forward")
NARROWEST = 128
"""Columns below which a block is not worth the calls that it costs."""

REAL, VECTOR, MATRIX = types.float64, array(types.float64, 1), array(types.float64, 2)
ENTRY = (VECTOR, types.int64, REAL, types.int64)
"""s, y, parameter, c."""

CHANGE, KINKS = types.void(*ENTRY, VECTOR, REAL, VECTOR), types.int64(*ENTRY, VECTOR)
DATA = (MATRIX, MATRIX, array(types.int64, 1), REAL, REAL, types.boolean)
"""S, X, y, parameter, h, centred."""


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
    slope of ℓ depends on them, and γ_{N+20} of the mean magnitude of the examples' own quotients; for a loss without `change` also
    2u·ℓ/h of each example. The same bits on any number of threads.
    Raises ValueError for another method and for a step that is no finite number above 0, TypeError and ValueError as `f` does.
    """
    if method not in METHODS or not 0 < h < np.inf:
        raise ValueError(f"method {method!r} with h {h!r}; give one of {', '.join(METHODS)} and a finite step above 0.")
    W, X, y, _ = checked(W, X, y, None)
    W, X, y = (np.require(a, kind, ("C", "A", "W")) for a, kind in ((W, np.float64), (X, np.float64), (y, np.int64)))
    found, crossings = np.zeros(W.shape), np.zeros(W.shape, np.int64)
    data = compiled(product, MATRIX, MATRIX)(W, X), X, y, f.parameter if delta is None else float(delta), float(h), method == "centred"
    if f.change is None:
        compiled(_by_rows, row_type(REAL), *DATA, MATRIX)(compiled_row(f.row, REAL), *data, found)
    else:
        blocks = max(1, min(2 * get_num_threads(), W.shape[1] // NARROWEST))
        formulas = types.FunctionType(CHANGE), types.FunctionType(KINKS)
        many = W.size * len(X) >= PARALLEL and get_num_threads() > 1
        driver = _by_changes_on_all_cores if many else _by_changes
        kernel = compiled(driver, *formulas, *DATA, types.int64, MATRIX, array(types.int64, 2))
        kernel(_formula(f.change, CHANGE), _formula(f.kinks, KINKS), *data, blocks, found, crossings)
    penalty = f.factor * reg * (2 * W + (0 if method == "centred" else h))
    penalty[:, W.shape[1] - (not f.bias) :] = 0
    return Differences(gradient=found + penalty, crossings=None if f.change is None else crossings)


def _formula(function: Any, signature: Any) -> Any:
    if signature.args not in function.overloads:
        function.compile(signature.args)
    return function


@njit(error_model="numpy", cache=True)
def _columns(change, kinks, S, X, y, parameter, h, centred, first, last, found, crossings):
    """Writes the quotients of the columns first..last to `found` and counts their crossings, in one pass over X."""
    N, C, K = S.shape[0], S.shape[1], last - first
    d, back, at = np.empty(K), np.empty(K), np.empty(C)
    ahead, behind = np.zeros((C, K)), np.zeros((C, K))
    for i in range(N):
        reach = 0.0
        for k in range(K):
            d[k] = h * X[i, first + k]
            back[k] = -d[k]
            reach = max(reach, abs(d[k]))
        for c in range(C):
            change(S[i], y[i], parameter, c, d, reach, ahead[c])
            if centred:
                change(S[i], y[i], parameter, c, back, reach, behind[c])
            for n in range(kinks(S[i], y[i], parameter, c, at)):
                if abs(at[n]) < reach:
                    for k in range(K):
                        crossings[c, first + k] += abs(at[n]) < abs(d[k]) and (centred or at[n] * d[k] > 0)
    for c in range(C):
        for k in range(K):
            found[c, first + k] = (ahead[c, k] - behind[c, k]) / (2 * h if centred else h) / N


@njit(error_model="numpy", cache=True)
def _by_changes(change, kinks, S, X, y, parameter, h, centred, _, found, crossings):
    """All columns."""
    _columns(change, kinks, S, X, y, parameter, h, centred, 0, X.shape[1], found, crossings)


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _by_changes_on_all_cores(change, kinks, S, X, y, parameter, h, centred, blocks, found, crossings):
    """All columns, in blocks side by side."""
    for b in prange(blocks):
        first, last = X.shape[1] * b // blocks, X.shape[1] * (b + 1) // blocks
        _columns(change, kinks, S, X, y, parameter, h, centred, first, last, found, crossings)


@njit(error_model="numpy", cache=True, parallel=PRANGE_ONLY)
def _by_rows(row, S, X, y, parameter, h, centred, found):
    """The same from a row formula alone: C times the work, and each example's difference cancels."""
    (N, C), D = S.shape, X.shape[1]
    length = 2 * h if centred else h
    for c in prange(C):
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
                found[c, k] += ahead - behind
        for k in range(D):
            found[c, k] /= length * N
