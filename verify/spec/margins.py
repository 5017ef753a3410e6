"""A loss of one score with another margin: the constant in its switches, such as the 1 of max(0, 1 − t·s), changed or removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from verify.later import sympy
from verify.spec.loss import LossSpec
from verify.spec.statement import exactly


def _times(factor: int | Fraction) -> Callable[[sympy.Expr], sympy.Expr]:
    def piece(a: sympy.Expr) -> sympy.Expr:
        constant, rest = a.as_coeff_Add()
        return constant * factor + rest if rest else a

    return lambda e: e.replace(sympy.Max, lambda *pieces: sympy.Max(*map(piece, pieces)))


def _always_on(e: sympy.Expr) -> sympy.Expr:
    return e.replace(sympy.Max, lambda *pieces: sympy.Add(*pieces) if 0 in pieces and len(pieces) == 2 else sympy.Max(*pieces))


def _uncapped(e: sympy.Expr) -> sympy.Expr:
    """The expression with min(c, a), c a constant, replaced by a."""

    def rest(*pieces: sympy.Expr) -> sympy.Expr:
        varying = [a for a in pieces if a.free_symbols]
        return varying[0] if len(varying) == 1 else sympy.Min(*pieces)

    return e.replace(sympy.Min, rest)


MARGINS: dict[str, Callable[[sympy.Expr], sympy.Expr]] = {
    "0": _times(0),
    "doubled": _times(2),
    "negative": _times(-1),
    "halved": _times(Fraction(1, 2)),
    "always on": _always_on,
    "uncapped": _uncapped,
}
"""Changes of the switches; always on, max(0, a) is a; uncapped, min(1, a) is a."""


def with_margin(loss: LossSpec, how: str) -> LossSpec:
    """The loss with its switches changed. The target is a symbol meanwhile: its value is no constant of a margin.

    Its formula raises TypeError if it branches on the target, such as `if t > 0`, or `if t == 1`, which a symbol would answer wrongly.
    """

    def per_example(s: sympy.Symbol, t: sympy.Expr, **parameters: sympy.Expr) -> sympy.Expr:
        symbol, value = sympy.Dummy("t", real=True), sympy.sympify(t)
        e = loss.formula(s, symbol, **parameters)
        if exactly(e.subs(symbol, value)) != exactly(sympy.sympify(loss.formula(s, t, **parameters))):
            raise TypeError("the formula branches on the target")
        return MARGINS[how](e).subs(symbol, value)

    return replace(loss, per_example=per_example)
