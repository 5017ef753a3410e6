"""The first number during a tape's evaluation that leaves the range of a dtype: from there on infinity and NaN are no evidence against a
candidate.

Some formulas have evaluations that stay finite: a logarithm of a sum of exponentials, a product of powers of such sums (softmax, logistic,
softplus and functions of these). For them only the result must fit, since code that overflows on the way has chosen the wrong evaluation.
All other formulas are checked step by step: for a number that may be too large, and for a logarithm or negative power of a number that may
be 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import MOST_PRODUCTS, smallest_normal
from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.primitives import exact
from verify.tape.tape import SUMS, Instruction, Tape

CARRIES = {"add", "mul", "div", "square", "sqrt", "rsqrt", "pow", "pow_c", "sum", "dot", "matmul"}
"""Primitives whose results from exponentials count as exponentials."""
EXPONENTIALS = {"exp", "exp2", "logistic"}
LOGARITHMS = {"log", "log2", "log10", "log1p"}
ROOTS = {"sqrt": Fraction(1, 2), "rsqrt": Fraction(-1, 2), "pow_c": None, "pow": None}
"""Powers, with their exponents where these are fixed."""

Factors = tuple[tuple[int, int], ...]
"""The registers of a product, with 1, or −1 for divisors."""


class Demand(NamedTuple):
    """A requirement of careful code: that a product is not too `large`, a divisor not too `small`, an operand certainly `above` a bound;
    that a sum of exponentials whose `power` is differentiated into negative powers does not vanish; and that no product that may be 0
    stands beside a logarithm as large as that of 0 (`faint`, the logarithm first).
    """

    kind: str
    factors: Factors
    bound: Fraction = Fraction(0)

    def is_met(self, r: Sequence[Any], dtype: str, factor: float) -> bool:
        """Whether the requirement certainly holds in `dtype`, for numbers that later operations multiply by up to `factor`."""
        most, least = float(np.finfo(dtype).max), smallest_normal(dtype)
        (k, _), *others = self.factors
        if self.kind == "large":
            return bool(factor * float(_product(self.factors, r).abs_upper()) < most)
        if self.kind == "small":
            return bool(float(r[k].abs_lower()) > least)
        if self.kind == "above":
            return bool(float((r[k] - exact(self.bound)).lower()) > least)
        if self.kind == "power":
            exponent = r[others[0][0]] if others else exact(self.bound)
            return bool(float(r[k].abs_upper()) * factor * least < 1) or not _derived_away(exponent)
        return bool(float(_product(tuple(others), r).abs_lower()) > least) or bool(float(r[k].abs_upper()) < -np.log(least))


def _product(factors: Factors, r: Sequence[Any]) -> arb:
    (first, sign), *others = factors
    if sign > 0 and not others:
        found: arb = r[first]
        return found
    return prod((r[k] if s > 0 else 1 / r[k] for k, s in factors), start=arb(1))


def _derived_away(exponent: arb) -> bool:
    """Whether a first or second derivative of x**exponent has a negative power of x."""
    return bool(abs(exponent) < 2) and not exponent.is_integer()


@dataclass(frozen=True, eq=False)
class Ranges:
    """The requirements of careful code on the way to registers of a tape. `written` are the registers of the formula itself, the others are
    those of its slopes: a slope is a sum over paths, so sums of adjoints are expanded, since exponentials meet in their products.
    """

    tape: Tape
    written: Collection[int]
    _known: dict[int, tuple[Demand, ...]] = field(default_factory=dict)

    def leave(self, register: int, r: Sequence[Any], dtype: str, factor: float = 1.0) -> bool:
        """Whether a number on the way to this one may not fit `dtype`, for register values `r`. Switches are not entered: their pieces are
        checked by themselves.
        """
        return not all(d.is_met(r, dtype, factor) for d in self.demands(register))

    def demands(self, register: int) -> tuple[Demand, ...]:
        """All requirements on the way to one number, in the order of evaluation."""
        if register not in self._known:
            found = dict.fromkeys(self._before(register))
            self._known[register] = tuple(sorted(found, key=lambda d: max(k for k, _ in d.factors)))
        return self._known[register]

    def _before(self, register: int) -> Iterator[Demand]:
        seen, waiting = set(self._held), self._terms(register)
        while waiting:
            k = waiting.pop()
            if k in seen or k not in self.tape.places or self._form(k) in ("switch", "comparison"):
                continue
            seen.add(k)
            if self._op(k) in LOGARITHMS and self.exponential[self.tape.operands(k)[0]]:
                waiting += self._exponents(self._inside(k))
                continue
            products = self._products(k)
            for factors in products:
                further, demands = self._of_product(k, factors)
                waiting += further
                yield Demand("large", factors if len(products) > 1 else ((k, 1),))
                yield from demands

    def _of_product(self, k: int, factors: Factors) -> tuple[list[int], list[Demand]]:
        """The registers of a product that have further requirements, and its own requirements."""
        demands: list[Demand] = []
        further: list[int] = []
        joined = tuple(f for f in factors if self.exponential[f[0]])
        if not any(sign < 0 or self._op(r) in ROOTS or self._op(r) == "square" for r, sign in joined):
            joined = ()
        for r, _ in joined:
            inside = self._inside(r)
            further += self._exponents(inside)
            demands += [self._power(x) for x in inside if self._op(x) in ROOTS]
        for r, sign in factors:
            if (r, sign) in joined or r in self._held:
                continue
            if joined and self._op(r) in LOGARITHMS:
                demands.append(Demand("faint", ((r, 1), *joined)))
            if sign < 0:
                demands.append(Demand("small", ((r, 1),)))
            if r != k:
                further.append(r)
            else:
                further += self.tape.operands(r)
                demands += self._of_operand(r)
        return further, demands

    def _power(self, k: int) -> Demand:
        i, x = self._instruction(k), self.tape.operands(k)
        if i.op == "pow":
            return Demand("power", ((x[0], 1), (x[1], 1)))
        return Demand("power", ((x[0], 1),), ROOTS[i.op] or i.parameter)

    def _of_operand(self, k: int) -> list[Demand]:
        """The requirements on an operation's operand, such that it has a value and slopes."""
        i, x = self._instruction(k), self.tape.operands(k)
        whole = i.op == "pow_c" and i.parameter.denominator == 1
        if whole or not (i.op in LOGARITHMS or i.op in ROOTS):
            return []
        return [Demand("above", ((x[0], 1),), Fraction(-1 if i.op == "log1p" else 0))]

    def _products(self, k: int) -> list[Factors]:
        """A number as a product; several products where a sum of adjoints is expanded."""
        found: list[Factors] = []
        waiting: list[tuple[Factors, Factors]] = [((), ((k, 1),))]
        while waiting:
            done, left = waiting.pop()
            if not left:
                found.append(done)
                continue
            (r, sign), *rest = left
            op, x = self._op(r), self.tape.operands(r)
            if op == "mul" or op == "div":
                waiting.append((done, ((x[0], sign), (x[1], sign if op == "mul" else -sign), *rest)))
            elif op == "neg":
                waiting.append((done, ((x[0], sign), *rest)))
            elif op in SUMS and sign > 0 and r not in self.written and len(found) + len(waiting) + len(x) <= MOST_PRODUCTS:
                waiting += [(done, ((part, 1), *rest)) for part in x]
            else:
                waiting.append(((*done, (r, sign)), tuple(rest)))
        return found

    def _terms(self, k: int) -> list[int]:
        """The summands of a number."""
        found, waiting = [], [k]
        while waiting:
            r = waiting.pop()
            if self._op(r) in SUMS and self._op(r) != "neg":
                waiting += self.tape.operands(r)
            else:
                found.append(r)
        return found

    def _inside(self, k: int) -> list[int]:
        """The registers made of exponentials within such a number, down to the exponentials."""
        found, waiting = set(), [k]
        while waiting:
            r = waiting.pop()
            if r not in found:
                found.add(r)
                x = [] if self._op(r) in EXPONENTIALS else self.tape.operands(r)
                waiting += [o for o in x if self.exponential[o]]
        return sorted(found)

    def _exponents(self, inside: list[int]) -> list[int]:
        return [x for r in inside if self._op(r) in EXPONENTIALS for x in self.tape.operands(r)]

    def _instruction(self, k: int) -> Instruction:
        return self.tape.places[k].instruction

    def _op(self, k: int) -> str | None:
        return self._instruction(k).op if k in self.tape.places else None

    def _form(self, k: int) -> str:
        return self._instruction(k).row.form

    @cached_property
    def _constants(self) -> dict[int, arb]:
        """The registers that depend on no input, with their balls."""
        with precision():
            run = enclose.run(self.tape, [arb("nan")] * len(self.tape.inputs))
        return {k: x for k, x in enumerate(run.values) if isinstance(x, arb) and x.is_finite()}

    @cached_property
    def _held(self) -> frozenset[int]:
        return frozenset(self._constants)

    @cached_property
    def exponential(self) -> NDArray[np.bool_]:
        """The registers made of exponentials and positive numbers by sums, products and powers."""
        found, neutral = np.zeros((2, self.tape.size), bool)
        neutral[[k for k, x in self._constants.items() if x > 0]] = True
        for i in self.tape.instructions:
            if i.op in EXPONENTIALS:
                found[i.outs] = ~np.isin(i.outs, list(self._held))
            elif i.op in CARRIES:
                some, apt = ([of[r] for r in (i.ins[:1] if i.op == "pow" else i.ins)] for of in (found, found | neutral))
                if i.row.form == "matrix":
                    found[i.outs] = all(x.all() for x in apt) and any(x.any() for x in some)
                else:
                    n = len(i.outs)
                    found[i.outs] = np.all([x.reshape(n, -1).all(1) for x in apt], 0) & np.any([x.reshape(n, -1).any(1) for x in some], 0)
        return found


def overflows(value: float, truth: arb, radius: float, dtype: str) -> bool:
    """Whether `value` is an infinity to which the truth, up to the radius, rounds: its size reaches max + ½ulp(max)."""
    if not np.isinf(value):
        return False
    most = np.finfo(dtype)
    with precision():
        edge = arb((1, int(most.maxexp))) - arb((1, int(most.maxexp) - int(most.nmant) - 2))
        size = truth if value > 0 else -truth
        return bool((size + (arb(radius) if np.isfinite(radius) else 0)).upper() >= edge)
