"""Records that are sums over examples: of the same expression for each example, whatever their number.

A record at one size is taken apart by the operations on its tape. Each register is shared, belongs to one example, or is a sum of such:
sums, differences, and products and quotients by shared terms are distributed, as Σ (a + b)/n is Σ a/n + Σ b/n. The term of an example is an
expression of its own entries and of shared terms. Any other operation on two examples couples them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from verify.proof.constants import DENOMINATOR, read
from verify.tape.primitives import PRIMITIVES
from verify.tape.tape import Builder, Instruction, Registers, SourceLine, Tape

ALL_EXAMPLES = -1
"""Stands for all examples."""
NUMBER, INPUT, SIZE = "number", "input", "size"
"""Expressions that are no operations: a constant, an entry of an input, and c·(a + b·n)^k of the number n of examples, by k, a, b and c."""
LINEAR = "linear"
"""An operation that tapes do not have: the sum of its operands in pairs, each a factor and a term."""
MOST_POWER = 3
"""Greatest power of the number of examples in a constant."""


class NoSum(Exception):
    """Why a record is not a sum over examples of one expression: in words, and the line."""

    def __init__(self, what: str, line: SourceLine | None = None) -> None:
        super().__init__(what if line is None or not line.number else f"{what} (line {line.number}: {line.code})")


class Expressions:
    """A table in which each expression has one number: an operation, its parameter, and the numbers of its operands."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self.keys: list[tuple[Any, ...]] = []
        self.fixed: list[bool] = []  # of no input
        self.zero, self.one = (self.of(NUMBER, Fraction(k)) for k in range(2))
        self._linear: dict[bool, dict[int, tuple[tuple[Fraction, int], ...]]] = {False: {}, True: {}}
        self._forms: dict[int, int] = {}
        self._known_forms: dict[Any, int] = {}

    def of(self, *key: Any) -> int:
        """The number of a key. A product or quotient by 1 is the other operand: for one example a mean disappears."""
        if key[0] in ("mul", "div") and key[3] == self.one:
            return int(key[2])
        if key[0] == "mul" and key[2] == self.one:
            return int(key[3])
        if key not in self._known:
            self._known[key] = len(self.keys)
            self.keys.append(key)
            self.fixed.append(key[0] != INPUT and (key[0] in (NUMBER, SIZE) or all(self.fixed[k] for k in key[2:])))
        return self._known[key]

    def operation(self, op: str, *operands: int, parameter: Any = None) -> int:
        """An operation on other expressions."""
        return self.of(op, parameter, *operands)

    def sum(self, terms: Sequence[int]) -> int:
        """A sum; for one term that term."""
        return terms[0] if len(terms) == 1 else self.operation("sum", *terms)

    def operands(self, expression: int) -> tuple[int, ...]:
        """The operands of an operation; empty for other expressions."""
        key = self.keys[expression]
        return () if key[0] in (NUMBER, INPUT, SIZE) else key[2:]

    def with_operands(self, expression: int, operands: Sequence[int]) -> int:
        """The same operation on other operands."""
        return self.of(*self.keys[expression][:2], *operands)

    # Numbers taken out of sums and products

    def normal(self, expression: int) -> int:
        """The normal form: the same for all expressions that are equal by the laws of sums, and of products with numbers."""
        return self._made(self._terms(expression, merged=True))

    def spread(self, expression: int) -> int:
        """The expression as a sum of products with one number each, including 0 and 1: of the same form at all sizes with the same
        operations.
        """
        return self._made_of_all(self._terms(expression, merged=False))

    def _terms(self, expression: int, *, merged: bool) -> tuple[tuple[Fraction, int], ...]:
        known = self._linear[merged]
        for one in in_order([expression], self.operands, known):
            found = list(self._spread(one, known, self._made if merged else self._made_of_all))
            if merged:
                sums: dict[int, Fraction] = {}
                for c, x in found:
                    sums[x] = sums.get(x, Fraction(0)) + c
                found = sorted(((c, x) for x, c in sums.items() if c), key=lambda term: term[1])
            else:
                found.sort(key=lambda term: self._form(term[1]))
            known[one] = tuple(found)
        return known[expression]

    def _made(self, terms: Sequence[tuple[Fraction, int]]) -> int:
        if not terms:
            return self.zero
        if len(terms) == 1 and (terms[0][0] == 1 or terms[0][1] == self.one):
            return terms[0][1] if terms[0][0] == 1 else self.of(NUMBER, terms[0][0])
        return self._made_of_all(terms)

    def _made_of_all(self, terms: Sequence[tuple[Fraction, int]]) -> int:
        return self.of(LINEAR, None, *(k for c, x in terms for k in (self.of(NUMBER, c), x)))

    def _form(self, expression: int) -> int:
        """The number of the expression's form without its numbers, which is the same for all sizes."""
        for one in in_order([expression], self.operands, self._forms):
            key = self.keys[one]
            form = (key[0],) if key[0] in (NUMBER, SIZE) else key if key[0] == INPUT else (*key[:2], *(self._forms[k] for k in key[2:]))
            self._forms[one] = self._known_forms.setdefault(form, len(self._known_forms))
        return self._forms[expression]

    def _spread(self, one: int, known: Mapping[int, Sequence[tuple[Fraction, int]]], made: Callable[..., int]) -> Iterator[Any]:
        op, parameter, *operands = self.keys[one] if self.operands(one) else (None, None)
        xs = [known[k] for k in operands]
        if op is None:
            value = self.keys[one][1]
            yield (value, self.one) if self.keys[one][0] == NUMBER and isinstance(value, Fraction) else (Fraction(1), one)
        elif op in ("add", "sum"):
            yield from (term for x in xs for term in x)
        elif op in ("sub", "neg"):
            yield from (xs[0] if op == "sub" else ())
            yield from ((-c, x) for c, x in xs[-1])
        elif op == LINEAR:
            yield from ((self._number(c) * d, x) for c, terms in zip(xs[::2], xs[1::2], strict=True) for d, x in terms)
        elif op in ("mul", "dot"):
            half = len(xs) // 2
            for x, y in zip(xs[:half], xs[half:], strict=True):
                yield from self._product(x, y, made)
        elif op == "div" and self._is_number(xs[1]) and self._number(xs[1]):
            yield from ((c / self._number(xs[1]), x) for c, x in xs[0])
        elif op == "div":
            (c, a), (d, b) = (self._factor(terms, made) for terms in xs)
            yield (c / d, self.of(op, parameter, a, b)) if d else (Fraction(1), self.of(op, parameter, *map(made, xs)))
        elif op == "square" and self._is_number(xs[0]):
            yield self._number(xs[0]) ** 2, self.one
        else:
            yield Fraction(1), self.of(op, parameter, *map(made, xs))

    def _product(self, x: Sequence[Any], y: Sequence[Any], made: Callable[..., int]) -> Iterator[tuple[Fraction, int]]:
        for number, other in ((x, y), (y, x)):
            if self._is_number(number):
                yield from ((self._number(number) * c, k) for c, k in other)
                return
        (c, a), (d, b) = (self._factor(terms, made) for terms in (x, y))
        yield c * d, self.of("mul", None, *sorted((a, b), key=lambda k: (self._form(k), k)))

    def _factor(self, terms: Sequence[Any], made: Callable[..., int]) -> tuple[Fraction, int]:
        """A number and the term that it multiplies."""
        return terms[0] if len(terms) == 1 else (Fraction(1), made(terms))

    def _is_number(self, terms: Sequence[Any]) -> bool:
        return all(x == self.one for _, x in terms)

    def _number(self, terms: Sequence[Any]) -> Fraction:
        return sum((c for c, _ in terms), Fraction(0))


def in_order(roots: Sequence[Any], behind: Callable[[Any], Sequence[Any]], known: Mapping[Any, Any]) -> Iterator[Any]:
    """All unknown nodes reachable from these, operands first. The caller adds each to the known ones."""
    waiting = list(roots)
    while waiting:
        one = waiting[-1]
        missing = [] if one in known else [k for k in behind(one) if k not in known]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        if one not in known:
            yield one


@dataclass(frozen=True, slots=True)
class Piece:
    """What is known of a register: its expression if it belongs to one example (`who`) or is shared, and `parts`, the expressions that it
    is the sum of: by example, and with the counts of shared ones. If a register couples examples, the line.
    """

    who: int | None
    whole: int | None
    parts: Mapping[int, int]
    shared: Mapping[int, int]
    coupled: SourceLine | None = None


NO_TERMS: Mapping[int, int] = {}
UNKNOWN_LINE = SourceLine("", 0, "")
"""The line of operations that are not in the code."""


class Apart:
    """A builder's registers, taken apart. `entries` are the expressions of the inputs, each with its example (of `n`) or ALL_EXAMPLES."""

    def __init__(self, e: Expressions, b: Builder, entries: Mapping[int, tuple[int, int]], n: int) -> None:
        self.e, self.b = e, b
        self.known: dict[int, Piece] = {r: self._alone(who, x) for r, (who, x) in entries.items()}
        for r, value in b._numbers.items():
            self.known[r] = self._alone(ALL_EXAMPLES, e.of(NUMBER, value if isinstance(value, str) else meant(Fraction(value), n)))
        for i in b._instructions:
            for r, part in zip(i.outs.ravel().tolist(), self._of(i), strict=True):
                self.known[r] = part

    def _alone(self, who: int, x: int) -> Piece:
        if who != ALL_EXAMPLES:
            return Piece(who, x, {who: x}, NO_TERMS)
        return Piece(who, x, NO_TERMS, NO_TERMS if x == self.e.zero else {x: 1})

    def part(self, r: int) -> Piece:
        """The piece of a register. Raises NoSum."""
        if r not in self.known:
            raise NoSum("it computes with numbers that are not finite")
        return self.known[r]

    def is_constant(self, r: int) -> bool:
        """Whether a register depends on no input."""
        tape = self.b.tape(np.array([r], np.intp))
        return tape.behind([r]).isdisjoint(tape.inputs.tolist())

    def _of(self, i: Instruction) -> Iterator[Piece]:
        form, op = i.row.form, i.op
        if form == "composite":
            yield from (Piece(None, None, NO_TERMS, NO_TERMS, i.line or UNKNOWN_LINE) for _ in range(i.outs.size))
        elif form == "matrix":
            rows, columns = i.ins[0].tolist(), i.ins[1].T.tolist()
            yield from (self._products(i, row, column) for row in rows for column in columns)
        elif op == "dot":
            yield from (self._products(i, *rows) for rows in zip(i.ins[0].tolist(), i.ins[1].tolist(), strict=True))
        else:
            operands = [x.tolist() for x in i.ins]
            for k in range(len(i.outs)):
                yield self._operation(i, operands[0][k] if np.ndim(i.ins[0]) > 1 else [x[k] for x in operands])

    def _operation(self, i: Instruction, registers: Sequence[int]) -> Piece:
        xs, op = [self.part(r) for r in registers], i.op
        if any(x.coupled for x in xs):
            return next(x for x in xs if x.coupled)
        who = _who(xs)
        whole = None if who is None else self.e.operation(op, *(x.whole for x in xs if x.whole is not None), parameter=i.parameter)
        if op in ("add", "sum"):
            return self._sum(who, whole, xs)
        if op == "sub":
            return self._sum(who, whole, [xs[0], self._mapped(xs[1], lambda x: self.e.operation("neg", x))])
        if op == "neg":
            return self._sum(who, whole, [self._mapped(xs[0], lambda x: self.e.operation("neg", x))])
        if op == "mul" or (op == "div" and xs[1].who == ALL_EXAMPLES):
            return self._product(i, op, who, whole, *xs)
        if who is None or whole is None:
            return Piece(None, None, NO_TERMS, NO_TERMS, i.line or UNKNOWN_LINE)
        return self._alone(who, whole)

    def _sum(self, who: int | None, whole: int | None, xs: Sequence[Piece]) -> Piece:
        parts: dict[int, list[int]] = {}
        shared: dict[int, int] = {}
        for x in xs:
            for k, term in x.parts.items():
                parts.setdefault(k, []).append(term)
            for term, times in x.shared.items():
                shared[term] = shared.get(term, 0) + times
        if who is not None and who != ALL_EXAMPLES and shared and all(self.e.fixed[x] for x in shared):
            parts.setdefault(who, []).append(self.of_shared(shared))  # numbers beside an example are its own
            shared = {}
        return Piece(who, whole, {k: self.e.sum(terms) for k, terms in parts.items()}, shared)

    def _mapped(self, x: Piece, f: Callable[[int], int]) -> Piece:
        """A linear function of each part."""
        shared = {f(self.of_shared(x.shared)): 1} if x.shared else NO_TERMS
        return Piece(x.who, x.whole, {k: f(term) for k, term in x.parts.items()}, shared)

    def of_shared(self, shared: Mapping[int, int]) -> int:
        """One expression for the shared terms."""
        terms = [self.e.operation("mul", self.e.of(NUMBER, Fraction(times)), x) for x, times in shared.items()]
        return self.e.sum(terms) if terms else self.e.zero

    def _product(self, i: Instruction, op: str, who: int | None, whole: int | None, x: Piece, y: Piece) -> Piece:
        if ALL_EXAMPLES not in (x.who, y.who):  # of two examples, or of one, of which it is no sum any more
            return (
                Piece(None, None, NO_TERMS, NO_TERMS, i.line or UNKNOWN_LINE) if who is None or whole is None else self._alone(who, whole)
            )
        if who == ALL_EXAMPLES and whole is not None:
            nothing = not x.shared or (op == "mul" and not y.shared)
            return Piece(who, whole, NO_TERMS, NO_TERMS) if nothing else self._alone(who, whole)
        if y.who == ALL_EXAMPLES:
            found = self._mapped(x, lambda a: self.e.operation(op, a, y.whole or 0))
        else:
            found = self._mapped(y, lambda a: self.e.operation(op, x.whole or 0, a))
        return Piece(who, whole, found.parts, found.shared)

    def _products(self, i: Instruction, left: Sequence[int], right: Sequence[int]) -> Piece:
        xs, ys = [self.part(r) for r in left], [self.part(r) for r in right]
        if any(x.coupled for x in (*xs, *ys)):
            return next(x for x in (*xs, *ys) if x.coupled)
        who, terms = _who([*xs, *ys]), []
        whole = None if who is None else self.e.operation("dot", *(x.whole for x in (*xs, *ys) if x.whole is not None))
        for x, y in zip(xs, ys, strict=True):
            one = _who([x, y])
            wholes = None if one is None else self.e.operation("mul", *(z.whole for z in (x, y) if z.whole is not None))
            terms.append(self._product(i, "mul", one, wholes, x, y))
            if terms[-1].coupled:
                return terms[-1]
        return self._sum(who, whole, terms)


def _who(xs: Sequence[Piece]) -> int | None:
    """The example that all these belong to, or ALL_EXAMPLES; None for several."""
    found = {x.who for x in xs} - {ALL_EXAMPLES}
    return ALL_EXAMPLES if not found else found.pop() if len(found) == 1 else None


def meant(value: Fraction, n: int) -> Fraction:
    """A constant as its author meant it, if that is a fraction, or one over the number of examples."""
    told = read(value)
    if told.fraction is None or told.fraction != value or value.denominator == 1:
        return value if told.fraction is None else told.fraction
    near = (value * n).limit_denominator(DENOMINATOR) / n
    return near if float(near) == float(value) else value


# From sizes to every size


class Template:
    """Expressions in which constants that depend on the number n of examples are sizes: those that two records have in common."""

    def __init__(self, e: Expressions, sizes: tuple[int, int]) -> None:
        self.e, self.sizes = e, sizes
        self._common: dict[tuple[int, int], int] = {}
        self._at: dict[int, dict[int, int]] = {}

    def common(self, x: int, y: int) -> int:
        """The common form of an expression at the first of the sizes and one at the second: with the same operations, or the same after
        distributing numbers, as 2/n is 1 at the first. Raises NoSum.
        """
        try:
            return self._of_both(x, y)
        except NoSum:
            return self._of_both(self.e.spread(x), self.e.spread(y))

    def _of_both(self, x: int, y: int) -> int:
        e, known = self.e, self._common

        def behind(pair: tuple[int, int]) -> Sequence[tuple[int, int]]:
            a, b = pair
            if a == b or not (e.operands(a) or e.operands(b)):
                return ()
            if e.keys[a][:2] != e.keys[b][:2] or len(e.keys[a]) != len(e.keys[b]):
                raise NoSum(self._differ)
            return [*zip(e.operands(a), e.operands(b), strict=True)]

        for pair in in_order([(x, y)], behind, known):
            a, b = pair
            if a == b:
                known[pair] = a
            elif e.operands(a):
                known[pair] = e.with_operands(a, [known[k] for k in zip(e.operands(a), e.operands(b), strict=True)])
            else:
                known[pair] = self._size(e.keys[a], e.keys[b])
        return known[x, y]

    @property
    def _differ(self) -> str:
        return "its record at {} examples is another one than at {}".format(*self.sizes[::-1])

    def _size(self, a: tuple[Any, ...], b: tuple[Any, ...]) -> int:
        if not (a[0] == b[0] == NUMBER and isinstance(a[1], Fraction) and isinstance(b[1], Fraction)):
            raise NoSum(self._differ)
        forms = [(1, *self._line(a[1], b[1]))]
        if a[1] and b[1]:
            forms.append((-1, *self._line(1 / a[1], 1 / b[1])))
            n, m = map(Fraction, self.sizes)
            for k in range(2, MOST_POWER + 1):
                for power in (k, -k):
                    if a[1] / n**power == b[1] / m**power:
                        return self.e.of(SIZE, power, Fraction(0), Fraction(1), a[1] / n**power)
        whole = [f for f in forms if f[1].denominator == f[2].denominator == 1]
        chosen = min(whole or forms, key=lambda f: f[1] != 0)  # a multiple of n before other lines
        return self.e.of(SIZE, *chosen, Fraction(1))

    def _line(self, a: Fraction, b: Fraction) -> tuple[Fraction, Fraction]:
        n, m = self.sizes
        slope = (b - a) / (m - n)
        return a - slope * n, slope

    def at(self, x: int, n: int) -> int:
        """The expression for n examples. Raises NoSum if a size divides by 0."""
        e, known = self.e, self._at.setdefault(n, {})
        for one in in_order([x], e.operands, known):
            key = e.keys[one]
            if key[0] == SIZE:
                value = key[2] + key[3] * n
                if key[1] < 0 and not value:
                    raise NoSum(f"it divides by 0 at {n} examples")
                known[one] = e.of(NUMBER, key[4] * value ** key[1])
            else:
                known[one] = e.with_operands(one, [known[k] for k in e.operands(one)]) if e.operands(one) else one
        return known[x]


def tape_of(e: Expressions, expressions: Sequence[int], entries: Sequence[int]) -> Tape:
    """Some expressions as a tape of single numbers: the entries of inputs, then the number of examples."""
    b = Builder()
    inputs, n = b.inputs(len(entries)), b.inputs(())
    known: dict[int, Registers] = dict(zip(entries, inputs, strict=True))
    for one in in_order(expressions, e.operands, known):
        key = e.keys[one]
        if key[0] == NUMBER:
            known[one] = b.constants(key[1])
        elif key[0] == SIZE:
            line = b.add(key[2], b.mul(key[3], n))
            power = reduce(b.mul, [line] * abs(key[1]))
            known[one] = b.mul(key[4], power) if key[1] > 0 else b.div(key[4], power)
        elif key[0] == INPUT:
            raise NoSum("it takes an entry of another example")
        elif key[0] == LINEAR:
            terms = [b.mul(known[c], known[x]) for c, x in zip(key[2::2], key[3::2], strict=True)]
            known[one] = reduce(b.add, terms) if terms else b.constants(0)
        else:
            known[one] = _applied(b, key[0], [known[k] for k in key[2:]], key[1])
    return b.tape(np.array([known[x] for x in expressions], np.intp))


def _applied(b: Builder, op: str, operands: Sequence[Registers], parameter: Any) -> Any:
    row = PRIMITIVES[op]
    if row.form == "row" or op in ("max", "min"):
        flat = np.array(operands, np.intp)
        return b.apply(row, np.split(flat, 2) if op == "dot" else [flat], parameter)
    return b.apply(row, operands, parameter)
