"""Factors of matrices on a record, and triangular systems: as scalar operations, each with its own rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.tape import linear
from verify.tape.tape import Registers
from verify.traced.array import Traced, has_recorded, lifted, recorder_of
from verify.traced.recorder import Recorder


def cholesky(a: Any, *, upper: bool = False, name: str = "np.linalg.cholesky") -> Traced:
    """L with LLᵀ = A from the lower triangle; with `upper`, Lᵀ from the upper one."""
    x = one_matrix(lifted(recorder_of(a), a), name)
    recorder = x.recorder
    recorder.halves(x.values, name)
    recorder.b.line = recorder.line
    registers = linear.cholesky(recorder.b, x.registers.T if upper else x.registers)
    values = recorder.factored(np.linalg.cholesky, x.values.T if upper else x.values)
    return Traced(recorder, values.T if upper else values, registers.T if upper else registers)


def of_scipy(a: Any, lower: bool = False, *_: Any, **__: Any) -> Traced:
    """`scipy.linalg.cholesky`."""
    return cholesky(a, upper=not lower, name="scipy.linalg.cholesky")


def cho_factor(a: Any, lower: bool = False, *_: Any, **__: Any) -> tuple[Traced, bool]:
    """A factor, and the triangle that it is in."""
    return cholesky(a, upper=not lower, name="scipy.linalg.cho_factor"), lower


def cho_solve(factor: tuple[Any, bool], b: Any, *_: Any, **__: Any) -> Traced:
    """Solves Ax = b with a Cholesky factor."""
    c, lower = factor
    first = solve_triangular(c, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(c, first, trans=1 if lower else 0, lower=lower)


def solve_of_scipy(a: Any, b: Any, *_: Any, assume_a: str | None = None, **__: Any) -> Any:
    """`scipy.linalg.solve`, which reads one triangle of a matrix declared symmetric."""
    _taken_for_symmetric(a, assume_a, "scipy.linalg.solve")
    return np.linalg.solve(a, b)


def inv_of_scipy(a: Any, *_: Any, assume_a: str | None = None, **__: Any) -> Any:
    """`scipy.linalg.inv`, which reads one triangle of a matrix declared symmetric."""
    _taken_for_symmetric(a, assume_a, "scipy.linalg.inv")
    return np.linalg.inv(a)


def _taken_for_symmetric(a: Any, assumed: str | None, name: str) -> None:
    if assumed is not None and assumed.startswith(("sym", "her", "pos")) and has_recorded([a]):
        recorder = recorder_of(a)
        recorder.halves(lifted(recorder, a).values, name)


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, *_: Any, **__: Any) -> Traced:
    """Solves Tx = b for a triangle T of A, by substitution."""
    recorder = recorder_of(a, b)
    x, y = one_matrix(lifted(recorder, a), "solve_triangular"), lifted(recorder, b)
    turned = trans not in (0, "N")
    matrix, values = (x.registers.T, x.values.T) if turned else (x.registers, x.values)
    below = lower != turned
    triangle = np.tril(values) if below else np.triu(values)
    if unit_diagonal:
        matrix, one = matrix.copy(), recorder.b.constants(1)
        np.fill_diagonal(matrix, one)
        np.fill_diagonal(triangle, 1)
    columns = y.registers.reshape(len(matrix), -1)
    recorder.b.line = recorder.line
    found = _substituted(recorder, matrix, columns) if below else _substituted(recorder, matrix[::-1, ::-1], columns[::-1])[::-1]
    return Traced(recorder, recorder.factored(np.linalg.solve, triangle, y.values), found.reshape(y.shape))


def _substituted(recorder: Recorder, lower: Registers, y: Registers) -> Registers:
    b, found = recorder.b, np.empty_like(y)
    for i in range(len(y)):
        rest = y[i]
        if i:
            known = found[:i].T
            rest = b.sub(rest, b.dot(np.broadcast_to(lower[i, :i], known.shape), known))
        found[i] = b.div(rest, lower[i, i])
    return found


def one_matrix(x: Traced, name: str) -> Traced:
    """The argument, if it is a single matrix; else recording fails."""
    if x.ndim != 2:
        x.recorder.fail(f"it calls {name} with stacks of matrices")
    return x
