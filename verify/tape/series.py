"""A tape along a line: its next kink, the comparisons of its switches, and its slopes over a segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from verify.rounding import BALL_BITS, EXACT_BITS
from verify.tape import enclose, vectors
from verify.tape.balls import Ball, constant, precision
from verify.tape.enclose import Objects, Run, column, reached
from verify.tape.primitives import given
from verify.tape.root_isolation import first_zero, least
from verify.tape.tape import Tape

KINK_OFFSET = 2.0**-64
"""Distance beyond a kink known to BALL_BITS: far enough that signs on both sides differ, and near enough that nothing else changes."""

MANY_COMPARISONS = 8
"""Number of comparisons from which on double precision first decides which may turn at all, and where."""
PARTS, MAX_SUBDIVISIONS = 16, 8
"""Parts of a segment examined at a time, and how often the part in which a gap is 0 is subdivided."""


class Comparison(NamedTuple):
    """Two compared registers, or one and 0: a switch turns where they are equal."""

    left: int
    right: int | None

    def of(self, registers: Sequence[Any]) -> Ball:
        """The difference left − right."""
        return registers[self.left] if self.right is None else registers[self.left] - registers[self.right]

    def degree(self, tape: Tape) -> float:
        """The degree of the difference as a polynomial along a line; infinite if it is not a polynomial."""
        return max(float(tape.degrees[r]) for r in self if r is not None)


def along(point: Sequence[arb], direction: Sequence[arb], t: Ball, terms: int) -> list[Ball]:
    """The inputs point + (t + s)·direction, as series in s with this many terms; those that do not move stay numbers."""
    return [arb_series([x + t * d, d], terms) if not d.is_zero() else x for x, d in zip(point, direction, strict=True)]


def sides(tape: Tape, switch: int, taken: int | None = None) -> Iterator[Comparison]:
    """The comparisons that decide a switch, restricted to those that could end its present piece."""
    i, e = tape.places[switch]
    if i.op == "abs":
        yield Comparison(int(i.ins[0][e]), None)
    elif i.op == "where":
        yield from _compared(tape, int(i.ins[0][e]))
    else:
        pieces = [r for r, _ in i.pieces(e)]
        for b in range(len(pieces)):
            for a in range(b):
                if taken in (None, a, b):
                    yield Comparison(pieces[a], pieces[b])


def _compared(tape: Tape, truth: int) -> Iterator[Comparison]:
    i, e = tape.places[truth]
    if i.op in ("and", "or", "not"):
        for r in i.ins:
            yield from _compared(tape, int(r[e]))
    else:
        yield Comparison(int(i.ins[0][e]), int(i.ins[1][e]))


def next_kink(run: Run, line: Callable[[arb], list[Ball]], start: arb, end: arb) -> arb | None:
    """The least t in (start, end) at which a switch may leave the piece that it took `ahead` of the start; None if none does.

    The zero of a comparison that is linear along the line follows from two numbers; otherwise balls isolate the first zero. Raises
    KinkOnSegment where they cannot. Switches that the outputs do not depend on, on the present pieces, do not count.
    """
    tape, nearest = run.tape, None
    curved: list[Comparison] = []
    for gap, straight in _turning(run):
        difference = gap.of(run.values)
        if not isinstance(difference, arb_series) or difference.length() == 0:
            continue  # it does not depend on t, or is 0 all along
        if not straight:
            curved.append(gap)
        elif not difference[1].contains(0) and (at := -difference[0] / difference[1]) > 0 and start + at < end:
            nearest = end = start + at
    if curved:
        reach = end if end.is_exact() else (end + KINK_OFFSET).upper()  # a zero at the end of the linear part must be found
        sought = _narrowed(tape, curved, line, start, reach) if len(curved) >= MANY_COMPARISONS else [(curved, start, reach)]
        found = [first_zero(_differences(run, gaps, line), low, high) for gaps, low, high in sought if gaps]
        first = least(zeros) if (zeros := [t for t in found if t is not None]) else None
        nearest = first if first is not None and first < end else nearest
    return nearest


def _differences(run: Run, gaps: Sequence[Comparison], line: Callable[[arb], list[Ball]]) -> Callable[[arb], list[arb_series]]:
    """The compared differences along the line, on the pieces that a run has taken."""
    part = run.tape.only(np.array([r for gap in gaps for r in gap if r is not None], np.intp))

    def differences(t: arb) -> list[arb_series]:
        found = enclose.run(part, line(t), taken=run.possible).values
        return [gap.of(found) for gap in gaps]

    return differences


def _narrowed(
    tape: Tape, found: Sequence[Comparison], line: Callable[[arb], list[Ball]], low: arb, high: arb
) -> list[tuple[Sequence[Comparison], arb, arb]]:
    """The gaps that may be 0 near the start, and the others that may be the first to be 0, with the segments on which they may, by double
    precision with radii. Up to the first kink the present pieces hold: a gap without a zero on them does not matter.
    """
    touching, start = list[Comparison](), low
    for looked in range(MAX_SUBDIVISIONS):
        ends = [low + (high - low) * k / PARTS for k in range(PARTS)] + [high]
        signs = _signs(tape, found, line, [*ends, *(a.union(b) for a, b in pairwise(ends))])
        at, over = signs[:, : PARTS + 1], signs[:, PARTS + 1 :]
        changes = np.any(np.minimum(np.maximum.accumulate(at, axis=1), np.maximum.accumulate(-at, axis=1)) > 0, axis=0)
        last = int(np.argmax(changes)) if changes.any() else PARTS
        open_ = over[:, :last] == 0
        may, near = open_.any(1), open_[:, 0]
        if not looked:
            touching, may = [found[k] for k in np.flatnonzero(near).tolist()], may & ~near
        found, open_, before = [found[k] for k in np.flatnonzero(may).tolist()], open_[may], high - low
        low, high = ends[int(open_.any(0).argmax()) if found else 0], ends[last]
        if not found or not high - low < before / 2:
            break
    return [(touching, start, high), (found, low, high)]


def turned(tape: Tape, line: Callable[[arb], list[Ball]], start: arb, end: arb) -> int:
    """The number of switches that are certainly on other pieces at the end than at the start."""
    taken = _lanes(tape, line, (start, end)).chosen.values()
    return sum(int(np.sum(~np.any(may[..., 0] & may[..., 1], axis=0))) for may in taken)


def leaves(run: Run, line: Callable[[arb], list[Ball]], where: Sequence[arb]) -> NDArray[np.bool_]:
    """At which t a switch that the outputs depend on has certainly left the piece that it took `ahead` of the start."""
    tape, lanes = run.tape, _lanes(run.tape, line, where)
    taken = {k: run.possible[k] for k in reached(run, tape.outputs.ravel().tolist())}
    found = np.zeros(len(where), bool)
    for i in lanes.tape.instructions:
        if i.row.form != "switch":
            continue
        may = lanes.chosen[int(i.outs[0])]
        for e, (k, pieces) in enumerate(i.choices):
            if k in taken and len(pieces) == len(may):  # a row that holds a number twice has other places
                (piece,) = taken[k]
                found |= ~may[piece, e]
    return found


def _lanes(tape: Tape, line: Callable[[arb], list[Ball]], where: Sequence[arb]) -> vectors.Lanes:
    """The tape over balls of t in double precision."""
    inputs = [list(map(constant, line(t))) for t in where]
    middles, radii = (np.array([[float(of(x)) for x in at] for at in inputs]).T for of in (arb.mid, arb.rad))
    return vectors.run(tape, middles, 4 * vectors.U * np.abs(middles) + 2 * radii)  # neither was a float


def _signs(tape: Tape, found: Sequence[Comparison], line: Callable[[arb], list[Ball]], where: Sequence[arb]) -> NDArray[np.int8]:
    """The certain signs of gaps over balls of t, else 0: (gaps, balls)."""
    lanes = _lanes(tape, line, where)
    left, right = (lanes.gather(np.array([g[n] or 0 for g in found], np.intp)) for n in (0, 1))
    sided = np.array([g.right is not None for g in found])[:, None]
    apart = left.value - np.where(sided, right.value, 0.0)
    reach = left.radius + np.where(sided, right.radius, 0.0)
    sure = np.isfinite(apart) & (np.abs(apart) * (1 - 4 * vectors.U) > reach * (1 + 4 * vectors.U))
    return np.where(sure, np.sign(apart), 0).astype(np.int8)


def _turning(run: Run) -> list[tuple[Comparison, bool]]:
    """The comparisons that may end a present piece of the switches that the outputs depend on, and whether each is linear along any line:
    cached by the pieces.
    """
    tape, key = run.tape, ("turning", *map(tuple, run.possible.values()))
    found: list[tuple[Comparison, bool]] | None = tape.prepared.get(key)
    if found is None:
        taken = {k: run.possible[k] for k in reached(run, tape.outputs.ravel().tolist(), conditions=True)}
        found = [(gap, gap.degree(tape) <= 1) for k, (piece,) in taken.items() for gap in sides(tape, k, piece)]
        tape.prepared[key] = found
    return found


def gaps(tape: Tape) -> list[Comparison]:
    """All comparisons. A switch comes before those within it, which may turn only together with it, like the one of |s| in a formula that
    compares |s| ≤ δ.
    """
    order = sorted((behind := _switches_behind(tape)), key=lambda k: behind[k], reverse=True)
    return list(dict.fromkeys(gap for k in order for gap in sides(tape, k) if any(r is not None and tape.moving[r] for r in gap)))


def _switches_behind(tape: Tape) -> dict[int, int]:
    """For each switch, the number of switches that it depends on, itself included: sets of them are bits of whole numbers, one for each
    register.
    """
    sets, found = [0] * tape.size, dict[int, int]()
    for i in tape.instructions:
        for k in i.outs.ravel().tolist():
            sets[k] = reduce(or_, map(sets.__getitem__, tape.operands(k)), 0)
            if i.row.form == "switch":
                sets[k] |= 1 << len(found)
                found[k] = sets[k].bit_count()
    return found


def sign(tape: Tape, inputs: Sequence[Ball], gap: Comparison) -> int | None:
    """The exact sign of a gap; None where it stays undecided up to EXACT_BITS (never for polynomials)."""
    bits = BALL_BITS
    while bits <= EXACT_BITS:
        with precision(bits):
            difference = gap.of(enclose.run(tape, inputs).values)
            if difference.is_zero() or difference > 0 or difference < 0:
                return 0 if difference.is_zero() else 1 if difference > 0 else -1
        bits *= 4
    return None


def slope(run: Run, direction: Sequence[arb], output: int) -> arb:
    """A ball around ⟨g, direction⟩ for all slopes g of an output over the box of the run, including every possible piece of every switch.

    `direction` has an entry for each variable.
    """
    tape, a, registers = run.tape.fused, run.arithmetic, run.registers
    rates = column([arb(0)] * tape.size, tape.size)
    rates[tape.variables] = column(direction, len(tape.variables))
    for i in tape.instructions:
        if not tape.moving[i.outs].any() or i.row.form == "comparison":
            continue
        if i.row.form == "switch":
            for e, k in enumerate(i.outs.tolist()):
                pieces = [i.pieces(e)[p] for p in run.possible[k]]
                rates[k] = reduce(arb.union, (rates[r] if s > 0 else -rates[r] for r, s in pieces))
            continue
        ins = [registers[r] for r in i.ins]
        moved = [(n, rates[r]) for n, r in enumerate(i.ins) if tape.moving[r].any()]
        if i.row.form == "composite":
            assert i.row.rate is not None
            rates[i.outs] = i.row.rate(a, registers[i.outs], ins, [rates[r] for r in i.ins])
        elif i.op == "matmul":
            rates[i.outs] = reduce(a.add, [a.matmul(x, ins[1]) if n == 0 else a.matmul(ins[0], x) for n, x in moved])
        elif i.op == "sum":
            rates[i.outs] = a.sum(moved[0][1])
        elif i.op == "dot":
            rates[i.outs] = reduce(a.add, [a.dot(x, ins[1 - n]) for n, x in moved])
        else:
            assert i.row.partials is not None
            partials = i.row.partials(a, registers[i.outs], *ins, *given(i.parameter))
            rates[i.outs] = reduce(a.add, [_times(a, partials[n], x, tape.moving[i.ins[n]]) for n, x in moved])
    found: arb = arb.nan() if run.is_unknown(output) else constant(rates[output])
    return found


def _times(a: enclose.Balls, partial: object, rates: Objects, moving: Objects) -> Objects:
    """A partial times the rates of moving operands; 0 for the others, whatever the partial."""
    products = a.mul(partial, rates)
    return products if moving.all() else column((p if m else arb(0) for p, m in zip(products, moving, strict=True)), len(products))
