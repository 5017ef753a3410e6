"""What a loss is: one example's formula over its scores, its parameters, what it claims, where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from struct import pack, unpack
from typing import Any

import sympy

from verify.errors import UsageError, unknown


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A real number that the formula depends on, with its default and its open domain (low, high)."""

    default: float
    low: float = float("-inf")
    high: float = float("inf")

    def __post_init__(self) -> None:
        self.check("default", self.default)

    def check(self, name: str, value: float) -> float:
        """`value` as a float. Raises UsageError where it lies outside the domain."""
        if not self.low < float(value) < self.high:
            raise UsageError(f"parameter {name} = {value} is outside its domain ({self.low}, {self.high}).")
        return float(value)


def positive(*, default: float) -> Parameter:
    """A parameter that must be greater than 0."""
    return Parameter(default=default, low=0.0)


@dataclass(frozen=True, kw_only=True)
class Chord:
    """Two points, each (C,) scores, and a label: the loss at their middle lies above the mean of its values at the ends."""

    start: tuple[float, ...]
    end: tuple[float, ...]
    label: int = 0

    def __post_init__(self) -> None:
        if len(self.start) != len(self.end) or not self.start:
            raise UsageError(f"a chord joins {len(self.start)} scores to {len(self.end)}. Give two points with the same number of scores.")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What the author says of the loss beyond its formula; laws apply by these and test them.

    `convex`: True; or False, with the `chord` that shows it; or None, where nothing is claimed. A claim that is false is refused
    before anyone is judged by it. `symmetric`: renaming the classes renames the scores' roles and nothing else.
    `shift_invariant`: a constant added to all scores changes nothing.
    """

    convex: bool | None
    chord: Chord | None = None
    symmetric: bool = False
    shift_invariant: bool = False

    def __post_init__(self) -> None:
        if (self.convex is False) != (self.chord is not None):
            raise UsageError(
                "convex=False is shown by a chord below the loss, and needs one: Claims(convex=False, chord=Chord(start=(…), end=(…), "
                "label=0)). Claim nothing with convex=None."
            )


def others(s: Sequence[Any], y: int) -> list[int]:
    """The classes except the label: j ≠ y."""
    return [j for j in range(len(s)) if j != y]


@dataclass(frozen=True, kw_only=True, eq=False)
class LossSpec:
    """One example's loss ℓ(s, y) over scores s (C,), before any link, and its label y in 0..C−1.

    `per_example(s, y, **parameters)` receives sympy symbols and returns a sympy expression, continuous in s, written in
    the additive terms that implementations compute: the rounding bound follows the terms as written.

    A loss of one score, such as a booster's, has `targets` instead of classes: the values at which it is judged. Label i stands
    for `targets[i]`, and `per_example(s, t, **parameters)` receives the score and the target.

    `ways` are other formulas of the same loss, for code that is usually written otherwise, such as Σ_j exp(s_j − s_y) − 1 with the label's
    own term in the sum: a right implementation may be as far off as any of them is when it is evaluated carefully.
    """

    name: str
    per_example: Callable[..., sympy.Expr]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    claims: Claims
    source: str
    targets: tuple[float, ...] | None = None
    ways: tuple[Callable[..., sympy.Expr], ...] = ()

    @cached_property
    def written(self) -> tuple[LossSpec, ...]:
        """The same loss in each of the further ways of writing."""
        return tuple(replace(self, per_example=way, ways=()) for way in self.ways)

    def __post_init__(self) -> None:
        for t in () if self.targets is None else self.targets:
            if unpack("f", pack("f", t)) != (t,):
                raise UsageError(f"target {t} of {self.name} is not held by float32; give one that is, such as {round(t * 8) / 8:g}.")
        if self.targets == ():
            raise UsageError(f"{self.name} has no targets; give one or more, or leave them out for a loss of several classes.")

    def scores(self, classes: int) -> int:
        """How many scores one example has: one where there are targets, else one for each class."""
        return 1 if self.targets else classes

    def labels(self, classes: int) -> int:
        """How many labels there are."""
        return len(self.targets) if self.targets else classes

    def with_parameters(self, given: Mapping[str, float]) -> dict[str, float]:
        """The parameters' values: the given ones, checked, and the defaults of the rest."""
        for name in given:
            if name not in self.parameters:
                raise unknown(f"parameter of {self.name}", name, self.parameters or ["none: it has no parameters"])
        return {n: p.check(n, given.get(n, p.default)) for n, p in self.parameters.items()}

    def expression(self, classes: int, label: int) -> tuple[sympy.Expr, list[sympy.Symbol]]:
        """(ℓ, symbols): the formula for one label, and its symbols: scores s_0..s_{C−1} (one where there are targets), then the
        parameters in order.
        """
        s = [sympy.Symbol(f"s{j}", real=True) for j in range(classes)]
        p = {name: sympy.Symbol(name, real=True) for name in self.parameters}
        if self.targets is None:
            return sympy.sympify(self.per_example(s, label, **p)), [*s, *p.values()]
        return sympy.sympify(self.per_example(*s, sympy.Rational(self.targets[label]), **p)), [*s, *p.values()]
