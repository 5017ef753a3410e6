"""Convexity proved from a formula by composition rules: nothing is evaluated, so what is proved holds everywhere.

Affine; a sum, or a multiple ≥ 0, of convex functions; the greatest of convex functions; |affine|; an even power of an affine and a power ≥
1 of a convex function ≥ 0; the norm of affine functions; exp of a convex function; cosh of an affine one and of a convex one ≥ 0; log of a
sum of exponentials and hyperbolic cosines; −log and negative powers of a concave function; −log of a quotient of exponentials, of erfc and
of 1 ± erf; log Φ, log Γ, digamma and its derivatives; −log of 1 − exp(−exp) of an affine one; what is convex piece by piece, in one
variable or, where it rises, in |affine|, with slopes that rise where pieces meet; products of powers: the geometric mean, the square over
what is affine and > 0, the reciprocal of a product; the quotient of two affine functions of one another; the perspective y·f(x/y) of what
is convex, the relative entropy for one; whatever of one affine function has a second derivative ≥ 0, as z·log z. Parameters are known by
their domains. Convexity that no rule covers is not proved, which does not mean that it is false. Source: S. Boyd and L. Vandenberghe,
Convex Optimization, 2004, sections 3.1, 3.2 and 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from verify.errors import UsageError
from verify.later import sympy
from verify.spec.loss import LossSpec, Parameter
from verify.spec.penalty import Penalty
from verify.spec.shipped import plain

MAX_OPERATIONS = 40
"""Operations of the largest formula whose second derivative, or growth, is analysed."""
CLASSES = range(2, 7)
"""A spec has a formula for each number of classes and each label; the proof is done for these numbers, and all labels."""


class Curvature(NamedTuple):
    """What is proved of a function: an affine one is both convex and concave."""

    convex: bool
    concave: bool

    def times(self, c: sympy.Expr) -> Curvature:
        """The curvature of a multiple of the function."""
        if _nonnegative(c):
            return self
        return Curvature(self.concave, self.convex) if _nonnegative(-c) else UNKNOWN if self != AFFINE else AFFINE


AFFINE, UNKNOWN = Curvature(True, True), Curvature(False, False)


@lru_cache(maxsize=64)
def convex_loss(loss: LossSpec) -> bool:
    """Whether ℓ(·, y) is proved convex, for every label of every number of `CLASSES` and every value of its parameters."""
    return plain("convex", loss, lambda: _convex_loss(loss))


def _convex_loss(loss: LossSpec) -> bool:
    formulas = sorted({(loss.scores(c), y) for c in CLASSES for y in _labels(loss, c)})  # of one score they are the same for every c
    try:
        return all(curvature(*_over(loss, *formula)).convex for formula in formulas)
    except UsageError:  # it is stated for fewer classes
        return False


@lru_cache(maxsize=64)
def convex_penalty(penalty: Penalty) -> bool:
    """Whether ρ is proved convex; over groups, of every size from 1 to the last of `CLASSES`."""
    return plain("convex", penalty, lambda: _convex_penalty(penalty))


def _convex_penalty(penalty: Penalty) -> bool:
    return all(curvature(*penalty.expression(size)).convex for size in (range(1, CLASSES[-1] + 1) if penalty.per_group else (1,)))


def supported(loss: LossSpec) -> str:
    """What is known about the convexity of a loss of scores, in words."""
    if loss.claims.convex:
        return "convex, proved and tested" if convex_loss(loss) else "convex, only tested; subdifferentials may be outer bounds"
    known = "not convex, shown by a chord" if loss.claims.convex is False else "nothing claimed of convexity"
    return f"{known}; subdifferentials may be outer bounds"


def curvature(e: sympy.Expr, variables: Iterable[sympy.Symbol]) -> Curvature:
    """What the rules prove about an expression as a function of the variables; its other symbols are constants with known signs."""
    x = frozenset(variables)
    return _curvature(e, x)


def _labels(loss: LossSpec, classes: int) -> range:
    """The labels to consider; with a domain of targets the formula is one for all."""
    return range(1 if loss.domain else loss.labels(classes))


def _over(loss: LossSpec, classes: int, label: int) -> tuple[sympy.Expr, list[sympy.Symbol]]:
    """The formula with each parameter as a function of a positive number whose values cover its domain, the target as one of its domain,
    and its scores.
    """
    e, symbols = loss.expression(classes, label)
    scores, target, constants = symbols[:classes], loss.symbol_of_target, symbols[classes + bool(loss.domain) :]
    known = {s: within(s, p) for s, p in zip(constants, loss.parameters.values(), strict=True)}
    return e.subs(known | ({target: loss.domain.symbol(target.name)} if loss.domain else {})), scores


def within(symbol: sympy.Symbol, p: Parameter) -> sympy.Expr:
    """All values between `low` and `high`, in terms of a symbol > 0: this shows 1 − τ > 0 for τ in (0, 1)."""
    low, high, x = sympy.Rational(p.low) if isfinite(p.low) else None, p.high, sympy.Symbol(symbol.name, positive=True)
    if low is None:
        return sympy.Rational(high) - x if isfinite(high) else symbol
    return (low + sympy.Rational(high) * x) / (1 + x) if isfinite(high) else low + x


def _nonnegative(c: sympy.Expr) -> bool:
    """Whether a constant is certainly ≥ 0; brought over one denominator if necessary."""
    return bool(sympy.cancel(sympy.together(c)).is_nonnegative) if c.is_nonnegative is None else bool(c.is_nonnegative)


def _positive(c: sympy.Expr) -> bool:
    return bool(sympy.cancel(sympy.together(c)).is_positive) if c.is_positive is None else bool(c.is_positive)


def _curvature(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    found = _by_rules(e, x)
    if found != UNKNOWN:
        return found
    if isinstance(e, sympy.Add | sympy.Piecewise):
        found = Curvature(_in_pieces(e, x), False)
    if found == UNKNOWN and isinstance(e, sympy.Add | sympy.Mul | sympy.Pow) and e.count_ops() <= MAX_OPERATIONS:
        found = next((of for rule in (_of_one, _of_perspective, _of_terms) if (of := rule(e, x)) != UNKNOWN), UNKNOWN)
    return found


def _by_rules(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    from verify.spec.functions import log_ndtr  # a class of sympy's

    if not e.free_symbols & x or e.is_Symbol:
        return AFFINE
    parts = [_curvature(a, x) for a in e.args]
    all_convex, all_concave = all(p.convex for p in parts), all(p.concave for p in parts)
    if isinstance(e, sympy.Add):
        return Curvature(all_convex, all_concave)
    if isinstance(e, sympy.Mul):
        constant, rest = e.as_independent(*x, as_Add=False)
        return _curvature(rest, x).times(constant) if rest != e else _product(e, x)
    if isinstance(e, sympy.Max):
        return Curvature(all_convex, False)
    if isinstance(e, sympy.Min):
        return Curvature(False, all_concave)
    if isinstance(e, sympy.Abs):
        return Curvature(parts[0] == AFFINE, False)
    if isinstance(e, sympy.exp):
        return Curvature(all_convex, False)
    if isinstance(e, sympy.cosh):
        return Curvature(parts[0] == AFFINE or (all_convex and _nonnegative(e.args[0])), False)
    if isinstance(e, sympy.log):
        return Curvature(_log_convex(e.args[0], x), all_concave or _log_concave(e.args[0], x))
    if isinstance(e, log_ndtr):
        return Curvature(False, all_concave)
    if isinstance(e, sympy.loggamma):
        return Curvature(all_convex and all_concave, False)
    if isinstance(e, sympy.polygamma) and e.args[0].is_Integer:  # falling and convex where n is odd; n = 0 is digamma
        odd = bool(e.args[0].is_odd)
        return Curvature(odd and parts[1].concave, not odd and parts[1].concave)
    return _power(e.base, e.exp, x) if isinstance(e, sympy.Pow) else UNKNOWN


def _in_pieces(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> bool:
    """Whether an increasing function of |affine|, or a function of one variable, is convex."""
    sizes = [a for a in e.atoms(sympy.Abs) if a.free_symbols & x]
    if len(sizes) == 1 and _curvature(sizes[0].args[0], x) == AFFINE:
        v, of = sympy.Dummy(nonnegative=True), sizes[0].args[0]
        g = e.subs({of**2: v**2}).xreplace({sizes[0]: v})  # sympy writes |a|² as a²
        if not g.free_symbols & x:
            return _convex_along(g, v) and _nonnegative(_slope(_pieces(g, v)[0][0], v, sympy.S.Zero))
    return isinstance(e, sympy.Piecewise) and len(x) == 1 and _convex_along(e, next(iter(x)))


def _convex_along(e: sympy.Expr, v: sympy.Symbol) -> bool:
    """Whether a function of one variable is convex: each piece is, they meet, and slopes increase there."""
    pieces = _pieces(e, v)
    for (left, end), (right, beyond) in pairwise(pieces):
        gap = sympy.cancel(sympy.together((right - left).subs(v, end)))
        if gap != 0 or not _nonnegative(_slope(right, v, end) - _slope(left, v, end)):
            return False
        if beyond is not None and not _nonnegative(beyond - end):
            return False
    return bool(pieces) and all(_rises(piece, v) for piece, _ in pieces)


def _rises(e: sympy.Expr, v: sympy.Symbol) -> bool:
    """Whether the slope of one piece increases."""
    return curvature(e, [v]).convex or bool(sympy.factor(sympy.together(sympy.diff(e, v, 2))).is_nonnegative)


def _slope(e: sympy.Expr, v: sympy.Symbol, at: sympy.Expr) -> sympy.Expr:
    return sympy.diff(e, v).subs(v, at)


def _pieces(e: sympy.Expr, v: sympy.Symbol) -> list[tuple[sympy.Expr, sympy.Expr | None]]:
    """Formulas from left to right, each with its end, for a Piecewise whose conditions all bound the variable on one side, or for any other
    formula; empty if that is not recognised.
    """
    if not isinstance(e, sympy.Piecewise):
        return [] if e.has(sympy.Piecewise) else [(e, None)]
    ends, sides = [], set()
    for _, condition in e.args[:-1]:
        if not isinstance(condition, sympy.Gt | sympy.Ge | sympy.Lt | sympy.Le):
            return []
        gap = condition.gts - condition.lts
        rate = sympy.diff(gap, v)
        if not rate.is_number or rate == 0:
            return []
        ends.append(-gap.subs(v, 0) / rate)
        sides.add(bool(rate > 0))
    formulas = [piece for piece, _ in e.args]
    if len(sides) != 1 or e.args[-1].cond != sympy.true:
        return []
    from_above = sides.pop()
    return list(zip(reversed(formulas), [*reversed(ends), None], strict=True) if from_above else zip(formulas, [*ends, None], strict=True))


def _power(base: sympy.Expr, n: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of base**n, n a constant."""
    if n.free_symbols & x:
        return UNKNOWN
    b = _curvature(base, x)
    if n.is_even and n.is_positive and (b == AFFINE or (b.convex and base.is_nonnegative) or (b.concave and base.is_nonpositive)):
        return Curvature(True, False)
    if _nonnegative(-n):
        return Curvature(bool(b.concave and base.is_positive), False)
    if _nonnegative(n - 1):
        return Curvature(bool(b.convex and base.is_nonnegative), False)
    root = _nonnegative(n) and _nonnegative(1 - n)
    norm = bool(n.is_Rational and n.p == 1 and _sum_of_powers(base, sympy.Integer(n.q), x))
    return Curvature(norm, bool(root and b.concave and base.is_nonnegative))


def _product(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of ∏ bᵢ**nᵢ, the nᵢ constants. For concave bᵢ ≥ 0 it is concave if the nᵢ ≥ 0 add up to at most 1, and convex if none
    is > 0; also with one power p of a convex function ≥ 0 among them, or an even power of an affine one, if p ≥ 1 − the sum of the others.
    A quotient of two affine functions with one direction is a constant and a multiple of 1 over the second.
    """
    factors = [b.as_base_exp() for b in e.args]
    if any(n.free_symbols & x for _, n in factors):
        return UNKNOWN
    up, down = [(b, n) for b, n in factors if _positive(n)], [(b, n) for b, n in factors if _nonnegative(-n)]
    if len(up) + len(down) < len(factors) or not all(_curvature(b, x).concave and b.is_positive for b, _ in down):
        return UNKNOWN
    falls = sympy.Add(*(n for _, n in down))
    if not up:
        return Curvature(True, False)
    if len(up) == 1:
        (b, p), of = up[0], _curvature(up[0][0], x)
        if ((of.convex and b.is_nonnegative) or (of == AFFINE and p.is_even)) and _nonnegative(p - 1 + falls):
            return Curvature(True, False)
        if p == 1 and of == AFFINE and len(down) == 1 and down[0][1] == -1:
            return _quotient(b, down[0][0], x)
    rise = sympy.Add(*(n for _, n in up))
    mean = not down and _nonnegative(1 - rise) and all(_curvature(b, x).concave and b.is_nonnegative for b, _ in up)
    return Curvature(False, mean)


def _quotient(a: sympy.Expr, b: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of a/b for affine functions with b > 0 and a = αb + β: it is α + β/b."""
    if _curvature(b, x) != AFFINE:
        return UNKNOWN
    v = next(iter(sorted(b.free_symbols & x, key=str)))
    beta = sympy.expand(a - sympy.cancel(sympy.diff(a, v) / sympy.diff(b, v)) * b)
    return UNKNOWN if beta.free_symbols & x else Curvature(True, False).times(beta)


def _of_one(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of a function of a single affine function, from its second derivative."""
    if any(type(a).__name__ not in SMOOTH for a in e.atoms(sympy.core.function.Application)):  # Max and Min, too, are that
        return UNKNOWN
    v, of = next(iter(x & e.free_symbols)), e
    if len(x & e.free_symbols) > 1:
        inner = [a for a in e.atoms(sympy.Add) if a.free_symbols & x and _by_rules(a, x) == AFFINE]
        if not inner:
            return UNKNOWN
        a = max(inner, key=lambda a: (bool(a.is_positive), a.count_ops(), str(a)))
        v = sympy.Dummy(positive=a.is_positive or None, nonnegative=a.is_nonnegative or None, real=True)
        z = next(iter(sorted(a.free_symbols & x, key=str)))
        rate = sympy.diff(a, z)
        of = e.subs(z, (v - sympy.expand(a - rate * z)) / rate)
        if of.free_symbols & x:
            return UNKNOWN
    if not _is_finite(of):
        return UNKNOWN
    second = sympy.factor(sympy.together(sympy.diff(of, v, 2)))
    return Curvature(bool(second.is_nonnegative), bool(second.is_nonpositive))


def _is_finite(e: sympy.Expr) -> bool:
    """Whether an expression is certainly defined for all values of its symbols: between two poles of x + x⁻² it is convex, and across 0 it
    is not.
    """
    powers = [a for a in e.atoms(sympy.Pow) if a.base != sympy.E]
    return all(a.args[0].is_positive for a in e.atoms(sympy.log)) and all(
        a.base.is_positive or (a.exp.is_nonnegative and (a.exp.is_integer or a.base.is_nonnegative)) for a in powers
    )


SMOOTH = ("exp", "log", "cosh", "sinh", "tanh", "sin", "cos", "atan", "erf", "erfc")
"""Functions that are smooth wherever `_is_finite` shows that they are defined."""


def _of_terms(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of a square, or a product, of sums: that of the sum of its terms."""
    terms = sympy.expand(e)
    return _by_rules(terms, x) if isinstance(terms, sympy.Add) and terms != e else UNKNOWN


def _of_perspective(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> Curvature:
    """The curvature of y·f(x/y), y > 0 one of the variables: that of f. This covers every function homogeneous of degree 1 in the
    variables.
    """
    t = sympy.Dummy(positive=True)
    variables = x & e.free_symbols
    scale = sorted((v for v in variables if v.is_positive), key=str)
    if len(variables) < 2 or not scale:
        return UNKNOWN
    grown, known = (sympy.expand_log(a) for a in (e.xreplace({v: t * v for v in variables}), e))
    if sympy.cancel(sympy.expand(grown - t * known)) != 0:
        return UNKNOWN
    return _curvature(sympy.expand_log(e.xreplace({scale[0]: sympy.S.One})), x)


def _sum_of_powers(e: sympy.Expr, p: sympy.Integer, x: frozenset[sympy.Symbol]) -> bool:
    """Whether e^(1/p) is a p-norm of affine functions, or of convex ones ≥ 0: e is a sum of multiples ≥ 0 of their powers and of constants
    ≥ 0.
    """

    def fits(power: sympy.Expr) -> bool:
        if any(power == size**p and _curvature(size.args[0], x) == AFFINE for size in power.atoms(sympy.Abs)):
            return True  # which sympy writes as a²|a| for p = 3
        if not (power.is_Pow and power.exp == p):
            return False
        of = _curvature(power.base, x)
        return (of == AFFINE and bool(p.is_even)) or bool(of.convex and power.base.is_nonnegative)

    terms = (term.as_independent(*x, as_Add=False) for term in sympy.Add.make_args(e))
    return all(bool(c.is_nonnegative) and (rest == 1 or fits(rest)) for c, rest in terms)


def _log_convex(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> bool:
    """Whether log e is convex: constants > 0, exponentials of convex functions, cosh of affine ones; their products, sums and powers."""
    if not e.free_symbols & x:
        return _positive(e)
    if isinstance(e, sympy.exp):
        return _curvature(e.args[0], x).convex
    if isinstance(e, sympy.cosh):
        return _curvature(e.args[0], x) == AFFINE
    if isinstance(e, sympy.Pow) and not e.exp.free_symbols & x:
        return _log_convex(e.base, x) if _nonnegative(e.exp) else _nonnegative(-e.exp) and _log_concave(e.base, x)
    return isinstance(e, sympy.Add | sympy.Mul) and all(_log_convex(a, x) for a in e.args)


def _log_concave(e: sympy.Expr, x: frozenset[sympy.Symbol]) -> bool:
    """Whether log e is concave: constants > 0, exponentials of concave functions, the tails of the normal distribution, negative powers
    of what is log-convex, and their products. A difference such as 1 − p is brought over one denominator.
    """
    if not e.free_symbols & x:
        return _positive(e)
    if isinstance(e, sympy.exp):
        return _curvature(e.args[0], x).concave
    if isinstance(e, sympy.erfc):
        return _curvature(e.args[0], x) == AFFINE
    if isinstance(e, sympy.Pow) and not e.exp.free_symbols & x:
        return _log_concave(e.base, x) if _nonnegative(e.exp) else _nonnegative(-e.exp) and _log_convex(e.base, x)
    if isinstance(e, sympy.Mul):
        return all(_log_concave(a, x) for a in e.args)
    if isinstance(e, sympy.Add):
        constant, rest = e.as_independent(*x, as_Add=True)
        factor, tail = rest.as_independent(*x, as_Add=False)
        if isinstance(tail, sympy.exp) and constant == 1 and factor == -1 and isinstance(-tail.args[0], sympy.exp):
            return _curvature((-tail.args[0]).args[0], x) == AFFINE
        if isinstance(tail, sympy.erf) and abs(factor) == constant and _positive(constant):
            return _curvature(tail.args[0], x) == AFFINE
        whole = sympy.together(e)
        return not isinstance(whole, sympy.Add) and _log_concave(whole, x)
    return False
