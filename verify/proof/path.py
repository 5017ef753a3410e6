"""One path through recorded code, in a field: the registers of a tape that are needed under given signs of comparisons, and reverse mode
over them.

Registers are computed when they are needed, so the unused side of a `where` is never evaluated. A comparison asks `signs` which of two
elements is greater.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from verify.proof.constants import Reading
from verify.proof.field import NONE, Element, Field, Tied, Undefined, Unsaid
from verify.tape.primitives import PRIMITIVES
from verify.tape.tape import Builder, Instruction

if TYPE_CHECKING:
    from verify.proof.affine import Forms

Truth = bool | Element | None
"""The truth value of a comparison; None if the record leaves it open. If it depends on open atoms, a polynomial of bits, 0 or 1 for all
assignments.
"""


@dataclass(frozen=True)
class Open:
    """Which of two registers is greater, by the assignments of some bits, as in `Branches`: an entry that is an atom and a sign means the
    former if the atom has that sign.
    """

    order: tuple[int, ...]
    entries: tuple[bool | tuple[int, bool] | None, ...]

    @property
    def bits(self) -> frozenset[int]:
        """All that it depends on."""
        return frozenset((*self.order, *(e[0] for e in self.entries if isinstance(e, tuple))))

    def truth(self, f: Field, op: str) -> Element:
        """The truth value of a comparison by an operator."""
        return f.selected(self.order, [self._entry(f, op, e) for e in self.entries])

    def _entry(self, f: Field, op: str, e: bool | tuple[int, bool] | None) -> Element:
        if not isinstance(e, tuple):
            return f.one if (op in ("le", "ge") if e is None else e is (op in ("gt", "ge"))) else f.zero
        n, sign = e
        return f.bit(n) if sign is (op in ("gt", "ge")) else f.minus(f.one, f.bit(n))


Above = bool | Open | None


class Signs(Protocol):
    """The assumptions about comparisons."""

    def above(self, path: Path, x: int, y: int, *, decided: bool) -> Above:
        """Whether one register is above another; None if both are equal everywhere. The result may be open unless it must be `decided`."""

    def is_split(self, made_of: Any, key: Any) -> bool:
        """Whether a maximum is one of its pieces, rather than a free element; by registers, and by elements."""

    def given(self, register: int) -> Element:
        """The element of an input that the code has added."""

    def goes_on(self) -> None:
        """Raises the error that ends a path that takes too long."""


class Inseparable(BaseException):
    """Maxima that cannot be free elements, by their operands."""

    def __init__(self, keys: set[Any]) -> None:
        super().__init__(keys)
        self.keys = keys


class Places:
    """The instruction of each register, and the register's position in it: cached for all paths of a builder."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self._known: dict[int, tuple[Instruction, int]] = {}
        self._seen = 0

    def of(self, r: int) -> tuple[Instruction, int] | None:
        """The instruction and the position; None for a register without an instruction."""
        instructions = self.b._instructions
        while self._seen < len(instructions):
            i = instructions[self._seen]
            for e, k in enumerate(i.outs.ravel().tolist()):
                self._known[k] = i, e
            self._seen += 1
        return self._known.get(r)


class Path:
    """`inputs` are the elements of the input registers, `readings` those of constants; derivatives are taken in `variables`."""

    def __init__(
        self,
        f: Field,
        places: Places,
        inputs: Mapping[int, Element],
        variables: set[int],
        signs: Signs,
        read: Callable[[int, Any], Reading],
    ) -> None:
        self.f, self.b, self.signs, self.variables, self._read = f, places.b, signs, variables, read
        self._place = places.of
        self.elements: dict[int, Element] = dict(inputs)
        self.moving: set[int] = set(variables)
        self.forms: Forms
        self.trace: list[tuple[int, str, tuple[int, ...], Any]] = []
        self.made: dict[int, tuple[str, tuple[int, ...], Any]] = {}
        self.truths: dict[int, Truth] = {}
        self.maxima: dict[int, tuple[Any, Any]] = {}
        self.answers: dict[tuple[int, int], Above] = {}
        self._own = 0

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
            self._compute(r, i, e, operands)
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
            if isinstance(truth, Element):
                both = int(i.ins[1][e]), int(i.ins[2][e])
                with self.f.needed_by(truth.bits):
                    for k in both:
                        self.element(k)
                return both
            return (int(i.ins[1 if truth else 2][e]),)
        if i.op == "abs":
            return (int(i.ins[0][e]),)
        if i.op in ("max", "min"):
            return tuple(dict.fromkeys(i.ins[0][e].tolist()))
        raise Unsaid("it computes with a truth")

    def _compute(self, r: int, i: Instruction, e: int, operands: tuple[int, ...]) -> None:
        f, op = self.f, i.op
        f.tag = r
        if i.row.form == "composite":
            self._eliminated(i)
            return
        parameter = i.parameter
        if op in ("max", "min"):
            operands, found, op = self._of_extreme(r, op, operands)
        elif op == "where" and len(operands) == 2:
            parameter, op = self._polynomial(self.truths[int(i.ins[0][e])]), "choice"
            found = f.choice(parameter, *(self.elements[k] for k in operands))
        elif op == "where":
            found, op = self.elements[operands[0]], "alias"
        elif op == "abs":
            above = self._above(operands[0], int(self.b.constants(0)))
            x = self.elements[operands[0]]
            if isinstance(above, Open):
                other = self._new("neg", operands, f.negative(x))
                parameter, op, operands = above.truth(f, "gt"), "choice", (operands[0], other)
                found = f.choice(parameter, x, self.elements[other])
            else:
                found, op = (x, "alias") if above in (True, None) else (f.negative(x), "neg")
        elif i.row.form in ("row", "matrix") and op != "sum":
            half = len(operands) // 2
            xs = [self.elements[k] for k in operands]
            found, op = f.total(map(f.times, xs[:half], xs[half:])), "dot"
        elif op == "sum":
            found = f.total(self.elements[k] for k in operands)
        else:
            f.summands = partial(self._summands, operands)
            found = f.apply(i.row, [self.elements[k] for k in operands], i.parameter)
        self._put(r, op, operands, found, parameter)

    def _summands(self, operands: tuple[int, ...], x: Element) -> list[tuple[Element, Fraction]]:
        """The summands of an operand, with factors, if there are several."""
        k = next((k for k in operands if self.elements[k] is x), None)
        if k is None:
            return []
        form = self.forms.of(k)
        found = [(self.forms.elements[key], c) for key, c in form.parts.items()]
        found += [(self.f.one, form.constant)] if form.constant else []
        return found if len(found) > 1 else []

    def _put(self, r: int, op: str, operands: tuple[int, ...], found: Element, parameter: Any = None) -> None:
        self.signs.goes_on()
        self.elements[r] = found
        self.trace.append((r, op, operands, parameter))
        self.made[r] = op, operands, parameter
        if not self.moving.isdisjoint(operands):
            self.moving.add(r)

    def _step(self, op: str, x: int, y: int) -> int:
        """An operation that is not in the code, with a negative register number."""
        return self._new(op, (x, y), self.f.apply(PRIMITIVES[op], [self.elements[x], self.elements[y]]))

    def _new(self, op: str, operands: tuple[int, ...], found: Element, parameter: Any = None) -> int:
        self._own -= 1
        self._put(self._own, op, operands, found, parameter)
        return self._own

    def _eliminated(self, i: Instruction) -> None:
        """The solution of linear equations, or an inverse, by elimination."""
        if i.op not in ("solve", "inv"):
            raise Unsaid(f"{i.op} of matrices has no rule")
        n = len(i.ins[0])
        zero, one = (int(self.b.constants(k)) for k in (0, 1))
        for k in (zero, one):
            self.element(k)
        if bits := self.f.under.union(*(self.elements[k].bits for x in i.ins for k in x.ravel().tolist())):
            raise Tied(bits)  # which rows are exchanged depends on them
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
            if isinstance(above, Open):
                t, both = above.truth(self.f, "gt" if op == "max" else "lt"), (k, best)
                best = self._new("choice", both, self.f.choice(t, *(self.elements[x] for x in both)), t)
            else:
                best = k if above is (op == "max") else best
        return (best,), self.elements[best], "alias"

    def truth(self, register: int, *, decided: bool = False) -> Truth:
        """The outcome of a comparison; a polynomial of bits unless it must be `decided`. Raises Tied."""
        if register not in self.truths:
            found = self._truth(register, decided=decided)
            self.truths[register] = not found.is_zero if isinstance(found, Element) and not found.bits else found
        found = self.truths[register]
        if decided and isinstance(found, Element):
            raise Tied(found.bits)
        return found

    def _truth(self, register: int, *, decided: bool) -> Truth:
        place = self._place(register)
        if place is None:
            raise Unsaid("a number stands for a truth")
        f, (i, e) = self.f, place
        ins = [int(x[e]) for x in i.ins]
        if i.op == "not":
            inner = self.truth(ins[0], decided=decided)
            return f.minus(f.one, inner) if isinstance(inner, Element) else None if inner is None else not inner
        if i.op in ("and", "or"):
            whole = i.op == "or"  # what one side alone decides
            first = self.truth(ins[0], decided=decided)
            if first is whole:
                return whole
            with f.needed_by(first.bits if isinstance(first, Element) else NONE):
                second = self.truth(ins[1], decided=decided)
            if isinstance(first, Element) or isinstance(second, Element):
                return self._both(first, second, whole=whole)
            return whole if second is whole else None if None in (first, second) else not whole
        if i.op == "where":
            choice = self.truth(ins[0], decided=decided)
            if isinstance(choice, Element):
                with f.needed_by(choice.bits):
                    return f.choice(choice, *(self._polynomial(self.truth(k)) for k in ins[1:]))
            return None if choice is None else self.truth(ins[1 if choice else 2], decided=decided)
        if i.op not in ("lt", "le", "gt", "ge"):
            raise Unsaid("a number stands for a truth")
        x, y = ins
        above = self._above(x, y, decided=decided)
        if isinstance(above, Open):
            return above.truth(f, i.op)
        if above is None:
            return i.op in ("le", "ge")
        return above if i.op in ("gt", "ge") else not above

    def _polynomial(self, truth: Truth) -> Element:
        if truth is None:
            raise Unsaid("a choice is open where both sides of a comparison are equal everywhere")
        return truth if isinstance(truth, Element) else self.f.one if truth else self.f.zero

    def _both(self, first: Truth, second: Truth, *, whole: bool) -> Element:
        """The truth value of a conjunction, or of a disjunction."""
        f, x, y = self.f, self._polynomial(first), self._polynomial(second)
        return f.minus(f.plus(x, y), f.times(x, y)) if whole else f.times(x, y)

    def _above(self, x: int, y: int, *, decided: bool = False) -> Above:
        if (x, y) not in self.answers:
            self.answers[x, y] = self.signs.above(self, x, y, decided=decided)
        found = self.answers[x, y]
        if decided and isinstance(found, Open):
            raise Tied(found.bits)
        return found

    def alike(self, keys: set[Any]) -> set[Any]:
        """The operands of all maxima that have one of these keys."""
        return {made_of for made_of, key in self.maxima.values() if key in keys}

    def free_maxima(self, registers: tuple[int, ...]) -> set[Any]:
        """The keys of maxima that are free elements, among the operands of these registers."""
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
        """The derivatives in the variables; missing ones are 0. Raises Inseparable if one passes through a maximum."""
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
            self.signs.goes_on()
            f.tag, f.under = ("gradient", output, r), g.bits  # where it is 0 nobody needs what it is multiplied by
            if op in ("alias", "sum") or op == "add":
                for k in ins:
                    add(k, g)
            elif op == "choice":
                for k, t in zip(ins, (parameter, f.minus(f.one, parameter)), strict=True):
                    if k in self.moving:
                        add(k, f.times(g, t))
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
                    add(ins[0], f.times(g, f.apply(PRIMITIVES["log"], [y])))
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
        f.under = NONE
        return arriving
