"""Linear algebra on the tape: systems, inverses and determinants as single instructions, Cholesky factors as scalars.

The rounding of a solution is that of Gaussian elimination with partial pivoting: the computed x̂ solves (A + ΔA)x̂ = b with |ΔA| ≤
γ₃ₙ|L||U| (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, theorem 9.4), and each entry of |L||U| is
assumed to be at most n·max|A|, as it is without growth of entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series
from numpy.typing import NDArray

from verify.rounding import ELEMENTARY

Objects = NDArray[Any]


def objects(values: Sequence[Any], shape: tuple[int, ...]) -> Objects:
    """An array of balls, or of series."""
    return np.fromiter(values, dtype=object, count=len(values)).reshape(shape)


def _flint(a: Objects) -> arb_mat:
    return arb_mat(a.shape[0], a.shape[1], a.ravel().tolist())


def unknown(shape: tuple[int, ...]) -> Objects:
    """Balls without any information."""
    return objects([arb.nan()] * int(np.prod(shape)), shape)


def identity(n: int) -> Objects:
    """The identity matrix."""
    return objects([arb(int(i == j)) for i in range(n) for j in range(n)], (n, n))


def _sizes(a: Objects) -> Objects:
    return objects([x.abs_upper() for x in a.flat], a.shape)


def moved(a: Objects, u: arb) -> Objects:
    """A bound of |ΔA|."""
    n = a.shape[0]
    greatest = max((float(x.abs_upper()) for x in a.flat), default=0.0)
    return objects([3 * n * n * u * arb(greatest) * (1 + arb(2) ** -50)] * (n * n), (n, n))


def _inverse(a: Objects) -> Objects | None:
    """The inverse; None where the matrix may be singular."""
    try:
        return objects(_flint(a).inv().entries(), a.shape)
    except ZeroDivisionError:
        return None


def solve(arithmetic: Any, a: Objects, b: Objects) -> Objects:
    """The X with A·X = B."""
    if is_series(a, b):
        return _series_of(a, b)
    try:
        x = objects(_flint(a).solve(_flint(b)).entries(), b.shape)
    except ZeroDivisionError:
        return unknown(b.shape)
    if arithmetic.u is None:
        return x
    inverse = _inverse(a)
    if inverse is None:
        return unknown(b.shape)
    lost = _sizes(inverse) @ moved(a, arithmetic.u) @ _sizes(x)
    return objects([v + arb(0, 2 * r.abs_upper()) for v, r in zip(x.flat, lost.flat, strict=True)], b.shape)


def inv(arithmetic: Any, a: Objects) -> Objects:
    """The inverse A⁻¹."""
    return solve(arithmetic, a, identity(a.shape[0]))


def slogdet(arithmetic: Any, a: Objects) -> Objects:
    """The logarithm log|det A|."""
    if is_series(a):
        return _series_of_determinant(arithmetic, a)
    value = abs(_flint(a).det()).log()
    if arithmetic.u is None or not value.is_finite():
        return objects([value], (1,))
    inverse = _inverse(a)
    if inverse is None:
        return unknown((1,))
    lost = sum((x for x in (_sizes(inverse) * moved(a, arithmetic.u).T).flat), arb(0))  # |det(A + ΔA)/det A − 1| about
    if not lost < 0.25:
        return unknown((1,))
    n = a.shape[0]
    return objects([value + arb(0, (2 * lost + n * ELEMENTARY * arithmetic.u * (1 + value.abs_upper())).abs_upper())], (1,))


def gathered(parts: Sequence[Objects], count: int, shape: tuple[int, ...]) -> Objects:
    """Series from arrays of their coefficients."""
    return objects([arb_series(list(xs), count) for xs in zip(*(f.flat for f in parts), strict=True)], shape)


def is_series(*matrices: Objects) -> bool:
    """Whether some entry is a series."""
    return any(isinstance(x, arb_series) for m in matrices for x in m.flat)


def terms_of(*matrices: Objects) -> int:
    """The greatest length of their series."""
    return max(x.prec for m in matrices for x in m.flat if isinstance(x, arb_series))


def coefficient(a: Objects, k: int) -> Objects:
    """One coefficient of all entries."""
    return objects([x[k] if isinstance(x, arb_series) else x if k == 0 else arb(0) for x in a.flat], a.shape)


def _series_of(a: Objects, b: Objects) -> Objects:
    """The solution as series, one coefficient after the other: A₀Xₖ = Bₖ − Σᵢ AᵢXₖ₋ᵢ."""
    inverse, terms = _inverse(coefficient(a, 0)), terms_of(a, b)
    if inverse is None:  # nor is any derivative known
        return objects([arb_series([arb.nan()] * terms, terms) for _ in b.flat], b.shape)
    found: list[Objects] = []
    for k in range(terms):
        right = coefficient(b, k)
        for i in range(1, k + 1):
            right = right - coefficient(a, i) @ found[k - i]
        found.append(inverse @ right)
    return gathered(found, terms, b.shape)


def _series_of_determinant(arithmetic: Any, a: Objects) -> Objects:
    """The series of log|det A|, by (log|det A|)' = tr(A⁻¹A')."""
    terms = terms_of(a)
    first = abs(_flint(coefficient(a, 0)).det()).log()
    inverse = inv(arithmetic, a)
    found = [first]
    for k in range(1, terms):
        parts = (
            (coefficient(inverse, k - 1 - i) @ ((i + 1) * coefficient(a, i + 1))).trace() for i in range(k)
        )  # the (k − 1)-th coefficient of the product
        found.append(sum(parts, arb(0)) / k)
    return objects([arb_series(found, terms)], (1,))


def by_points(f: Callable[..., Any]) -> Callable[..., Any]:
    """Applies a function of stacks of matrices to matrices with the points along the last axis; NaN where one is singular."""

    def each(*matrices: Any) -> Any:
        stacked = [np.moveaxis(m, 2, 0) for m in matrices]
        try:
            return np.moveaxis(f(*stacked), 0, -1)
        except np.linalg.LinAlgError:
            found = []
            for ms in zip(*stacked, strict=True):
                try:
                    found.append(f(*(m[None] for m in ms))[0])
                except np.linalg.LinAlgError:
                    found.append(np.full_like(f(*(np.eye(len(m))[None] if m.shape[0] == m.shape[1] else m[None] for m in ms))[0], np.nan))
            return np.moveaxis(np.array(found), 0, -1)

    return each


def cholesky(b: Any, a: Any) -> Any:
    """Records L with L·Lᵀ = A, lower triangular, from the lower triangle of A: as scalar operations, each with its own rounding."""
    n = len(a)
    zero = b.constants(0)
    found = np.full((n, n), int(zero), np.intp)
    for j in range(n):
        rest = a[j, j] if j == 0 else b.sub(a[j, j], b.sum(b.square(found[j, :j])[None])[0])
        found[j, j] = b.sqrt(rest)
        for i in range(j + 1, n):
            rest = a[i, j] if j == 0 else b.sub(a[i, j], b.dot(found[i, :j][None], found[j, :j][None])[0])
            found[i, j] = b.div(rest, found[j, j])
    return found


def solve_lower(b: Any, lower: Any, y: Any) -> Any:
    """Records x with L·x = y by substitution; y (n,)."""
    found: list[int] = []
    for i in range(len(y)):
        rest = y[i] if i == 0 else b.sub(y[i], b.dot(lower[i, :i][None], np.array(found, np.intp)[None])[0])
        found.append(int(b.div(rest, lower[i, i])))
    return np.array(found, np.intp)
