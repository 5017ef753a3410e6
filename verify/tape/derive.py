"""Derivatives as tapes: reverse mode, recorded. Once for a gradient, twice for a second derivative.

A second derivative is evaluated as careful code evaluates it, so that its rounding errors are those of its terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import MOST_LIMITS
from verify.tape import enclose
from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.enclose import Run, reached
from verify.tape.primitives import Primitive
from verify.tape.reverse import Adjoints, Quantity, sweep, upper
from verify.tape.tape import Builder, Instruction, Registers, Tape, additive


@dataclass(frozen=True)
class Folded(Arithmetic):
    """A builder that omits multiplications by constants 1 or −1 and of two constants, as hand-written code does."""

    b: Builder

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Registers:
        """The registers of one primitive."""
        if row.name == "neg" and isinstance(number := self.b.number(ins[0]), Fraction):
            return np.full(ins[0].shape, self.b.constants(-number), np.intp)
        if row.name != "mul":
            return self.b.apply(row, ins, parameter)
        factors = [self.b.number(x) for x in ins]
        if all(isinstance(f, Fraction) for f in factors):
            return np.full(np.broadcast_shapes(*(np.shape(x) for x in ins)), self.b.constants(prod(factors)), np.intp)
        x, y = np.broadcast_arrays(*map(self.b.column, ins))
        one, minus = int(self.b.constants(1)), int(self.b.constants(-1))
        found = np.where(x == one, y, x)
        sure = (x == one) | (y == one)
        for p, q in ((x, y), (y, x)):
            which = ~sure & (p == minus)
            if which.any():
                found[which], sure = self.b.neg(q[which]), sure | which
        if not sure.all():
            found[~sure] = self.b.apply(row, (x[~sure], y[~sure]))
        return np.asarray(found, np.intp)


@dataclass
class RegisterAdjoints:
    """The summands of the adjoint of each register, as registers."""

    b: Builder
    parts: dict[int, list[int]] = field(default_factory=dict)

    def add(self, registers: Registers, parts: Column, through: Column | None) -> None:  # noqa: ARG002  # sizes are read when it is run
        """Adds a summand to each of these registers."""
        for r, p in zip(registers.tolist(), parts.tolist(), strict=True):
            self.parts.setdefault(r, []).append(p)

    def live(self, registers: Registers) -> NDArray[np.bool_]:
        """Which of these registers have an adjoint."""
        return np.array([r in self.parts for r in registers.tolist()], bool)

    def total(self, registers: Registers) -> tuple[Column, Column]:
        """The registers of the sums."""
        return np.array([self.at(r) for r in registers.tolist()], np.intp), None

    def at(self, register: int) -> int:
        """The register of one sum."""
        parts = self.parts.get(register, [])
        if not parts:
            return int(self.b.constants(0))
        return parts[0] if len(parts) == 1 else int(self.b.sum(np.array([parts], np.intp))[0])


def cut_slopes(b: Builder, starts: Sequence[int], sign: int = 1) -> dict[int, list[int]]:
    """Records the slopes of a sum of registers: by variable, and by switch, where the tape is cut, the registers of their terms.

    Where constants add up to 0 there is no slope: the same kink was added and subtracted.
    """
    adjoints = RegisterAdjoints(b)
    for k in starts:
        adjoints.add(np.array([k]), b.constants([sign]), None)
    tape = b.tape(np.array(starts, np.intp))
    sweep(tape, Folded(b), lambda r: r, adjoints, lambda *_: None)
    cuts = {int(k) for i in tape.instructions if i.row.form == "switch" for k in i.outs}
    wanted = [r for r in (*tape.variables.tolist(), *sorted(cuts)) if r in adjoints.parts]
    return {r: adjoints.parts[r] for r in wanted if not _is_nothing([b.number(np.intp(p)) for p in adjoints.parts[r]])}


def _is_nothing(numbers: Sequence[Any]) -> bool:
    return all(isinstance(x, Fraction) for x in numbers) and sum(numbers) == 0


def gradient(b: Builder, output: int, variables: Registers) -> dict[int, list[int]]:
    """Records the slopes of an output: for each variable that it depends on, the registers of the slope's terms.

    The tape has no switches: see `pinned`.
    """
    adjoints = RegisterAdjoints(b)
    adjoints.add(np.array([output]), b.constants([1]), None)
    tape = b.tape(np.array([output]), variables=variables)

    def switch(i: Instruction, _: Adjoints) -> None:
        raise ValueError(f"{i.op} has no slope: pin its piece first.")

    sweep(tape, Folded(b), lambda r: r, adjoints, switch)
    return {int(r): adjoints.parts[int(r)] for r in variables if int(r) in adjoints.parts}


def pinned(tape: Tape, taken: Mapping[int, int]) -> tuple[Builder, Registers]:
    """The tape with every switch fixed to one piece, and the new places of its registers."""
    b = Builder()
    now = np.zeros(tape.size, np.intp)
    now[tape.inputs] = b.inputs(len(tape.inputs))
    for k, value in tape.constants.items():
        now[k] = b.constants(value)
    for i in tape.instructions:
        if i.row.form == "comparison":
            continue
        if i.row.form == "switch":
            for e, k in enumerate(i.outs.tolist()):
                r, s = i.pieces(e)[taken.get(k, 0)]
                now[k] = now[r] if s > 0 else b.neg(now[r])
            continue
        now[i.outs] = b.apply(i.row, [now[r] for r in i.ins], i.parameter)
    return b, now


@dataclass(frozen=True, kw_only=True)
class Second:
    """The second derivative of one term in one variable on fixed pieces: a tape, and the registers of its terms."""

    tape: Tape
    terms: tuple[int, ...]

    def value(self, inputs: Sequence[arb], boxes: Sequence[arb], u: arb | None) -> Quantity:
        """The value at a point, with the rounding error of careful code on the box around it."""
        if not self.terms:
            return Quantity(arb(0), 0.0, 0.0)
        thin, fat = enclose.run(self.tape, inputs), enclose.run(self.tape, boxes, u)
        exact, wide, size = arb(0), arb(0), arb(0)
        for r in self.terms:
            exact, wide = exact + thin.values[r], wide + fat.values[r]
            size += fat.values[r].abs_upper()
        return Quantity(exact, upper(wide - exact), upper(size))


@dataclass
class SecondDerivatives:
    """The second derivatives of one output of a tape."""

    tape: Tape
    output: int
    _known: dict[Any, Second] = field(default_factory=dict)

    def second(self, term: int, j: int, taken: Mapping[int, int]) -> Second:
        """The second derivative ∂²/∂x_j² of a term, with its switches on these pieces. It is recorded once."""
        key = (term, j, *taken.items())
        if key not in self._known:
            b, now = pinned(self.tape, taken)
            variables = now[self.tape.variables]
            x = variables[j : j + 1]
            slope = gradient(b, int(now[term]), x).get(int(x[0]), [])
            terms = [t for r in slope for t in gradient(b, r, x).get(int(x[0]), [])]
            self._known[key] = Second(tape=b.tape(np.array(terms, np.intp)), terms=tuple(terms))
        return self._known[key]

    def seconds(self, j: int) -> list[tuple[Second, int]]:
        """The second derivatives of the terms of a tape without switches, and the number of times that each counts."""
        return [(self.second(term, j, {}), net) for term, net, _ in additive(self.tape, self.output) if self.tape.moving[term]]

    def at(self, j: int, thin: Run, fat: Run) -> list[Quantity] | None:
        """The second derivative ∂²/∂x_j² on each combination of pieces that is possible over the box of `fat`: at kinks every one-sided
        limit.

        Equal limits are merged, with the largest radius and magnitude. None if there are more than MOST_LIMITS of them.
        """
        inputs, boxes = thin.registers[self.tape.inputs].tolist(), fat.registers[self.tape.inputs].tolist()
        sums = {0.0: Quantity(arb(0), 0.0, 0.0)}
        for term, net, gross in additive(self.tape, self.output):
            if not self.tape.moving[term]:
                continue
            choices: dict[int, Quantity] = {}
            switches = reached(fat, [term])
            for pieces in product(*(fat.possible[k] for k in switches)):
                second = self.second(term, j, dict(zip(switches, pieces, strict=True)))
                key = id(second) if second.terms else 0  # straight pieces are alike
                if key not in choices:
                    choices[key] = second.value(inputs, boxes, fat.arithmetic.u)
                if len(choices) > MOST_LIMITS:
                    return None
            sums = _largest(_sum(q, c, net, gross) for q in sums.values() for c in choices.values())
            if len(sums) > MOST_LIMITS:
                return None
        return list(sums.values())


def _sum(a: Quantity, b: Quantity, net: int, gross: int) -> Quantity:
    return Quantity(a.exact + net * b.exact, a.radius + gross * b.radius, a.magnitude + gross * b.magnitude)


def _largest(quantities: Any) -> dict[float, Quantity]:
    found: dict[float, Quantity] = {}
    for q in quantities:
        at = float(q.exact)
        like = found.get(at, q)
        found[at] = Quantity(q.exact, max(q.radius, like.radius), max(q.magnitude, like.magnitude))
    return found
