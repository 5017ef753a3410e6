"""Least squares with nonnegative multipliers. For a few columns scipy's takes longer to load than a quick verdict may take. For the many
columns of simplices, one for each open switch, it takes minutes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MAX_CHANGES = 50
"""Changes of the set of free multipliers, for each of them. Without rounding errors there are few more changes than multipliers."""

MAX_REFITTED = 24
"""Most columns for which each set is fitted anew, in milliseconds in all; for hundreds, as a group of weights
has, loading scipy is faster.
"""

INDEPENDENT = 100 * 2.0**-52
"""The least relative part of a column orthogonal to the others that exceeds rounding errors."""


def non_negative(A: Vector, b: Vector) -> Vector:
    """The τ ≥ 0, (n,), for which A (m, n) times τ is nearest to b (m,).

    The active sets of C. Lawson and R. Hanson, Solving Least Squares Problems, 1974, chapter 23. The pull on a multiplier is computed
    orthogonal to the free columns, so that heavy rows, which these fit, do not hide light ones. If rounding errors prevent convergence, the
    latest τ is returned, which is still ≥ 0.
    """
    n = A.shape[1]
    if n > MAX_REFITTED:
        return _by_scipy(A, b)
    tau, free, rejected = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    lengths = np.linalg.norm(A, axis=0)
    for _ in range(MAX_CHANGES * n):
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


def of_simplices(A: Vector, b: Vector, starts: NDArray[np.intp]) -> Vector:
    """The τ, nonnegative and of sum 1 in each group of columns, which begin at `starts`, for which A τ is nearest to b.

    The nearest point of a polytope (P. Wolfe, Mathematical Programming 11, 1976) whose vertices take one column from each group. It lies
    among few of them, at most one more than there are rows, however many groups there are.
    """
    owner = np.repeat(np.arange(len(starts)), np.diff([*starts, A.shape[1]]))

    def farthest(direction: Vector) -> NDArray[np.intp]:
        pull = direction @ A
        best = np.flatnonzero(pull == np.maximum.reduceat(pull, starts)[owner])
        return best[np.unique(owner[best], return_index=True)[1]]

    vertices, weights = [farthest(b)], np.ones(1)
    points = (A[:, vertices[0]].sum(1) - b)[:, None]
    for _ in range(MAX_CHANGES * (len(b) + 1)):
        x = points @ weights
        vertex = farthest(-x)
        point, length = A[:, vertex].sum(1) - b, float(np.linalg.norm(x))
        if x @ (x - point) <= INDEPENDENT * length * np.max(np.linalg.norm(points, axis=0)):
            break
        vertices, weights, points = [*vertices, vertex], np.append(weights, 0.0), np.column_stack([points, point])
        while not ((best := _affine(points)) > 0).all():
            shares = np.where(best > 0, np.inf, 0.0)
            np.divide(weights, weights - best, out=shares, where=(best <= 0) & (weights > best))
            first = int(np.argmin(shares))
            weights = weights + shares[first] * (best - weights)
            kept = weights > 0
            kept[first] = False
            vertices, weights, points = [v for v, k in zip(vertices, kept, strict=True) if k], weights[kept], points[:, kept]
        weights = best
        if not np.linalg.norm(points @ weights) < length:  # all that is left is rounding
            break
    tau = np.zeros(A.shape[1])
    for vertex, weight in zip(vertices, weights, strict=True):
        tau[vertex] += weight
    return tau


def _affine(points: Vector) -> Vector:
    """The coefficients, of sum 1, of the combination of columns nearest to 0."""
    found = np.linalg.lstsq(points[:, 1:] - points[:, :1], -points[:, 0], rcond=None)[0]
    return np.concatenate([[1 - found.sum()], found])


def _by_scipy(A: Vector, b: Vector) -> Vector:
    from scipy.optimize import nnls  # a fifth of a second

    try:
        return np.asarray(nnls(A, b, maxiter=MAX_CHANGES * A.shape[1])[0])
    except RuntimeError:  # no convergence: any point is a valid, if worse, answer
        return np.ones(A.shape[1])


def _beside(basis: Vector, x: Vector) -> Vector:
    """The part of x orthogonal to an orthonormal basis; twice is enough (Kahan, Parlett)."""
    for _ in range(2):
        x = x - basis @ (basis.T @ x)
    return x


def _fit(A: Vector, b: Vector, free: NDArray[np.bool_]) -> Vector:
    """Least squares with the free multipliers only."""
    found = np.zeros(A.shape[1])
    basis, r = np.linalg.qr(A[:, free])
    found[free] = np.linalg.solve(r, basis.T @ b)
    return found
