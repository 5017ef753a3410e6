"""The truth of a function of named inputs, for candidates that compute in a dtype: see `point`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property, lru_cache
from math import ceil, prod
from typing import Any

import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from verify.difference import joined, on_grid, parted
from verify.oracle import exact
from verify.oracle.elements import Element, Elements
from verify.oracle.formula import Formula, compiled
from verify.oracle.maps import SHIFTED, Select
from verify.oracle.point import Point
from verify.oracle.swept import SweptFormula
from verify.oracle.truth import Truth
from verify.problem import Input, Instance, Part, Recording, Stated, Values, mean_by, small
from verify.rounding import DIRECTION_BITS
from verify.spec.domains import Domain
from verify.spec.relations import Relation

Floats = NDArray[np.floating]

CLOSEST = 2.0
"""A unit step, the longest of a ladder, moves a number by at most its distance from an end of its domain divided by this."""
MAX_CACHED_NUMBERS = 8
"""Most numbers of a part whose element is cached: a target, and some for each of a few classes."""
CACHE_SIZE = 1024
"""Cached elements: of all labels, of all targets of a list, and the latest ones of a domain."""
POINTS = 4
"""Number of values, and half the number of points for each, at which switches inside a domain are searched; also the size of all
dimensions.
"""
STEPS = 12
"""Halvings of a step that a number must take exactly to be moved at all: a number closer to an end moves by single floats."""


class InstanceOracle(Truth):
    """The truth about one instance of a problem."""

    def __init__(self, instance: Instance, dtype: str) -> None:
        self.instance, self.problem, self.code = instance, instance.problem, instance.problem.code
        super().__init__(instance, dtype)
        self._elements: OrderedDict[Hashable, Element] = OrderedDict()
        self._steepest: dict[Hashable, Floats] = {}
        self._most_curved: dict[Hashable, float] = {}

    @property
    def named(self) -> InstanceOracle:
        """Itself."""
        return self

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of the instance."""
        return self.instance.relations

    def examine(self) -> None:
        """Raises UsageError if the function contradicts its author's claims."""
        from verify.oracle.problem_claims import examine_problem  # which needs the truth itself

        examine_problem(self.problem, self.parameters)

    def is_elsewhere(self, values: Values) -> bool:
        """Whether these values of code differ from its example."""
        example = self.problem.example
        return self.code is not None and (example is None or any(not np.array_equal(example[name], values[name]) for name in example))

    def contains(self, values: Values) -> bool:
        """Whether all differentiated inputs lie in their domains."""
        inputs = [(i.domain, values[i.name]) for i in self.problem.variables if not i.is_free]
        return all(bool(np.all(domain.holds(a))) for domain, a in inputs if isinstance(domain, Domain))

    def seen(self, part: Part) -> list[arb]:
        """The constants of an element rounded to the dtype, since that decides where a candidate has a tie."""
        return [exact.held(t, self.dtype) for t in (*part.numbers, *self.parameters.values())]

    def point(self, values: Values) -> Floats:
        """All differentiated inputs, in one row."""
        return joined([np.ravel(values[name]) for name in self.problem.differentiated])

    def at(self, /, **values: Any) -> Point:
        """The truth at one point. Raises ValueError for values that do not fit the problem."""
        self.problem.sizes(values)
        parts = self.problem.parts(values)
        x = joined([values[name] for name in self.problem.differentiated])
        data = Elements(
            elements=[self.element(p) for p in parts],
            map=Select(x, np.array([p.places for p in parts]), self.u, self.tiny, self.roundings(values)),
            counts=[p.weight for p in parts],
            number=self._number(parts),
            share=self._share(parts),
            dtype=self.range,
            coarse=self.half is not None,
            u=self.u,
            tiny=self.tiny,
        )
        code, example = self.code, self.problem.example
        known: dict[str, Any] = (
            {} if code is None else {"aside": lambda: code.careless(values, example), "loose": lambda: code.careless_value(values)}
        )
        return Point(x=x, data=data, penalty=None, dtype=self.range, u=self.u, tiny=self.tiny, **known)

    def _number(self, parts: Sequence[Part]) -> int:
        """The number of roundings of the sum. Weights may be added up, too, and a divisor is as uncertain as the parameters that were
        inferred.
        """
        added = 2 if self.problem.is_weighted or self.problem.classwise else 1
        return added * len(parts) + ceil(self._unsure_total(parts) / self.u)

    def _unsure_total(self, parts: Sequence[Part]) -> float:
        """The relative uncertainty of the sum of a parameter over the classes of the examples."""
        by = self.instance.reduction
        off = next((self.instance.unsure.get(name) for name in self.problem.classwise if by == mean_by(name)), None)
        if off is None:
            return 0.0
        shares = [(p.shares[by], off[p.label % len(off)]) for p in parts if p.label is not None]
        total = sum(share for share, _ in shares)
        return sum(share * far for share, far in shares) / total if total else 0.0

    def share(self, parts: Sequence[Part]) -> float:
        """The factor of the sum."""
        return float(self._share(parts))

    def _share(self, parts: Sequence[Part]) -> fmpq:
        total = self.instance.total(parts)
        return fmpq(total.denominator, total.numerator)

    def roundings(self, values: Values) -> Floats:
        """The roundings of each entry of x: careful code may shift a real number, as softmax does by the greatest one."""
        return np.concatenate([np.full(np.size(values[i.name]), float(SHIFTED * i.is_free)) for i in self.problem.variables])

    def element(self, part: Part) -> Element:
        """φ of one part, cached for equal parts, whatever their weights and places: not for code, which may be another formula at every
        point, nor for many numbers, which hardly recur.
        """
        if self.code is not None or len(part.numbers) > MAX_CACHED_NUMBERS:
            return self._element(part)
        key = part.key, part.numbers, part.label
        known = self._elements.get(key)
        if known is None:
            known = self._elements[key] = self._element(part)
            if len(self._elements) > CACHE_SIZE:
                self._elements.popitem(last=False)
        return known

    def _element(self, part: Part) -> Element:
        formula = self.formula(part.key)
        numbers = [exact.ball(t) for t in part.numbers]
        whole, cancelled = len(numbers) - part.tiny, self._is_cancelled(formula)
        return Element(
            formula=formula,
            key=part.key,
            ways=tuple(stated_formula(self.problem.name, way, part.key) for way in self.problem.ways),
            constants=(*numbers, *self.constants),
            rounded=(
                *(exact.rounded(t, self.dtype, off) for t, off in zip(part.numbers[:whole], self._unsure(part)[:whole], strict=True)),
                *(n + arb(0, n.abs_upper()) for n in numbers[whole:]),
                *self._rounded_constants,
            ),
            steep=lambda: self._steep(formula, part, cancelled),
            curved=lambda j: self._curved(formula, part, j),
            cancelled=cancelled,
            aside=max(_size(part) if cancelled else 0.0, self._margin(part)),
            asymptotic=part.apart,
        )

    def _margin(self, part: Part) -> float:
        """The size of what an example's own class may add and subtract again: of the parameters, and of those
        of that class. See `Oracle`.
        """
        if part.label is None:
            return 0.0
        own = part.numbers[part.label :: len(part.places)]
        return sum(abs(float(p)) for p in (*own, *self.parameters.values()))

    def _is_cancelled(self, formula: Formula) -> bool:
        """Whether the formula is constant at this size, and curved at others: a softmax of one class, or a risk set of one."""
        if self.code is not None or not all(map(formula.is_constant, formula.value_terms)):
            return False
        return not self.example.is_polynomial

    def _unsure(self, part: Part) -> list[float]:
        """The relative uncertainty of each number: of parameters that were inferred."""
        if not self.instance.unsure:
            return [0.0] * len(part.numbers)
        shapes = {name: shape for name, shape, _ in part.key}  # type: ignore[attr-defined]  # of a spec's problem
        constants = [i.name for i in self.problem.inputs if i.name in shapes and not (i.differentiated or i.concrete)]
        off = [(self.instance.unsure.get(name, (0.0,)), prod(shapes[name])) for name in constants]
        return [far for each, size in off for far in each * (size // len(each))]

    def _steep(self, formula: Formula, part: Part, cancelled: bool) -> Floats:
        """L for each input that holds real numbers: see `steepness`."""
        if self.code is not None or not all(i.is_free for i in self.problem.variables):
            return np.zeros(len(part.places))
        key = part.key, part.numbers
        if cancelled:
            return np.full(len(part.places), _size(part))
        if key not in self._steepest:
            from verify.oracle.lipschitz import steepest  # which looks at many points at once

            self._steepest[key] = steepest(formula, [*part.numbers, *self.instance.parameters.values()])
        return self._steepest[key]

    def _curved(self, formula: Formula, part: Part, j: int) -> float:
        """The steepness of the second derivative in input j."""
        if self.code is not None or not all(i.is_free for i in self.problem.variables):
            return 0.0
        key = part.key, part.numbers, j
        if key not in self._most_curved:
            from verify.oracle.lipschitz import most_curved

            self._most_curved[key] = most_curved(formula, j, [*part.numbers, *self.instance.parameters.values()])
        return self._most_curved[key]

    def formula(self, key: Hashable) -> Formula:
        """The formula of the elements with this key."""
        compiled = stated_formula if self.code is None else code_formula
        return compiled(self.problem.name, self.problem.stated, key)

    def stretched(self, values: Values, d: Floats) -> tuple[Floats, Floats]:
        """(x, d): the point with its real numbers on the grid on which steps are exact, and the direction shortened, number by number, so
        that a unit step stays well inside each domain. A number too close to an end is not moved.
        """
        here = [np.asarray(values[name]) for name in self.problem.differentiated]
        parts = [*zip(self.problem.variables, here, parted(d, here), strict=True)]
        x = [np.asarray(on_grid(a)) if i.is_free else a for i, a, _ in parts]
        return joined(x), joined([step if i.is_free else _inside(i, a, step) for i, a, step in parts])

    def moves(self, values: Values, d: Floats) -> float:  # noqa: ARG002
        """The most that a unit step along d may move any input."""
        return float(np.max(np.abs(d), initial=0.0))

    def elsewhere(self, values: Values) -> Mapping[str, Any]:
        """Other values: real numbers moved by 1, others in reverse order."""
        inputs = self.problem.variables
        moved = {i.name: a + a.dtype.type(1) for i in inputs if i.is_free and (a := values[i.name]) is not None}
        reverse = {i.name: np.asarray(values[i.name]).ravel()[::-1].reshape(np.shape(values[i.name])) for i in inputs if not i.is_free}
        return {**values, **moved, **reverse}

    @cached_property
    def example(self) -> Formula:
        """The formula in a small form, which shows whether it has switches or is curved; with labels, one that has switches if any has: a
        hinge has none if all examples have the same class.
        """
        seeds = range(POINTS if any(i.concrete for i in self.problem.inputs) and self.problem.example is None else 1)
        found = [self.formula(self.problem.parts(small(self.problem, seed=seed))[0].key) for seed in seeds]
        return next((f for f in found if f.switches), found[0])

    @cached_property
    def has_switches(self) -> bool:
        """Whether there are kinks: if numbers have a domain with ends, some inside it."""
        if not self.example.switches or self.code is not None:
            return bool(self.example.switches)
        free = all(i.is_free for i in self.problem.variables)
        return free or any(self._turns(small(self.problem, size=POINTS, seed=seed)) for seed in range(POINTS))

    def _turns(self, values: Values) -> bool:
        """Whether a gap changes sign within the domain, for these values of the inputs that are not differentiated."""
        sides: dict[int, set[int | None]] = {}
        for seed in range(2 * POINTS):
            other = small(self.problem, size=POINTS, seed=POINTS + seed)
            there = {**values, **{name: other[name] for name in self.problem.differentiated}}
            (part, *_), x = self.problem.parts(there), self.point(there)
            formula, inputs = self.formula(part.key), self.seen(part)
            for k in range(len(formula.gaps)):
                sides.setdefault(k, set()).add(formula.sign([*map(exact.ball, x[part.places].tolist()), *inputs], k))
        return any(len(seen) > 1 for seen in sides.values())


def _size(part: Part) -> float:
    """The size of the numbers whose difference a cancelled formula is: the logarithm of an exponential and
    the like, times its constants.
    """
    return max(1.0, sum(float(abs(t)) for t in part.numbers))


def _inside(i: Input, x: Floats, d: Floats) -> Floats:
    """The direction along numbers of a domain with ends."""
    room = i.reach(x)
    unit = 2.0 ** np.floor(np.log2(np.where(room > 0, room, 1.0))) / CLOSEST
    spacing = np.abs(np.spacing(x)).astype(np.float64)
    moves = (room > 0) & np.isfinite(unit) & (unit * 2.0 ** -(DIRECTION_BITS + STEPS) >= spacing)
    return np.asarray(np.where(moves, d * np.where(moves, unit, 0.0), 0.0), dtype=d.dtype)


Statement = Callable[[Hashable], Stated | Recording]


@lru_cache(maxsize=1024)
def stated_formula(name: str, stated: Statement, key: Hashable) -> Formula:
    """φ with this key, compiled once per process, whatever is fixed in the problem.

    Raises UsageError if it contains unknown functions.
    """
    return _compiled(name, stated(key))


@lru_cache(maxsize=16)
def code_formula(name: str, stated: Statement, key: Hashable) -> Formula:
    """φ of recorded code, which may be another formula at every point."""
    return _compiled(name, stated(key))


def _compiled(name: str, stated: Stated | Recording) -> Formula:
    if isinstance(stated, Recording):
        return SweptFormula(stated.b, stated.output)
    return compiled(name, lambda: (stated.expression, stated.variables, [*stated.numbers, *stated.parameters]))
