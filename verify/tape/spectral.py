"""Eigenvalues and eigenvectors of symmetric matrices on the tape, where all eigenvalues are distinct.

An eigenvector has length 1 and a positive product with `towards`, since the sign that code returns is arbitrary. In balls they are isolated
by flint (J. van der Hoeven, B. Mourrain, Efficient certification of numeric solutions to eigenproblems, MACIS 2017); where two eigenvalues
may coincide, the result is unknown. Careful code finds those of A + ΔA, with |ΔA| as for systems (N. J. Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., SIAM 2002: a backward stable algorithm).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_series, fmpq
from numpy.typing import NDArray

from verify.tape import linear

Objects = NDArray[Any]


def towards(n: int) -> list[Fraction]:
    """The vector of n entries that eigenvectors point towards: no matrix in practice has an eigenvector perpendicular to it."""
    return [Fraction(1000, 1000 + 618 * k + 7 * k * k) for k in range(n)]


def _number(t: Fraction) -> arb:
    return arb(fmpq(t.numerator, t.denominator))


def eigenvalues(arithmetic: Any, a: Objects) -> Objects:
    """The eigenvalues (n,), in ascending order."""
    return _of(arithmetic, a)[0]


def eigenvectors(arithmetic: Any, a: Objects) -> Objects:
    """The eigenvectors as columns (n, n)."""
    return _of(arithmetic, a)[1]


def _of(arithmetic: Any, a: Objects) -> tuple[Objects, Objects]:
    if linear.is_series(a):
        return _series(a)
    if arithmetic.u is None:
        return _balls(a)
    lost = linear.moved(a, arithmetic.u)
    return _balls(linear.objects([x + arb(0, r.abs_upper()) for x, r in zip(a.flat, lost.flat, strict=True)], a.shape))


def _balls(a: Objects) -> tuple[Objects, Objects]:
    n = len(a)
    nothing = linear.unknown((n,)), linear.unknown((n, n))
    if not all(x.is_finite() for x in a.flat):
        return nothing
    try:
        values, vectors = acb_mat(n, n, [acb(x) for x in a.flat]).eig(right=True)
    except (ValueError, ZeroDivisionError):  # they may be equal
        return nothing
    order = sorted(range(n), key=lambda k: float(values[k].real))
    columns = [_directed([vectors[i, k] for i in range(n)]) for k in order]
    if any(c is None for c in columns):
        return nothing
    return linear.objects([values[k].real for k in order], (n,)), linear.objects([x for c in columns for x in c or ()], (n, n)).T


def _directed(v: Sequence[acb]) -> list[arb] | None:
    """The real vector of length 1 along a complex one; None where its sign is not certain."""
    greatest = max(v, key=lambda x: float(abs(x).mid()))
    if greatest.contains(acb(0)):
        return None
    real = [(x / greatest).real for x in v]
    length = sum((x * x for x in real), arb(0)).sqrt()
    along = sum((_number(t) * x for t, x in zip(towards(len(v)), real, strict=True)), arb(0))
    if not (along > 0 or along < 0):
        return None
    return [x / length if along > 0 else -x / length for x in real]


def _series(a: Objects) -> tuple[Objects, Objects]:
    """The eigenvalues and eigenvectors as series, one coefficient after the other, in the basis of the first eigenvectors V: with Q =
    VᵀV(t) and B = VᵀA(t)V, from BQ = QW, QᵀQ = 1.
    """
    n, terms = len(a), linear.terms_of(a)
    first, v = _balls(linear.coefficient(a, 0))
    if not all(x.is_finite() for x in first):
        series = [arb_series([arb.nan()] * terms, terms) for _ in range(n * n + n)]
        return linear.objects(series[:n], (n,)), linear.objects(series[n:], (n, n))
    b = [v.T @ linear.coefficient(a, k) @ v for k in range(terms)]
    w, q = [first], [linear.identity(n)]
    for k in range(1, terms):
        right = sum((q[i] * w[k - i][None] for i in range(1, k)), linear.identity(n) * arb(0)) - sum(
            b[i] @ q[k - i] for i in range(1, k + 1)
        )
        w.append(-right.diagonal())
        normed = sum((q[i].T @ q[k - i] for i in range(1, k)), linear.identity(n) * arb(0))
        entries = [right[i, j] / (first[i] - first[j]) if i != j else -normed[i, i] / 2 for i in range(n) for j in range(n)]
        q.append(linear.objects(entries, (n, n)))
    turned = [v @ x for x in q]
    return linear.gathered(w, terms, (n,)), linear.gathered(turned, terms, (n, n))


def float_eigenvalues(a: Any) -> Any:
    """The eigenvalues of a stack of matrices."""
    return np.linalg.eigvalsh(a)


def float_eigenvectors(a: Any) -> Any:
    """The eigenvectors of a stack of matrices."""
    v = np.linalg.eigh(a)[1]
    along = np.array([float(t) for t in towards(a.shape[-1])]) @ v
    return v * np.where(along < 0, -1.0, 1.0)[..., None, :]


def values_adjoint(a: Any, g: Any, v: Any, x: Any) -> tuple[Any, ...]:  # noqa: ARG001  # as all adjoints are asked
    """The adjoint of the eigenvalues: V·diag(w̄)·Vᵀ."""
    vectors = a.eigenvectors(x)
    return (a.matmul(a.mul(vectors, g[None]), vectors.swapaxes(0, 1)),)


def values_rate(a: Any, v: Any, ins: Any, rates: Any) -> Any:  # noqa: ARG001
    """The slopes of the eigenvalues: wᵢ' = vᵢᵀA'vᵢ."""
    vectors = a.eigenvectors(ins[0])
    return a.dot(vectors.swapaxes(0, 1), a.matmul(rates[0], vectors).swapaxes(0, 1))


def _others(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each index with all others (n, n − 1)."""
    columns = np.array([[j for j in range(n) if j != i] for i in range(n)], np.intp).reshape(n, n - 1)
    return np.broadcast_to(np.arange(n)[:, None], columns.shape), columns


def _turned(a: Any, p: Any, v: Any, x: Any) -> Any:
    """The rows tᵢ = Σ_{j≠i} p_ij/(w_j − w_i)·v_j."""
    n = v.shape[0]
    i, j = _others(n)
    w = a.eigenvalues(x)
    weights = a.div(p[i, j], a.sub(w[j], w[i]))
    parts = a.mul(weights[:, :, None], v.swapaxes(0, 1)[j])  # (n, n − 1, n)
    beside = parts.swapaxes(1, 2)
    rows = a.sum(beside.reshape(n * n, n - 1, *beside.shape[3:]))
    return rows.reshape(n, n, *rows.shape[1:])


def vectors_adjoint(a: Any, g: Any, v: Any, x: Any) -> tuple[Any, ...]:
    """The adjoint of the eigenvectors: V(F∘(VᵀV̄))Vᵀ, with F_ij = 1/(w_j − w_i) off the diagonal, and 0 on it."""
    if v.shape[0] == 1:
        return (a.mul(0, g),)
    return (a.matmul(v, _turned(a, a.matmul(v.swapaxes(0, 1), g), v, x)),)


def vectors_rate(a: Any, v: Any, ins: Any, rates: Any) -> Any:
    """The slopes of the eigenvectors: v_j' = Σ_{i≠j} v_i·(v_iᵀA'v_j)/(w_j − w_i)."""
    if v.shape[0] == 1:
        return a.mul(0, v)
    p = a.matmul(v.swapaxes(0, 1), a.matmul(rates[0], v))
    return a.neg(_turned(a, p.swapaxes(0, 1), v, ins[0])).swapaxes(0, 1)
