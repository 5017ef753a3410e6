"""sympy's formulas as tapes: with the additive terms as written, so that rounding errors follow them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy

from verify.spec.functions import inverse_mills, log_ndtr
from verify.tape.tape import Builder, Registers, Tape

FUNCTIONS: dict[Any, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan", sympy.atan: "atan", sympy.erf: "erf",
    sympy.tanh: "tanh", sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.erfc: "erfc", sympy.loggamma: "lgamma", log_ndtr: "log_ndtr",
    inverse_mills: "inverse_mills",
}  # fmt: skip
"""sympy's functions with the names of their primitives."""

NUMBERS = {sympy.pi: "pi", sympy.E: "e", sympy.EulerGamma: "euler"}

KNOWN = sorted(
    ["Add", "Mul", "Pow", "sqrt", "Max", "Min", "Abs", "Piecewise", "digamma"] + [f.__name__ for f in FUNCTIONS if f is not inverse_mills]
)
"""All functions that a formula may contain."""

WRITTEN = {
    "gamma": "exp(loggamma(x))", "factorial": "exp(loggamma(x + 1))", "beta": "exp(loggamma(a) + loggamma(b) - loggamma(a + b))",
    "asinh": "log(x + sqrt(x**2 + 1))", "acosh": "log(x + sqrt(x**2 - 1))", "atanh": "(log(1 + x) - log(1 - x)) / 2",
    "asin": "atan(x / sqrt(1 - x**2))", "acos": "pi/2 - atan(x / sqrt(1 - x**2))", "acot": "atan(1 / x)",
    "sech": "1 / cosh(x)", "csch": "1 / sinh(x)", "coth": "1 / tanh(x)", "sec": "1 / cos(x)", "csc": "1 / sin(x)", "cot": "1 / tan(x)",
    "Sum": "Add(*(… for j in range(len(s))))", "Product": "Mul(*(… for j in range(len(s))))", "GoldenRatio": "(1 + sqrt(5)) / 2",
}  # fmt: skip
"""Replacements for functions without a ball operation."""

DISCONTINUOUS = {
    sympy.sign: "x·sign(x) is Abs(x)", sympy.Heaviside: "x·Heaviside(x) is Max(0, x)", sympy.floor: "", sympy.ceiling: "", sympy.frac: "",
    sympy.Mod: "", sympy.DiracDelta: "",
}  # fmt: skip
"""Functions that jump, and so have no subdifferential, with what they often stand for."""

COMPARED = {sympy.Lt: "lt", sympy.Le: "le", sympy.Gt: "gt", sympy.Ge: "ge"}


def unknown_function(name: str) -> str:
    """The sentence on a function without a ball operation: the nearest right one, and all that have one."""
    near = get_close_matches(name, KNOWN, n=1, cutoff=0.5)
    hint = f" Write {WRITTEN[name]}." if name in WRITTEN else f" Did you mean {near[0]}?" if near else ""
    return f"the formula uses {name}, which has no ball operation.{hint} Known: {', '.join(KNOWN)}."


def compiled(e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> Tape:
    """The tape of an expression: its inputs are the variables, then the constants, in which no derivatives are taken.

    Raises ValueError for functions that have no primitive, or jump.
    """
    compiler = Compiler(variables, constants)
    return compiler.b.tape(np.asarray(compiler.register(e)))


class Compiler:
    """Records each expression once. `asked` are the truth values of which one must hold wherever a Piecewise has a piece, with its
    conditions.
    """

    def __init__(self, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> None:
        self.b = Builder()
        self.known: dict[sympy.Basic, Any] = dict(zip(variables, self.b.inputs(len(variables)), strict=True))
        self.known |= dict(zip(constants, self.b.inputs(len(constants), variable=False), strict=True))
        self.asked: dict[int, str] = {}

    def terms(self, e: sympy.Expr) -> tuple[int, ...]:
        """Registers of the additive terms of `e` as written; empty for 0."""
        parts = e.args if isinstance(e, sympy.Add) else () if e == 0 else (e,)
        return tuple(int(self.register(p)) for p in parts)

    def register(self, e: sympy.Basic) -> Any:
        """The register of an expression."""
        if e not in self.known:
            self.known[e] = self._compile(e)
        return self.known[e]

    def _row(self, args: Sequence[sympy.Basic]) -> Registers:
        return np.array([[int(self.register(a)) for a in args]], np.intp)

    def _compile(self, e: sympy.Basic) -> Any:
        b = self.b
        if e.func in DISCONTINUOUS:
            hint = DISCONTINUOUS[e.func]
            raise ValueError(f"{e.func} jumps: state the loss by Max, Min, Abs or a continuous Piecewise{hint and f' ({hint})'}")
        if isinstance(e, sympy.Rational):
            return b.constants(Fraction(int(e.p), int(e.q)))
        if e in NUMBERS:
            return b.constants(NUMBERS[e])
        if isinstance(e, sympy.Add):
            return b.sum(self._row(e.args))[0]
        if isinstance(e, sympy.Mul):
            return self._product(e)
        if isinstance(e, sympy.exp):
            return b.exp(self.register(e.args[0]))
        if isinstance(e, sympy.Pow):
            return self._power(*e.args)
        if isinstance(e, sympy.Max):
            opposite = len(e.args) == 2 and e.args[0] == -e.args[1]
            return self.register(sympy.Abs(e.args[0])) if opposite else b.max(self._row(e.args))[0]
        if isinstance(e, sympy.Min):  # as a maximum, so that the two cancel
            return b.neg(self.register(sympy.Max(*(-a for a in e.args), evaluate=False)))
        if isinstance(e, sympy.Abs):
            return b.abs(self.register(e.args[0]))
        if isinstance(e, sympy.Piecewise):
            return self._piecewise(e)
        if isinstance(e, sympy.polygamma) and isinstance(e.args[0], sympy.Integer) and e.args[0] >= 0:
            n, x = int(e.args[0]), self.register(e.args[1])
            return b.polygamma(x, parameter=n) if n else b.digamma(x)
        if e.func in FUNCTIONS:
            return getattr(b, FUNCTIONS[e.func])(self.register(e.args[0]))
        raise ValueError(unknown_function(e.func.__name__))

    def _product(self, e: sympy.Mul) -> Any:
        over = [a for a in e.args if a != -1 and not _is_inverse(a)]
        under = [a.base**-a.exp for a in e.args if _is_inverse(a)]
        found: Any = None
        for a in over:
            found = self.register(a) if found is None else self.b.mul(found, self.register(a))
        for a in under:
            found = self.b.div(1 if found is None else found, self.register(a))
        return self.b.neg(found) if sum(a == -1 for a in e.args) % 2 else found

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Any:
        x = self.register(base)
        if exponent == sympy.Rational(1, 2):
            return self.b.sqrt(x)
        if isinstance(exponent, sympy.Integer):
            n = int(exponent)
            return self._integer_power(x, n) if n > 0 else self.b.div(1, self._integer_power(x, -n))
        if isinstance(exponent, sympy.Rational):
            return self.b.pow_c(x, parameter=Fraction(int(exponent.p), int(exponent.q)))
        return self.b.pow(x, self.register(exponent))

    def _integer_power(self, x: Any, n: int) -> Any:
        """The power as products, for which power series are known."""
        if n == 1:
            return x
        return self.b.mul(self._integer_power(x, n - 1), x) if n % 2 else self.b.square(self._integer_power(x, n // 2))

    def _piecewise(self, e: sympy.Piecewise) -> Any:
        return self.switch([value for value, _ in e.args], [condition for _, condition in e.args])

    def switch(self, pieces: Sequence[sympy.Expr], conditions: Sequence[sympy.Basic]) -> Any:
        """The first piece whose condition holds."""
        *pairs, (last, sure) = zip(pieces, conditions, strict=True)
        found = self.register(last)
        if sure is not sympy.true:
            truths = [self.truth(c) for c in conditions]
            shown = ", ".join(map(str, conditions))
            self.asked[int(reduce(self.b.or_, truths))] = shown
        for value, condition in reversed(pairs):
            found = self.b.where(self.truth(condition), self.register(value), found)
        return found

    def truth(self, c: sympy.Basic) -> Any:
        """The register of a condition."""
        if isinstance(c, (sympy.And, sympy.Or)):
            first, *others = [self.truth(a) for a in c.args]
            for other in others:
                first = getattr(self.b, "and_" if isinstance(c, sympy.And) else "or_")(first, other)
            return first
        if isinstance(c, sympy.Not):
            return self.b.not_(self.truth(c.args[0]))
        if type(c) not in COMPARED:
            raise ValueError(f"the condition {c} has no ball operation. Known: <, <=, >, >=, joined by And, Or, Not.")
        return getattr(self.b, COMPARED[type(c)])(*map(self.register, c.args))


def _is_inverse(e: sympy.Basic) -> bool:
    return isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer) and bool(e.exp < 0)
