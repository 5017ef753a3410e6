"""Slips in a gradient of code: the gradient if one place in the loss's code were differentiated wrongly.

The code is recorded operation by operation, each with its line. A gradient goes backwards along *edges*, from the result of an operation to
its operands, times a partial. A slip changes the partials of the edges of one place, in every run of a loop: they are left out, doubled,
negated, lack their own factor, or count for only one of the numbers that a number is broadcast to. The gradient is then computed again, so
that a place that occurs several times on a path is changed each time, as in code with the slip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from verify.mistakes.axes import Kind, Reduced, Summation
from verify.mistakes.derivatives import DERIVATIVES, NOT_STRAIGHT, At
from verify.mistakes.edges import (
    AGAINST,
    CHANGED_PARTIALS,
    Edges,
    carry,
    edge_counts,
    fits,
    land_sums,
    multiply_back,
    put_back,
    take_out,
)
from verify.mistakes.orders import Order
from verify.mistakes.products import Product
from verify.mistakes.slips import ALL_NAMES, Key, Site, Slip, chosen
from verify.tape.floats import Floats as Arithmetic
from verify.tape.primitives import given
from verify.tape.tape import Instruction, Tape
from verify.traced import Record

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

EDGES = 1000
"""Number of edges that cost as much as an instruction."""
GREATEST = {"max", "min"}
GIVEN = -1
"""The place of variables, which no instruction makes."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Numbers of which each goes into the next: for each step these, the instruction that makes each, or GIVEN, and their slopes in the
    step before.
    """

    steps: tuple[tuple[Integers, Integers, Floats], ...]


@dataclass(eq=False)
class CodeGradient:
    """The gradient of the code of a loss at one point, carried back along all edges, right or with slips."""

    record: Record
    inputs: Floats
    changed: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """Constants that replace others, by instruction and operand."""
    taken: Mapping[int, int] = field(default_factory=dict)
    """Selecting instructions, such as a maximum, and the operand that they always take."""

    @cached_property
    def tape(self) -> Tape:
        """The tape of the loss."""
        return self.record.tape

    @cached_property
    def values(self) -> Floats:
        """The values of all registers."""
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
        """The edges of each instruction between registers that depend on variables."""
        with np.errstate(all="ignore"):
            return [self._edges(n, i) for n, i in enumerate(self.tape.instructions)]

    def _edges(self, n: int, i: Instruction) -> Edges:
        parts = list(self._parts(n, i))
        if not parts:
            return Edges(*(np.zeros(0, np.intp),) * 3, np.zeros(0))
        outs, operands, slots, partials = (np.concatenate(column) for column in zip(*parts, strict=True))
        moving = self.tape.moving[operands]
        return Edges(outs[moving], operands[moving], slots[moving], partials[moving].astype(np.float64))

    def _parts(
        self, n: int, i: Instruction, onto: Sequence[Integers] | None = None
    ) -> Iterator[tuple[Integers, Integers, Integers, Floats]]:
        """The edges of each operand; as if it had the registers `onto`, with the partials that it has."""
        form, ins, a = i.row.form, self._operands(n, i, self.values), Arithmetic()
        if form == "comparison":
            return
        for slot, (r, p) in enumerate(zip(onto or i.ins, self._partials(n, i, ins, a), strict=True)):
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
        """The gradient in the variables, with these slips; those at places that the code does not reach here change nothing."""
        changed: dict[int, Floats] = {}
        straight: dict[int, list[tuple[Integers, Integers, Floats]]] = {}
        acts: dict[int, list[Callable[[Floats], None]]] = {}
        for slip in slips:
            if slip.along is not None:
                self._summed(slip.place, slip.along, changed, acts)
                continue
            if slip.product is not None:
                self._multiplied(slip.place, slip.product, slip.other, changed, acts)
                continue
            if slip.order is not None:
                self._ordered(slip.place, slip.order, changed, acts)
                continue
            if slip.how in AGAINST:
                continue
            if slip.parts:
                changed |= self._lacking(slip.place, slip.parts)
                continue
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
                replaced = self._lines.get(slip.place.key[:2], []) if identity else self.functions.get(slip.place.key, [])
                for inside, (last, outs, sources) in chosen(replaced, slip.place.steps):
                    changed |= {n: np.zeros(self.edges[n].partials.shape) for n in inside}
                    slopes = np.ones(outs.shape) if identity else DERIVATIVES[slip.how](At(self.values[outs], self.values[sources]))
                    straight[last] = [(outs, sources, slopes)]
                continue
            for n, which in self._at(slip.place):
                before = changed.get(n, self.edges[n].partials)
                changed[n] = np.where(which, CHANGED_PARTIALS[slip.how](self.edges[n], before, slip.factor), before)
        for slip in slips:
            if slip.how in AGAINST and (chain := self.chains.get(slip.place.key)) is not None:
                self._carried_on(chain, slip.how, changed, straight, acts)
        return np.asarray(self._swept(changed, straight, acts)[self.tape.variables])

    def _swept(
        self,
        changed: Mapping[int, Floats],
        straight: Mapping[int, list[tuple[Integers, Integers, Floats]]],
        acts: Mapping[int, list[Callable[[Floats], None]]],
    ) -> Floats:
        """The adjoints of all registers; acts of no instruction come last."""
        adjoints = np.zeros(self.tape.size)
        adjoints[self.record.output] = 1.0
        with np.errstate(all="ignore"):
            for n in range(len(self.edges) - 1, -1, -1):
                e = self.edges[n]
                for outs, sources, slopes in straight.get(n, ()):
                    np.add.at(adjoints, sources, np.where(adjoints[outs] == 0, 0.0, adjoints[outs] * slopes))
                for act in acts.get(n, ()):
                    act(adjoints)
                g = adjoints[e.outs]
                if g.any():
                    np.add.at(adjoints, e.operands, np.where(g == 0, 0.0, g * changed.get(n, e.partials)))
        for act in acts.get(GIVEN, ()):
            act(adjoints)
        return adjoints

    def _ordered(self, place: Site, order: Order, changed: dict[int, Floats], acts: dict[int, list[Callable[[Floats], None]]]) -> None:
        """What comes to an operand, carried back to other registers."""
        runs, slot = self.places.get(place.key, []), place.slot or 0
        registers = self._stacked(place)
        moved = None if registers is None else order.of(registers)
        for n, there in zip(runs, moved if moved is not None else (), strict=False):
            i = self.tape.instructions[n]
            onto = [there if k == slot else r for k, r in enumerate(i.ins)]
            parts = [part for part in self._parts(n, i, onto) if part[2][0] == slot]
            changed[n] = np.where(self.edges[n].slots == slot, 0.0, changed.get(n, self.edges[n].partials))
            acts.setdefault(n, []).extend(partial(carry, *part) for part in parts)

    def _stacked(self, place: Site) -> Integers | None:
        """The registers of an operand (runs, …); None where they are of several shapes."""
        registers = [self.tape.instructions[n].ins[place.slot or 0] for n in self.places.get(place.key, [])]
        return np.stack(registers) if registers and len({r.shape for r in registers}) == 1 else None

    def _carried_on(
        self,
        chain: Chain,
        how: str,
        changed: Mapping[int, Floats],
        straight: Mapping[int, list[tuple[Integers, Integers, Floats]]],
        acts: dict[int, list[Callable[[Floats], None]]],
    ) -> None:
        """What comes to each number of a chain, and goes on to the later ones, where it must go on to the earlier ones."""
        coming, first = np.zeros(self.tape.size), {n: [*those] for n, those in acts.items()}
        for numbers, makers, _ in chain.steps:
            for n in np.unique(makers).tolist():
                first.setdefault(n, []).append(partial(take_out, coming, numbers[makers == n]))
        self._swept(changed, straight, first)
        carried = np.zeros(chain.steps[0][0].shape)
        for numbers, makers, factors in chain.steps:
            carried = coming[numbers] + AGAINST[how](carried, factors)
            for n in np.unique(makers).tolist():
                acts.setdefault(n, []).append(partial(put_back, numbers[makers == n], carried[makers == n]))

    @cached_property
    def chains(self) -> dict[Key, Chain]:
        """The places whose results each go into the next, as those of a cumulative sum."""
        found = {}
        for key, runs in self.places.items():
            if len(runs) > 1 and (chain := self._chained(runs)) is not None:
                found[key] = chain
        return found

    def _chained(self, runs: list[int]) -> Chain | None:
        made = [np.ravel(self.tape.instructions[n].outs) for n in runs]
        if len({numbers.shape for numbers in made}) > 1:
            return None
        steps = [(made[0], np.full(made[0].shape, runs[0]), np.zeros(made[0].shape))]
        for (n, before), (m, numbers) in pairwise(zip(runs, made, strict=True)):
            steps.append((numbers, np.full(numbers.shape, m), self._through(range(n + 1, m + 1), before, numbers)))
            if not np.any(steps[-1][2]):
                return None
        first, second = (self.tape.instructions[n] for n in runs[:2])
        slots = [s for s, r in enumerate(second.ins) if r.shape == first.outs.shape and np.array_equal(r, first.outs)]
        if slots and self.tape.moving[begins := np.ravel(first.ins[slots[0]])].all():  # it begins with the first number itself
            numbers, makers, _ = steps[0]
            steps[0] = numbers, makers, self._through(range(runs[0], runs[0] + 1), begins, numbers)
            steps.insert(0, (begins, self._makers[begins], np.zeros(begins.shape)))
        return Chain(tuple(steps))

    @cached_property
    def _makers(self) -> Integers:
        """The instruction that makes each register; GIVEN for variables."""
        found = np.full(self.tape.size, GIVEN)
        for n, i in enumerate(self.tape.instructions):
            found[i.outs] = n
        return found

    def _through(self, inside: range, sources: Integers, ends: Integers) -> Floats:
        """The slopes of these numbers in their predecessors, each in its own alone."""
        adjoints = np.zeros(self.tape.size)
        adjoints[ends] = 1.0
        for n in reversed(inside):
            e = self.edges[n]
            g = adjoints[e.outs]
            if g.any():
                np.add.at(adjoints, e.operands, g * e.partials)
        return np.asarray(adjoints[sources])

    def _summed(self, place: Site, along: Summation, changed: dict[int, Floats], acts: dict[int, list[Callable[[Floats], None]]]) -> None:
        """What comes to matrices whose rows are reduced in a place, summed along other axes."""
        weights = self.kinds.get(along.by, []) if along.by is not None and along.power else []
        for k, reduced in enumerate(self.kinds.get((*place.key, along.inside), [])):
            sizes = (
                np.abs(self.values[weights[min(k, len(weights) - 1)].registers]) ** along.power if weights else np.ones(len(reduced.rows))
            )
            coming = np.zeros(reduced.rows.shape)
            for n, which, rows, columns in reduced.used:
                acts.setdefault(n, []).append(partial(self._collect, coming, n, which, rows, columns))
                changed[n] = np.where(which, 0.0, changed.get(n, self.edges[n].partials))
            acts.setdefault(reduced.at, []).append(partial(land_sums, coming, reduced, along, sizes))

    def _collect(self, coming: Floats, n: int, which: NDArray[np.bool_], rows: Integers, columns: Integers, adjoints: Floats) -> None:
        e = self.edges[n]
        np.add.at(coming, (rows, columns), adjoints[e.outs[which]] * e.partials[which])

    def _multiplied(
        self,
        place: Site,
        how: Product,
        partner: Site | None,
        changed: dict[int, Floats],
        acts: dict[int, list[Callable[[Floats], None]]],
    ) -> None:
        """An operand of a product of matrices, which another product comes to; of another matrix than its partner, if given."""
        slot, taken = place.slot or 0, partner or replace(place, slot=1 - (place.slot or 0))
        for n, m in zip(self.places.get(place.key, []), self.places.get(taken.key, []), strict=False):
            own, other = self.tape.instructions[n], self.values[self.tape.instructions[m].ins[taken.slot or 0]]
            other = other.T if slot == 0 else other
            if fits(own, slot, how, other.shape):
                changed[n] = np.where(self.edges[n].slots == slot, 0.0, changed.get(n, self.edges[n].partials))
                acts.setdefault(n, []).append(partial(multiply_back, own, slot, how, other))

    def _lacking(self, place: Site, parts: tuple[tuple[Site, int], ...]) -> dict[int, Floats]:
        """Partials without the constant that a place adds: those of the operands of what uses it, and, so many times, its own."""
        if place.key not in self.places:
            return {}
        if place not in self._without:
            self._without[place] = self.having(place, 0.0)
        without, found = self._without[place], dict[int, Floats]()
        for site, power in parts:
            for n in self.places.get(site.key, []):
                own = found.get(n, self.edges[n].partials)
                if site.slot is not None:
                    found[n] = np.where(self.edges[n].slots == site.slot, without.edges[n].partials, own)
                else:
                    ends = self._chain(n)
                    ratio = np.zeros(self.tape.size)
                    ratio[self.tape.instructions[n].outs] = without.values[ends] / self.values[ends]
                    found[n] = own * ratio[self.edges[n].outs] ** power
        return found

    @cached_property
    def _without(self) -> dict[Site, Self]:
        return {}

    def _chain(self, n: int) -> Integers:
        """What the numbers that an instruction makes become, as long as each is made of one of them, and of nothing else that moves."""
        ends = np.ravel(self.tape.instructions[n].outs)
        for m in range(n + 1, len(self.edges)):
            e = self.edges[m]
            which = np.isin(e.operands, ends)
            if which.any():
                if not which.all() or not np.array_equal(e.operands, ends) or self.tape.instructions[m].row.form != "elementwise":
                    break
                ends = e.outs
        return ends

    def _factors_of_each_other(self, place: Site, other: Site, *, both: bool = True) -> dict[int, Floats]:
        """The partials of an operand replaced by those of another, or exchanged with them."""
        found: dict[int, Floats] = {}
        for (n, which), (m, those) in zip(self._at(place), self._at(other), strict=False):
            for k, at, source, there in ((n, which, m, those), (m, those, n, which))[: 1 + both]:
                found[k] = found.get(k, self.edges[k].partials).copy()
                found[k][at] = self.edges[source].partials[there]
        return found

    def _to_each_other(self, place: Site, other: Site, changed: dict[int, Floats]) -> dict[int, list[tuple[Integers, Integers, Floats]]]:
        """The adjoints of two functions passed to the arguments of each other, at the later one, where both are known."""
        found: dict[int, list[tuple[Integers, Integers, Floats]]] = {}
        one, two = ([self._whole(*run) for run in chosen(self.functions.get(p.key, []), p.steps)] for p in (place, other))
        for (inside, (last, outs, sources)), (those, (end, ends, others)) in zip(one, two, strict=False):
            changed |= {n: np.zeros(self.edges[n].partials.shape) for n in (*inside, *those)}
            there = (outs, others, self._slopes(inside, outs, sources)), (ends, sources, self._slopes(those, ends, others))
            found.setdefault(max(last, end), []).extend(there)
        return found

    def _whole(self, inside: list[int], ends: tuple[int, Integers, Integers]) -> tuple[list[int], tuple[int, Integers, Integers]]:
        """A run of a function extended by preceding ones with one argument, such as −x in exp(−x)."""
        last, outs, sources = ends
        for n in range(inside[0] - 1, -1, -1):
            e = self.edges[n]
            if np.isin(e.outs, sources).any():
                order = np.argsort(e.outs)
                if len(e.outs) != len(sources) or not np.array_equal(e.outs[order], np.sort(sources)):
                    break
                inside, sources = [n, *inside], e.operands[order][np.argsort(np.argsort(sources))]
        return inside, (last, outs, sources)

    @property
    def size(self) -> int:
        """An upper bound of the number of edges."""
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
        """The cost of one gradient, in instructions."""
        return len(self.edges) + sum(e.outs.size for e in self.edges) // EDGES

    def _at(self, place: Site) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        for n in chosen(self.places.get(place.key, []), place.steps):
            slots = self.edges[n].slots
            yield n, np.ones(slots.shape, bool) if place.slot is None else slots == place.slot

    @cached_property
    def places(self) -> dict[Key, list[int]]:
        """The instructions that compute each expression's result, in order of execution."""
        return {key: self._last(runs) for key, runs in self._runs.items()}

    @cached_property
    def _runs(self) -> dict[Key, list[int]]:
        """The instructions that compute each expression, including intermediate results."""
        found: dict[Key, list[int]] = {}
        for n, i in enumerate(self.tape.instructions):
            if i.line is not None and self.edges[n].outs.size:
                found.setdefault((i.line.file, i.line.number, i.line.part), []).append(n)
        return found

    def _last(self, runs: list[int]) -> list[int]:
        """Those of several operations whose results no other of them uses."""
        within = {int(r) for n in runs for r in self.edges[n].operands.tolist()}
        ends = [n for n in runs if within.isdisjoint(self.edges[n].outs.tolist())]
        op = self.tape.instructions[runs[-1]].op
        same = [n for n in runs if self.tape.instructions[n].op == op]
        return same if len({self.tape.instructions[n].op for n in runs}) == 1 else ends or same

    @cached_property
    def _lines(self) -> dict[tuple[str, int], list[tuple[list[int], tuple[int, Integers, Integers]]]]:
        """For each line whose results each depend on one number: its runs, each with its instructions, the last of them, the results and
        the arguments.
        """
        runs: list[tuple[tuple[str, int], list[int]]] = []
        met: set[tuple[str, str]] = set()  # by run: a repeated call starts a new run
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
        """The places that compute each number from one other, by a function that is not linear: lines of code, and calls in them. For each
        run its instructions, the last of them, the results and the arguments.
        """
        found: dict[Key, list[tuple[list[int], tuple[int, Integers, Integers]]]] = {}
        for where, lines in self._lines.items():
            if any(self._is_curved(self.tape.instructions[n]) for n in lines[0][0]):
                found[*where, ALL_NAMES] = lines
        for key, runs in self._runs.items():
            of = [self.tape.instructions[n] for n in runs]
            if self.is_root(key):
                of = [i for i in of if i.op == "sqrt"]
                runs = [n for n in runs if self.tape.instructions[n].op == "sqrt"]
            if all(self._is_curved(i) and i.op == of[0].op for i in of):
                found[key] = [([n], (n, self.edges[n].outs, self.edges[n].operands)) for n in runs]
        return found

    @cached_property
    def _many(self) -> set[Key]:
        """Expressions computed by several operations: their operands are not distinguished."""
        return {key for key, runs in self._runs.items() if len({self.tape.instructions[n].op for n in runs}) > 1}

    def is_root(self, key: Key) -> bool:
        """Whether a place's last operation is a root, of what it made itself, as in a norm."""
        return key in self._many and self.tape.instructions[self._runs[key][-1]].op == "sqrt"

    def _is_curved(self, i: Instruction) -> bool:
        """Whether it makes a number of one other, by a function that is not straight: a quotient, too, by what moves alone, and a power."""
        fixed = [not self.tape.moving[r].any() for r in i.ins]
        return i.op in NOT_STRAIGHT or (i.op == "div" and fixed[0]) or (i.op == "pow" and any(fixed))

    @cached_property
    def kinds(self) -> dict[Kind, list[Reduced]]:
        """The expressions that reduce rows of a matrix, or its columns, to numbers that are used for all entries again, as a mean is."""
        found: dict[Kind, list[Reduced]] = {}
        for n, i in enumerate(self.tape.instructions):
            if i.op == "sum" and i.line is not None and i.ins[0].ndim == 2 and min(i.ins[0].shape) > 1:
                one = self._reduced(n, i.ins[0].astype(np.intp), np.ravel(i.outs).astype(np.intp))
                if one is not None:
                    inside = all(self.tape.instructions[m].line == i.line for m, *_ in one.used)
                    found.setdefault((i.line.file, i.line.number, i.line.part, inside), []).append(one)
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
            counts, rank = edge_counts(e)
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
        """The slope of each result of a run in its argument."""
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

    def having(self, place: Site, number: float) -> Self:
        """The lines with another number at a place."""
        there = {(n, place.slot or 0): number for n in self.places.get(place.key, [])}
        return replace(self, changed={**self.changed, **there})

    def _moving(self, n: int) -> list[int]:
        """The operands of a maximum of two that depend on variables."""
        rows = self.tape.instructions[n].ins[0]
        return [k for k in range(2) if np.any(self.tape.moving[rows[:, k]])] if rows.shape[1] == 2 else []

    def taking(self, place: Site) -> Self:
        """The lines where one operand is always taken."""
        runs, which = self._runs.get(place.key, []), place.slot or 0
        clip = len({self.tape.instructions[n].op for n in runs}) > 1
        return replace(self, taken={n: self._moving(n)[0] if clip else which for n in runs})
