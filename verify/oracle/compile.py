"""sympy's formulas as tapes: the additive terms as written, so that roundings follow them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from verify.oracle.program import ELEMENTARY_FUNCTIONS, NUMBERS, unknown_function
from verify.tape.tape import Builder, Registers, Tape

CONSTANTS = {"pi": "pi", "const_e": "e", "const_euler": "euler"}
COMPARED = {sympy.Lt: "lt", sympy.Le: "le", sympy.Gt: "gt", sympy.Ge: "ge"}


def compiled(e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> Tape:
    """The tape of an expression: its inputs are the variables, then the constants, by which no derivatives are taken.

    Raises ValueError for what has no primitive.
    """
    b = Builder()
    known = dict(zip(variables, b.inputs(len(variables)), strict=True))
    known |= dict(zip(constants, b.inputs(len(constants), variable=False), strict=True))
    return b.tape(np.asarray(_Compiler(b, known).register(e)))


class _Compiler:
    """Each expression once."""

    def __init__(self, b: Builder, known: dict[sympy.Basic, Any]) -> None:
        self.b, self.known = b, known

    def register(self, e: sympy.Basic) -> Any:
        if e not in self.known:
            self.known[e] = self._compile(e)
        return self.known[e]

    def _row(self, args: Sequence[sympy.Basic]) -> Registers:
        return np.array([[int(self.register(a)) for a in args]], np.intp)

    def _compile(self, e: sympy.Basic) -> Any:
        b = self.b
        if isinstance(e, sympy.Rational):
            return b.constants(Fraction(int(e.p), int(e.q)))
        if e in NUMBERS:
            return b.constants(CONSTANTS[NUMBERS[e]])
        if isinstance(e, sympy.Add):
            return b.sum(self._row(e.args))[0]
        if isinstance(e, sympy.Mul):
            return self._product(e)
        if isinstance(e, sympy.exp):
            return b.exp(self.register(e.args[0]))
        if isinstance(e, sympy.Pow):
            return self._power(*e.args)
        if isinstance(e, (sympy.Max, sympy.Min)):
            return (b.max if isinstance(e, sympy.Max) else b.min)(self._row(e.args))[0]
        if isinstance(e, sympy.Abs):
            return b.abs(self.register(e.args[0]))
        if isinstance(e, sympy.Piecewise):
            return self._piecewise(e)
        if isinstance(e, sympy.polygamma) and isinstance(e.args[0], sympy.Integer) and e.args[0] >= 0:
            n, x = int(e.args[0]), self.register(e.args[1])
            return b.polygamma(x, parameter=n) if n else b.digamma(x)
        if e.func in ELEMENTARY_FUNCTIONS:
            return getattr(b, ELEMENTARY_FUNCTIONS[e.func])(self.register(e.args[0]))
        raise ValueError(unknown_function(e.func.__name__))

    def _product(self, e: sympy.Mul) -> Any:
        over = [a for a in e.args if a != -1 and not _is_inverse(a)]
        under = [a.base for a in e.args if _is_inverse(a)]
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
        if isinstance(exponent, sympy.Rational):
            return self.b.pow_c(x, parameter=Fraction(int(exponent.p), int(exponent.q)))
        return self.b.pow(x, self.register(exponent))

    def _piecewise(self, e: sympy.Piecewise) -> Any:
        *pairs, (last, sure) = e.args
        if sure != True:  # noqa: E712  # sympy's true
            raise ValueError("a Piecewise of the formula may have no piece: end it with (…, True).")
        found = self.register(last)
        for value, condition in reversed(pairs):
            found = self.b.where(self._truth(condition), self.register(value), found)
        return found

    def _truth(self, c: sympy.Basic) -> Any:
        if isinstance(c, (sympy.And, sympy.Or)):
            first, *others = [self._truth(a) for a in c.args]
            for other in others:
                first = getattr(self.b, "and_" if isinstance(c, sympy.And) else "or_")(first, other)
            return first
        if isinstance(c, sympy.Not):
            return self.b.not_(self._truth(c.args[0]))
        if type(c) not in COMPARED:
            raise ValueError(f"the condition {c} has no ball operation. Known: <, <=, >, >=, joined by And, Or, Not.")
        return getattr(self.b, COMPARED[type(c)])(*map(self.register, c.args))


def _is_inverse(e: sympy.Basic) -> bool:
    return isinstance(e, sympy.Pow) and e.exp == -1
