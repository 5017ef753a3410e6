"""The kill table of a function of named inputs: the right answer, from the truth, with one change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Call
from verify.cases.inputs import ordinary
from verify.difference import parted
from verify.laws import LAWS, AnswerCache, Law, Subject
from verify.laws.bad_input import only_tells
from verify.mistakes import FACTORS, likelier, paths
from verify.oracle import InstanceOracle, Point
from verify.power.mutants import MIN_VISIBLE, Mutant
from verify.power.table import CACHE_SIZE, Power, answers_of, breaks, sensitivity
from verify.problem import Input, Values
from verify.rounding import unit_roundoff
from verify.spec.domains import Domain
from verify.spec.function import UPSTREAM
from verify.spec.relations import Affine, Homogeneous, Separable, ShiftInvariant, Symmetric
from verify.trial import draw

T = TypeVar("T")

Floats = NDArray[np.float64]
Change = Callable[[Values, Point, Floats], Floats]
"""The gradient for all inputs in a row, from the values, the truth, and the right gradient."""

RELATIVE = (1e-3, 1e-6, 1e-9)
"""Relative errors of one entry, as far as right code in the dtype has smaller ones."""
CLIPPING_BOUND = 0.5
"""The clipping bound of an input that a relation scales: not 0, since a homogeneous function stays homogeneous there."""


class Maker:
    """Makes implementations that return the truth with a change."""

    def __init__(self, oracle: InstanceOracle) -> None:
        self.oracle, self.problem = oracle, oracle.problem
        self.names = tuple(i.name for i in sorted(self.problem.inputs, key=lambda i: i.parameter is not None))
        self._known: OrderedDict[Hashable, tuple[Point, Floats]] = OrderedDict()
        self._paths: OrderedDict[Hashable, dict[str, Floats]] = OrderedDict()

    def subject(self, f: Callable[..., Any], **kept: Any) -> Subject:
        """The subject of an implementation and the truth."""
        candidate = Call(f=f, problem=self.problem, order=self.names)
        return Subject(candidate=candidate, oracle=self.oracle, answered={"misuse": ()}, **kept)

    def truth(self, values: Values) -> tuple[Point, Floats]:
        """The truth, and one right gradient."""

        def found() -> tuple[Point, Floats]:
            point = self.oracle.at(**values)
            return point, np.array([float(c) for c in point.gradient.center.ravel()])

        return _kept(self._known, values, found)

    def paths(self, values: Values) -> dict[str, Floats]:
        """The contribution of each subexpression: shared by all mistakes made from it."""
        return _kept(self._paths, values, lambda: paths(self.oracle, values))

    def made(self, change: Change | None = None, value: Callable[[float], float] = lambda v: v) -> Callable[..., Any]:
        """The implementation with a changed gradient, or value."""

        def f(*arguments: Any, **classwise: Any) -> Any:
            values = {**dict(zip(self.names, arguments, strict=False)), **classwise}
            point, g = self.truth(values)
            g = g if change is None else change(values, point, g)
            return value(float(point.value.exact)), [part.astype(values[name].dtype) for name, part in self.parted(values, g).items()]

        return f

    def parted(self, values: Values, g: Floats) -> dict[str, Floats]:
        """The gradient for each input, as views of `g`, which has all in a row."""
        names = self.problem.differentiated
        return dict(zip(names, parted(g, [values[name] for name in names]), strict=True))

    def instead(self, name: str, change: Callable[[Any], Any]) -> Callable[..., Any]:
        """The implementation with other numbers for one input."""
        right = self.made()

        def f(*arguments: Any, **classwise: Any) -> Any:
            values = {**dict(zip(self.names, arguments, strict=False)), **classwise}
            return right(*(change(values[n]) if n == name else values[n] for n in self.names))

        return f


def _kept(all_: OrderedDict[Hashable, T], values: Values, find: Callable[[], T]) -> T:
    """The result at these values, cached for all mutants."""
    key = tuple((np.asarray(a).dtype.char, np.shape(a), np.asarray(a).tobytes()) for a in values.values())
    if key not in all_:
        all_[key] = find()
        if len(all_) > CACHE_SIZE:
            all_.popitem(last=False)
    return all_[key]


def wrong(maker: Maker) -> list[Mutant]:
    """All mistakes that change the answer."""
    parts = (_inputs, _paths, _sizes, _kinks, _relations, _relative, _losses, _behaviour)
    return [mistake for part in parts for mistake in part(maker)]


def _inputs(maker: Maker) -> Iterator[Mutant]:
    for name in maker.problem.differentiated:
        for what, factor in (("left out", 0.0), ("twice", 2.0), ("with the wrong sign", -1.0)):

            def change(values: Values, _: Point, g: Floats, name: str = name, factor: float = factor) -> Floats:
                g = g.copy()
                maker.parted(values, g)[name][...] *= factor
                return g

            yield Mutant(f"gradient for {name} {what}", "input", maker.made(change))
    if maker.problem.output is not None:

        def ones(values: Values, _: Point, g: Floats) -> Floats:  # noqa: ARG001
            return maker.truth({**values, UPSTREAM: np.ones_like(values[UPSTREAM])})[1]

        yield Mutant("upstream gradient ignored", "input", maker.made(ones))


def _paths(maker: Maker) -> Iterator[Mutant]:
    """A path left out, doubled, or negated, if it exists at two sizes and is not the whole gradient."""
    cases = ordinary(maker.oracle, 2, alike=True) + ordinary(maker.oracle, 8)
    columns = [(maker.truth(c.values)[1], maker.paths(c.values)) for c in cases]
    names = [n for n in sorted(columns[0][1], key=likelier) if sum(n in found for _, found in columns) > len(columns) // 2]
    seen: list[list[Floats]] = []
    for name in names:
        own = [found[name] for _, found in columns if name in found]
        whole = all(np.allclose(found[name], g) for g, found in columns if name in found)
        if whole or any(len(o) == len(own) and all(np.allclose(a, b) for a, b in zip(o, own, strict=True)) for o in seen):
            continue
        seen.append(own)
        for factor, (_, words, _) in FACTORS.items():

            def change(values: Values, _: Point, g: Floats, name: str = name, factor: float = factor) -> Floats:
                column = maker.paths(values).get(name)
                return g if column is None else g + factor * column

            yield Mutant(f"what comes through {name} {words}", "path", maker.made(change))


def _sizes(maker: Maker) -> Iterator[Mutant]:
    for dim in maker.problem.dims:

        def change(values: Values, _: Point, g: Floats, dim: str = dim) -> Floats:
            return g / maker.problem.sizes(values)[dim]

        yield Mutant(f"gradient divided by {dim}", "size", maker.made(change))


def _kinks(maker: Maker) -> Iterator[Mutant]:
    if not maker.oracle.has_switches:
        return

    def outside(_: Values, point: Point, g: Floats) -> Floats:
        for group in point.gradient.groups:
            g = g + 2 * next((x.matrix.ravel() for x in group if x.matrix.any()), 0.0)
        return g

    yield Mutant("outside the subdifferential on kinks", "kink", maker.made(outside))


def _relations(maker: Maker) -> Iterator[Mutant]:
    """One entry treated separately where all are alike, and a scaled input clipped."""
    problem, alike, scaled = maker.problem, set[tuple[str, str]](), set[str]()
    for relation in maker.oracle.instance.relations:
        match relation:
            case Symmetric(dim) | Separable(dim):
                alike |= {(i.name, dim) for i in problem.inputs if dim in i.dims}
            case ShiftInvariant(inputs, along):
                alike |= {(name, dim) for name in inputs.split() for dim in (along.split() or problem.input(name).dims)[:1]}
            case Homogeneous(inputs) | Affine(inputs):
                scaled |= {*inputs.split()}
    own = {(name, dim) for name, dim in alike if problem.input(name).differentiated}
    for name, dim in sorted(own):

        def change(values: Values, _: Point, g: Floats, name: str = name, dim: str = dim) -> Floats:
            g = g.copy()
            _first(problem.input(name), dim, maker.parted(values, g)[name])[...] *= 2
            return g

        yield Mutant(f"the first of {dim} in the gradient for {name} counted twice", "relation", maker.made(change))
    for name, dim in sorted(alike - own):
        if dim in {d for _, d in own}:
            continue

        def doubled(a: Any, name: str = name, dim: str = dim) -> Any:
            a = np.array(a)
            first = _first(problem.input(name), dim, a)
            first[...] = _first(problem.input(name), dim, a, -1)
            return a

        yield Mutant(f"the first of {dim} in {name} taken for the last", "relation", maker.instead(name, doubled))
    for name in sorted(scaled):
        domain = problem.input(name).domain
        assert isinstance(domain, Domain)
        bound = CLIPPING_BOUND if CLIPPING_BOUND in domain else sorted(domain.values)[len(domain.values) // 2]
        cut = partial(_cut_off, bound=bound)
        yield Mutant(f"{name} cut off at {bound:g}", "relation", maker.instead(name, cut))


def _first(i: Input, dim: str, a: NDArray[Any], k: int = 0) -> NDArray[Any]:
    """One index of a dimension, as a view."""
    return np.moveaxis(a, i.dims.index(dim), 0)[k : (k + 1) or None]


def _cut_off(a: Any, bound: float) -> Any:
    return np.minimum(a, np.asarray(a).dtype.type(bound))


def _relative(maker: Maker) -> Iterator[Mutant]:
    for e in RELATIVE:
        if e > MIN_VISIBLE * unit_roundoff(maker.oracle.dtype):
            yield Mutant(f"one entry off by {e:g}", "relative", off_by(maker, e))


def off_by(maker: Maker, e: float) -> Callable[..., Any]:
    """The gradient with a relative error in its greatest entry."""

    def change(_: Values, __: Point, g: Floats) -> Floats:
        g = g.copy()
        g[np.argmax(np.abs(g))] *= 1 + e
        return g

    return maker.made(change)


def _losses(maker: Maker) -> Iterator[Mutant]:
    yield Mutant("value off by 1e-3", "loss", maker.made(value=lambda v: v * (1 + 1e-3)))
    yield Mutant("value twice", "loss", maker.made(value=lambda v: 2 * v))


def _behaviour(maker: Maker) -> Iterator[Mutant]:
    right, turns = maker.made(), [0]

    def counts(*arguments: Any, **classwise: Any) -> Any:
        turns[0] += 1
        value, (first, *rest) = right(*arguments, **classwise)
        return value, [first * (1 + turns[0] * 4 * unit_roundoff(maker.oracle.dtype)), *rest]

    def spoils(*arguments: Any, **classwise: Any) -> Any:
        found = right(*arguments, **classwise)
        for a in arguments:
            if isinstance(a, np.ndarray) and np.issubdtype(a.dtype, np.floating):
                a += 1
        return found

    def clean(*arguments: Any, **classwise: Any) -> Any:
        finite = (np.nan_to_num(a)[()] if np.issubdtype(np.asarray(a).dtype, np.floating) else a for a in arguments)
        return right(*finite, **classwise)

    if not only_tells(maker.subject(right)):
        yield Mutant("NaN taken for 0", "behaviour", clean)
    yield Mutant("a few roundings more each time", "behaviour", counts, wavers=True)
    yield Mutant("writes to its inputs", "behaviour", spoils)


def measure_inputs(oracle: InstanceOracle, *, profile: str, seed: int, laws: Sequence[str] | None = None) -> Power:
    """The kill table of one instance at one dtype. Cases are drawn once and nothing is shrunk: all mutants get the same."""
    maker, truths = Maker(oracle), OrderedDict[Hashable, Point]()
    cases = draw(oracle, profile=profile, seed=seed)

    def subject(f: Callable[..., Any], answers: AnswerCache | None = None) -> Subject:
        return maker.subject(f, truths=truths, kept=CACHE_SIZE, answers=answers)

    right = subject(maker.made())
    asked = [LAWS[name] for name in laws or LAWS if LAWS[name].why_not(right) is None and not LAWS[name].only_tells(right)]
    catalogue = wrong(maker)

    def broken(law: Law, f: Callable[..., Any], answers: AnswerCache | None = None) -> bool:
        return any(breaks(law, subject(f, answers), case) for case in cases)

    def killers(m: Mutant) -> tuple[str, ...]:
        answers = answers_of(m)
        return tuple(law.name for law in asked if broken(law, m.f, answers))

    def sees(law: Law) -> dict[str, float]:
        return sensitivity(
            {
                "gradient": lambda e: broken(law, off_by(maker, e)),
                "loss": lambda e: broken(law, maker.made(value=lambda v: v * (1 + e))),
            }
        )

    return Power(
        loss=oracle.problem.name,
        penalty="none",
        dtype=oracle.dtype,
        cases=len(cases),
        laws=tuple(law.name for law in asked),
        families={m.name: m.family for m in catalogue},
        kills={m.name: killers(m) for m in catalogue},
        sensitivity={law.name: sees(law) for law in asked},
        false_alarms=tuple(law.name for law in asked if broken(law, maker.made())),
    )
