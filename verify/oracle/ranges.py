"""Where a number on the way of a formula leaves the range of a dtype: there infinity and NaN say nothing against who computes it.

A formula has ways that stay finite where it is a logarithm of a sum of exponentials, or a product of powers of such sums (softmax,
logistic, softplus and what is made of them): of these only the result is looked at, since who overflows on the way has chosen the wrong
one. Everything else is looked at step by step: a number that may be too large, a logarithm or a negative power of one that may be 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import sympy
from flint import arb

from verify.oracle.compile import Compiler
from verify.rounding import smallest_normal
from verify.spec.lift import Lifted, Switch
from verify.tape import enclose
from verify.tape.balls import Ball, precision
from verify.tape.enclose import Objects


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Registers that careful code must hold: `large` may overflow, `small` are divided by, `positive` are under a logarithm or a root,
    `powers` (sum of exponentials, exponent) are derived into powers that may be negative, and `faint` (logarithm, factors …) are p·log p.
    """

    large: tuple[int, ...] = ()
    small: tuple[int, ...] = ()
    positive: tuple[int, ...] = ()
    powers: tuple[tuple[int, ...], ...] = ()
    faint: tuple[tuple[int, ...], ...] = ()

    def leave(self, r: Objects, dtype: str, factor: float) -> bool:
        """Whether one of them may not fit `dtype`, made `factor` times as large by what is done with it later."""
        most, least = float(np.finfo(dtype).max), smallest_normal(dtype)
        return (
            any(not factor * float(r[k].abs_upper()) < most for k in self.large)
            or any(not float(r[k].abs_lower()) > least for k in self.small)
            or any(not float(r[k].lower()) > least for k in self.positive)
            or any(not float(r[k].abs_upper()) * factor * least < 1 and _derived_away(r[n]) for k, n in self.powers)
            or any(_vanishes([r[k] for k in ks], r[log], least) for log, *ks in self.faint)
        )


def _vanishes(factors: list[arb], log: arb, least: float) -> bool:
    """Whether a product may be 0 beside a logarithm as large as that of 0: who has no p left has no log p."""
    return not float(prod(factors, start=arb(1)).abs_lower()) > least and not float(log.abs_upper()) < -np.log(least)


def _derived_away(exponent: arb) -> bool:
    """Whether a first or second derivative of x**exponent has a negative power of x."""
    return bool(abs(exponent) < 2) and not exponent.is_integer()


class Written:
    """A formula, or its slopes, as sympy writes them, since it is how they are written that says which ways stay finite."""

    def __init__(self, lifted: Lifted, *, slopes: bool) -> None:
        compiler = Compiler(lifted.variables, lifted.constants)
        self._switches = [self._switch(compiler, s) for s in lifted.switches]
        wanted = [lifted.smooth, *(p for s in lifted.switches for p in s.pieces)]
        terms = [self._terms(lifted, e, slopes) for e in wanted]
        for e in (t for ts in terms for t in ts):
            compiler.register(e)
        self._steps = [steps(compiler, ts) for ts in terms]
        self._sizes = [len(s.pieces) for s in lifted.switches]
        self.tape = compiler.b.tape(np.array([int(r) for r in compiler.known.values()], np.intp))

    @staticmethod
    def _terms(lifted: Lifted, e: sympy.Expr, slopes: bool) -> list[sympy.Expr]:
        return [t for d in (lifted.slopes(e).values() if slopes else [e]) for t in sympy.Add.make_args(d)]

    @staticmethod
    def _switch(compiler: Compiler, s: Switch) -> list[int]:
        """The registers of a switch on the tape: one, or one for each condition but the last."""
        pieces = [int(compiler.register(p)) for p in s.pieces]
        if s.conditions is None:
            compiler.known[s.symbol] = compiler.b.max(np.array([pieces], np.intp))[0]
            return [int(compiler.known[s.symbol])]
        found, registers = pieces[-1], []
        for piece, condition in zip(pieces[-2::-1], s.conditions[-2::-1], strict=True):
            found = int(compiler.b.where(compiler.truth(condition), piece, found))
            registers.append(found)
        compiler.known[s.symbol] = np.intp(found)
        return registers[::-1]

    def leaves(self, inputs: Sequence[Ball], u: arb | None, dtype: str, factor: float) -> bool:
        """Whether a number on the way may not fit `dtype`, on the pieces that are possible over these inputs."""
        run = enclose.run(self.tape, inputs, u)
        smooth, *pieces = self._steps
        taken = [smooth]
        for registers, size in zip(self._switches, self._sizes, strict=True):
            own, pieces = pieces[:size], pieces[size:]
            taken += [own[a] for a in _possible(registers, run.possible, size)]
        return any(s.leave(run.registers, dtype, factor) for s in taken)


def _possible(registers: Sequence[int], possible: Mapping[int, list[int]], size: int) -> list[int]:
    """Which pieces of a switch may be taken, where several registers choose one after the other."""
    if len(registers) != size - 1 or size == 2:
        return possible[registers[0]] if registers else [0]
    found = []
    for a, register in enumerate(registers):
        if 0 in possible[register]:
            found.append(a)
        if 1 not in possible[register]:
            return found
    return [*found, size - 1]


def steps(compiler: Compiler, expressions: Iterable[sympy.Expr]) -> Steps:
    """Those of expressions that have been compiled."""
    found: dict[str, dict[object, None]] = {"large": {}, "small": {}, "positive": {}, "powers": {}, "faint": {}}
    seen: set[sympy.Basic] = set()

    def note(kind: str, *of: sympy.Basic) -> None:
        places = [int(compiler.register(e)) for e in of]
        found[kind][tuple(places) if kind in ("powers", "faint") else places[0]] = None

    def walk(e: sympy.Basic) -> None:
        if e in seen or not e.free_symbols or e.is_Symbol:
            return
        seen.add(e)
        if isinstance(e, sympy.log) and _exponential(e.args[0]):
            for a in _exponents(e.args[0]):
                walk(a)
            return
        note("large", e)
        apart = list(e.args)
        if isinstance(e, sympy.Mul | sympy.Pow):
            joined = [f for f in sympy.Mul.make_args(e) if _exponential(f)]
            if any(isinstance(f, sympy.Pow) and not isinstance(f, sympy.exp) for f in joined):
                for f in joined:
                    for power in f.atoms(sympy.Pow):
                        note("powers", power.base, power.exp)
                    for a in _exponents(f):
                        walk(a)
                apart = [f for f in sympy.Mul.make_args(e) if f not in joined]
                for f in apart:
                    if isinstance(f, sympy.log):
                        note("faint", f, *(f for f in joined if f.free_symbols))
            elif isinstance(e, sympy.Pow) and not (e.exp.is_Integer and e.exp > 0):
                note("small" if e.exp.is_Integer else "positive", e.base)
        if isinstance(e, sympy.log):
            note("positive", e.args[0])
        for a in apart:
            walk(a)

    for e in expressions:
        walk(e)
    return Steps(**{kind: tuple(places) for kind, places in found.items()})  # type: ignore[arg-type]


def _exponential(e: sympy.Basic) -> bool:
    """Whether an expression is made of exponentials and positive numbers by sums, products and powers."""
    if not e.free_symbols:
        return bool(e.is_positive)
    if isinstance(e, sympy.exp):
        return True
    if isinstance(e, sympy.Pow):
        return _exponential(e.base)
    return isinstance(e, sympy.Add | sympy.Mul) and all(_exponential(a) for a in e.args)


def _exponents(e: sympy.Basic) -> Iterator[sympy.Basic]:
    """What is exponentiated in such an expression."""
    if isinstance(e, sympy.exp):
        yield e.args[0]
    else:
        for a in e.args:
            yield from _exponents(a)


def overflows(value: float, truth: arb, radius: float, dtype: str) -> bool:
    """Whether `value` is an infinity to which the truth, give or take the radius, rounds: its size reaches max + ½ulp(max)."""
    if not np.isinf(value):
        return False
    most = np.finfo(dtype)
    with precision():
        edge = arb((1, int(most.maxexp))) - arb((1, int(most.maxexp) - int(most.nmant) - 2))
        size = truth if value > 0 else -truth
        return bool((size + (arb(radius) if np.isfinite(radius) else 0)).upper() >= edge)
