"""Least squares with multipliers that are not negative. Of a few columns scipy's takes longer to load than a quick verdict may last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ROUNDS = 50
"""Changes of the set of free multipliers, for each of them. There are few more than there are multipliers, but where rounding misleads."""

FEW = 24
"""Columns up to which each set is fitted anew, in milliseconds in all; of hundreds, as a group of weights has, scipy is not waited for."""

INDEPENDENT = 100 * 2.0**-52
"""Of a column, the least part beside the others that is more than their rounding errors."""


def non_negative(A: Vector, b: Vector) -> Vector:
    """The τ ≥ 0, (n,), for which A (m, n) times τ comes nearest to b (m,).

    The active sets of C. Lawson and R. Hanson, Solving Least Squares Problems, 1974, chapter 23. What pulls at a multiplier is taken
    beside the columns that are free, so that heavy rows, which these fit, do not hide light ones. Where rounding errors keep the sets from
    an end the latest τ is returned, which is none the less ≥ 0.
    """
    n = A.shape[1]
    if n > FEW:
        return _by_scipy(A, b)
    tau, free, rejected = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    lengths = np.linalg.norm(A, axis=0)
    for _ in range(ROUNDS * n):
        basis = np.linalg.qr(A[:, free])[0]
        beside, left = _beside(basis, A), _beside(basis, b)
        pull = beside.T @ left
        pull[free | rejected | ~(np.linalg.norm(beside, axis=0) > INDEPENDENT * lengths)] = 0.0
        enters = int(np.argmax(pull))
        if not pull[enters] > 0:
            break
        free[enters] = True
        best = _fit(A, b, free)
        if not best[enters] > 0:  # it was pulled by a rounding error
            free[enters], rejected[enters] = False, True
            continue
        while (blocked := free & (best <= 0)).any():
            shares = np.divide(tau, tau - best, out=np.full(n, np.inf), where=blocked)
            first = int(np.argmin(shares))
            tau += shares[first] * (best - tau)
            tau[first] = 0.0
            free &= tau > 0
            tau[~free] = 0.0
            best = _fit(A, b, free)
        tau, rejected[:] = best, False
    return tau


def _by_scipy(A: Vector, b: Vector) -> Vector:
    from scipy.optimize import nnls  # a fifth of a second

    try:
        return np.asarray(nnls(A, b, maxiter=ROUNDS * A.shape[1])[0])
    except RuntimeError:  # no convergence: any point is a valid, if worse, answer
        return np.ones(A.shape[1])


def _beside(basis: Vector, x: Vector) -> Vector:
    """What is left of x beside an orthonormal basis; twice is enough (Kahan, Parlett)."""
    for _ in range(2):
        x = x - basis @ (basis.T @ x)
    return x


def _fit(A: Vector, b: Vector, free: NDArray[np.bool_]) -> Vector:
    """Least squares by the free multipliers alone."""
    found = np.zeros(A.shape[1])
    basis, r = np.linalg.qr(A[:, free])
    found[free] = np.linalg.solve(r, basis.T @ b)
    return found
