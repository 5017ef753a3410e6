"""Reverse mode over any evaluation of a tape: one sweep from an output gives its slopes in every input.

Where a switch is open, the tape is cut. A sweep from the output gives the slopes in the inputs and the weights of open switches; a sweep
from each possible piece of each of them gives that piece's slopes. Together they are the set {c + Σₖ wₖ Σₐ τₖₐ gₖₐ : τₖ on the unit
simplex}, which contains Clarke's subdifferential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf, prod
from typing import Any, Protocol

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import MOST_VERTICES
from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.enclose import Balls, Run, column, reached
from verify.tape.primitives import given
from verify.tape.tape import Instruction, Registers, Tape, additive


class Adjoints(Protocol):
    """The adjoint of each register, summed from its uses."""

    def add(self, registers: Registers, parts: Column, through: Column | None) -> None:
        """Adds a summand to each of these registers; `through` are sizes of its terms, where they exceed its own."""

    def live(self, registers: Registers) -> NDArray[np.bool_]:
        """Which of these registers have an adjoint."""

    def total(self, registers: Registers) -> tuple[Column, Column]:
        """The sums, and the sizes of their summands."""


Gather = Callable[[Registers], Column]
Times = Callable[[Column, Any], Column]
Cut = Callable[[Instruction, Adjoints], None]


def sweep(tape: Tape, a: Arithmetic, gather: Gather, adjoints: Adjoints, switch: Cut, times: Times | None = None) -> None:
    """Propagates adjoints from where they were put back to the inputs. `switch` propagates them through the switches, or stops there.
    `times` multiplies an adjoint by a partial, if not by the evaluation's own product.
    """
    for whole in reversed(tape.instructions):
        form = whole.row.form
        if form == "comparison":
            continue
        i = whole
        if form not in ("matrix", "composite"):
            live = adjoints.live(i.outs)
            if not live.any():
                continue
            i = i if live.all() else i.part(np.flatnonzero(live))
        elif not adjoints.live(i.outs.ravel()).any():
            continue
        if form == "switch":
            switch(i, adjoints)
        else:
            _carry(tape, a, gather, adjoints, i, times or a.mul)


def _carry(tape: Tape, a: Arithmetic, gather: Gather, adjoints: Adjoints, i: Instruction, times: Times) -> None:
    moving = [tape.moving[r] for r in i.ins]
    if not any(m.any() for m in moving):
        return
    g, size = adjoints.total(i.outs.ravel())
    if i.row.form in ("matrix", "composite"):
        g = g.reshape(*i.outs.shape, *g.shape[1:])
        parts = _through_matrices(a, i, g, gather)
        for r, m, p in zip(i.ins, moving, parts, strict=True):
            if m.any():
                adjoints.add(r.ravel(), p.reshape(r.size, *p.shape[2:]), None)
        return
    ins = [gather(r) for r in i.ins]
    if i.row.form == "row":
        spread = g[:, None]
        if i.op == "sum":
            (r,) = i.ins
            _put(adjoints, r, moving[0], _spread(g, r), _spread(size, r))
            return
        for r, m, other in zip(i.ins, moving, reversed(ins), strict=True):
            if m.any():
                _put(adjoints, r, m, times(spread, other), None)
        return
    assert i.row.partials is not None
    partials = i.row.partials(a, gather(i.outs), *ins, *given(i.parameter))
    for r, m, p in zip(i.ins, moving, partials, strict=True):
        if not m.any() or (isinstance(p, int) and p == 0):
            continue
        if isinstance(p, int) and abs(p) == 1:
            _put(adjoints, r, m, g if p == 1 else a.neg(g), size)
        else:
            _put(adjoints, r, m, times(g, p), None)


def _spread(g: Column, r: Registers) -> Column:
    """The same adjoint for every operand of a row."""
    if g is None:
        return None
    shape = (*r.shape, *g.shape[1:])
    return np.broadcast_to(g[:, None], shape) if isinstance(g, np.ndarray) else g[:, None].spread(shape)


def _put(adjoints: Adjoints, r: Registers, moving: NDArray[np.bool_], parts: Column, through: Column | None) -> None:
    """Adds adjoints to the registers that depend on variables."""
    if moving.all():
        flat = r.size if r.ndim > 1 else None
        adjoints.add(r.ravel(), _flat(parts, r) if flat else parts, _flat(through, r) if flat and through is not None else through)
        return
    adjoints.add(r[moving], parts[moving], None if through is None else through[moving])


def _flat(x: Column, r: Registers) -> Column:
    return x.reshape(r.size, *x.shape[r.ndim :])


def _through_matrices(a: Arithmetic, i: Instruction, g: Column, gather: Gather) -> tuple[Column, ...]:
    ins = [gather(r) for r in i.ins]
    if i.op == "matmul":
        return a.matmul(g, transposed(ins[1])), a.matmul(transposed(ins[0]), g)
    assert i.row.partials is not None
    return i.row.partials(a, g, gather(i.outs), *ins)


def transposed(x: Column) -> Column:
    """The column with its first two axes exchanged."""
    return x.swapaxes(0, 1)


@dataclass(frozen=True)
class Quantity:
    """A true number, the error bound of a careful floating-point evaluation, and the magnitude of its terms."""

    exact: arb
    radius: float
    magnitude: float


Vertex = dict[int, Quantity]
"""One vertex of a set of slopes: entries by input."""


@dataclass(frozen=True)
class Pieces:
    """A set of slopes: `certain` plus, for each open switch, the convex hull of its vertices. `outer` if some had too many vertices, so
    that intervals stand for their hull.
    """

    certain: Vertex
    ambiguous: list[list[Vertex]]
    outer: bool = False


@dataclass
class BallAdjoints:
    """The summands of each register's adjoint, as balls; with rounding errors also their sizes."""

    a: Balls
    parts: dict[int, list[arb]] = field(default_factory=dict)
    sizes: dict[int, float] = field(default_factory=dict)

    def add(self, registers: Registers, parts: Column, through: Column | None) -> None:
        """Adds a summand to each of these registers; without rounding errors it is added at once."""
        known, exact, places = self.parts, self.a.u is None, registers.tolist()
        for r, p in zip(places, parts.tolist(), strict=True):
            if r not in known:
                known[r] = [p]
            elif exact:
                known[r][0] += p
            else:
                known[r].append(p)
        if not exact:
            sizes, total = through.tolist() if through is not None else map(upper, parts.tolist()), self.sizes
            for r, s in zip(places, sizes, strict=True):
                total[r] = total.get(r, 0.0) + s

    def live(self, registers: Registers) -> NDArray[np.bool_]:
        """Which of these registers have an adjoint."""
        return np.array([r in self.parts for r in registers.tolist()], bool)

    def total(self, registers: Registers) -> tuple[Column, Column]:
        """The sums and their sizes."""
        sums = column(map(self.at, registers.tolist()), len(registers))
        return sums, None if self.a.u is None else np.array([self.sizes.get(r, 0.0) for r in registers.tolist()])

    def at(self, register: int) -> arb:
        """The sum at one register, with the rounding errors of its additions."""
        parts = self.parts.get(register, ())
        if len(parts) < 2:
            return parts[0] if parts else arb(0)
        value = sum(parts[1:], parts[0])
        if self.a.u is None:
            return value
        if len(parts) == 2:
            return value + arb(0, self.a.u * value.abs_upper())  # one addition errs by a part of its result
        return value + arb(0, (len(parts) - 1) * self.a.u * sum((p.abs_upper() for p in parts), arb(0)))


def adjoints(run: Run, possible: Mapping[int, list[int]], start: int, sign: int = 1) -> BallAdjoints:
    """The adjoints of all inputs, and of the open switches, for one register."""
    found = BallAdjoints(run.arithmetic)
    found.add(np.array([start]), column([arb(sign)], 1), None)
    moving = run.tape.moving.tolist()

    def switch(i: Instruction, _: Adjoints) -> None:
        g, sizes = found.total(i.outs)
        arrive: list[tuple[int, int, arb]] = []
        for e, (k, pieces) in enumerate(i.choices):
            if len(possible[k]) > 1:
                continue  # it is cut here
            r, s = pieces[possible[k][0]]
            if moving[r]:
                arrive.append((e, r, g[e] if s > 0 else -g[e]))
        if arrive:
            which, registers, parts = zip(*arrive, strict=True)
            found.add(np.array(registers), column(parts, len(parts)), None if sizes is None else sizes[list(which)])

    sweep(run.tape.fused, run.arithmetic, lambda r: run.registers[r], found, switch, lambda g, p: _product(run.arithmetic, g, p))
    return found


def _product(a: Balls, g: Column, partial: Any) -> Column:
    """An adjoint times a partial: careful code does not multiply by an adjoint of 1."""
    products = a.mul(g, partial)
    if a.u is None or not any(x == 1 for x in g.flat):
        return products
    other = partial if isinstance(partial, np.ndarray) else column([a.number(partial)], 1)
    pairs = zip(products.flat, np.broadcast_to(g, products.shape).flat, np.broadcast_to(other, products.shape).flat, strict=True)
    return column((p if x == 1 else q for q, x, p in pairs), products.size).reshape(products.shape)


@dataclass(frozen=True)
class Slopes:
    """The slopes of one output, or of one piece, in the inputs and in the switches at which the tape is cut."""

    entries: Vertex
    inner: dict[int, Quantity]


def _slopes(thin: Run, fat: Run, open_: Sequence[int], variables: Mapping[int, int], start: int, sign: int = 1) -> Slopes:
    exact, wide = adjoints(thin, fat.possible, start, sign), adjoints(fat, fat.possible, start, sign)

    def quantity(r: int) -> Quantity:
        value = exact.at(r)
        return Quantity(value, upper(wide.at(r) - value), wide.sizes.get(r, 0.0))

    entries = {j: quantity(r) for r, j in variables.items() if r in exact.parts}
    inner = {k: q for k in open_ if k in exact.parts and not _is_nothing(q := quantity(k))}
    return Slopes(entries, inner)


def _is_nothing(q: Quantity) -> bool:
    """Whether a kink was added and subtracted again."""
    return bool(q.exact.is_zero()) and q.radius == 0.0


def value(thin: Run, fat: Run, output: int) -> Quantity:
    """One output at a point, with the magnitude of its terms as written."""
    exact, wide = thin.values[output], fat.values[output]
    size = sum((gross * fat.values[r].abs_upper() for r, _, gross in additive(fat.tape, output)), arb(0))
    return Quantity(exact, upper(wide - exact), upper(size))


Many = Callable[[Run, Run, Sequence[int], Mapping[int, int], Sequence[tuple[int, int]]], "list[Slopes]"]
"""A function that computes the slopes of many registers, each with its sign: see `switch_slopes`."""


def pieces(thin: Run, fat: Run, output: int, many: Many | None = None, fewest: int = 0) -> Pieces:
    """The set of slopes of one output over the box of `fat`, at the point of `thin`.

    Both are runs of one tape; `fat` decides which switches are open. If more than the `fewest` of them are, `many` computes all pieces at
    once.
    """
    tape = fat.tape
    variables = {int(r): j for j, r in enumerate(tape.variables)}
    open_ = fat.open
    vertices: dict[int, list[Vertex]] = {}
    hulls: dict[int, Vertex] = {}
    outer = False
    if fat.is_unknown(output):
        return Pieces({j: Quantity(arb.nan(), inf, inf) for j in variables.values()}, [])
    whole = _slopes(thin, fat, open_, variables, output)
    met = [k for k in reached(fat, [output]) if len(fat.possible[k]) > 1] if whole.inner else []
    parts = {k: [place.instruction.pieces(place.element)[p] for p in fat.possible[k]] for k in met for place in [tape.places[k]]}
    starts = dict.fromkeys(part for each in parts.values() for part in each)
    known = dict(zip(starts, many(thin, fat, open_, variables, [*starts]), strict=True)) if many and len(met) > fewest else {}
    for k in met:
        found: list[Vertex] = []
        for register, sign in parts[k]:
            own = known.get((register, sign)) or _slopes(thin, fat, open_, variables, register, sign)
            own = Slopes(own.entries, {k: q for k, q in own.inner.items() if k in vertices})  # an infinite one is never 0
            combinations, hulled = _within_limits(own, vertices, hulls)
            found += combinations
            outer |= hulled
        if len(found) > MOST_VERTICES:
            found, outer = [_hull(found)], True
        vertices[k] = found
    return assembled(whole, vertices, outer)


def assembled(whole: Slopes, vertices: Mapping[int, list[Vertex]], outer: bool = False) -> Pieces:
    """The set of slopes of an output, from the slopes outside the switches and the vertices of each switch."""
    certain, ambiguous = whole.entries, []
    for weighted in _weighted(whole, vertices):
        if len(weighted) == 1:
            certain = _plus(certain, weighted[0])
        else:
            ambiguous.append(weighted)
    return Pieces(certain, ambiguous, outer)


def combined(own: Slopes, vertices: Mapping[int, list[Vertex]]) -> list[Vertex]:
    """The vertices of one piece: its own slope plus every combination of its inner switches' vertices."""
    found = []
    for combination in product(*_weighted(own, vertices)):
        entries = own.entries
        for v in combination:
            entries = _plus(entries, v)
        found.append(entries)
    return found


def _weighted(own: Slopes, vertices: Mapping[int, list[Vertex]]) -> list[list[Vertex]]:
    return [[_scaled(w, v) for v in vertices[k]] for k, w in own.inner.items()]


def _within_limits(own: Slopes, vertices: Mapping[int, list[Vertex]], hulls: dict[int, Vertex]) -> tuple[list[Vertex], bool]:
    """The vertices of one piece, or an interval around them if they are too many; and whether it is an interval. `hulls` is a cache."""
    if prod(len(vertices[k]) for k in own.inner) <= MOST_VERTICES:
        return combined(own, vertices), False
    entries = own.entries
    for k, w in own.inner.items():
        if k not in hulls:
            hulls[k] = _hull(vertices[k])
        entries = _plus(entries, _scaled(w, hulls[k]))
    return [entries], True


def _hull(vertices: Sequence[Vertex]) -> Vertex:
    """Intervals around all vertices: their middle, with radii that reach all."""
    nothing = Quantity(arb(0), 0.0, 0.0)
    found = {}
    for j in dict.fromkeys(j for v in vertices for j in v):
        entries = [v.get(j, nothing) for v in vertices]
        over = entries[0].exact
        for q in entries[1:]:
            over = over.union(q.exact)
        middle = arb(over.mid())
        radius = max(q.radius for q in entries) + upper(over - middle)
        found[j] = Quantity(middle, float(np.nextafter(radius, inf)), max(q.magnitude for q in entries))
    return found


def upper(x: arb) -> float:
    """The greatest absolute value in a ball; infinite if it is unbounded."""
    bound = float(x.abs_upper())
    return bound if bound == bound else inf


def _times(a: float, b: float) -> float:
    """The product of two bounds, with 0 times infinity as 0."""
    return a * b if a and b else 0.0


def _scaled(w: Quantity, v: Vertex) -> Vertex:
    def times(q: Quantity) -> Quantity:
        return Quantity(w.exact * q.exact, _times(w.radius, q.magnitude) + _times(w.magnitude, q.radius), _times(w.magnitude, q.magnitude))

    return {j: times(q) for j, q in v.items()}


def _plus(a: Vertex, b: Vertex) -> Vertex:
    total = dict(a)
    for j, q in b.items():
        old = total.get(j)
        total[j] = q if old is None else Quantity(old.exact + q.exact, old.radius + q.radius, old.magnitude + q.magnitude)
    return total
