"""Where a number on the way of a tape leaves the range of a dtype: there infinity and NaN say nothing against who computes it.

Sums, products and powers of exponentials have ways that stay finite, once a logarithm or a quotient is taken of them (softmax, logistic,
softplus and what is made of them): they are not looked at, since who overflows on the way has chosen the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import smallest_normal
from verify.tape.enclose import Run
from verify.tape.reverse import adjoints
from verify.tape.tape import Instruction, Tape

CARRIES = {"add", "mul", "div", "square", "sqrt", "rsqrt", "pow", "pow_c", "sum", "dot", "matmul"}
"""What is made of exponentials by these is still one."""
DIVIDES = {"div": 1, "rsqrt": 0, "log": 0, "log2": 0, "log10": 0, "digamma": 0, "lgamma": 0}
"""Operands that must not be 0."""


class Leaving(NamedTuple):
    """An operation whose number may not fit, and which: its `value`, what it divides by (`divisor`), or its `adjoint`."""

    instruction: Instruction
    register: int
    what: str


def exponentials(tape: Tape) -> NDArray[np.bool_]:
    """The registers that are made of exponentials and positive numbers by sums, products and powers."""
    found, neutral = np.zeros(tape.size, bool), np.zeros(tape.size, bool)
    for k, value in tape.constants.items():
        neutral[k] = isinstance(value, str) or value > 0
    for i in tape.instructions:
        if i.op in ("exp", "exp2"):
            found[i.outs] = True
        elif i.op in CARRIES:
            powers = i.ins[:1] if i.op == "pow" else i.ins
            apt = [found[r] | neutral[r] for r in powers]
            some = [found[r] for r in powers]
            if i.row.form == "matrix":
                found[i.outs] = all(x.all() for x in apt) and any(x.any() for x in some)
            else:
                n = len(i.outs)
                found[i.outs] = np.all([x.reshape(n, -1).all(1) for x in apt], 0) & np.any([x.reshape(n, -1).any(1) for x in some], 0)
    return found


def leaving(run: Run, dtype: str, factor: float = 1.0) -> Iterator[Leaving]:
    """All operations that may leave the range of `dtype`, in order; `factor` is by how much more is done with their values later."""
    most, least, r, tape = float(np.finfo(dtype).max), smallest_normal(dtype), run.registers, run.tape
    skipped = exponentials(tape)
    skipped[tape.outputs] = False
    for i in tape.instructions:
        if i.row.form == "comparison":
            continue
        for e, k in enumerate(i.outs.ravel().tolist()):
            if i.op in DIVIDES or (i.op == "pow_c" and i.parameter < 0):
                by = int(i.ins[DIVIDES.get(i.op, 0)][e])
                if not skipped[by] and not float(r[by].abs_lower()) > least:
                    yield Leaving(i, k, "divisor")
                    continue
            if not skipped[k] and not factor * float(r[k].abs_upper()) < most:
                yield Leaving(i, k, "value")


def leaving_in_reverse(run: Run, output: int, dtype: str) -> Iterator[Leaving]:
    """All operations whose adjoints may leave it, from the output backwards; beyond open switches nothing is looked at."""
    most, tape = float(np.finfo(dtype).max), run.tape
    skipped, found = exponentials(tape), adjoints(run, run.possible, output)
    for i in reversed(tape.instructions):
        for k in i.outs.ravel().tolist():
            if k in found.parts and not skipped[k] and not _fits(found.at(k), most):
                yield Leaving(i, k, "adjoint")
    first = Instruction(op="input", outs=tape.inputs, ins=())
    for k in tape.variables.tolist():
        if k in found.parts and not _fits(found.at(k), most):
            yield Leaving(first, k, "adjoint")


def _fits(x: arb, most: float) -> bool:
    return float(x.abs_upper()) < most
