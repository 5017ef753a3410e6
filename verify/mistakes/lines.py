"""The slips that recorded code may be differentiated with, line by line, and the lines that stand for a part of the loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from verify.mistakes.axes import Kind, Reduced, Summation, cut, simple
from verify.mistakes.code_gradient import GREATEST, CodeGradient
from verify.mistakes.derivatives import DERIVATIVES, EXPONENTIAL, POWERS, At
from verify.mistakes.edges import (
    AGAINST,
    fits,
    is_spread,
)
from verify.mistakes.messages import is_all
from verify.mistakes.orders import orders
from verify.mistakes.products import Product, turned
from verify.mistakes.slips import ALL_NAMES, Key, Site, Slip, Steps, chosen
from verify.tape.tape import Instruction, SourceLine

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


class Lines(CodeGradient):
    """The slips of the code of a loss at one point, the likelier first."""

    def ordered(self) -> Iterator[Slip]:
        """Operands that are carried back in another order."""
        for place in self.listed:
            ops = {self.tape.instructions[n].row.form for n in self.places[place.key]}
            registers = self._stacked(place) if place.slot is not None and place.steps == "all" and ops <= ORDERED else None
            if registers is not None:
                yield from (Slip("entries", "ordered", place, order=o) for o in orders(registers) if o.of(registers) is not None)

    def against(self) -> Iterator[Slip]:
        """Cumulative sums, and chains like them, that are carried back in the direction in which they are made."""
        yield from (Slip("transposed", how, Site(key)) for key in sorted(self.chains, key=lambda k: -self.places[k][-1]) for how in AGAINST)

    def lacking(self) -> Iterator[Slip]:
        """A small constant, as an ε, that some partials are without, and others are not."""
        for place in self.constants():
            runs = self.places[place.key]
            if self.tape.instructions[runs[0]].op not in ("add", "sub") or not 0 < abs(self.constant(place)) <= SMALL:
                continue
            end = set(self._chain(runs[0]).tolist())
            direct: list[Site] = []
            for key, those in self.places.items():
                i = self.tape.instructions[those[0]]
                if i.op in ("mul", "div") and len(those) == len(runs) and key not in self._many:
                    slots = [slot for slot, r in enumerate(i.ins) if end.isdisjoint(r.ravel().tolist())]
                    if len(slots) == 1 and np.any(self.tape.moving[i.ins[slots[0]]]):
                        direct.append(Site(key, slots[0]))
            chosen = [tuple((s, 1) for s in some) for k in range(len(direct[:USES]) + 1) for some in combinations(direct[:USES], k)]
            for some in chosen:
                for power in (0, 1, 2, 3, -1, -2, -3):
                    parts = (*some, *(((Site(place.key), power),) if power else ()))
                    if parts:
                        yield Slip("constant", "lacking", place, parts=parts)

    def exchanges(self) -> Iterator[Slip]:
        """Slips that exchange the arguments of two functions, or the factors of two operands, as of two gates of a cell."""
        functions: dict[tuple[int, ...], list[Site]] = {}
        for key, runs in self.functions.items():
            if all(self.tape.instructions[n].op == "div" for n in runs[0][0]):  # part of a function, as of a sigmoid
                continue
            for steps in ("all", *_apart(len(runs))):
                sizes = tuple(len(outs) for _, (_, outs, _) in chosen(runs, steps))
                functions.setdefault(sizes, []).append(Site(key, None, steps))
        for group in (*functions.values(), *self._factors.values()):
            yield from (Slip("class-swapped", "exchanged", one, other=two) for one, two in combinations(group, 2))

    def products(self) -> Iterator[Slip]:
        """Operands of products of matrices that are carried back with something transposed, or with another matrix that a product has."""
        operands = {
            Site(key, slot): [self.tape.instructions[n].ins[slot] for n in runs]
            for key, runs in self.places.items()
            for slot in (0, 1)
            if key not in self._many and all(self.tape.instructions[n].op == "matmul" for n in runs)
        }
        moving = [place for place, runs in operands.items() if any(self.tape.moving[r].any() for r in runs)]

        def fitting(place: Site, those: list[Integers], ways: Iterable[Product]) -> Iterator[Product]:
            slot, own = place.slot or 0, [self.tape.instructions[n] for n in self.places[place.key]]
            shapes = [r.shape if slot else r.shape[::-1] for r in those]
            return (p for p in ways if any(fits(i, slot, p, shape) for i, shape in zip(own, shapes, strict=True)))

        for place in moving:
            due = operands[replace(place, slot=1 - (place.slot or 0))]
            yield from (Slip("transposed", "product", place, product=p) for p in fitting(place, due, turned()))
        for place in moving:
            due = operands[replace(place, slot=1 - (place.slot or 0))]
            for other, runs in operands.items():
                if len(runs) == len(due) and not all(np.array_equal(*both) for both in zip(runs, due, strict=True)):
                    ways = fitting(place, runs, (Product(), Product(other=True)))
                    yield from (Slip("path-factor", "product", place, other=other, product=p) for p in ways)

    def takings(self) -> Iterator[Slip]:
        """Slips that give an operand the factor of another."""
        for group in self._factors.values():
            yield from (Slip("path-factor", "taken", one, other=two) for one, two in permutations(group, 2))

    @cached_property
    def _factors(self) -> dict[tuple[int, ...], list[Site]]:
        """The operands of products, by their number of entries in each run."""
        found: dict[tuple[int, ...], list[Site]] = {}
        for p in self.listed:
            if p.slot is not None and p.steps == "all" and all(self.tape.instructions[n].op == "mul" for n in self.places[p.key]):
                found.setdefault(tuple(int(which.sum()) for _, which in self._at(p)), []).append(p)
        return found

    def derivatives(self, *, apart: bool = False) -> Iterator[Slip]:
        """Slips with another derivative of these functions, the last in the code first; with `apart` in one of a few runs, as of a function
        that is called at several places.
        """
        for key in sorted(self.functions, key=lambda k: -self.functions[k][-1][1][0]):
            due, ops = self.derivative(key), {self.tape.instructions[n].op for n in self.functions[key][0][0]}
            written = [how for how in DERIVATIVES if how != due and not (how in POWERS and ops & EXPONENTIAL)]
            steps: Sequence[Steps] = _apart(len(self.functions[key])) if apart else ["all"]
            yield from (Slip("path-factor", how, Site(key, None, k)) for k in steps for how in written)

    def derivative(self, key: Key) -> str | None:
        """The text of such a function's derivative; None if it is not in the table."""
        inside, (_, outs, sources) = self.functions[key][0]
        outs, sources = outs[:IDENTIFYING_NUMBERS], sources[:IDENTIFYING_NUMBERS]
        own, there = self._slopes(inside, outs, sources), At(self.values[outs], self.values[sources])
        with np.errstate(all="ignore"):
            return next((how for how, f in DERIVATIVES.items() if np.allclose(f(there), own, rtol=DERIVATIVE_ERROR, atol=0)), None)

    @property
    def reductions(self) -> Iterator[tuple[Site, list[Reduced]]]:
        """Those that are used elsewhere, each with its place."""
        return ((Site(kind[:3]), found) for kind, found in self.kinds.items() if not kind[3])

    def slips(self) -> Iterator[Slip]:
        """The possible slips, the likelier first: named results of a line before their parts, and the last in the code first, since these
        carry a whole path.
        """
        places = self.listed
        for code, how, factor in FACTOR_SLIPS:
            yield from (Slip(code, how, p, factor) for p in places)
        yield from self.local("bare")
        for (file, number), runs in sorted(self._lines.items(), key=lambda item: -item[1][-1][1][0]):
            for steps in ("all", *(_apart(len(runs)) if (file, number, ALL_NAMES) in self.functions else ())):
                yield Slip("path-factor", "identity", Site((file, number, ALL_NAMES), None, steps))
        yield from self.summed()
        yield from self.spread(BROADCAST_SLIPS)

    def spread(self, done: Sequence[tuple[str, str]], *, apart: bool = False) -> Iterator[Slip]:
        """What is `done` to an operand that is used several times; or in one of several runs `apart`."""
        for p in self.listed:
            wanted = p.slot is not None and (p.steps == "all") != apart
            if wanted and any(is_spread(self.edges[n], which) for n, which in self._at(p)):
                yield from (Slip(code, how, p) for code, how in done)

    def summed(self) -> Iterator[Slip]:
        """Sums along the other axis of a matrix, along both, or none."""
        for place, _ in self.reductions:
            yield from (Slip("broadcast-sum", "along", place, along=a) for a in simple())

    def across(self) -> Iterator[Slip]:
        """The same of sums along other axes where rows or columns lie in blocks, or where what is summed has a factor that is told in other
        words, as p(g − Σpg) for a softmax.
        """
        for place, (reduced, *_) in self.reductions:
            for a in cut(*reduced.rows.shape):
                yield from (Slip("broadcast-sum", "along", place, along=replace(a, power=k, by=(*place.key, False))) for k in (0, 1))

    @property
    def groups(self) -> Iterator[tuple[Kind, ...]]:
        """Reductions of matrices of one size that follow each other, as the mean and the variance of a normalisation do."""
        kinds = sorted(self.kinds, key=lambda k: self.kinds[k][0].at)
        for size in range(1, TOGETHER + 1):
            for first in range(len(kinds) - size + 1):
                group = tuple(kinds[first : first + size])
                if len({(len(self.kinds[k]), self.kinds[k][0].rows.shape) for k in group}) == 1 and not all(k[3] for k in group):
                    yield group

    def weighted(self, group: Sequence[Kind]) -> Iterator[Summation]:
        """The other axes along which these may be summed, each with the powers of what stands before or behind the sum."""
        numbers = [k for k in group if not k[3] and all(np.all(self.values[r.registers] > 0) for r in self.kinds[k])]
        for a in cut(*self.kinds[group[0]][0].rows.shape):
            yield a
            for by in numbers[-1:]:
                yield from (replace(a, power=k, by=by) for k in WEIGHED)

    def local(self, how: str) -> Iterator[Slip]:
        """The possible slips in a local factor: left out (`bare`), inverted, or squared."""
        for p in self.listed:
            partials = np.concatenate([self.edges[n].partials[which] for n, which in self._at(p)])
            own = p.slot is not None or p.key not in self._many or np.all(partials == partials[:1])
            halved = how == "squared" and np.all(np.isin(np.abs(partials), (0.5, 2.0)))  # the missing 2 of a square
            if p.steps == "all" and own and np.any(partials != 1) and not halved:
                yield Slip("path-factor", how, p)

    def powers(self) -> Iterator[Slip]:
        """The powers of one exponent without it, such as a square without its 2."""
        for key, runs in self.places.items():
            exponents = {self._exponent(self.tape.instructions[n]) for n in runs}
            if key not in self._many and len(exponents) == 1 and (exponent := exponents.pop()) is not None:
                yield Slip("path-factor", "exponent", Site(key), 1 / exponent)

    def _exponent(self, i: Instruction) -> float | None:
        if i.op == "square" or (i.op in ("mul", "dot") and self._is_squared(i)):
            return 2.0
        return float(i.parameter) if i.op == "pow_c" and i.parameter else None

    def _is_squared(self, i: Instruction) -> bool:
        return np.array_equal(i.ins[0], i.ins[1]) and bool(self.tape.moving[i.ins[0]].any())

    @cached_property
    def listed(self) -> list[Site]:
        """All places."""
        return sorted(self._places(), key=lambda p: (p.slot is not None or not is_all(self.line(p)), p.steps != "all"))

    def line(self, place: Site) -> SourceLine:
        """Where it is."""
        n = self.places[place.key][-1] if place.key[2] != ALL_NAMES else self._lines[place.key[:2]][-1][1][0]
        line = self.tape.instructions[n].line
        assert line is not None
        return line

    def when(self, place: Site) -> str:
        """Which runs of a place are meant, in words that follow the place; empty for all."""
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
        """Whether the last run uses the results of an earlier one, as in a loop, in contrast to two calls of one function."""
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
            which: list[Steps] = ["all", *(["earlier"] if len(runs) > 1 else []), *(range(len(runs)) if 1 < len(runs) <= MAX_RUNS else [])]
            for steps in which:
                yield Site(key, None, steps)
                if len(slots) > 1 or steps == "all":
                    yield from (Site(key, slot, steps) for slot in slots)

    def _is_of_itself(self, n: int) -> bool:
        """Whether both operands are the same, as in x * x."""
        ins = self.tape.instructions[n].ins
        return len(ins) == 2 and np.array_equal(*ins)

    def only_of(self, groups: Integers, wanted: frozenset[int]) -> list[SourceLine]:
        """The lines with operands that depend on variables of all the `wanted` groups, and of no others: if the gradient is wrong in one
        line only, it is one of these. `groups` are those of the variables.
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
        """The operands that are a single number."""
        fixed = self.tape.constants
        for key, runs in self.places.items():
            i = self.tape.instructions[runs[0]]
            for slot, r in enumerate(i.ins):
                if i.row.form == "elementwise" and int(r.flat[0]) in fixed and np.all(r == r.flat[0]) and not self.tape.moving[r.flat[0]]:
                    yield Site(key, slot)

    def is_of_greatest(self, place: Site) -> bool:
        """Whether everything at a place is, or goes into, the greatest of several numbers."""
        for n, which in self._at(place):
            made = {self.tape.places[r].instruction.op for r in self.edges[n].operands[which].tolist() if r in self.tape.places}
            if self.tape.instructions[n].op not in GREATEST and not (made and made <= GREATEST):
                return False
        return True

    def weights(self) -> Iterator[tuple[Site, float]]:
        """The constant factors and summands that are not a single number, such as weights, a mask, targets or an offset, each with the
        number that changes nothing there.
        """
        for key, runs in self.places.items():
            i = self.tape.instructions[runs[0]]
            for slot, r in enumerate(i.ins if i.op in NEUTRAL else ()):
                if slot >= (i.op == "div") and not self.tape.moving[r].any() and not np.all(r == r.flat[0]):
                    yield Site(key, slot), NEUTRAL[i.op]

    def constant(self, place: Site) -> float:
        """The number at such an operand."""
        n = self.places[place.key][0]
        return float(self._operands(n, self.tape.instructions[n], self.values)[place.slot or 0].flat[0])

    def choices(self) -> Iterator[Site]:
        """Places of a maximum, an absolute value, a clip or a condition that may have been left out, with the operand as it is written."""
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


TOGETHER = 4
"""Reductions that are looked at together."""
WEIGHED = (1, -1, 2, -2, 3, -3)
"""Powers of what rows are reduced to that may stand before a sum as well as behind it."""
SMALL = 0.1
"""The greatest constant that is taken for an ε."""
USES = 3
"""Uses of what an ε is added to that are told apart."""
NEUTRAL = {"mul": 1.0, "div": 1.0, "add": 0.0, "sub": 0.0}
"""What changes nothing as an operand."""
ORDERED = {"elementwise", "row", "matrix", "switch"}
"""Forms of operations whose operands have an order."""
IDENTIFYING_NUMBERS = 16
"""Numbers for which a derivative is identified."""
DERIVATIVE_ERROR = 1e-9
"""Relative error of a derivative in floats."""
MAX_RUNS = 6
"""Most runs of one place that are considered separately."""
CALLS = (2, 3, 4)
"""Numbers of calls of one function in a step of a loop that are distinguished."""
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
FACTOR_SLIPS = (("path-missing", "times", 0.0), ("path-doubled", "times", 2.0), ("path-sign", "times", -1.0))
BROADCAST_SLIPS = (("reduction-mean", "mean"), ("broadcast-sum", "first"), ("broadcast-sum", "last"))


def _apart(runs: int) -> list[Steps]:
    """The runs of a function one by one if they are few, or those that may be of one call in a loop."""
    single = range(runs) if 1 < runs <= MAX_RUNS else ()
    return [*single, *((k, m) for m in CALLS if runs % m == 0 and runs > m for k in range(m))]
