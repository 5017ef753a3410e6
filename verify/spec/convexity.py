"""Convexity proved from a formula by composition rules: nothing is evaluated, so what is proved holds everywhere.

Affine; a sum, or a multiple ≥ 0, of convex functions; the greatest of convex functions; |affine|; an even power of an affine and
a power ≥ 1 of a convex function ≥ 0; the norm of affine functions; exp of a convex function; log of a sum of exponentials; −log
and negative powers of a concave function. What no rule covers is not proved, which does not mean that it is false.
Source: S. Boyd and L. Vandenberghe, Convex Optimization, 2004, sections 3.2 and 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import sympy

from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty

CLASSES = range(2, 7)
"""A spec is a formula for each number of classes and each label; the proof is carried out for these, all labels."""


class Curvature(NamedTuple):
    """What is proved of a function: an affine one is both."""

    convex: bool
    concave: bool

    def times(self, c: sympy.Expr) -> Curvature:
        """That of the function's multiple by a constant."""
        if c.is_nonnegative:
            return self
        return Curvature(self.concave, self.convex) if c.is_nonpositive else UNKNOWN if self != AFFINE else AFFINE


AFFINE, UNKNOWN = Curvature(True, True), Curvature(False, False)


@lru_cache(maxsize=64)
def convex_loss(loss: LossSpec) -> bool:
    """Whether ℓ(·, y) is proved convex, for every label of every number of `CLASSES` and every value of its parameters."""
    formulas = {(loss.scores(c), y) for c in CLASSES for y in range(loss.labels(c))}  # of one score they are the same for every c
    return all(curvature(*_over(loss, *formula)).convex for formula in formulas)


@lru_cache(maxsize=64)
def convex_penalty(penalty: Penalty) -> bool:
    """Whether ρ is proved convex."""
    return curvature(*penalty.expression()).convex


def supported(loss: LossSpec) -> str:
    """What is known of the loss's convexity, for a reader."""
    if loss.claims.convex:
        return "convex, proved and tested" if convex_loss(loss) else "convex, only tested; subdifferentials may be outer bounds"
    known = "not convex, shown by a chord" if loss.claims.convex is False else "nothing claimed of convexity"
    return f"{known}; subdifferentials may be outer bounds"


def curvature(e: sympy.Expr, variables: Iterable[sympy.Symbol]) -> Curvature:
    """What the rules prove of an expression as a function of the variables; its other symbols are constants, known by their signs."""
    x = frozenset(variables)
    return _curvature(e, x)


def _over(loss: LossSpec, classes: int, label: int) -> tuple[sympy.Expr, list[sympy.Symbol]]:
    """The formula with each parameter's sign as its domain gives it, and its scores."""
    e, symbols = loss.expression(classes, label)
    scores, constants = symbols[:classes], symbols[classes:]
    signed = {s: _signed(s, p.low, p.high) for s, p in zip(constants, loss.parameters.values(), strict=True)}
    return e.subs(signed), scores


def _signed(symbol: sympy.Symbol, low: float, high: float) -> sympy.Symbol:
    return sympy.Symbol(symbol.name, real=True, positive=True if low >= 0 else None, negative=True if high <= 0 else None)


def _curvature(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    if not e.free_symbols & x or e.is_Symbol:
        return AFFINE
    parts = [_curvature(a, x) for a in e.args]
    all_convex, all_concave = all(p.convex for p in parts), all(p.concave for p in parts)
    if isinstance(e, sympy.Add):
        return Curvature(all_convex, all_concave)
    if isinstance(e, sympy.Mul):
        constant, rest = e.as_independent(*x, as_Add=False)
        return _curvature(rest, x).times(constant) if rest != e else UNKNOWN
    if isinstance(e, sympy.Max):
        return Curvature(all_convex, False)
    if isinstance(e, sympy.Min):
        return Curvature(False, all_concave)
    if isinstance(e, sympy.Abs):
        return Curvature(parts[0] == AFFINE, False)
    if isinstance(e, sympy.exp):
        return Curvature(all_convex, False)
    if isinstance(e, sympy.log):
        return Curvature(_log_convex(e.args[0], x), all_concave)
    return _power(e.base, e.exp, x) if isinstance(e, sympy.Pow) else UNKNOWN


def _power(base: sympy.Expr, n: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """Of base**n, n a number."""
    if not n.is_number:
        return UNKNOWN
    b = _curvature(base, x)
    if n.is_even and n.is_positive and (b == AFFINE or (b.convex and base.is_nonnegative) or (b.concave and base.is_nonpositive)):
        return Curvature(True, False)
    if n.is_negative:
        return Curvature(bool(b.concave and base.is_positive), False)
    if n >= 1:
        return Curvature(bool(b.convex and base.is_nonnegative), False)
    return Curvature(n == sympy.Rational(1, 2) and _sum_of_squares(base, x), bool(b.concave and base.is_nonnegative))


def _sum_of_squares(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> bool:
    """Whether √e is the norm of affine functions: e is a sum of their squares and of constants ≥ 0."""
    return all(
        bool(c.is_nonnegative) and (rest == 1 or (rest.is_Pow and rest.exp == 2 and _curvature(rest.base, x) == AFFINE))
        for c, rest in (term.as_independent(*x, as_Add=False) for term in sympy.Add.make_args(e))
    )


def _log_convex(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> bool:
    """Whether log e is convex: constants > 0, exponentials of convex functions, and their products and sums."""
    if not e.free_symbols & x:
        return bool(e.is_positive)
    if isinstance(e, sympy.exp):
        return _curvature(e.args[0], x).convex
    return isinstance(e, sympy.Add | sympy.Mul) and all(_log_convex(a, x) for a in e.args)
