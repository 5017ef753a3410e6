"""Slips in a gradient of code: what it would be if one place in the loss's code were carried back otherwise.

The code is recorded operation by operation, each with its line. Backwards a gradient goes along *edges*, from what an operation makes to
what it is made of, times a partial. A slip changes the partials of the edges of one place, wherever a loop comes by it again: they are left
out, doubled, turned in their sign, lack their own factor, or count for one of those among which a number is spread. What the gradient is
then is computed anew, so that a place that is met several times on one path is changed each time, as it is in a code that has the slip.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from verify.mistakes.derivatives import DERIVATIVES, EXPONENTIAL, NOT_STRAIGHT, POWERS, At
from verify.tape.floats import Floats as Arithmetic
from verify.tape.primitives import given
from verify.tape.tape import Instruction, SourceLine, Tape
from verify.traced import Record

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Steps = str | int | tuple[int, int]
T = TypeVar("T")

EDGES = 1000
"""Edges that take as long as what an instruction costs by itself."""
LONGEST = 60
"""Characters of an operand that is shown."""
Key = tuple[str, int, str]
"""A place in code, wherever a loop comes by it: the file, the line and the expression, or `ALL` of the line."""
ALL = "*"


@dataclass(frozen=True)
class Site:
    """What an expression makes, or (with a `slot`) what comes to it from one of its operands. `steps` are "all" of its runs, the "earlier"
    ones, one by its number, or (k, m): from the k-th on every m-th, as of a function that is called m times in a loop.
    """

    key: Key
    slot: int | None = None
    steps: Steps = "all"


@dataclass(frozen=True)
class Slip:
    """What is done to the edges of a place. `code` is that of a diagnosis."""

    code: str
    how: str
    place: Site
    factor: float = 1.0
    other: Site | None = None
    """The place that has its part, and it the other's, where two are exchanged."""
    block: int | None = None
    """How many rows belong to one matrix, where there are several."""
    relative: bool = False
    """What is summed comes to the logarithms of the numbers that rows are reduced to, as in p(g − Σpg) for a softmax, and not to them."""


@dataclass(frozen=True)
class Edges:
    """Of one instruction, each in an entry: the number that is made, the one that it is made of, as which operand, and the partial."""

    outs: Integers
    operands: Integers
    slots: Integers
    partials: Floats


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows of a matrix of numbers, each reduced to one by an instruction of which `slopes` go back to the row, and used for each column
    again, as these registers: in these instructions, at these of its edges, each for the row and the column that stand there.
    """

    at: int
    rows: Integers
    slopes: Floats
    registers: Integers
    used: tuple[tuple[int, NDArray[np.bool_], Integers, Integers], ...]

    @property
    def blocks(self) -> list[int]:
        """How many rows may belong to one matrix, where there are several."""
        many = len(self.rows)
        return [k for k in range(2, many // 2 + 1) if many % k == 0][:BLOCKS]


@dataclass(eq=False)
class Lines:
    """The code of a loss at one point, with all ways back."""

    record: Record
    inputs: Floats
    changed: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """Constants that stand in the place of others, by instruction and operand."""
    taken: Mapping[int, int] = field(default_factory=dict)
    """Instructions that choose, as a maximum does, and the operand that is taken wherever they would take another."""

    @cached_property
    def tape(self) -> Tape:
        """Of the loss."""
        return self.record.tape

    @cached_property
    def values(self) -> Floats:
        """Of all registers."""
        a, found = Arithmetic(), np.zeros(self.tape.size)
        found[self.tape.inputs] = self.inputs
        for k, value in self.tape.constants.items():
            found[k] = a.number(value)
        with np.errstate(all="ignore"):
            for n, i in enumerate(self.tape.instructions):
                ins = self._operands(n, i, found)
                if n in self.taken:
                    found[i.outs] = ins[0][:, self.taken[n]] if i.op in GREATEST else ins[self.taken[n]]
                else:
                    found[i.outs] = a.apply(i.row, [c[..., None] for c in ins], i.parameter)[..., 0]
        return found

    def _operands(self, n: int, i: Instruction, values: Floats) -> list[Floats]:
        return [np.full(r.shape, self.changed[n, slot]) if (n, slot) in self.changed else values[r] for slot, r in enumerate(i.ins)]

    @cached_property
    def edges(self) -> list[Edges]:
        """Of each instruction, along which something moves."""
        with np.errstate(all="ignore"):
            return [self._edges(n, i) for n, i in enumerate(self.tape.instructions)]

    def _edges(self, n: int, i: Instruction) -> Edges:
        parts = list(self._parts(n, i))
        if not parts:
            return Edges(*(np.zeros(0, np.intp),) * 3, np.zeros(0))
        outs, operands, slots, partials = (np.concatenate(column) for column in zip(*parts, strict=True))
        moving = self.tape.moving[operands]
        return Edges(outs[moving], operands[moving], slots[moving], partials[moving].astype(np.float64))

    def _parts(self, n: int, i: Instruction) -> Iterator[tuple[Integers, Integers, Integers, Floats]]:
        form, ins, a = i.row.form, self._operands(n, i, self.values), Arithmetic()
        if form == "comparison":
            return
        for slot, (r, p) in enumerate(zip(i.ins, self._partials(n, i, ins, a), strict=True)):
            if p is None:
                continue
            outs = i.outs
            if form == "composite":
                for k, row in zip(outs.ravel().tolist(), p, strict=True):
                    yield np.full(r.size, k), r.ravel(), np.full(r.size, slot), np.ravel(row)
                continue
            if form == "matrix":  # (n, m) of (n, k) and (k, m)
                other = ins[1 - slot]
                shape = (*i.outs.shape, i.ins[0].shape[1])
                spread, many = (r[:, None, :], other.T[None]) if slot == 0 else (r.T[None], other[:, None, :])
                columns: list[Any] = [np.broadcast_to(x, shape) for x in (outs[..., None], spread, many)]
            else:
                columns = list(np.broadcast_arrays(outs.reshape(-1, *(1,) * (r.ndim - 1)), r, p))
            yield columns[0].ravel(), columns[1].ravel(), np.full(columns[0].size, slot), columns[2].ravel()

    def _partials(self, n: int, i: Instruction, ins: list[Floats], a: Arithmetic) -> list[Floats | None]:
        v, form = self.values[i.outs], i.row.form
        if n in self.taken and i.op in GREATEST:
            return [np.broadcast_to(np.arange(ins[0].shape[1]) == self.taken[n], ins[0].shape).astype(np.float64)]
        if n in self.taken:
            return [np.full(x.shape, float(slot == self.taken[n])) for slot, x in enumerate(ins)]
        if i.op == "where":
            first = ins[0] != 0
            return [None, np.where(first, 1.0, 0.0), np.where(first, 0.0, 1.0)]
        if i.op == "abs":
            return [np.where(ins[0] < 0, -1.0, 1.0)]
        if form == "switch":
            taken = ins[0] == v[:, None]
            return [np.where(taken & (np.cumsum(taken, axis=1) == 1), 1.0, 0.0)]
        if i.op == "sum":
            return [np.ones(i.ins[0].shape)]
        if form == "row":
            return [ins[1], ins[0]]
        if form == "matrix":
            return [v, v]
        assert i.row.partials is not None
        if form == "composite":
            units = np.eye(i.outs.size).reshape(-1, *i.outs.shape)
            found = [i.row.partials(a, g[..., None], v[..., None], *(x[..., None] for x in ins)) for g in units]
            return [np.array([np.asarray(row)[..., 0] for row in rows]) for rows in zip(*found, strict=True)]
        partials = i.row.partials(a, v, *ins, *given(i.parameter))
        return [np.broadcast_to(p if isinstance(p, np.ndarray) else a.number(p), r.shape) for r, p in zip(i.ins, partials, strict=True)]

    def gradient(self, slips: Sequence[Slip] = ()) -> Floats:
        """By the variables, with these slips."""
        changed: dict[int, Floats] = {}
        straight: dict[int, list[tuple[Integers, Integers, Floats]]] = {}
        for slip in (s for s in slips if s.how not in ACROSS):
            if slip.other is not None:
                if slip.how == "taken":
                    changed |= self._factors_of_each_other(slip.place, slip.other, both=False)
                elif slip.place.slot is None:
                    straight |= self._to_each_other(slip.place, slip.other, changed)
                else:
                    changed |= self._factors_of_each_other(slip.place, slip.other)
                continue
            if slip.how == "identity" or slip.how in DERIVATIVES:
                identity = slip.how == "identity"
                replaced = self._lines.get(slip.place.key[:2], []) if identity else self.functions[slip.place.key]
                for inside, (last, outs, sources) in _chosen(replaced, slip.place.steps):
                    changed |= {n: np.zeros(self.edges[n].partials.shape) for n in inside}
                    slopes = np.ones(outs.shape) if identity else DERIVATIVES[slip.how](At(self.values[outs], self.values[sources]))
                    straight[last] = [(outs, sources, slopes)]
                continue
            for n, which in self._at(slip.place):
                before = changed.get(n, self.edges[n].partials)
                changed[n] = np.where(which, DONE[slip.how](self.edges[n], before, slip.factor), before)
        crossed: dict[int, list[tuple[NDArray[np.bool_], tuple[Integers, Integers], Floats, Floats]]] = {}
        landing: dict[int, list[tuple[Reduced, Floats, str]]] = {}
        for slip in (s for s in slips if s.how in ACROSS):
            for reduced in self.reduced[slip.place.key[:2]]:
                many, width = reduced.rows.shape
                block = slip.block if slip.block and many % slip.block == 0 else many
                sums, sizes = np.zeros((many // block, width)), self.values[reduced.registers] if slip.relative else np.ones(many)
                landing.setdefault(reduced.at, []).append((replace(reduced, slopes=reduced.slopes / sizes), sums, slip.how))
                for n, which, rows, columns in reduced.used:
                    partials = self.edges[n].partials[which] * sizes[rows]
                    crossed.setdefault(n, []).append((which, (rows // block, columns), sums, partials))
                    changed[n] = np.where(which, 0.0, changed.get(n, self.edges[n].partials))
        adjoints = np.zeros(self.tape.size)
        adjoints[self.record.output] = 1.0
        with np.errstate(all="ignore"):
            for n in range(len(self.edges) - 1, -1, -1):
                e = self.edges[n]
                for outs, sources, slopes in straight.get(n, ()):
                    np.add.at(adjoints, sources, np.where(adjoints[outs] == 0, 0.0, adjoints[outs] * slopes))
                for reduced, sums, how in landing.get(n, ()):
                    many, width = reduced.rows.shape
                    block = many // len(sums)
                    np.add.at(adjoints, reduced.rows, reduced.slopes[:, None] * np.repeat(ACROSS[how](sums, block, width), block, axis=0))
                g = adjoints[e.outs]
                for which, there, sums, partials in crossed.get(n, ()):
                    np.add.at(sums, there, g[which] * partials)
                if g.any():
                    np.add.at(adjoints, e.operands, np.where(g == 0, 0.0, g * changed.get(n, e.partials)))
        return np.asarray(adjoints[self.tape.variables])

    def _factors_of_each_other(self, place: Site, other: Site, *, both: bool = True) -> dict[int, Floats]:
        """The partials of an operand taken from another one, or exchanged with its own."""
        found: dict[int, Floats] = {}
        for (n, which), (m, those) in zip(self._at(place), self._at(other), strict=True):
            for k, at, source, there in ((n, which, m, those), (m, those, n, which))[: 1 + both]:
                found[k] = found.get(k, self.edges[k].partials).copy()
                found[k][at] = self.edges[source].partials[there]
        return found

    def _to_each_other(self, place: Site, other: Site, changed: dict[int, Floats]) -> dict[int, list[tuple[Integers, Integers, Floats]]]:
        """What comes through two functions handed on to the arguments of each other, by the later one, where it is known of both."""
        found: dict[int, list[tuple[Integers, Integers, Floats]]] = {}
        one, two = ([self._whole(*run) for run in _chosen(self.functions[p.key], p.steps)] for p in (place, other))
        for (inside, (last, outs, sources)), (those, (end, ends, others)) in zip(one, two, strict=True):
            changed |= {n: np.zeros(self.edges[n].partials.shape) for n in (*inside, *those)}
            there = (outs, others, self._slopes(inside, outs, sources)), (ends, sources, self._slopes(those, ends, others))
            found.setdefault(max(last, end), []).extend(there)
        return found

    def _whole(self, inside: list[int], ends: tuple[int, Integers, Integers]) -> tuple[list[int], tuple[int, Integers, Integers]]:
        """A run of a function with those before it whose arguments are one number each, too, as −x in exp(−x)."""
        last, outs, sources = ends
        for n in range(inside[0] - 1, -1, -1):
            e = self.edges[n]
            if np.isin(e.outs, sources).any():
                order = np.argsort(e.outs)
                if len(e.outs) != len(sources) or not np.array_equal(e.outs[order], np.sort(sources)):
                    break
                inside, sources = [n, *inside], e.operands[order][np.argsort(np.argsort(sources))]
        return inside, (last, outs, sources)

    def exchanges(self) -> Iterator[Slip]:
        """Two functions with each other's argument, and two operands with each other's factor, as two gates of a cell may have."""
        functions: dict[tuple[int, ...], list[Site]] = {}
        for key, runs in self.functions.items():
            if all(self.tape.instructions[n].op == "div" for n in runs[0][0]):  # part of a function, as of a sigmoid
                continue
            for steps in ("all", *_apart(len(runs))):
                sizes = tuple(len(outs) for _, (_, outs, _) in _chosen(runs, steps))
                functions.setdefault(sizes, []).append(Site(key, None, steps))
        for group in (*functions.values(), *self._factors.values()):
            yield from (Slip("class-swapped", "exchanged", one, other=two) for one, two in combinations(group, 2))

    def takings(self) -> Iterator[Slip]:
        """An operand with another one's factor."""
        for group in self._factors.values():
            yield from (Slip("path-factor", "taken", one, other=two) for one, two in permutations(group, 2))

    @cached_property
    def _factors(self) -> dict[tuple[int, ...], list[Site]]:
        """The operands of products, by how many numbers they have in each run."""
        found: dict[tuple[int, ...], list[Site]] = {}
        for p in self.listed:
            if p.slot is not None and p.steps == "all" and all(self.tape.instructions[n].op == "mul" for n in self.places[p.key]):
                found.setdefault(tuple(int(which.sum()) for _, which in self._at(p)), []).append(p)
        return found

    @property
    def size(self) -> int:
        """How many edges there are, at most."""
        total = 0
        for i in self.tape.instructions:
            operands = sum(r.size for r in i.ins)
            form = i.row.form
            total += (
                i.outs.size * (operands if form == "composite" else 2 * i.ins[0].shape[1]) if form in ("composite", "matrix") else operands
            )
        return total

    @property
    def cost(self) -> int:
        """Of one gradient, in instructions."""
        return len(self.edges) + sum(e.outs.size for e in self.edges) // EDGES

    def _at(self, place: Site) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        for n in _chosen(self.places.get(place.key, []), place.steps):
            slots = self.edges[n].slots
            yield n, np.ones(slots.shape, bool) if place.slot is None else slots == place.slot

    @cached_property
    def places(self) -> dict[Key, list[int]]:
        """The instructions that make what each expression is, in the order in which they run."""
        return {key: self._last(runs) for key, runs in self._runs.items()}

    @cached_property
    def _runs(self) -> dict[Key, list[int]]:
        """The same with those that make parts of it on the way."""
        found: dict[Key, list[int]] = {}
        for n, i in enumerate(self.tape.instructions):
            if i.line is not None and self.edges[n].outs.size:
                found.setdefault((i.line.file, i.line.number, i.line.part), []).append(n)
        return found

    def _last(self, runs: list[int]) -> list[int]:
        """Of several operations those that no other of them goes on from."""
        within = {int(r) for n in runs for r in self.edges[n].operands.tolist()}
        ends = [n for n in runs if within.isdisjoint(self.edges[n].outs.tolist())]
        op = self.tape.instructions[runs[-1]].op
        same = [n for n in runs if self.tape.instructions[n].op == op]
        return same if len({self.tape.instructions[n].op for n in runs}) == 1 else ends or same

    @cached_property
    def _many(self) -> set[Key]:
        """Expressions that are made by several operations: their operands are not told apart."""
        return {key for key, runs in self._runs.items() if len({self.tape.instructions[n].op for n in runs}) > 1}

    @cached_property
    def _lines(self) -> dict[tuple[str, int], list[tuple[list[int], tuple[int, Integers, Integers]]]]:
        """Of each line whose numbers are each made of one number: its runs, each with its instructions, the last of them, what the line
        makes and what that is made of.
        """
        runs: list[tuple[tuple[str, int], list[int]]] = []
        met: set[tuple[str, str]] = set()  # by the run: a function that is called again begins another
        for n, i in enumerate(self.tape.instructions):
            if i.line is not None and self.edges[n].outs.size:
                where, done = (i.line.file, i.line.number), (i.line.part, i.op)
                if not runs or runs[-1][0] != where or runs[-1][1][-1] != n - 1 or done in met:
                    runs.append((where, []))
                    met.clear()
                runs[-1][1].append(n)
                met.add(done)
        found: dict[tuple[str, int], list[tuple[list[int], tuple[int, Integers, Integers]]]] = {}
        alike = set()
        for where, inside in runs:
            one = self._of_one(inside)
            if one is None:
                alike.add(where)
            else:
                found.setdefault(where, []).append((inside, (inside[-1], *one)))
        return {where: parts for where, parts in found.items() if where not in alike}

    @cached_property
    def functions(self) -> dict[Key, list[tuple[list[int], tuple[int, Integers, Integers]]]]:
        """The places that make each number of one other, by a function that is not straight: lines of code, and calls in them. Of each
        run the instructions, the last of them, what it makes and what that is made of.
        """
        found: dict[Key, list[tuple[list[int], tuple[int, Integers, Integers]]]] = {}
        for where, lines in self._lines.items():
            if any(self._is_curved(self.tape.instructions[n]) for n in lines[0][0]):
                found[*where, ALL] = lines
        for key, runs in self._runs.items():
            of = [self.tape.instructions[n] for n in runs]
            if all(self._is_curved(i) and i.op == of[0].op for i in of):
                found[key] = [([n], (n, self.edges[n].outs, self.edges[n].operands)) for n in runs]
        return found

    def _is_curved(self, i: Instruction) -> bool:
        """Whether it makes a number of one other, by a function that is not straight: a quotient, too, by what moves alone."""
        return i.op in NOT_STRAIGHT or (i.op == "div" and not self.tape.moving[i.ins[0]].any())

    def derivatives(self, *, apart: bool = False) -> Iterator[Slip]:
        """Other derivatives of these functions than their own, those that come last in the code first; or each of a few runs `apart`, as
        of a function that is called at several places.
        """
        for key in sorted(self.functions, key=lambda k: -self.functions[k][-1][1][0]):
            due, ops = self.derivative(key), {self.tape.instructions[n].op for n in self.functions[key][0][0]}
            written = [how for how in DERIVATIVES if how != due and not (how in POWERS and ops & EXPONENTIAL)]
            steps: Sequence[Steps] = _apart(len(self.functions[key])) if apart else ["all"]
            yield from (Slip("path-factor", how, Site(key, None, k)) for k in steps for how in written)

    def derivative(self, key: Key) -> str | None:
        """How the derivative of such a function is shown; None where it is not among those that are."""
        inside, (_, outs, sources) = self.functions[key][0]
        outs, sources = outs[:SEVERAL], sources[:SEVERAL]
        own, there = self._slopes(inside, outs, sources), At(self.values[outs], self.values[sources])
        with np.errstate(all="ignore"):
            return next((how for how, f in DERIVATIVES.items() if np.allclose(f(there), own, rtol=ALIKE, atol=0)), None)

    @cached_property
    def reduced(self) -> dict[tuple[str, int], list[Reduced]]:
        """The lines that reduce rows of a matrix, or its columns, to numbers that are used for all entries again, as a mean is."""
        found: dict[tuple[str, int], list[Reduced]] = {}
        for n, i in enumerate(self.tape.instructions):
            if i.op == "sum" and i.line is not None and i.ins[0].ndim == 2 and min(i.ins[0].shape) > 1:
                one = self._reduced(n, i.ins[0].astype(np.intp), np.ravel(i.outs).astype(np.intp))
                if one is not None:
                    found.setdefault((i.line.file, i.line.number), []).append(one)
        return found

    def _reduced(self, at: int, rows: Integers, outs: Integers) -> Reduced | None:
        many = rows.shape[1]
        row = np.full(self.tape.size, -1)
        row[outs], slopes, used, registers = np.arange(len(outs)), np.ones(len(outs)), [], outs.copy()
        for n in range(at + 1, len(self.edges)):
            e = self.edges[n]
            which = row[e.operands] >= 0
            if not which.any():
                continue
            counts, rank = _counts(e)
            if np.all(counts[which] == many):
                used.append((n, which, row[e.operands[which]], rank[which]))
            elif np.all(counts[which] == 1) and which.all() and len(e.outs) == len(outs) and not used:
                order = row[e.operands]
                slopes[order] *= e.partials
                row[:] = -1
                row[e.outs], registers[order] = order, e.outs
            else:
                return None
        return Reduced(at, rows, slopes, registers, tuple(used)) if used else None

    def _slopes(self, inside: list[int], outs: Integers, sources: Integers) -> Floats:
        """Of each number that a run makes, by the one that it is made of."""
        found = np.zeros(len(outs))
        for k, (out, source) in enumerate(zip(outs.tolist(), sources.tolist(), strict=True)):
            adjoints = {out: 1.0}
            for n in reversed(inside):
                e = self.edges[n]
                for r in np.flatnonzero(np.isin(e.outs, [*adjoints])).tolist():
                    into, g = int(e.operands[r]), adjoints[int(e.outs[r])]
                    adjoints[into] = adjoints.get(into, 0.0) + g * float(e.partials[r])
            found[k] = adjoints.get(source, 0.0)
        return found

    def _of_one(self, inside: list[int]) -> tuple[Integers, Integers] | None:
        behind: dict[int, set[int]] = {}
        for n in inside:
            e = self.edges[n]
            for out, operand in zip(e.outs.tolist(), e.operands.tolist(), strict=True):
                behind.setdefault(out, set()).update(behind.get(operand, {operand}))
        within = {r for n in inside for r in self.edges[n].operands.tolist()}
        ends = [r for r in behind if r not in within]
        if not all(len(behind[r]) == 1 for r in ends) or not ends:
            return None
        return np.array(ends, np.intp), np.array([next(iter(behind[r])) for r in ends], np.intp)

    def slips(self) -> Iterator[Slip]:
        """What may have been done, the likelier first: what a line gives a name before what is within it, and what comes last in the code
        first, since that is the whole of a path.
        """
        places = self.listed
        for code, how, factor in SIMPLE:
            yield from (Slip(code, how, p, factor) for p in places)
        yield from self.local("bare")
        for (file, number), runs in sorted(self._lines.items(), key=lambda item: -item[1][-1][1][0]):
            for steps in ("all", *(_apart(len(runs)) if (file, number, ALL) in self.functions else ())):
                yield Slip("path-factor", "identity", Site((file, number, ALL), None, steps))
        for file, number in self.reduced:
            yield from (Slip("broadcast-sum", how, Site((file, number, ALL))) for how in ACROSS)
        for p in places:
            if p.slot is not None and p.steps == "all" and any(_is_spread(self.edges[n], which) for n, which in self._at(p)):
                yield from (Slip(code, how, p) for code, how in SPREAD)

    def across(self) -> Iterator[Slip]:
        """The same of sums along other axes where it is told in other words, or where several matrices stand one below the other."""
        for (file, number), reduced in self.reduced.items():
            for block in (None, *reduced[0].blocks):
                for relative in (True, False)[: 1 if block is None else 2]:
                    yield from (Slip("broadcast-sum", how, Site((file, number, ALL)), block=block, relative=relative) for how in ACROSS)

    def local(self, how: str) -> Iterator[Slip]:
        """What may have been done to a local factor: it is left out (`bare`), inverted, or there twice."""
        for p in self.listed:
            partials = np.concatenate([self.edges[n].partials[which] for n, which in self._at(p)])
            own = p.slot is not None or p.key not in self._many or np.all(partials == partials[:1])
            halved = how == "squared" and np.all(np.isin(np.abs(partials), (0.5, 2.0)))  # it is the 2 of a square that is not there
            if p.steps == "all" and own and np.any(partials != 1) and not halved:
                yield Slip("path-factor", how, p)

    @cached_property
    def listed(self) -> list[Site]:
        """All places."""
        return sorted(self._places(), key=lambda p: (p.slot is not None or not _is_all(self.line(p)), p.steps != "all"))

    def line(self, place: Site) -> SourceLine:
        """Where it is."""
        where = place.key[:2]
        if place.key[2] != ALL:
            n = self.places[place.key][-1]
        else:
            n = self._lines[where][-1][1][0] if where in self._lines else self.reduced[where][-1].at
        line = self.tape.instructions[n].line
        assert line is not None
        return line

    def when(self, place: Site) -> str:
        """In which of its runs, in words that follow the place; nothing where all are meant."""
        runs = self.places.get(place.key, [])
        if place.steps == "all":
            return ""
        if isinstance(place.steps, tuple):
            return f", the {ORDINALS[place.steps[0]]} of {place.steps[1]} times that it runs in a step"
        if place.steps == "earlier" and self._goes_on(runs):
            return ", from one step to the next"
        if place.steps == "earlier" and len(runs) > 2:
            return ", but for the last time that it runs"
        return f", the {ORDINALS[0 if place.steps == 'earlier' else int(place.steps)]} time that it runs"

    def _goes_on(self, runs: list[int]) -> bool:
        """Whether the last run computes with what an earlier one has made, as a loop does, and two calls of one function need not."""
        reached = np.zeros(self.tape.size, bool)
        for n in range(runs[0], runs[-1] + 1):
            e = self.edges[n]
            reached[e.outs[reached[e.operands]]] = True
            if n in runs[:-1]:
                reached[e.outs] = True
        return bool(np.any(reached[self.edges[runs[-1]].outs]))

    def _places(self) -> Iterator[Site]:
        for key, runs in sorted(self.places.items(), key=lambda item: -item[1][-1]):
            apart = key not in self._many and not all(self._is_of_itself(n) for n in runs)
            slots = sorted({int(s) for n in runs for s in self.edges[n].slots.tolist()}) if apart else []
            which: list[Steps] = ["all", *(["earlier"] if len(runs) > 1 else []), *(range(len(runs)) if 1 < len(runs) <= FEW else [])]
            for steps in which:
                yield Site(key, None, steps)
                if len(slots) > 1 or steps == "all":
                    yield from (Site(key, slot, steps) for slot in slots)

    def _is_of_itself(self, n: int) -> bool:
        """Whether both operands are the same numbers, as in x * x."""
        ins = self.tape.instructions[n].ins
        return len(ins) == 2 and np.array_equal(*ins)

    def only_of(self, groups: Integers, wanted: frozenset[int]) -> list[SourceLine]:
        """The lines of which some operands are made of variables of all the `wanted` groups, and of no others: where nothing else is wrong,
        it goes wrong in one of these, if it does in one line. `groups` are those of the variables.
        """
        made = np.zeros(self.tape.size, np.int64)
        np.bitwise_or.at(made, self.tape.variables, np.int64(1) << groups)
        lines, operands = dict[tuple[str, int], SourceLine](), dict[tuple[str, int, str, int], int]()
        for e, i in zip(self.edges, self.tape.instructions, strict=True):
            np.bitwise_or.at(made, e.outs, made[e.operands])
            if i.line is not None:
                lines.setdefault((i.line.file, i.line.number), i.line)
                for slot in np.unique(e.slots).tolist():
                    key = i.line.file, i.line.number, i.line.part, slot
                    operands[key] = operands.get(key, 0) | int(np.bitwise_or.reduce(made[e.operands[e.slots == slot]]))
        due, found = sum(1 << k for k in wanted), dict[tuple[str, int], int]()
        for (file, number, *_), of in operands.items():
            if not of & ~due:
                found[file, number] = found.get((file, number), 0) | of
        return [line for key, line in lines.items() if found.get(key) == due]

    def constants(self) -> Iterator[Site]:
        """The operands that are one number each."""
        fixed = self.tape.constants
        for key, runs in self.places.items():
            i = self.tape.instructions[runs[0]]
            for slot, r in enumerate(i.ins):
                if i.row.form == "elementwise" and int(r.flat[0]) in fixed and np.all(r == r.flat[0]) and not self.tape.moving[r.flat[0]]:
                    yield Site(key, slot)

    def is_of_greatest(self, place: Site) -> bool:
        """Whether all that comes through a place is, or goes to, what is the greatest of several."""
        for n, which in self._at(place):
            made = {self.tape.places[r].instruction.op for r in self.edges[n].operands[which].tolist() if r in self.tape.places}
            if self.tape.instructions[n].op not in GREATEST and not (made and made <= GREATEST):
                return False
        return True

    def weights(self) -> Iterator[Site]:
        """The factors that do not move and are no one number each, as weights, a mask or a divisor of each example are."""
        for key, runs in self.places.items():
            i = self.tape.instructions[runs[0]]
            for slot, r in enumerate(i.ins):
                if i.op in ("mul", "div") and slot >= (i.op == "div") and not self.tape.moving[r].any() and not np.all(r == r.flat[0]):
                    yield Site(key, slot)

    def constant(self, place: Site) -> float:
        """The number at such an operand."""
        n = self.places[place.key][0]
        return float(self._operands(n, self.tape.instructions[n], self.values)[place.slot or 0].flat[0])

    def having(self, place: Site, number: float) -> Lines:
        """The same with another number there."""
        there = {(n, place.slot or 0): number for n in self.places[place.key]}
        return Lines(self.record, self.inputs, {**self.changed, **there})

    def choices(self) -> Iterator[Site]:
        """What a maximum, an absolute value, a clip or a condition may be left out for: the place, with the operand as it is written."""
        for key, runs in self._runs.items():
            ops = [self.tape.instructions[n].op for n in runs]
            if set(ops) == {"where"} or set(ops) == {"abs"}:
                yield from (Site(key, k) for k in ((1, 2) if ops[0] == "where" else (0,)))
            elif set(ops) <= GREATEST:
                moving = [self._moving(n) for n in runs]
                if len(set(ops)) > 1 and all(len(k) == 1 for k in moving):
                    yield Site(key, 0)
                elif len(set(ops)) == 1:
                    yield from (Site(key, k) for k in moving[0] if all(k in own for own in moving))

    def _moving(self, n: int) -> list[int]:
        """The operands of a maximum of two that move."""
        rows = self.tape.instructions[n].ins[0]
        return [k for k in range(2) if np.any(self.tape.moving[rows[:, k]])] if rows.shape[1] == 2 else []

    def taking(self, place: Site) -> Lines:
        """The same where one operand is taken always."""
        runs, which = self._runs[place.key], place.slot or 0
        clip = len({self.tape.instructions[n].op for n in runs}) > 1
        return Lines(self.record, self.inputs, self.changed, {n: self._moving(n)[0] if clip else which for n in runs})


GREATEST = {"max", "min"}
SEVERAL = 16
"""Numbers of which the derivative is looked up."""
ALIKE = 1e-9
"""Part of a derivative by which floats may miss it."""
FEW = 6
"""Runs of one place that are looked at one by one."""
CALLS = (2, 3, 4)
"""Calls of one function in a step of a loop that are told apart."""
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

SIMPLE = (("path-missing", "times", 0.0), ("path-doubled", "times", 2.0), ("path-sign", "times", -1.0))
SPREAD = (("reduction-mean", "mean"), ("broadcast-sum", "first"), ("broadcast-sum", "last"))


def _apart(runs: int) -> list[Steps]:
    """The runs of a function by themselves where they are few, or those that may be of one call in a loop."""
    single = range(runs) if 1 < runs <= FEW else ()
    return [*single, *((k, m) for m in CALLS if runs % m == 0 and runs > m for k in range(m))]


def _chosen(runs: list[T], steps: Steps) -> list[T]:
    if isinstance(steps, tuple):
        return runs[steps[0] :: steps[1]]
    return runs if steps == "all" else runs[:-1] if steps == "earlier" else runs[int(steps) : int(steps) + 1]


ACROSS: dict[str, Callable[[Floats, int, int], Floats]] = {
    "another axis": lambda s, _, __: s,
    "another axis, as a mean": lambda s, n, m: s * m / n,
    "all axes": lambda s, _, __: np.broadcast_to(s.sum(1, keepdims=True), s.shape),
    "all axes, as a mean": lambda s, n, _: np.broadcast_to(s.sum(1, keepdims=True) / n, s.shape),
}
"""What comes to matrices of n rows and m columns where what is due along the rows is taken along other axes: by the sums of the columns, a
row for each matrix.
"""
BLOCKS = 4
"""Sizes of matrices, of which one stands below the other, that are tried."""


def _counts(e: Edges) -> tuple[Integers, Integers]:
    """For each edge the number of its operand's edges in the same slot, and which of them it is."""
    pairs = e.operands * (int(e.slots.max(initial=0)) + 1) + e.slots
    _, where, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    order = np.argsort(where, kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(where), np.intp)
    rank[order] = np.arange(len(where)) - np.repeat(starts, counts)
    return counts[where], rank


def _is_spread(e: Edges, which: NDArray[np.bool_]) -> bool:
    return bool(np.any(_counts(e)[0][which] > 1))


def _only(last: bool) -> Callable[[Edges, Floats, float], Floats]:
    def chosen(e: Edges, p: Floats, _: float) -> Floats:
        counts, rank = _counts(e)
        return np.where(rank == (counts - 1 if last else 0), p, 0.0)

    return chosen


DONE: dict[str, Callable[[Edges, Floats, float], Floats]] = {
    "times": lambda _, p, c: c * p,
    "bare": lambda _, p, __: np.ones(p.shape),
    "inverted": lambda _, p, __: np.divide(1.0, p, out=np.zeros(p.shape), where=p != 0),
    "squared": lambda _, p, __: p * p,
    "mean": lambda e, p, _: p / _counts(e)[0],
    "first": _only(last=False),
    "last": _only(last=True),
}
"""What becomes of the partials of a place."""


def in_words(slip: Slip, line: SourceLine, when: str = "") -> str:
    """The slip in words, after `the gradient`; `when` is what `Lines.when` says of its place."""
    what = place_in_words(slip.place, line) + when
    if slip.how in DERIVATIVES:
        return derivative_in_words(slip, line, None, when)
    if slip.how == "bare" and _is_mean(line):
        return f"sums what comes through {what} where it must be averaged"
    if slip.how in ("bare", "identity"):
        return f"leaves out the derivative of {what}"
    if slip.how == "inverted":
        return f"has the inverse of the derivative of {what} in its place"
    if slip.how == "squared":
        return f"has the derivative of {what} twice, as a factor"
    if slip.how == "mean":
        return f"averages what comes through {what} where it must be summed"
    if slip.how in ACROSS:
        return f"has what comes through {what} summed along {slip.how.partition(',')[0]}"
    if slip.how in ("first", "last"):
        return f"has only the {slip.how} of what comes through {what}, where all must be summed"
    verb = {0.0: "lacks", 2.0: "has twice", -1.0: "has with the wrong sign"}.get(slip.factor, f"has {multiple(slip.factor)}")
    return f"{verb} what comes through {what}"


def derivative_in_words(slip: Slip, line: SourceLine, due: str | None, when: str = "") -> str:
    """The same of a derivative, with the one that is `due` if that has a form. A value that has a name in the code is called by that."""
    named = re.match(r"([A-Za-z_]\w*)\s*=(?!=)", line.code) if slip.place.key[2] == ALL or _is_all(line) else None
    texts = [slip.how, *([] if due is None else [due])]
    if named:
        texts = [re.sub(r"(?<![a-z])v(?![a-z])", named[1], t) for t in texts]
    letters = {"v": "its value", "x": "its argument"}
    used = [
        f"{k} being {words}"
        for k, words in letters.items()
        if any(re.search(rf"(?<![a-z]){k}(?![a-z])", t) for t in texts) and not (k == "v" and named)
    ]
    part = not named and not line.code.startswith("return ")
    what = f"`{line.part}` ({os.path.basename(line.file)}:{line.number})" if part else place_in_words(slip.place, line)
    instead = "" if due is None else f" in place of {texts[1]}"
    return f"has {texts[0]}{instead} for the derivative of {what}{when}{', ' if used else ''}{' and '.join(used)}"


def multiple(factor: float) -> str:
    """A factor in words, however little it differs from 1."""
    off = factor - 1
    return f"{factor:.6g} ×" if abs(off) >= 1e-5 else f"(1 {'−' if off < 0 else '+'} {abs(off):.2g}) ×"


def operand_in_words(place: Site, line: SourceLine) -> str:
    """What stands at an operand."""
    return _operand(place, line)


def place_in_words(place: Site, line: SourceLine) -> str:
    """A place in words."""
    part = line.part if place.key[2] != ALL and (place.slot is not None or not _is_all(line)) else ""
    where = f"`{part or _bare(line.code)}` ({os.path.basename(line.file)}:{line.number})"
    if place.slot is not None:
        where = f"{_operand(place, line)} in {where}"
    return where


def line_in_words(line: SourceLine) -> str:
    """A line in words."""
    return f"`{_bare(line.code)}` ({os.path.basename(line.file)}:{line.number})"


def _is_mean(line: SourceLine) -> bool:
    try:
        e = ast.parse(line.part, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(e, ast.Call) and "mean" in (getattr(e.func, "attr", None), getattr(e.func, "id", None))


def _is_all(line: SourceLine) -> bool:
    """Whether an expression is what the line gives a name, or returns."""
    code = _bare(line.code)
    return code.endswith(line.part) and bool(re.fullmatch(r"[^=<>!]*=\s*|return\s+", code[: -len(line.part)]))


def _operand(place: Site, line: SourceLine) -> str:
    written = _operands(line)
    if place.slot is None or place.slot >= len(written) or len(text := ast.unparse(written[place.slot])) > LONGEST:
        return f"operand {(place.slot or 0) + 1}"
    return f"`{text}`"


def _operands(line: SourceLine) -> list[ast.expr]:
    try:
        e = ast.parse(line.part, mode="eval").body
    except SyntaxError:
        return []
    if isinstance(e, ast.BinOp):
        return [e.left, e.right]
    if isinstance(e, ast.UnaryOp):
        return [e.operand]
    if isinstance(e, ast.Call):
        of = e.func.value if isinstance(e.func, ast.Attribute) and not _is_module(e.func.value) else None
        return [*([of] if of else []), *e.args]
    return []


def _is_module(e: ast.expr) -> bool:
    return ast.unparse(e).partition(".")[0] in ("np", "numpy", "math", "special", "scipy", "sp")


def _bare(code: str) -> str:
    """Without a remark behind it."""
    return code if "'" in code or '"' in code else re.sub(r"\s*#.*$", "", code)
