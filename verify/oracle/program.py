"""Expressions as ball programs: a straight line of operations on python-flint balls.

One program serves three questions, by what it is run on:
- exact points: every register is a ball around the true value, as narrow as the precision;
- points with a unit roundoff u: every register contains whatever a careful evaluation in floating point may hold there,
  because each operation widens its result by its own rounding (running error analysis, Higham 2002, section 3.3);
- power series over a segment: the coefficients enclose the derivatives along it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from itertools import combinations
from math import inf
from typing import Any, ParamSpec, TypeVar

import sympy
from flint import arb, arb_series, fmpq

from verify.errors import UsageError
from verify.rounding import ELEMENTARY
from verify.spec.functions import inverse_mills, log_ndtr
from verify.spec.lift import Lifted, Switch
from verify.tape.balls import (
    Ball,
    KinkOnSegment,
    constant,
    elementary,
    held,
    integer_power,
    polygamma,
    sign_ahead,
)

P = ParamSpec("P")
R = TypeVar("R")
Compared = Callable[[Ball, Ball, Any], bool | None]
"""(left side, right side, relation) → whether it holds, None where that is not certain."""

ELEMENTARY_FUNCTIONS: dict[Any, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan", sympy.atan: "atan", sympy.erf: "erf",
    sympy.tanh: "tanh", sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.erfc: "erfc", sympy.loggamma: "lgamma", log_ndtr: "log_ndtr",
    inverse_mills: "inverse_mills",
}  # fmt: skip
"""By their names in python-flint, or in `BALLS`."""


def _of_size_1(_: Ball, __: Ball) -> arb:
    return arb(1)


BESIDE: dict[Any, Callable[[Ball, Ball], arb]] = {
    sympy.loggamma: _of_size_1, sympy.polygamma: _of_size_1, log_ndtr: _of_size_1,
    inverse_mills: lambda value, x: (value * x * x).abs_upper(),
}  # fmt: skip
"""Functions whose usual ways of evaluation go through larger numbers than their values: log Φ as the logarithm of what is near 1,
Stirling's series near the zeros of log Γ and of its slope; φ/Φ through exp(−x²/2 − log Φ), both terms of the size x²/2. Their roundings
are charged at that size too.
"""


@dataclass(frozen=True)
class Choice:
    """The operation of a switch: which pieces can be the chosen one, and the ball that contains their values."""

    conditions: tuple[sympy.Basic, ...] | None
    registers: dict[sympy.Expr, int]  # of the sides of the conditions' relations
    degree: float  # of what is compared, as polynomials along a line; infinite where it is none

    @property
    def relations(self) -> list[sympy.Basic]:
        """The comparisons that its conditions are made of."""
        found = {r for c in self.conditions or () for r in c.atoms(sympy.core.relational.Relational)}
        return sorted(found, key=sympy.default_sort_key)

    def possible(self, pieces: Sequence[Ball], registers: Sequence[Ball]) -> list[int]:
        """The indices of the pieces that can be chosen somewhere in the box."""
        if self.conditions is None:
            values = [constant(p) for p in pieces]
            return [i for i, a in enumerate(values) if not any(a < b for b in values)]
        found = []
        for i, condition in enumerate(self.conditions):
            truth = self._truth(condition, registers, self._compared)
            if truth is not False:
                found.append(i)
            if truth is True:
                break
        if not found:
            shown = ", ".join(map(str, self.conditions))
            raise UsageError(f"a Piecewise of the formula has no piece where none of {shown} holds: end it with (…, True).")
        return found

    def ahead(self, pieces: Sequence[Ball], registers: Sequence[Ball]) -> int:
        """The piece that is chosen for small t > 0: there the first derivative that is not 0 decides each comparison.

        Raises KinkOnSegment where none of those that are known is certain.
        """
        if self.conditions is not None:
            for i, condition in enumerate(self.conditions):
                truth = self._truth(condition, registers, self._compared_ahead)
                if truth is None:
                    raise KinkOnSegment
                if truth:
                    return i
            raise KinkOnSegment
        best = 0
        for i in range(1, len(pieces)):
            sign = self._sign_ahead(pieces[i] - pieces[best])
            if sign is None:
                raise KinkOnSegment
            best = i if sign > 0 else best
        return best

    def sides(self, pieces: Sequence[int], taken: int | None = None) -> Iterator[tuple[int, int]]:
        """The pairs of registers whose comparisons decide the switch; of those only the ones that could end it, where a piece is taken."""
        if self.conditions is None:
            pairs = combinations(range(len(pieces)), 2)
            yield from ((pieces[a], pieces[b]) for a, b in pairs if taken in (None, a, b))
            return
        asked = self.conditions if taken is None else self.conditions[: taken + 1]
        for left, right in dict.fromkeys(r.args for c in asked for r in _relations(c)):
            yield self.registers[left], self.registers[right]

    def _sign_ahead(self, difference: Ball) -> int | None:
        """0 only where the derivatives that are known are all that there are: along the line no balls tell one side from the other."""
        whole = not isinstance(difference, arb_series) or self.degree < difference.prec
        return sign_ahead(difference) or (0 if whole and sign_ahead(difference) == 0 else None)

    def _compared(self, left: Ball, right: Ball, relation: Any) -> bool | None:
        compare, opposite = RELATIONS[relation]
        a, b = constant(left), constant(right)
        return True if compare(a, b) else False if opposite(a, b) else None

    def _compared_ahead(self, left: Ball, right: Ball, relation: Any) -> bool | None:
        sign = self._sign_ahead(left - right)
        return None if sign is None else RELATIONS[relation][0](sign, 0)

    def _truth(self, c: sympy.Basic, registers: Sequence[Ball], compared: Compared) -> bool | None:
        if c is sympy.true or c is sympy.false:
            return c is sympy.true
        if isinstance(c, (sympy.And, sympy.Or)):
            parts = [self._truth(a, registers, compared) for a in c.args]
            decisive = isinstance(c, sympy.Or)
            return decisive if decisive in parts else None if None in parts else not decisive
        if isinstance(c, sympy.Not):
            inner = self._truth(c.args[0], registers, compared)
            return None if inner is None else not inner
        left, right = (registers[self.registers[side]] for side in c.args)
        return compared(left, right, type(c))


RELATIONS: dict[Any, tuple[Callable[[Any, Any], bool], Callable[[Any, Any], bool]]] = {
    sympy.Lt: (operator.lt, operator.ge), sympy.Le: (operator.le, operator.gt),
    sympy.Gt: (operator.gt, operator.le), sympy.Ge: (operator.ge, operator.lt),
}  # fmt: skip


def _relations(c: sympy.Basic) -> list[sympy.Basic]:
    """The relations of a condition, in order."""
    return sorted(c.atoms(sympy.core.relational.Relational), key=sympy.default_sort_key)


def degree(e: sympy.Basic, known: Mapping[sympy.Basic, float]) -> float:
    """At least the degree of `e` as a polynomial in the symbols whose degrees are known; infinite where it is none."""
    if e in known:
        return known[e]
    if isinstance(e, sympy.Pow) and e.exp.is_Integer and e.exp > 0:
        return int(e.exp) * degree(e.base, known)
    degrees = [degree(a, known) for a in e.args]
    if isinstance(e, sympy.Mul):
        return sum(degrees)
    return max(degrees, default=0) if isinstance(e, sympy.Add) or not any(degrees) else inf


def choose(pieces: Sequence[Ball], possible: Sequence[int]) -> Ball:
    """The value of a switch: that of its only possible piece, or a ball over all of them, without its derivatives."""
    if len(possible) == 1:
        return pieces[possible[0]]
    return reduce(lambda a, b: a.union(b), (constant(pieces[i]) for i in possible))


@dataclass(frozen=True)
class Operation:
    """One step: `apply` to the registers `args`, at a cost of `roundings` of `|result|` (of `Σ|args|` for a sum), and of
    what the usual way of evaluation goes through `beside`.
    """

    apply: Callable[..., Ball] | Choice
    args: tuple[int, ...]
    roundings: int
    is_sum: bool = False
    beside: Callable[[Ball, Ball], arb] | None = None


@dataclass(frozen=True)
class Run:
    """The registers after a run, for each switch the pieces that were possible, and the unit roundoff if there was one.

    `kinked` are the registers whose derivatives along a line are not known, since a switch that they depend on may turn there.
    """

    registers: list[Ball]
    possible: dict[int, list[int]]
    u: arb | None = None
    kinked: frozenset[int] = frozenset()

    def total(self, terms: Sequence[int]) -> Ball:
        """The sum of these registers. Raises KinkOnSegment where one of them is kinked."""
        if not self.kinked.isdisjoint(terms):
            raise KinkOnSegment
        return sum((self.registers[k] for k in terms), arb(0))


NUMBERS = {sympy.pi: "pi", sympy.E: "const_e", sympy.EulerGamma: "const_euler"}

KNOWN = sorted(
    [
        "Add",
        "Mul",
        "Pow",
        "sqrt",
        "Max",
        "Min",
        "Abs",
        "Piecewise",
        "digamma",
        *(f.__name__ for f in ELEMENTARY_FUNCTIONS if f is not inverse_mills),
    ]
)
"""What a formula may be made of."""

WRITTEN = {
    "gamma": "exp(loggamma(x))", "factorial": "exp(loggamma(x + 1))", "beta": "exp(loggamma(a) + loggamma(b) - loggamma(a + b))",
    "asinh": "log(x + sqrt(x**2 + 1))", "acosh": "log(x + sqrt(x**2 - 1))", "atanh": "(log(1 + x) - log(1 - x)) / 2",
    "asin": "atan(x / sqrt(1 - x**2))", "acos": "pi/2 - atan(x / sqrt(1 - x**2))", "acot": "atan(1 / x)",
    "sech": "1 / cosh(x)", "csch": "1 / sinh(x)", "coth": "1 / tanh(x)", "sec": "1 / cos(x)", "csc": "1 / sin(x)", "cot": "1 / tan(x)",
    "Sum": "Add(*(… for j in range(len(s))))", "Product": "Mul(*(… for j in range(len(s))))", "GoldenRatio": "(1 + sqrt(5)) / 2",
}  # fmt: skip
"""What may stand for a function that has no ball operation."""


def unknown_function(name: str) -> str:
    """The sentence on a function that has no ball operation: the nearest right thing, and all that have one."""
    near = get_close_matches(name, KNOWN, n=1, cutoff=0.5)
    hint = f" Write {WRITTEN[name]}." if name in WRITTEN else f" Did you mean {near[0]}?" if near else ""
    return f"the formula uses {name}, which has no ball operation.{hint} Known: {', '.join(KNOWN)}."


class Program:
    """Compiles expressions with their switches; `terms` gives the registers whose sum is an expression."""

    def __init__(self, lifted: Lifted) -> None:
        self.inputs = len(lifted.variables) + len(lifted.constants)
        self.operations: list[Operation] = []
        self._register: dict[sympy.Basic, int] = {x: i for i, x in enumerate((*lifted.variables, *lifted.constants))}
        self._degrees: dict[sympy.Basic, float] = dict.fromkeys(lifted.variables, 1)
        self.switch_registers: list[tuple[int, tuple[int, ...]]] = [self._switch(s) for s in lifted.switches]

    def terms(self, e: sympy.Expr) -> tuple[int, ...]:
        """Registers of the additive terms of `e` as written; empty for 0."""
        parts = e.args if isinstance(e, sympy.Add) else () if e == 0 else (e,)
        return tuple(self._compile(p) for p in parts)

    def place(self, e: sympy.Basic) -> int | None:
        """The register of an expression, None where it has none of its own."""
        return self._register.get(e)

    def choice(self, register: int) -> Choice:
        """The operation of the switch that has this register."""
        found = self.operations[register - self.inputs].apply
        assert isinstance(found, Choice)
        return found

    def is_constant(self, register: int) -> bool:
        """Whether a register depends on no input."""
        if register < self.inputs:
            return False
        op = self.operations[register - self.inputs]
        return not isinstance(op.apply, Choice) and all(self.is_constant(a) for a in op.args)

    def run(
        self, inputs: Sequence[Ball], u: arb | None = None, *, ahead: bool = False, taken: Mapping[int, list[int]] | None = None
    ) -> Run:
        """All registers for these inputs; with `u`, widened by the roundings of floating-point arithmetic.

        With `ahead`, the inputs are series in t, and every switch takes the piece that it has for small t > 0. With `taken`
        (from another run's `possible`) it takes that piece, wherever the inputs lie.
        """
        registers, possible = list(inputs), {}
        kinked: set[int] = set()
        for op in self.operations:
            args = [registers[i] for i in op.args]
            if isinstance(op.apply, Choice):
                place = len(registers)
                candidates = taken[place] if taken else [op.apply.ahead(args, registers)] if ahead else op.apply.possible(args, registers)
                possible[place] = candidates
                if (len(candidates) > 1 and any(isinstance(a, arb_series) for a in args)) or any(op.args[i] in kinked for i in candidates):
                    kinked.add(place)
                registers.append(choose(args, candidates))
                continue
            if kinked and not kinked.isdisjoint(op.args):
                kinked.add(len(registers))
            value = op.apply(*args)
            if u is not None and op.roundings:
                size = sum((a.abs_upper() for a in args), arb(0)) if op.is_sum else value.abs_upper()
                size += op.beside(value, *args) if op.beside else 0
                value += arb(0, op.roundings * u * size)
            registers.append(value)
        return Run(registers, possible, u, frozenset(kinked))

    def _emit(self, e: sympy.Basic, op: Operation) -> int:
        self.operations.append(op)
        self._register[e] = self.inputs + len(self.operations) - 1
        return self._register[e]

    def _switch(self, s: Switch) -> tuple[int, tuple[int, ...]]:
        relations = {r for c in s.conditions or () for r in _relations(c)}
        for r in relations:
            if type(r) not in RELATIONS:
                raise ValueError(f"the condition {r} has no ball operation. Known: <, <=, >, >=, joined by And, Or, Not.")
        sides = sorted({side for r in relations for side in r.args}, key=sympy.default_sort_key)
        compared = max((degree(e, self._degrees) for e in (s.pieces if s.conditions is None else sides)), default=0)
        choice = Choice(s.conditions, {side: self._compile(side) for side in sides}, compared)
        self._degrees[s.symbol] = max(degree(p, self._degrees) for p in s.pieces)
        pieces = tuple(self._compile(p) for p in s.pieces)
        return self._emit(s.symbol, Operation(choice, pieces, 0)), pieces

    def _compile(self, e: sympy.Basic) -> int:
        return self._register[e] if e in self._register else self._emit(e, self._operation(e))

    def _operation(self, e: sympy.Basic) -> Operation:
        if isinstance(e, sympy.Rational):
            value = fmpq(int(e.p), int(e.q))
            return Operation(lambda: arb(value), (), 0 if held(int(e.p), int(e.q)) else 1)
        if isinstance(e, sympy.Add):
            return Operation(lambda *xs: reduce(operator.add, xs), tuple(map(self._compile, e.args)), len(e.args) - 1, is_sum=True)
        if isinstance(e, sympy.Mul):
            factors = [a for a in e.args if a != -1]
            sign = (-1) ** (len(e.args) - len(factors))
            args = tuple(map(self._compile, factors))
            return Operation(lambda *xs: sign * reduce(operator.mul, xs), args, len(factors) - 1)
        if isinstance(e, sympy.exp):
            return Operation(lambda x: x.exp(), (self._compile(e.args[0]),), ELEMENTARY)
        if isinstance(e, sympy.Pow):
            return self._power(*e.args)
        if e.func in ELEMENTARY_FUNCTIONS:
            name = ELEMENTARY_FUNCTIONS[e.func]
            return Operation(lambda x: elementary(name, x), (self._compile(e.args[0]),), ELEMENTARY, beside=BESIDE.get(e.func))
        if isinstance(e, sympy.polygamma) and isinstance(e.args[0], sympy.Integer) and e.args[0] >= 0:
            n = int(e.args[0])
            return Operation(lambda x: polygamma(n, x), (self._compile(e.args[1]),), ELEMENTARY, beside=BESIDE[sympy.polygamma])
        if e in NUMBERS:
            name = NUMBERS[e]
            return Operation(lambda: getattr(arb, name)(), (), 1)
        raise ValueError(unknown_function(e.func.__name__))

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Operation:
        x = self._compile(base)
        if isinstance(exponent, sympy.Integer):
            n = int(exponent)
            return Operation(lambda b: integer_power(b, n), (x,), abs(n) - (n > 0))
        if exponent == sympy.Rational(1, 2):
            return Operation(lambda b: b.sqrt(), (x,), 1)
        return Operation(operator.pow, (x, self._compile(exponent)), ELEMENTARY)
