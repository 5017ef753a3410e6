"""A tape in balls: thin ones around what is true, fat ones around all that careful floats may hold; at points, over boxes, along lines.

Every switch keeps the pieces that may be the chosen one. Along a line the registers are power series in t, and with `ahead` each switch
takes the piece that it has for small t > 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import repeat
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series
from numpy.typing import NDArray

from verify.rounding import unit_roundoff
from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.balls import Ball, KinkOnSegment, constant, sign_ahead
from verify.tape.primitives import COMPARISONS, Number, Primitive, exact, given, is_held
from verify.tape.tape import Instruction, Place, Tape

Objects = NDArray[Any]

FEW = 4
"""Elements of an instruction up to which they are computed one by one."""


def column(values: Iterable[Any], n: int) -> Objects:
    """An array of balls. (numpy would take a series apart.)"""
    return np.fromiter(values, dtype=object, count=n)


@dataclass(frozen=True)
class Balls(Arithmetic):
    """Columns are arrays of balls, or of power series of them. With `u` each result is widened by its roundings."""

    u: arb | None = None
    _numbers: dict[Number, arb] = field(default_factory=dict)

    def number(self, value: Number) -> arb:
        """The ball of a number, with its rounding where not every dtype holds it."""
        found = self._numbers.get(value)
        if found is None:
            found = exact(value)
            if self.u is not None and not is_held(value):
                found += arb(0, self.u * found.abs_upper())
            self._numbers[value] = found
        return found

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Objects:
        """The column of one primitive; a matrix of them for `matmul`."""
        if row.form == "matrix":
            return self._product(*ins)
        if row.form == "composite":
            return np.asarray(row.ball(self, *ins))
        columns = [x if isinstance(x, np.ndarray) else _scalar(self.number(x)) for x in ins]
        if row.form == "row" or row.name in ("max", "min"):
            n, rest = columns[0].shape[0], given(parameter)
            rows = [[x.tolist() for x in c] for c in columns]
            return column((self._rounded_row(row, parts, rest) for parts in zip(*rows, strict=True)), n)
        columns = list(np.broadcast_arrays(*columns))
        shape, flat = columns[0].shape, [c.ravel() for c in columns]
        return self._elementwise(row, flat, parameter).reshape(shape)

    def scalars(self, i: Instruction, registers: Objects) -> None:
        """The outputs of an instruction of few elements, one after the other: columns cost more than they save there."""
        row, rest = i.row, given(i.parameter)
        if row.form == "row":
            for k, parts in i.elements:
                registers[k] = self._rounded_row(row, [[registers[r] for r in part] for part in parts], rest)
            return
        unit = self._unit(row, i.parameter)
        for k, ins in i.elements:
            xs = [registers[r] for r in ins]
            if not row.native and any(type(x) is arb_series for x in xs):
                (registers[k],) = self._series(row, [column([x], 1) for x in xs], i.parameter)
                continue
            value = row.ball(*xs, *rest)
            if unit is not None:
                size = value.abs_upper() if row.size is None else row.size(*(x.abs_upper() for x in (value, *xs)))
                value += arb(0, unit * size)
            registers[k] = value

    def _unit(self, row: Primitive, parameter: Any) -> arb | None:
        """What one evaluation may err by, relative to its size; None where it does not."""
        roundings = row.rounded(parameter)
        if self.u is None or not roundings:
            return None
        return roundings * (self.u if row.name != "round_to" else max(self.u, arb(unit_roundoff(parameter))))

    def _elementwise(self, row: Primitive, flat: Sequence[Objects], parameter: Any) -> Objects:
        n, rest = len(flat[0]), [repeat(p) for p in given(parameter)]
        if not row.native and any(type(x) is arb_series for c in flat for x in c):
            return self._series(row, flat, parameter)
        values = map(row.ball, *flat, *rest)
        unit = self._unit(row, parameter)
        if unit is None:
            return column(values, n)
        if row.size is None:
            return column((v + arb(0, unit * v.abs_upper()) for v in values), n)
        size = row.size
        return column(
            (v + arb(0, unit * size(*(x.abs_upper() for x in (v, *xs)))) for v, xs in zip(values, zip(*flat, strict=True), strict=True)), n
        )

    def _rounded_row(self, row: Primitive, parts: Sequence[list[Ball]], rest: tuple[Any, ...]) -> Ball:
        """A sum, whatever its order: one rounding an addition (and a multiplication) of all that is summed."""
        value = row.ball(*parts, *rest)
        if self.u is None or row.form != "row":
            return value
        sizes = [reduce(lambda a, b: a * b.abs_upper(), xs, arb(1)) for xs in zip(*parts, strict=True)]
        roundings = len(sizes) - 1 + (len(parts) > 1)
        return value + arb(0, roundings * self.u * sum(sizes, arb(0))) if roundings else value

    def _product(self, a: Objects, b: Objects) -> Objects:
        (n, k), m = a.shape, b.shape[1]
        if any(type(x) is arb_series for c in (a, b) for x in c.flat):
            values = column((reduce(lambda p, q: p + q, map(lambda p, q: p * q, x, y)) for x in a for y in b.T), n * m)
            return values.reshape(n, m)
        found = column((arb_mat(n, k, a.ravel().tolist()) * arb_mat(k, m, b.ravel().tolist())).entries(), n * m).reshape(n, m)
        if self.u is None:
            return found
        sizes = [arb_mat(c.shape[0], c.shape[1], [x.abs_upper() for x in c.flat]) for c in (a, b)]
        size = column((sizes[0] * sizes[1]).entries(), n * m)
        unit = k * self.u
        return column((v + arb(0, (unit * s).abs_upper()) for v, s in zip(found.flat, size, strict=True)), n * m).reshape(n, m)

    def _series(self, row: Primitive, flat: Sequence[Objects], parameter: Any) -> Objects:
        """Series of a function by its partials: y' = Σ ∂ᵢ·xᵢ', one coefficient after the other."""
        assert row.partials is not None
        terms = [max((x.prec for x in xs if isinstance(x, arb_series)), default=1) for xs in zip(*flat, strict=True)]
        value = self._elementwise(row, [column(map(constant, c), len(c)) for c in flat], parameter)
        found = [[v] for v in value]
        for k in range(1, max(terms)):
            ins = [column((_cut(x, k) for x in c), len(c)) for c in flat]
            v = column((arb_series(f, k) for f in found), len(found))
            partials = row.partials(self, v, *ins, *given(parameter))
            for j, f in enumerate(found):
                rate = arb(0)
                for p, c in zip(partials, flat, strict=True):
                    x = c[j]
                    if isinstance(x, arb_series):
                        q = p[j] if isinstance(p, np.ndarray) else self.number(p)
                        rate += (q * _rate(x, k))[k - 1]
                f.append(rate / k)
        return column((arb_series(f[:n], n) for f, n in zip(found, terms, strict=True)), len(found))


def _rate(x: arb_series, terms: int) -> arb_series:
    return arb_series([(k + 1) * x[k + 1] for k in range(min(terms, x.prec - 1))], terms)


def _cut(x: Ball, terms: int) -> Ball:
    return arb_series([x[k] for k in range(min(terms, x.prec))], terms) if isinstance(x, arb_series) else x


def _scalar(x: Ball) -> Objects:
    found = np.empty((), object)
    found[()] = x
    return found


@dataclass(frozen=True, kw_only=True)
class Run:
    """The registers after a run, for each switch the pieces that were possible, and the unit roundoff if there was one.

    `kinked` are the registers whose derivatives along a line are not known, since a switch that they depend on may turn there.
    """

    tape: Tape
    registers: Objects
    possible: dict[int, list[int]]
    arithmetic: Balls
    kinked: NDArray[np.bool_]

    def total(self, outputs: Sequence[int]) -> Ball:
        """The sum of these registers. Raises KinkOnSegment where one of them is kinked."""
        if any(self.kinked[k] for k in outputs):
            raise KinkOnSegment
        return sum((self.registers[k] for k in outputs), arb(0))

    @property
    def open(self) -> list[int]:
        """The switches of which more than one piece is possible, in order."""
        return [k for k, pieces in self.possible.items() if len(pieces) > 1]

    @property
    def jumps(self) -> list[int]:
        """The open switches whose possible pieces certainly differ: there the value jumps."""
        found = []
        for k in self.open:
            i, e = self.tape.places[k]
            values = [constant(self.registers[i.pieces(e)[p][0]]) for p in self.possible[k]]
            if i.op == "where" and not values[0].overlaps(values[1]):
                found.append(k)
        return found


def run(
    tape: Tape, inputs: Sequence[Ball], u: arb | None = None, *, ahead: bool = False, taken: Mapping[int, list[int]] | None = None
) -> Run:
    """All registers for these inputs, in the tape's order; with `u`, widened by the roundings of floating-point arithmetic.

    With `ahead`, the inputs are series in t, and every switch takes the piece that it has for small t > 0. With `taken`
    (from another run's `possible`) it takes that piece, wherever the inputs lie.
    """
    a = Balls(u)
    registers = np.empty(tape.size, object)
    for k, x in zip(tape.inputs.tolist(), inputs, strict=True):
        registers[k] = x
    for k, value in tape.constants.items():
        registers[k] = a.number(value)
    kinked, possible = np.zeros(tape.size, bool), {}
    any_kinked = False
    for i in tape.instructions:
        form = i.row.form
        if form == "switch":
            for e, (k, pieces) in enumerate(i.choices):
                possible[k] = taken[k] if taken else _possible(tape, i, e, registers, ahead)
                registers[k], lost = _choose(i, pieces, possible[k], registers)
                if lost or (any_kinked and any(kinked[pieces[p][0]] for p in possible[k])):
                    kinked[k] = any_kinked = True
            continue
        if any_kinked and form != "comparison":
            kinked[i.outs] = _any(i, [kinked[r] for r in i.ins])
        if form in ("elementwise", "row") and len(i.outs) <= FEW:
            a.scalars(i, registers)
            continue
        ins = [registers[r] for r in i.ins]
        if form == "comparison":
            registers[i.outs] = _truths(tape, i, ins, ahead)
            continue
        registers[i.outs] = a.apply(i.row, ins, i.parameter)
    return Run(tape=tape, registers=registers, possible=possible, arithmetic=a, kinked=kinked)


def _any(i: Instruction, ins: Sequence[NDArray[np.bool_]]) -> Any:
    if i.row.form == "matrix":
        return ins[0].any(1, keepdims=True) | ins[1].any(0, keepdims=True)
    if i.row.form == "composite":
        return any(x.any() for x in ins)
    return reduce(lambda x, y: x | y, (x.reshape(len(i.outs), -1).any(1) for x in ins))


def _possible(tape: Tape, i: Instruction, e: int, registers: Objects, ahead: bool) -> list[int]:
    """The indices of the pieces that can be chosen: somewhere in the box, or just ahead."""
    pieces = i.pieces(e)
    if i.op == "where":
        truth = registers[i.ins[0][e]]
        if truth is None and ahead:
            raise KinkOnSegment
        return [0, 1] if truth is None else [0 if truth else 1]
    flip = -1 if i.op == "min" else 1
    if not ahead:
        values = [flip * s * constant(registers[r]) for r, s in pieces]
        return [p for p, x in enumerate(values) if not any(x < y for y in values)]
    degree, best = max(float(tape.degrees[r]) for r, _ in pieces), 0
    for p in range(1, len(pieces)):
        (r, s), (q, t) = pieces[p], pieces[best]
        sign = _sign_ahead(flip * (s * registers[r] - t * registers[q]), degree)
        if sign is None:
            raise KinkOnSegment
        best = p if sign > 0 else best
    return [best]


def _sign_ahead(difference: Ball, degree: float) -> int | None:
    """0 only where the derivatives that are known are all that there are: along the line no balls tell one side from the other."""
    whole = not isinstance(difference, arb_series) or degree < difference.prec
    sign = sign_ahead(difference)
    return sign if sign or (whole and sign == 0) else None


def _choose(i: Instruction, pieces: Sequence[tuple[int, int]], possible: Sequence[int], registers: Objects) -> tuple[Ball, bool]:
    """The value of a switch: of its only possible piece, or a ball over all of them; and whether its derivatives are lost."""
    values = [registers[pieces[p][0]] if pieces[p][1] > 0 else -registers[pieces[p][0]] for p in possible]
    if len(values) == 1:
        return values[0], False
    parts = [constant(v) for v in values]
    combine: Callable[[arb, arb], arb] = {"max": arb.max, "abs": arb.max, "min": arb.min}.get(i.op, arb.union)
    return reduce(combine, parts), any(isinstance(v, arb_series) for v in values)


def _truths(tape: Tape, i: Instruction, ins: Sequence[Objects], ahead: bool) -> Objects:
    """The truths of comparisons, None where one is open."""
    n = len(i.outs)
    if i.op not in COMPARISONS:
        return column(map(i.row.ball, *ins), n)
    if not ahead:
        return column((i.row.ball(constant(x), constant(y)) for x, y in zip(*ins, strict=True)), n)
    degrees = np.maximum(tape.degrees[i.ins[0]], tape.degrees[i.ins[1]])
    signs = (_sign_ahead(x - y, d) for x, y, d in zip(*ins, degrees, strict=True))
    return column((None if s is None else i.row.ball(s, 0) for s in signs), n)


def reached(run: Run, outputs: Sequence[int], *, conditions: bool = False) -> list[int]:
    """The switches that these registers depend on through possible pieces, in order; with their conditions if asked."""
    tape = run.tape
    seen: set[int] = set()
    stack = list(outputs)
    while stack:
        r = stack.pop()
        place = tape.places.get(r)
        if r in seen or place is None:
            continue
        seen.add(r)
        switch = place.instruction.row.form == "switch"
        stack += _chosen(place, run, conditions) if switch else tape.operands(r)
    return [k for k in run.possible if k in seen]


def _chosen(place: Place, run: Run, conditions: bool) -> list[int]:
    """What a switch may have come from, and what is compared if that is asked."""
    i, e = place
    chosen = [i.pieces(e)[p][0] for p in run.possible[int(i.outs[e])]]
    others = [r for r, _ in i.pieces(e)] if i.op in ("max", "min") else [int(i.ins[0][e])]
    return [*chosen, *others] if conditions else chosen
