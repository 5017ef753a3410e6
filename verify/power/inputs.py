"""The table of a function of named inputs: the right answer, read off the truth, with one thing done wrong."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Call
from verify.cases.inputs import ordinary
from verify.laws import LAWS, Law, Subject
from verify.mistakes import FACTORS, likelier, paths
from verify.oracle import InstanceOracle, Point
from verify.power.table import KEPT, Power, breaks, least
from verify.problem import Values
from verify.rounding import unit_roundoff
from verify.spec.function import UPSTREAM
from verify.trial import draw

Floats = NDArray[np.float64]
Change = Callable[[Values, Point, Floats], Floats]
"""The gradient for all inputs in a row, from the values, what is true there, and the right one."""

RELATIVE = (1e-3, 1e-6, 1e-9)
"""Relative errors of one entry, as far as right code in the dtype does not err by as much."""
VISIBLE = 1e3
"""Unit roundoffs that are an error, and no rounding of right code."""


@dataclass(frozen=True)
class Wrong:
    """A wrong implementation, its name, and the family of mistakes that it belongs to."""

    name: str
    family: str
    f: Callable[..., Any]


class Maker:
    """Implementations that answer what is true, and then change it."""

    def __init__(self, oracle: InstanceOracle) -> None:
        self.oracle, self.problem = oracle, oracle.problem
        self.names = tuple(i.name for i in sorted(self.problem.inputs, key=lambda i: i.parameter is not None))
        self._known: OrderedDict[Hashable, tuple[Point, Floats]] = OrderedDict()

    def truth(self, values: Values) -> tuple[Point, Floats]:
        """What is true, and one gradient of those that are."""
        key = tuple((np.asarray(a).dtype.char, np.shape(a), np.asarray(a).tobytes()) for a in values.values())
        if key not in self._known:
            point = self.oracle.at(**values)
            self._known[key] = point, np.array([float(c) for c in point.gradient.center.ravel()])
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[key]

    def made(self, change: Change | None = None, value: Callable[[float], float] = lambda v: v) -> Callable[..., Any]:
        """The implementation with another gradient, or another value."""

        def f(*arguments: Any, **classwise: Any) -> Any:
            values = {**dict(zip(self.names, arguments, strict=False)), **classwise}
            point, g = self.truth(values)
            g = g if change is None else change(values, point, g)
            return value(float(point.value.exact)), self._parted(values, g)

        return f

    def _parted(self, values: Values, g: Floats) -> list[Any]:
        own = [np.asarray(values[name]) for name in self.problem.differentiated]
        parts = np.split(g, np.cumsum([a.size for a in own])[:-1])
        return [part.reshape(a.shape).astype(a.dtype) for part, a in zip(parts, own, strict=True)]

    def places(self, values: Values, name: str) -> slice:
        """Where the gradient for one input stands."""
        at = 0
        for other in self.problem.differentiated:
            size = int(np.size(values[other]))
            if other == name:
                return slice(at, at + size)
            at += size
        raise KeyError(name)


def wrong(maker: Maker) -> list[Wrong]:
    """Every mistake that changes the answer."""
    return [*_inputs(maker), *_paths(maker), *_sizes(maker), *_kinks(maker), *_relative(maker), *_losses(maker), *_behaviour(maker)]


def _inputs(maker: Maker) -> Iterator[Wrong]:
    for name in maker.problem.differentiated:
        for what, factor in (("left out", 0.0), ("twice", 2.0), ("with the wrong sign", -1.0)):

            def change(values: Values, _: Point, g: Floats, name: str = name, factor: float = factor) -> Floats:
                g = g.copy()
                g[maker.places(values, name)] *= factor
                return g

            yield Wrong(f"gradient for {name} {what}", "input", maker.made(change))
    if maker.problem.output is not None:

        def ones(values: Values, _: Point, g: Floats) -> Floats:  # noqa: ARG001
            return maker.truth({**values, UPSTREAM: np.ones_like(values[UPSTREAM])})[1]

        yield Wrong("upstream gradient ignored", "input", maker.made(ones))


def _paths(maker: Maker) -> Iterator[Wrong]:
    """A path left out, twice, or with the wrong sign, where one is seen at two sizes and is not all of the gradient."""
    cases = ordinary(maker.oracle, 2, alike=True) + ordinary(maker.oracle, 8)
    columns = [(maker.truth(c.values)[1], paths(maker.oracle, c.values)) for c in cases]
    names = [n for n in sorted(columns[0][1], key=likelier) if sum(n in found for _, found in columns) > len(columns) // 2]
    seen: list[list[Floats]] = []
    for name in names:
        own = [found[name] for _, found in columns if name in found]
        whole = all(np.allclose(found[name], g) for g, found in columns if name in found)
        if whole or any(len(o) == len(own) and all(np.allclose(a, b) for a, b in zip(o, own, strict=True)) for o in seen):
            continue
        seen.append(own)
        for factor, (_, words) in FACTORS.items():

            def change(values: Values, _: Point, g: Floats, name: str = name, factor: float = factor) -> Floats:
                column = paths(maker.oracle, values).get(name)
                return g if column is None else g + factor * column

            yield Wrong(f"what comes through {name} {words}", "path", maker.made(change))


def _sizes(maker: Maker) -> Iterator[Wrong]:
    for dim in maker.problem.dims:

        def change(values: Values, _: Point, g: Floats, dim: str = dim) -> Floats:
            return g / maker.problem.sizes(values)[dim]

        yield Wrong(f"gradient divided by {dim}", "size", maker.made(change))


def _kinks(maker: Maker) -> Iterator[Wrong]:
    if not maker.oracle.has_switches:
        return

    def outside(_: Values, point: Point, g: Floats) -> Floats:
        for group in point.gradient.groups:
            g = g + 2 * next((x.matrix.ravel() for x in group if x.matrix.any()), 0.0)
        return g

    yield Wrong("outside the subdifferential on kinks", "kink", maker.made(outside))


def _relative(maker: Maker) -> Iterator[Wrong]:
    for e in RELATIVE:
        if e > VISIBLE * unit_roundoff(maker.oracle.dtype):
            yield Wrong(f"one entry off by {e:g}", "relative", off_by(maker, e))


def off_by(maker: Maker, e: float) -> Callable[..., Any]:
    """The greatest entry of the gradient off by a relative error."""

    def change(_: Values, __: Point, g: Floats) -> Floats:
        g = g.copy()
        g[np.argmax(np.abs(g))] *= 1 + e
        return g

    return maker.made(change)


def _losses(maker: Maker) -> Iterator[Wrong]:
    yield Wrong("value off by 1e-3", "loss", maker.made(value=lambda v: v * (1 + 1e-3)))
    yield Wrong("value twice", "loss", maker.made(value=lambda v: 2 * v))


def _behaviour(maker: Maker) -> Iterator[Wrong]:
    right, turns = maker.made(), [0]

    def wavers(*arguments: Any, **classwise: Any) -> Any:
        turns[0] += 1
        value, (first, *rest) = right(*arguments, **classwise)
        return value, [first * (1 + (turns[0] % 2) * 4 * unit_roundoff(maker.oracle.dtype)), *rest]

    def spoils(*arguments: Any, **classwise: Any) -> Any:
        found = right(*arguments, **classwise)
        for a in arguments:
            if isinstance(a, np.ndarray) and np.issubdtype(a.dtype, np.floating):
                a += 1
        return found

    yield Wrong("other bits each second time", "behaviour", wavers)
    yield Wrong("writes to its inputs", "behaviour", spoils)


def measure_inputs(oracle: InstanceOracle, *, profile: str, seed: int, laws: Sequence[str] | None = None) -> Power:
    """The table of one instance at one dtype. Cases are drawn once and nothing is shrunk: all see the same."""
    maker, truths = Maker(oracle), OrderedDict[Hashable, Point]()
    cases = draw(oracle, profile=profile, seed=seed)

    def subject(f: Callable[..., Any]) -> Subject:
        return Subject(candidate=Call(f=f, problem=oracle.problem, order=maker.names), oracle=oracle, truths=truths, kept=KEPT)

    asked = [LAWS[name] for name in laws or LAWS if LAWS[name].why_not(subject(maker.made())) is None]
    catalogue = wrong(maker)

    def broken(law: Law, f: Callable[..., Any]) -> bool:
        return any(breaks(law, subject(f), case) for case in cases)

    def sensitivity(law: Law) -> dict[str, float]:
        found = {
            "gradient": least(lambda e: broken(law, off_by(maker, e))),
            "loss": least(lambda e: broken(law, maker.made(value=lambda v: v * (1 + e)))),
        }
        return {what: error for what, error in found.items() if error is not None}

    return Power(
        loss=oracle.problem.name,
        penalty="none",
        dtype=oracle.dtype,
        cases=len(cases),
        laws=tuple(law.name for law in asked),
        families={m.name: m.family for m in catalogue},
        kills={m.name: tuple(law.name for law in asked if broken(law, m.f)) for m in catalogue},
        sensitivity={law.name: sensitivity(law) for law in asked},
        false_alarms=tuple(law.name for law in asked if broken(law, maker.made())),
    )
