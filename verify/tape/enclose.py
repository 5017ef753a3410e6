"""Evaluates a tape in balls: thin ones around the true values, fat ones around all values that rounding allows; at points, over boxes,
along lines.

Every switch keeps the pieces that it may choose. Along a line the registers are power series in t, and with `ahead` each switch takes the
piece that it has for small t > 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache, partial, reduce
from typing import Any

import flint
import numpy as np
from flint import arb, arb_mat, arb_series
from numpy.typing import NDArray

from verify.rounding import unit_roundoff
from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.balls import Ball, KinkOnSegment, constant, sign_ahead
from verify.tape.primitives import COMPARISONS, Number, Primitive, exact, given, is_held
from verify.tape.tape import Definition, Instruction, Tape

Objects = NDArray[Any]
Function = Callable[..., Ball]


def column(values: Iterable[Any], n: int) -> Objects:
    """An object array of balls. (numpy would take a series apart.)"""
    return np.fromiter(values, dtype=object, count=n)


@dataclass(frozen=True, eq=False)
class Balls(Arithmetic):
    """Columns are arrays of balls, or of power series of them. With `u` each result is widened by its rounding error."""

    u: arb | None = None
    _numbers: dict[tuple[Number, int], arb] = field(default_factory=dict)
    _functions: dict[tuple[Primitive, Any], Function] = field(default_factory=dict)

    def number(self, value: Number) -> arb:
        """The ball of a number at the present precision, with its rounding error where not every dtype holds it."""
        key = value, flint.ctx.prec
        found = self._numbers.get(key)
        if found is None:
            found = exact(value)
            if self.u is not None and not is_held(value):
                found += arb(0, self.u * found.abs_upper())
            self._numbers[key] = found
        return found

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Objects:
        """The column of one primitive; for `matmul` a matrix of balls."""
        if row.form == "matrix":
            return self._product(*ins)
        if row.form == "composite":
            return np.asarray(row.ball(self, *ins))
        columns = [x if isinstance(x, np.ndarray) else _scalar(self.number(x)) for x in ins]
        if row.form == "row" or row.name in ("max", "min"):
            rows = [[x.tolist() for x in c] for c in columns]
            return column(map(self.function(row, parameter), *rows), columns[0].shape[0])
        if any(c.shape != columns[0].shape for c in columns):
            columns = list(np.broadcast_arrays(*columns))
        shape, flat = columns[0].shape, [c.ravel() for c in columns]
        return column(map(self.along(row, parameter), *flat), len(flat[0])).reshape(shape)

    def function(self, row: Primitive, parameter: Any = None) -> Function:
        """The function of one output in its operands, or in a row of each, widened by its rounding error."""
        key = row, parameter
        if key not in self._functions:
            self._functions[key] = self._widened(row, parameter)
        return self._functions[key]

    def along(self, row: Primitive, parameter: Any = None) -> Function:
        """The function of one output for operands that may be series."""
        return self.function(row, parameter) if row.native else partial(One(self).of, row, parameter)

    def _widened(self, row: Primitive, parameter: Any) -> Function:
        ball: Function = row.ball if parameter is None else lambda *xs: row.ball(*xs, parameter)
        if row.form == "row":
            return ball if self.u is None else _rounded_row(ball, self.u)
        unit, size = self._unit(row, parameter), row.size
        if unit is None:
            return ball

        def rounded(x: arb) -> arb:
            value = ball(x)
            return arb(value, unit * value.abs_upper())

        def rounded_pair(x: arb, y: arb) -> arb:
            value = ball(x, y)
            return arb(value, unit * value.abs_upper())

        def sized(*xs: arb) -> arb:
            value = ball(*xs)
            return arb(value, unit * size(value.abs_upper(), *(x.abs_upper() for x in xs)))  # type: ignore[misc]

        if size is not None:
            return sized
        if len(row.domain) == 1:
            return rounded
        return rounded_pair

    def _unit(self, row: Primitive, parameter: Any) -> arb | None:
        """The relative error of one evaluation; None where it is exact."""
        roundings = row.rounded(parameter)
        if self.u is None or not roundings:
            return None
        return roundings * (self.u if row.name != "round_to" else max(self.u, arb(unit_roundoff(parameter))))

    def _product(self, a: Objects, b: Objects) -> Objects:
        (n, k), m = a.shape, b.shape[1]
        x, y = a.ravel().tolist(), b.ravel().tolist()
        if arb_series in map(type, x) or arb_series in map(type, y):
            return _product_of_series(a, b)
        return column(self.product((n, k, m), x, y), n * m).reshape(n, m)

    def product(self, shape: tuple[int, int, int], x: Sequence[arb], y: Sequence[arb]) -> list[arb]:
        """The entries of a product of matrices (n, k) and (k, m) of balls, row by row."""
        n, k, m = shape
        found: list[arb] = (arb_mat(n, k, x) * arb_mat(k, m, y)).entries()
        if self.u is None:
            return found
        sizes = arb_mat(n, k, [*map(arb.abs_upper, x)]) * arb_mat(k, m, [*map(arb.abs_upper, y)])
        unit = k * self.u
        return [arb(value, (unit * size).abs_upper()) for value, size in zip(found, sizes.entries(), strict=True)]


@dataclass(frozen=True, eq=False)
class One(Arithmetic):
    """`Balls` for single balls or series instead of columns."""

    a: Balls

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Ball:
        """One output of an elementwise primitive."""
        return self.of(row, parameter, *(x if isinstance(x, (arb, arb_series)) else self.a.number(x) for x in ins))

    def of(self, row: Primitive, parameter: Any, *xs: Ball) -> Ball:
        """One output for operands that are balls or series."""
        if row.native or not any(type(x) is arb_series for x in xs):
            return self.a.function(row, parameter)(*xs)
        return _series(self, row, parameter, xs)


def _series(one: One, row: Primitive, parameter: Any, xs: Sequence[Ball]) -> arb_series:
    """The series of a function from its partials: y' = Σ ∂ᵢ·xᵢ', one coefficient after the other."""
    assert row.partials is not None
    moving = [n for n, x in enumerate(xs) if isinstance(x, arb_series)]
    terms = max(xs[n].prec for n in moving)
    found = [one.a.function(row, parameter)(*map(constant, xs))]
    for k in range(1, terms):
        partials = row.partials(one, arb_series(found, k), *(_cut(x, k) for x in xs), *given(parameter))
        rate = arb(0)
        for n in moving:
            p = partials[n]
            rate += ((p if isinstance(p, (arb, arb_series)) else one.a.number(p)) * _rate(xs[n], k))[k - 1]
        found.append(rate / k)
    return arb_series(found, terms)


def _product_of_series(a: Objects, b: Objects) -> Objects:
    """A product of matrices with series among their entries: products of their coefficients, one after the other."""
    (n, _), m = a.shape, b.shape[1]
    along = [np.array([type(x) is arb_series for x in c.flat], bool).reshape(c.shape) for c in (a, b)]
    moves = (along[0].any(1, keepdims=True) | along[1].any(0, keepdims=True)).ravel().tolist()
    terms = min(x.prec for c, s in zip((a, b), along, strict=True) for x in c[s])
    left, right = (_coefficients(c, terms) for c in (a, b))
    sums = [[arb(0)] * (n * m) for _ in range(terms)]
    for k in range(terms):
        products = [x * right[k - i] for i, x in left.items() if k - i in right]
        if products:
            sums[k] = reduce(operator.add, products).entries()
    return column((arb_series(x, terms) if s else x[0] for s, *x in zip(moves, *sums, strict=True)), n * m).reshape(n, m)


def _coefficients(c: Objects, terms: int) -> dict[int, arb_mat]:
    """The matrices of the coefficients, up to the last that is not 0."""
    n, m = c.shape
    parts = [x.coeffs() if type(x) is arb_series else [x] for x in c.flat]
    most = min(terms, max(map(len, parts)))
    return {k: arb_mat(n, m, [x[k] if k < len(x) else 0 for x in parts]) for k in range(most)}


def _rate(x: arb_series, terms: int) -> arb_series:
    return arb_series([(k + 1) * x[k + 1] for k in range(min(terms, x.prec - 1))], terms)


def _cut(x: Ball, terms: int) -> Ball:
    return arb_series([x[k] for k in range(min(terms, x.prec))], terms) if isinstance(x, arb_series) else x


def _rounded_row(ball: Function, u: arb) -> Function:
    """A sum in any order: one rounding error per addition (and multiplication) of all summands."""

    @cache
    def unit(terms: int, operands: int) -> arb | None:
        n = terms - 1 + (operands > 1)
        return n * u if n else None

    def rounded(*parts: Sequence[arb]) -> Ball:
        value, each = ball(*parts), unit(len(parts[0]), len(parts))
        if each is None:
            return value
        sizes = [map(arb.abs_upper, xs) for xs in parts]
        return arb(value, each * reduce(operator.add, sizes[0] if len(sizes) == 1 else map(operator.mul, *sizes)))

    return rounded


def _scalar(x: Ball) -> Objects:
    found = np.empty((), object)
    found[()] = x
    return found


@dataclass(eq=False)
class Run:
    """The values of all registers after a run, the possible pieces of each switch, and the unit roundoff if there was one.

    `kinked` are the registers whose derivatives along a line are unknown, since a switch that they depend on may turn there.
    """

    tape: Tape
    values: list[Any]
    possible: dict[int, list[int]]
    arithmetic: Balls
    kinked: set[int]

    @cached_property
    def registers(self) -> Objects:
        """The values as an array."""
        return column(self.values, self.tape.size)

    def total(self, outputs: Sequence[int]) -> Ball:
        """The sum of these registers, without the derivatives that are unknown. Raises KinkOnSegment where one of them is kinked."""
        if not self.kinked.isdisjoint(outputs):
            raise KinkOnSegment
        found = sum((self.values[k] for k in outputs), arb(0))
        if constant(found).is_finite() or not any(map(self.is_unknown, outputs)):  # an unknown term has no finite value
            return found
        terms = max((x.prec for k in self.tape.inputs.tolist() if type(x := self.values[k]) is arb_series), default=0)
        return arb_series([arb.nan()] * terms, terms) if terms else arb.nan()

    def is_unknown(self, output: int) -> bool:
        """Whether switches may choose a constant that is not finite, which stands for an unknown value. (Its derivative would be 0.)"""
        waiting = [output]
        while waiting:
            r = waiting.pop()
            if r in self.possible:
                i, e = self.tape.places[r]
                waiting += [i.pieces(e)[p][0] for p in self.possible[r]]
            elif not self.tape.moving[r] and not constant(self.values[r]).is_finite():
                return True
        return False

    @property
    def open(self) -> list[int]:
        """The switches with more than one possible piece, in order."""
        return [k for k, pieces in self.possible.items() if len(pieces) > 1]

    @property
    def jumps(self) -> list[int]:
        """The open switches whose possible pieces certainly differ: there the value jumps."""
        found = []
        for k in self.open:
            i, e = self.tape.places[k]
            values = [constant(self.values[i.pieces(e)[p][0]]) for p in self.possible[k]]
            if i.op == "where" and not values[0].overlaps(values[1]):
                found.append(k)
        return found


def balls(u: arb | None) -> Balls:
    """The shared `Balls` for this unit roundoff, with its cache of numbers. A `u` that is no float is rounded up to one."""
    if u is None:
        return _balls(None)
    nearest = float(u)
    return _balls(nearest if u == nearest else float(np.nextafter(float(u.upper()), np.inf)))


@lru_cache(maxsize=16)
def _balls(u: float | None) -> Balls:
    return Balls(None if u is None else arb(u))


def run(
    tape: Tape,
    inputs: Sequence[Ball],
    u: arb | None = None,
    *,
    ahead: bool = False,
    taken: Mapping[int, list[int]] | None = None,
    begun: Run | None = None,
    arithmetic: Balls | None = None,
) -> Run:
    """All registers for these inputs, in the tape's order; with `u`, widened by the rounding errors of floating-point arithmetic.

    With `ahead`, the inputs are series in t, and every switch takes the piece that it has for small t > 0. With `taken` (another run's
    `possible`) it takes that piece, wherever the inputs lie. Registers of `begun`, a run of a tape of the same recorder with the same
    inputs and roundings, are not computed again. `arithmetic` replaces the one for `u`.
    """
    a = arithmetic or balls(u)
    ready = _prepared(tape, a, arb_series in map(type, inputs), None if begun is None else begun.tape)
    if begun is None:
        walk = Walk(ready.registers.copy(), ahead, taken, {}, set())
        for k, x in zip(ready.inputs, inputs, strict=True):
            walk.registers[k] = x
    else:
        known = begun.values
        walk = Walk(known + ready.registers[len(known) :], ahead, taken, begun.possible.copy(), begun.kinked.copy())
    for step in ready.steps:
        step(walk)
    return Run(tape=tape, values=walk.registers, possible=walk.possible, arithmetic=a, kinked=walk.kinked)


@dataclass(slots=True)
class Walk:
    """The intermediate results of a run: see `run` and `Run`."""

    registers: list[Any]
    ahead: bool
    taken: Mapping[int, list[int]] | None
    possible: dict[int, list[int]]
    kinked: set[int]


Step = Callable[[Walk], None]


@dataclass(frozen=True)
class _Prepared:
    """The common preparation of all runs of a tape: the constants in their registers, the registers of the inputs, and the steps."""

    registers: list[Any]
    inputs: list[int]
    steps: list[Step]


def _prepared(tape: Tape, a: Balls, along: bool, begun: Tape | None) -> _Prepared:
    """The preparation, cached for all runs with these roundings at the present precision, along lines or not, continuing a run of the same
    tape.
    """
    key = a, flint.ctx.prec, along, begun
    found: _Prepared | None = tape.prepared.get(key)
    if found is None:
        registers: list[Any] = [None] * tape.size
        for k, value in tape.constants.items():
            registers[k] = a.number(value)
        done = frozenset(() if begun is None else begun.instructions)
        found = _Prepared(registers, tape.inputs.tolist(), [_step(tape, i, a, along) for i in tape.instructions if i not in done])
        tape.prepared[key] = found
    return found


def _step(tape: Tape, i: Instruction, a: Balls, along: bool) -> Step:
    form = i.row.form
    if form == "switch":
        return _switching(tape, i, along)
    if form == "comparison":
        return _comparing(tape, i, along)
    if form == "matrix" and not along:
        return _multiplying(i, a)
    compute = _whole(i, a) if form in ("matrix", "composite") else _one_by_one(i, a, along)
    if not along:
        return compute

    def step(walk: Walk) -> None:
        if walk.kinked:
            walk.kinked.update(_kinked(i, walk.kinked))
        compute(walk)

    return step


def _whole(i: Instruction, a: Balls) -> Step:
    """The step of an instruction on matrices."""
    outs = i.outs.ravel().tolist()
    ins = [(r.shape, r.ravel().tolist()) for r in i.ins]

    def step(walk: Walk) -> None:
        registers = walk.registers
        matrices = [column([registers[r] for r in flat], len(flat)).reshape(shape) for shape, flat in ins]
        for k, x in zip(outs, a.apply(i.row, matrices, i.parameter).flat, strict=True):
            registers[k] = x

    return step


def _multiplying(i: Instruction, a: Balls) -> Step:
    """The step of a product of matrices of balls."""
    outs, (left, right) = i.outs.ravel().tolist(), (r.ravel().tolist() for r in i.ins)
    shape = *i.ins[0].shape, i.ins[1].shape[1]

    def step(walk: Walk) -> None:
        registers = walk.registers
        for k, x in zip(outs, a.product(shape, [registers[r] for r in left], [registers[r] for r in right]), strict=True):
            registers[k] = x

    return step


def _one_by_one(i: Instruction, a: Balls, along: bool) -> Step:
    """The step of an instruction whose outputs each depend on one element of its operands, or on a row of them."""
    f, elements = (a.along if along else a.function)(i.row, i.parameter), i.elements

    def row(walk: Walk) -> None:
        registers = walk.registers
        for k, (part,) in elements:
            registers[k] = f([registers[r] for r in part])

    def rows(walk: Walk) -> None:
        registers = walk.registers
        for k, parts in elements:
            registers[k] = f(*([registers[r] for r in part] for part in parts))

    def of_one(walk: Walk) -> None:
        registers = walk.registers
        for k, (x,) in elements:
            registers[k] = f(registers[x])

    def of_two(walk: Walk) -> None:
        registers = walk.registers
        for k, (x, y) in elements:
            registers[k] = f(registers[x], registers[y])

    if i.row.form == "row":
        return row if len(i.ins) == 1 else rows
    return of_one if len(i.ins) == 1 else of_two


def _kinked(i: Instruction, kinked: set[int]) -> Iterable[int]:
    """The outputs of an instruction that depend on kinked registers."""
    if i.row.form == "matrix":
        left, right = (np.isin(r, list(kinked)) for r in i.ins)
        found: list[int] = i.outs[left.any(1, keepdims=True) | right.any(0, keepdims=True)].tolist()
        return found
    if i.row.form == "composite":
        return i.outs.ravel().tolist() if any(not kinked.isdisjoint(r.ravel().tolist()) for r in i.ins) else ()
    return (k for k, ins in i.elements if not kinked.isdisjoint(np.ravel(ins).tolist()))


COMBINE: dict[str, Callable[[arb, arb], arb]] = {"max": arb.max, "abs": arb.max, "min": arb.min, "where": arb.union}
"""How to combine two pieces of a switch into one ball."""


def _switching(tape: Tape, i: Instruction, along: bool) -> Step:
    """The step of a switch: its possible pieces, and a ball over them."""
    op, combine, less, choices = i.op, COMBINE[i.op], operator.gt if i.op == "min" else operator.lt, i.choices
    conditions = i.ins[0].tolist() if op == "where" else [-1] * len(choices)
    degrees = [max(float(tape.degrees[r]) for r, _ in pieces) for _, pieces in choices] if along else [0.0] * len(choices)
    elements = [(k, pieces, condition, degree) for (k, pieces), condition, degree in zip(choices, conditions, degrees, strict=True)]

    def step(walk: Walk) -> None:
        registers = walk.registers
        for k, pieces, condition, degree in elements:
            if op == "where" and not walk.taken:
                possible = _chosen(registers[condition], walk.ahead)
                values = [registers[r] for r, _ in pieces]
            else:
                values = [registers[r] if s > 0 else -registers[r] for r, s in pieces]
                if walk.taken:
                    possible = walk.taken[k]
                elif walk.ahead:
                    possible = [_greatest_ahead(op, values, degree)]
                else:
                    possible = _greatest(less, list(map(constant, values)) if along else values)
            walk.possible[k] = possible
            if len(possible) == 1:
                registers[k] = values[possible[0]]
            else:
                over = [values[p] for p in possible]
                registers[k] = reduce(combine, map(constant, over))
                if along and (any(type(x) is arb_series for x in over) or not all(x == over[0] for x in over)):
                    walk.kinked.add(k)
            if walk.kinked and any(pieces[p][0] in walk.kinked for p in possible):
                walk.kinked.add(k)

    return step


def _chosen(truth: bool | None, ahead: bool) -> list[int]:
    """The pieces that a condition may choose."""
    if truth is None and ahead:
        raise KinkOnSegment
    return [0, 1] if truth is None else [0 if truth else 1]


def _greatest(less: Callable[[arb, arb], bool], values: Sequence[arb]) -> list[int]:
    """The pieces that may be the greatest (for `min`, the least) somewhere in the box."""
    if len(values) == 2:
        x, y = values
        return [1] if less(x, y) else [0] if less(y, x) else [0, 1]
    return [p for p, x in enumerate(values) if not any(less(x, y) for y in values)]


def _greatest_ahead(op: str, values: Sequence[Ball], degree: float) -> int:
    """The piece that is the greatest (for `min`, the least) just ahead."""
    best, flip = 0, -1 if op == "min" else 1
    for p in range(1, len(values)):
        sign = _sign_ahead(values[p] - values[best], degree)
        if sign is None:
            raise KinkOnSegment
        best = p if flip * sign > 0 else best
    return best


def _sign_ahead(difference: Ball, degree: float) -> int | None:
    """The sign just ahead; 0 only where the known derivatives are all that there are, since balls along a line do not distinguish its
    sides.
    """
    whole = not isinstance(difference, arb_series) or degree < difference.prec
    sign = sign_ahead(difference)
    return sign if sign or (whole and sign == 0) else None


def _comparing(tape: Tape, i: Instruction, along: bool) -> Step:
    """The step of comparisons: their truth values, None where one is open."""
    ball, elements = i.row.ball, i.elements

    def turn(walk: Walk) -> None:
        registers = walk.registers
        for k, (x,) in elements:
            registers[k] = ball(registers[x])

    def join(walk: Walk) -> None:
        registers = walk.registers
        for k, (x, y) in elements:
            registers[k] = ball(registers[x], registers[y])

    if i.op not in COMPARISONS:
        return turn if i.op == "not" else join

    degrees = [max(float(tape.degrees[x]), float(tape.degrees[y])) for _, (x, y) in elements] if along else [0.0] * len(elements)

    def compare(walk: Walk) -> None:
        registers = walk.registers
        for (k, (x, y)), degree in zip(elements, degrees, strict=True):
            if walk.ahead:
                sign = _sign_ahead(registers[x] - registers[y], degree)
                registers[k] = None if sign is None else ball(sign, 0)
            else:
                registers[k] = ball(constant(registers[x]), constant(registers[y]))

    return compare


def reached(run: Run, outputs: Sequence[int], *, conditions: bool = False) -> list[int]:
    """The switches that these registers depend on through possible pieces, in order; with `conditions`, also those that their conditions
    depend on.
    """
    tape, seen = run.tape, np.zeros(run.tape.size, bool)
    seen[list(outputs)] = True
    for i in reversed(tape.instructions):
        asked = seen[i.outs]
        if not asked.any():
            continue
        if i.row.form == "switch":
            for e in np.flatnonzero(asked).tolist():
                seen[_come_from(Definition(i, e), run, conditions)] = True
        elif i.row.form == "matrix":
            seen[i.ins[0][asked.any(1)]] = seen[i.ins[1][:, asked.any(0)]] = True
        else:
            for r in i.ins:
                seen[r if i.row.form == "composite" else r[asked]] = True
    return [k for k in run.possible if seen[k]]


def _come_from(place: Definition, run: Run, conditions: bool) -> list[int]:
    """The registers that a switch depends on, with those that it compares if `conditions`."""
    i, e = place
    chosen = [i.pieces(e)[p][0] for p in run.possible[int(i.outs[e])]]
    others = [r for r, _ in i.pieces(e)] if i.op in ("max", "min") else [int(i.ins[0][e])]
    return [*chosen, *others] if conditions else chosen
