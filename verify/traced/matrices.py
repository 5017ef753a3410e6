"""Rules for operators on matrices, of torch and jax: factors, determinants, systems.

LAPACK leaves the signs of vectors and the order of rows open, so rules that need them get the framework's own result. What an LU
factorization keeps only for torch's backward stands for the factored matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.tape.tape import Registers
from verify.traced import decompositions, factors
from verify.traced.array import Recorded, Traced, lifted, recorder_of
from verify.traced.functions import of_stacks

Rule = Callable[..., Any]


def _matrices(f: Rule) -> Rule:
    """Turns a rule for one matrix into one for stacks; its named arguments are plain."""

    def rule(*operands: Any, **options: Any) -> Any:
        return of_stacks(lambda *xs: f(*xs, **options))(*operands)

    return rule


def _turned(registers: Registers, signs: Any, recorder: Any) -> Registers:
    """The columns, negated where the sign is −1."""
    found, wrong = registers.copy(), np.flatnonzero(signs < 0)
    if wrong.size:
        found[:, wrong] = recorder.apply("neg", found[:, wrong])
    return found


def _signs(mine: Any, own: Any) -> Any:
    """For each column, −1 where it points in the opposite direction to the framework's, else 1."""
    return np.where(np.sum(mine * own, axis=0) < 0, -1.0, 1.0)


def svd(x: Any, full_matrices: bool = False, compute_uv: bool = True, *, own: Any, **_: Any) -> Any:
    """(U, S, Vh), with the signs of `own`, the framework's result for the plain numbers; if only S is computed, the others are None."""
    if not compute_uv:
        return None, _matrices(decompositions.svdvals)(x), None

    def one(x: Traced, left: Traced, right: Traced) -> Any:
        u, s, vh = decompositions.svd(x, full_matrices)
        n = s.shape[0]
        signs = _signs(u.values[:, :n], left.values[:, :n])
        u_there, v_there = u.registers.copy(), vh.registers.T.copy()
        u_there[:, :n], v_there[:, :n] = (_turned(r[:, :n], signs, x.recorder) for r in (u_there, v_there))
        return Traced(x.recorder, left.values, u_there), s, Traced(x.recorder, right.values, v_there.T)

    return of_stacks(one)(x, own[0], own[2])


def eigh(x: Any, UPLO: str = "L", compute_v: bool = True, *, own: Any) -> Any:  # aten's name
    """(eigenvalues, eigenvectors), with the signs of `own`."""
    if not compute_v:
        return _matrices(decompositions.eigvalsh)(x, UPLO=UPLO), None

    def one(x: Traced, vectors: Traced) -> Any:
        values, mine = decompositions.eigh(x, UPLO)
        return values, Traced(x.recorder, vectors.values, _turned(mine.registers, _signs(mine.values, vectors.values), x.recorder))

    return of_stacks(one)(x, own[1])


def qr(x: Any, mode: str = "reduced", *, own: Any) -> Any:
    """(Q, R), with the signs of `own`."""
    square = np.shape(x)[-1] == np.shape(x)[-2]

    def one(x: Traced, right: Traced) -> Any:
        q, r = decompositions.qr(x, "reduced" if mode == "r" or square else mode)
        signs = np.where(np.diag(r.values) * np.diag(right.values) < 0, -1.0, 1.0)
        r_there = _turned(r.registers.T, signs, x.recorder).T
        return Traced(x.recorder, q.values * signs, _turned(q.registers, signs, x.recorder)), Traced(x.recorder, right.values, r_there)

    found = of_stacks(one)(x, own[1])
    return (None, found[1]) if mode == "r" else found


def _inverse(a: Any, **_: Any) -> Any:
    return np.linalg.inv(a), 0


def _cholesky(a: Any, upper: bool = False, **_: Any) -> Any:
    return _matrices(factors.cholesky)(a, upper=upper, name="torch.linalg.cholesky"), 0


def triangular(a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The solution X of aX = b, or of Xa = b."""
    how = {"lower": not upper, "unit_diagonal": unitriangular}
    solved = _matrices(factors.solve_triangular)
    return solved(a, b, **how) if left else np.swapaxes(solved(a, np.swapaxes(b, -1, -2), trans=1, **how), -1, -2)


def _cholesky_solved(b: Any, factor: Any, upper: bool = False) -> Any:
    return of_stacks(lambda c, y: factors.cho_solve((c, not upper), y))(factor, b)


def _cholesky_inverse(factor: Any, upper: bool = False) -> Any:
    return _cholesky_solved(np.eye(np.shape(factor)[-1]), factor, upper)


def _solved(a: Any, b: Any, left: bool = True, *, own: Any, **_: Any) -> Any:
    vector = np.ndim(b) == 1 or np.shape(b) == np.shape(a)[:-1]
    right = np.expand_dims(b, -1) if vector else b
    found = np.linalg.solve(a, right) if left else np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(right, -1, -2)), -1, -2)
    return found[..., 0] if vector else found, _standing_for(a, *own[1:3]), None, 0


def _standing_for(a: Any, lu: Any, pivots: Any) -> Any:
    """The LU factors of a matrix or of its transpose, whichever torch has factored, represented by that
    matrix: systems are solved with it.
    """
    if not isinstance(a, Recorded):
        return None
    recorder = a.recorder
    x, whole = lifted(recorder, a), _multiplied(lu, pivots)
    recorder.inspected = True  # which of them it was are plain numbers
    size = float(np.max(np.abs(x.values), initial=0.0)) * float(np.finfo(x.dtype).eps) ** 0.5
    for there in (x, x.moved(np.swapaxes, -1, -2)):
        if np.all(np.abs(there.values - whole) <= size):
            return Traced(recorder, lu, there.registers)
    return Traced(recorder, lu, np.broadcast_to(recorder.hole, x.shape))


def _multiplied(lu: Any, pivots: Any) -> Any:
    """PLU, with the row swaps of `pivots`, which count from 1."""
    n = lu.shape[-1]
    found = (np.tril(lu, -1) + np.eye(n)) @ np.triu(lu)
    for at in np.ndindex(found.shape[:-2]):
        for k in reversed(range(n)):
            other = int(pivots[at][k]) - 1
            found[at][[k, other]] = found[at][[other, k]]
    return found


def _solved_again(lu: Any, pivots: Any, b: Any, left: bool = True, adjoint: bool = False) -> Any:
    if isinstance(lu, Recorded):
        lu = Traced(lu.recorder, _multiplied(lu.values, np.asarray(pivots)), lu.registers)
    else:
        lu = _multiplied(lu, np.asarray(pivots))
    a = np.swapaxes(lu, -1, -2) if adjoint else lu
    return np.linalg.solve(a, b) if left else np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def _determinant(a: Any, *, own: Any) -> Any:
    recorder = recorder_of(a)
    return np.linalg.det(a), Traced(recorder, own[1], np.broadcast_to(recorder.hole, np.shape(a)))


def _log_determinant(a: Any, *, own: Any) -> Any:
    sign, value = np.linalg.slogdet(a)
    return sign, value, _standing_for(a, *own[2:4])


def _pseudo_inverse(x: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    if atol is not None or rtol is not None or hermitian:
        recorder_of(x).fail("it calls torch.linalg.pinv with further options")
    return _matrices(decompositions.pinv)(x)


def _least_squares(a: Any, b: Any, *_: Any, **__: Any) -> Any:
    return (of_stacks(lambda x, y: decompositions.lstsq(x, y)[0])(a, b),)


OWN: dict[str, Rule] = {
    "_linalg_svd": svd, "_linalg_eigh": eigh, "linalg_qr": qr, "_linalg_solve_ex": _solved, "_linalg_det": _determinant,
    "_linalg_slogdet": _log_determinant,
}  # fmt: skip
"""Rules that also get the framework's own result, as `own`."""

MATRICES: dict[str, Rule] = {
    "linalg_inv_ex": _inverse, "linalg_cholesky_ex": _cholesky, "linalg_solve_triangular": triangular,
    "cholesky_solve": _cholesky_solved, "cholesky_inverse": _cholesky_inverse, "linalg_lu_solve": _solved_again,
    "linalg_pinv": _pseudo_inverse, "linalg_lstsq": _least_squares,
}  # fmt: skip
