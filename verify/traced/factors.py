"""Factors of matrices on a record, and systems with triangular ones: as scalars, which carry their own roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.tape import linear
from verify.tape.tape import Registers
from verify.traced.array import Traced, lifted, recorder_of
from verify.traced.recorder import Recorder


def cholesky(a: Any, *, upper: bool = False) -> Traced:
    """L with LLᵀ = A, of which the lower triangle is read; Lᵀ of the upper one with `upper`."""
    x = one_matrix(lifted(recorder_of(a), a), "cholesky")
    recorder = x.recorder
    recorder.b.line = recorder.line
    registers = linear.cholesky(recorder.b, x.registers.T if upper else x.registers)
    values = recorder.factored(np.linalg.cholesky, x.values.T if upper else x.values)
    return Traced(recorder, values.T if upper else values, registers.T if upper else registers)


def of_scipy(a: Any, lower: bool = False, *_: Any, **__: Any) -> Traced:
    """`scipy.linalg.cholesky`."""
    return cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False, *_: Any, **__: Any) -> tuple[Traced, bool]:
    """A factor, and which triangle it is in."""
    return of_scipy(a, lower), lower


def cho_solve(factor: tuple[Any, bool], b: Any, *_: Any, **__: Any) -> Traced:
    """Solves Ax = b."""
    c, lower = factor
    first = solve_triangular(c, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(c, first, trans=1 if lower else 0, lower=lower)


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, *_: Any, **__: Any) -> Traced:
    """Solves Tx = b, T a triangle of A, by substitution."""
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
    """It, where it is one."""
    if x.ndim != 2:
        x.recorder.fail(f"it calls {name} with stacks of matrices")
    return x
