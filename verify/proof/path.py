"""One way through recorded code, in a field: what is needed of a tape under given signs of what is compared, and reverse mode over that.

Registers are computed when they are asked for, so what a `where` leaves out is never looked at. A comparison asks `signs` which of two
elements is greater.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from verify.proof.constants import Reading
from verify.proof.field import Element, Field, Undefined, Unsaid
from verify.tape.primitives import PRIMITIVES
from verify.tape.tape import Builder, Instruction

if TYPE_CHECKING:
    from verify.proof.affine import Forms

Truth = bool | None
"""Of a comparison; None where the record leaves it open."""


class Signs(Protocol):
    """What is assumed of comparisons."""

    def above(self, path: Path, x: int, y: int) -> bool | None:
        """Whether one register is above another, None where both are equal everywhere."""

    def is_split(self, made_of: Any, key: Any) -> bool:
        """Whether a maximum is to be one of its pieces, rather than a number of its own; by registers, and by elements."""

    def given(self, register: int) -> Element:
        """The element of an input that the code has added."""


class Inseparable(BaseException):
    """Maxima that are not to be numbers of their own, by what they are made of."""

    def __init__(self, keys: set[Any]) -> None:
        super().__init__(keys)
        self.keys = keys


class Path:
    """`inputs` are the elements of the input registers, `readings` of constants; `variables` those that derivatives are taken by."""

    def __init__(
        self, f: Field, b: Builder, inputs: Mapping[int, Element], variables: set[int], signs: Signs, read: Callable[[int, Any], Reading]
    ) -> None:
        self.f, self.b, self.signs, self.variables, self._read = f, b, signs, variables, read
        self.elements: dict[int, Element] = dict(inputs)
        self.moving: set[int] = set(variables)
        self.forms: Forms
        self.trace: list[tuple[int, str, tuple[int, ...], Any]] = []
        self.made: dict[int, tuple[str, tuple[int, ...], Any]] = {}
        self.truths: dict[int, Truth] = {}
        self.maxima: dict[int, tuple[Any, Any]] = {}
        self.answers: dict[tuple[int, int], bool | None] = {}
        self._places: dict[int, tuple[Instruction, int]] = {}
        self._seen = 0
        self._own = 0

    def _place(self, r: int) -> tuple[Instruction, int] | None:
        instructions = self.b._instructions
        while self._seen < len(instructions):
            i = instructions[self._seen]
            for e, k in enumerate(i.outs.ravel().tolist()):
                self._places[k] = i, e
            self._seen += 1
        return self._places.get(r)

    def element(self, register: int) -> Element:
        """The value of a register. Raises Unsaid, Undefined."""
        elements, waiting = self.elements, [register]
        while waiting:
            r = waiting[-1]
            if r in elements:
                waiting.pop()
                continue
            place = self._place(r)
            if place is None:
                elements[r] = self._constant(r)
                waiting.pop()
                continue
            i, e = place
            operands = self._operands(i, e)
            missing = [k for k in operands if k not in elements]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            self._compute(r, i, operands)
        return elements[register]

    def _constant(self, r: int) -> Element:
        value = self.b.number(np.intp(r))
        if value is None:
            return self.signs.given(r)
        if isinstance(value, str):
            return self.f.number(value)
        return self._read(r, value).element(self.f)

    def _operands(self, i: Instruction, e: int) -> tuple[int, ...]:
        form = i.row.form
        if form == "elementwise":
            return tuple(int(x[e]) for x in i.ins)
        if form == "row":
            return tuple(k for x in i.ins for k in x[e].tolist())
        if form == "matrix":
            n, m = divmod(e, i.outs.shape[1])
            return (*i.ins[0][n].tolist(), *i.ins[1][:, m].tolist())
        if form == "composite":
            return tuple(k for x in i.ins for k in x.ravel().tolist())
        if i.op == "where":
            truth = self.truth(int(i.ins[0][e]))
            if truth is None:
                raise Unsaid("a choice is open where both sides of a comparison are equal everywhere")
            return (int(i.ins[1 if truth else 2][e]),)
        if i.op == "abs":
            return (int(i.ins[0][e]),)
        if i.op in ("max", "min"):
            return tuple(dict.fromkeys(i.ins[0][e].tolist()))
        raise Unsaid("it computes with a truth")

    def _compute(self, r: int, i: Instruction, operands: tuple[int, ...]) -> None:
        f, op = self.f, i.op
        f.tag = r
        if i.row.form == "composite":
            self._eliminated(i)
            return
        if op in ("max", "min"):
            operands, found, op = self._of_extreme(r, op, operands)
        elif op == "where":
            found, op = self.elements[operands[0]], "alias"
        elif op == "abs":
            positive = self._above(operands[0], int(self.b.constants(0)))
            x = self.elements[operands[0]]
            found, op = (x, "alias") if positive in (True, None) else (f.negative(x), "neg")
        elif i.row.form in ("row", "matrix") and op != "sum":
            half = len(operands) // 2
            xs = [self.elements[k] for k in operands]
            found, op = f.total(map(f.times, xs[:half], xs[half:])), "dot"
        elif op == "sum":
            found = f.total(self.elements[k] for k in operands)
        else:
            found = f.apply(i.row, [self.elements[k] for k in operands], i.parameter)
        self._put(r, op, operands, found, i.parameter)

    def _put(self, r: int, op: str, operands: tuple[int, ...], found: Element, parameter: Any = None) -> None:
        self.elements[r] = found
        self.trace.append((r, op, operands, parameter))
        self.made[r] = op, operands, parameter
        if not self.moving.isdisjoint(operands):
            self.moving.add(r)

    def _step(self, op: str, x: int, y: int) -> int:
        """An operation that no code has written, with a register of its own below 0."""
        self._own -= 1
        self._put(self._own, op, (x, y), self.f.apply(PRIMITIVES[op], [self.elements[x], self.elements[y]]))
        return self._own

    def _eliminated(self, i: Instruction) -> None:
        """The solution of linear equations, or an inverse, by elimination."""
        if i.op not in ("solve", "inv"):
            raise Unsaid(f"{i.op} of matrices has no rule")
        n = len(i.ins[0])
        zero, one = (int(self.b.constants(k)) for k in (0, 1))
        for k in (zero, one):
            self.element(k)
        right = i.ins[1].tolist() if i.op == "solve" else [[one if k == j else zero for j in range(n)] for k in range(n)]
        rows = [[*a, *b] for a, b in zip(i.ins[0].tolist(), right, strict=True)]
        for k in range(n):
            at = next((j for j in range(k, n) if not self.f.is_nothing(self.elements[rows[j][k]])), None)
            if at is None:
                raise Undefined
            rows[k], rows[at] = rows[at], rows[k]
            pivot = rows[k][k]
            rows[k] = [self._step("div", x, pivot) for x in rows[k]]
            for j in range(n):
                if j != k and not self.elements[factor := rows[j][k]].is_zero:
                    rows[j] = [self._step("sub", x, self._step("mul", factor, y)) for x, y in zip(rows[j], rows[k], strict=True)]
        for out, row in zip(i.outs.tolist(), rows, strict=True):
            for r, x in zip(out, row[n:], strict=True):
                self._put(r, "alias", (x,), self.elements[x])

    def _of_extreme(self, r: int, op: str, operands: tuple[int, ...]) -> tuple[tuple[int, ...], Element, str]:
        different: dict[Any, int] = {}
        for k in operands:
            different.setdefault(self.elements[k].v, k)
        pieces = [*different.values()]
        if len(pieces) > 1 and any(self.elements[k].fixed for k in pieces) is False:
            made_of, key = (op, frozenset(operands)), (op, frozenset(different))
            if not self.signs.is_split(made_of, key):
                self.maxima[r] = made_of, key
                return tuple(pieces), self.f.greatest(op, [self.elements[k] for k in pieces]), "greatest"
        best = pieces[0]
        for k in pieces[1:]:
            above = self._above(k, best)
            best = k if above is (op == "max") else best
        return (best,), self.elements[best], "alias"

    def truth(self, register: int) -> Truth:
        """How a comparison turns out."""
        if register not in self.truths:
            self.truths[register] = self._truth(register)
        return self.truths[register]

    def _truth(self, register: int) -> Truth:
        place = self._place(register)
        if place is None:
            raise Unsaid("a number stands for a truth")
        i, e = place
        ins = [int(x[e]) for x in i.ins]
        if i.op == "not":
            inner = self.truth(ins[0])
            return None if inner is None else not inner
        if i.op in ("and", "or"):
            whole = i.op == "or"  # what one side alone decides
            first = self.truth(ins[0])
            if first is whole:
                return whole
            second = self.truth(ins[1])
            return whole if second is whole else None if None in (first, second) else not whole
        if i.op == "where":
            choice = self.truth(ins[0])
            return None if choice is None else self.truth(ins[1 if choice else 2])
        if i.op not in ("lt", "le", "gt", "ge"):
            raise Unsaid("a number stands for a truth")
        x, y = ins
        above = self._above(x, y)
        if above is None:
            return i.op in ("le", "ge")
        return above if i.op in ("gt", "ge") else not above

    def _above(self, x: int, y: int) -> bool | None:
        if (x, y) not in self.answers:
            self.answers[x, y] = self.signs.above(self, x, y)
        return self.answers[x, y]

    def alike(self, keys: set[Any]) -> set[Any]:
        """What all maxima are made of that have one of these keys."""
        return {made_of for made_of, key in self.maxima.values() if key in keys}

    def free_maxima(self, registers: tuple[int, ...]) -> set[Any]:
        """The keys of maxima that are numbers of their own, among what these registers are made of."""
        seen, waiting, found = set(registers), list(registers), set()
        while waiting:
            r = waiting.pop()
            if r in self.maxima:
                found.add(self.maxima[r][1])
            for k in self.made[r][1] if r in self.made else ():
                if k not in seen:
                    seen.add(k)
                    waiting.append(k)
        return found

    def gradient(self, output: int) -> dict[int, Element]:
        """The derivatives by the variables; what is not there is 0. Raises Inseparable where one goes through a maximum."""
        f, elements = self.f, self.elements
        arriving: dict[int, Element] = {output: f.one}

        def add(k: int, x: Element) -> None:
            if k in self.moving:
                known = arriving.get(k)
                arriving[k] = x if known is None else f.plus(known, x)

        for r, op, ins, parameter in reversed(self.trace):
            g = arriving.get(r)
            if g is None or r not in self.moving:
                continue
            f.tag = ("gradient", output, r)
            if op in ("alias", "sum") or op == "add":
                for k in ins:
                    add(k, g)
            elif op == "sub":
                add(ins[0], g)
                add(ins[1], f.negative(g))
            elif op == "neg":
                add(ins[0], f.negative(g))
            elif op in ("mul", "dot"):
                half = len(ins) // 2
                for a, b in zip(ins[:half], ins[half:], strict=True):
                    if a in self.moving:
                        add(a, f.times(g, elements[b]))
                    if b in self.moving:
                        add(b, f.times(g, elements[a]))
            elif op == "greatest":
                f.budget.shown(g.n)
                if not g.is_zero:
                    raise Inseparable(self.alike({self.maxima[r][1]}))
            elif op == "xlogy":
                x, y = (elements[k] for k in ins)
                if ins[0] in self.moving:
                    add(ins[0], f.times(g, f.logarithm(y)))
                if ins[1] in self.moving:
                    add(ins[1], f.times(g, f.over(x, y)))
            elif op == "pow" and ins[1] not in self.moving:
                x, y = (elements[k] for k in ins)
                less = PRIMITIVES["pow"]
                add(ins[0], f.times(g, f.times(y, f.apply(less, [x, f.minus(y, f.one)]))))
            else:
                partials = PRIMITIVES[op].partials
                assert partials is not None
                given = () if parameter is None else (parameter,)
                for k, part in zip(ins, partials(f, elements[r], *(elements[k] for k in ins), *given), strict=True):
                    if k in self.moving:
                        add(k, f.times(g, f.element(part)))
        return arriving
