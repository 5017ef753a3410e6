"""Eigenvalues, singular values and QR factors on a record.

Singular values and vectors come from the eigenvalues of AᵀA, or AAᵀ, which are distinct where the singular values are: the columns of the
other factor are Avᵢ/σᵢ. R of a QR factorization is the Cholesky factor of AᵀA, with the signs that the code has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from verify.tape import spectral
from verify.tape.tape import Registers
from verify.traced import factors
from verify.traced.array import Traced, lifted, recorder_of
from verify.traced.products import matmul


class Eigen(NamedTuple):
    """Named as in `np.linalg.eigh`."""

    eigenvalues: Any
    eigenvectors: Any


class Singular(NamedTuple):
    """Named as in `np.linalg.svd`."""

    U: Any
    S: Any
    Vh: Any


class Factors(NamedTuple):
    """Named as in `np.linalg.qr`."""

    Q: Any
    R: Any


def eigh(a: Any, UPLO: str = "L") -> Eigen:  # numpy's name
    """`np.linalg.eigh` of the triangle that it reads."""
    x, registers = _symmetric(a, "np.linalg.eigh", UPLO)
    values, vectors = x.recorder.factored(np.linalg.eigh, x.values, UPLO)
    found = x.recorder.apply("eigenvalues", registers)
    return Eigen(Traced(x.recorder, values, found), Traced(x.recorder, vectors, _vectors(x, registers, vectors)))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:  # numpy's name
    """`np.linalg.eigvalsh`."""
    x, registers = _symmetric(a, "np.linalg.eigvalsh", UPLO)
    values = x.recorder.factored(np.linalg.eigvalsh, x.values, UPLO)
    return Traced(x.recorder, values, x.recorder.apply("eigenvalues", registers))


def eigh_of_scipy(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, **options: Any) -> Any:
    """`scipy.linalg.eigh` of one matrix."""
    if b is not None or any(name.startswith(("subset", "type")) for name in options):
        recorder_of(a, b).fail("it calls scipy.linalg.eigh of two matrices, or for some eigenvalues")
    return eigvalsh(a, "UL"[lower]) if eigvals_only else tuple(eigh(a, "UL"[lower]))


def eigvalsh_of_scipy(a: Any, b: Any = None, **options: Any) -> Any:
    """`scipy.linalg.eigvalsh` of one matrix."""
    return eigh_of_scipy(a, b, eigvals_only=True, **options)


def _symmetric(a: Any, name: str, triangle: str) -> tuple[Traced, Registers]:
    """A matrix, and the registers of the symmetric matrix with its lower triangle ("L") or its upper one ("U")."""
    x = factors.one_matrix(lifted(recorder_of(a), a), name)
    x.recorder.halves(x.values, name)
    given = x.registers if triangle.upper() == "L" else x.registers.T
    return x, np.where(np.tril(np.ones(x.shape, bool)), given, given.T)


def _vectors(x: Traced, registers: Registers, own: Any) -> Registers:
    """Eigenvectors with the signs that the code has."""
    found = x.recorder.apply("eigenvectors", registers)
    x.recorder.inspected = True  # the signs are plain numbers
    along = np.array([float(t) for t in spectral.towards(len(own))]) @ own
    turned = np.flatnonzero(along < 0)
    if turned.size:
        found = found.copy()
        found[:, turned] = x.recorder.apply("neg", found[:, turned])
    return found


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """`np.linalg.svd`. Vectors that belong to no singular value are unknown."""
    x = factors.one_matrix(lifted(recorder_of(a), a), "np.linalg.svd")
    if hermitian:
        x.recorder.fail("it calls np.linalg.svd with hermitian=")
    wide = x.shape[0] < x.shape[1]
    tall = x.T if wide else x
    gram = matmul(tall.T, tall)
    n = gram.shape[0]
    values = x.recorder.factored(np.linalg.svd, x.values, full_matrices, compute_uv)
    squares = Traced(x.recorder, np.zeros(n), x.recorder.apply("eigenvalues", gram.registers)[::-1])
    sizes: Any = np.sqrt(squares)
    if not compute_uv:
        return Traced(x.recorder, values, sizes.registers)
    left, _, right = values
    own = left if wide else right.T
    v = Traced(x.recorder, own, _vectors(x, gram.registers, own[:, ::-1])[:, ::-1])
    other: Any = matmul(tall, v) / sizes
    u, w = (v.registers, other.registers) if wide else (other.registers, v.registers)
    return Singular(
        Traced(x.recorder, left, _filled(x, u, left.shape)),
        Traced(x.recorder, values[1], sizes.registers),
        Traced(x.recorder, right, _filled(x, w, right.T.shape).T),
    )


def svdvals(a: Any, **_: Any) -> Any:
    """`np.linalg.svdvals`."""
    return svd(a, compute_uv=False)


def _filled(x: Traced, columns: Registers, shape: tuple[int, ...]) -> Registers:
    """The columns, extended by unknown ones."""
    found = np.full(shape, int(x.recorder.hole), np.intp)
    found[:, : columns.shape[1]] = columns
    return found


def qr(a: Any, mode: str = "reduced") -> Any:
    """`np.linalg.qr` of a matrix of full rank that has at least as many rows as columns."""
    x = factors.one_matrix(lifted(recorder_of(a), a), "np.linalg.qr")
    if mode not in ("reduced", "r") or x.shape[0] < x.shape[1]:
        x.recorder.fail("it calls np.linalg.qr of a wide matrix, or for all of Q")
    q, r = np.linalg.qr(x.values)
    x.recorder.inspected = True  # the signs of R are plain numbers
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    upper = factors.cholesky(matmul(x.T, x)).T * signs[:, None]
    right = Traced(x.recorder, r, upper.registers)
    if mode == "r":
        return right
    left = factors.solve_triangular(right, x.T, trans="T")
    return Factors(Traced(x.recorder, q, left.registers.T), right)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, int, Any]:  # noqa: ARG001  # numpy's name
    """`np.linalg.lstsq` for full rank."""
    recorder = recorder_of(a, b)
    x, y = factors.one_matrix(lifted(recorder, a), "np.linalg.lstsq"), lifted(recorder, b)
    own = np.linalg.lstsq(x.values, y.values, rcond=None)
    if own[2] < x.shape[1]:
        recorder.fail("it calls np.linalg.lstsq of a matrix without full rank")
    found: Any = np.linalg.solve(x.T @ x, x.T @ y)
    rest = x @ found - y
    left = (rest * rest).sum(axis=0) if own[1].size else own[1]
    return Traced(recorder, own[0], found.registers), left, int(own[2]), svdvals(x)


def pinv(a: Any, **options: Any) -> Any:
    """`np.linalg.pinv` for full rank."""
    x = factors.one_matrix(lifted(recorder_of(a), a), "np.linalg.pinv")
    if options or np.linalg.matrix_rank(x.values) < min(x.shape):
        x.recorder.fail("it calls np.linalg.pinv of a matrix without full rank, or with further options")
    wide = x.shape[0] < x.shape[1]
    found: Any = np.linalg.solve(x @ x.T, x).T if wide else np.linalg.solve(x.T @ x, x.T)
    return Traced(x.recorder, np.linalg.pinv(x.values), found.registers)


def matrix_power(a: Any, n: int) -> Any:
    """`np.linalg.matrix_power`."""
    x = factors.one_matrix(lifted(recorder_of(a), a), "np.linalg.matrix_power")
    base: Any = np.linalg.inv(x) if n < 0 else x
    left = abs(n)
    found: Any = lifted(x.recorder, np.eye(len(x)))
    while left:
        found = matmul(found, base) if left % 2 else found
        base, left = (matmul(base, base) if left > 1 else base), left // 2
    return Traced(x.recorder, np.linalg.matrix_power(x.values, n), found.registers)
