"""Where a number on the way of a formula leaves the range of a dtype: there infinity and NaN say nothing against who computes it.

A formula has ways that stay finite where it is a logarithm of a sum of exponentials, or a product of powers of such sums (softmax,
logistic, softplus and what is made of them): of these only the result is looked at, since who overflows on the way has chosen the wrong
one. Everything else is looked at step by step: a number that may be too large, a logarithm or a negative power of one that may be 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import sympy
from flint import arb

from verify.oracle.program import Program, Run
from verify.rounding import smallest_normal
from verify.tape.balls import precision


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

    def leave(self, run: Run, dtype: str, factor: float) -> bool:
        """Whether one of them may not fit `dtype`, made `factor` times as large by what is done with it later."""
        most, least, r = float(np.finfo(dtype).max), smallest_normal(dtype), run.registers
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


def steps(program: Program, expressions: Iterable[sympy.Expr]) -> Steps:
    """Those of expressions that the program has compiled."""
    found: dict[str, dict[object, None]] = {"large": {}, "small": {}, "positive": {}, "powers": {}, "faint": {}}
    seen: set[sympy.Basic] = set()

    def note(kind: str, *of: sympy.Basic) -> None:
        places = [place for e in of if (place := program.place(e)) is not None]
        if len(places) == len(of):
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
