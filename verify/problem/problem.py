"""A function of named inputs as a sum over elements: f(x) = share · Σ φᵢ(x at places; θᵢ), where x holds all differentiated inputs in a
row.

Each φᵢ is identified by a key, for which the author's formula is stated: the sizes of its arrays, and those numbers among θᵢ that a formula
may branch on. The other numbers are constants of the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify.errors import unknown
from verify.later import sympy
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.domains import Domain, Finite, Label, Simplex
from verify.spec.function import UPSTREAM
from verify.spec.loss import Claims, Parameter, ParameterValue
from verify.spec.relations import Affine, Homogeneous, Relation, Separable

if TYPE_CHECKING:
    from verify.tape.tape import Builder


@dataclass(frozen=True)
class Fixed:
    """A domain of only these numbers: one for each class, or one for all."""

    values: ParameterValue


@dataclass(frozen=True, eq=False)
class FromExample:
    """A domain of only the example's value."""

    value: Any


Values = Mapping[str, Any]
Numbers = Domain | Finite | Label | Simplex | Fixed | FromExample

MEAN, SUM, WEIGHTED_MEAN, KEPT_MEAN = "mean", "sum", "mean by weights", "mean of what is kept"
"""How elements are added up: the mean, the sum, or the sum divided by that of the weights, or by the number of labels that are not ignored.
Each parameter that weights the classes adds one more, named after it: see `mean_by`.
"""
WEIGHTS = "weights"
"""The input with the weight of each element."""
VARIED_EACH = "varied, one for each class"
"""The note on the numbers of a parameter that is passed."""


def mean_by(name: str) -> str:
    """The reduction that divides by the sum of a parameter over the examples' classes."""
    return f"mean by {name}"


def is_mean(reduction: str) -> bool:
    """Whether a reduction divides the sum."""
    return reduction in (MEAN, KEPT_MEAN) or reduction.startswith(mean_by(""))


@dataclass(frozen=True, kw_only=True)
class Input:
    """An array of numbers of a domain, its dimensions named or whole numbers; a gradient may be due for it.

    `concrete` says that a formula gets its numbers instead of symbols, and `whole` that a candidate gets integers. For a `parameter` that
    has a number for each class it holds these.
    """

    name: str
    dims: tuple[str, ...]
    domain: Numbers
    differentiated: bool = False
    concrete: bool = False
    whole: bool = False
    parameter: Parameter | None = None

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape for these sizes of the named dimensions."""
        return tuple(int(d) if d.isdigit() else sizes[d] for d in self.dims)

    @property
    def is_free(self) -> bool:
        """Whether its numbers may be any real numbers."""
        return isinstance(self.domain, Domain) and self.domain.unbounded

    def room(self, a: Any) -> NDArray[np.float64]:
        """The distance of each of these numbers from the nearest end of its domain."""
        assert isinstance(self.domain, Domain)
        wide = np.asarray(a, np.float64)
        return np.minimum(wide - self.domain.low, self.domain.high - wide)

    def reach(self, a: Any) -> NDArray[np.float64]:
        """The distance from the nearest end, or the size of the number if that is less; 0 for 0."""
        size = np.abs(np.asarray(a, np.float64))
        return np.minimum(self.room(a), np.where(size == 0, np.inf, size))


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One element: the key of its formula, the positions of its inputs in x, the constants of the formula, its weight, whether it is kept
    or its label ignored, and its shares of the divisors of reductions, by name. The constants end with those of parameters that have some
    for each class; the last `tiny` of them may be left out: see `traced`.

    `label` is the class of an example that has one, and `apart` says that scores have separate targets, one for each number.
    """

    key: Hashable
    places: NDArray[np.intp]
    numbers: tuple[float, ...]
    weight: float = 1.0
    kept: bool = True
    shares: Mapping[str, float] = field(default_factory=dict)
    tiny: int = 0
    label: int | None = None
    apart: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Stated:
    """A formula with its symbols: the differentiated inputs, the numbers in the order of `Part.numbers`, the parameters."""

    expression: sympy.Expr
    variables: Sequence[sympy.Symbol]
    numbers: Sequence[sympy.Symbol]
    parameters: Sequence[sympy.Symbol]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """A formula given as code: the builder that it was recorded on, and the register of its value."""

    b: Builder
    output: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A function to judge candidates by: its inputs in the order in which they are passed, and the elements of the sum at given values.

    `ways` are further ways of writing its formulas. `output` has the dimensions of an array-valued result, which is weighted by the last
    input, its upstream gradient; None for one number. `reductions` are the possible scales of the sum. `loss` says that it is one of
    predictions and targets, and `module` where its formula is written. `relations` are claimed by its author. With an `example`, values
    around which it is judged, or without one if all inputs are declared, its formula is recorded `code`.
    """

    name: str
    inputs: tuple[Input, ...]
    parts: Callable[[Values], list[Part]]
    stated: Callable[[Hashable], Stated | Recording]
    ways: tuple[Callable[[Hashable], Stated], ...] = ()
    output: tuple[str, ...] | None = None
    reductions: tuple[str, ...] = (SUM,)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    claims: Claims
    relations: tuple[Relation, ...] = ()
    source: str
    loss: bool = False
    module: str = ""
    example: Values | None = None
    code: Any = None

    @cached_property
    def is_weighted(self) -> bool:
        """Whether each element has a weight that is passed."""
        return any(i.name == WEIGHTS for i in self.inputs)

    @cached_property
    def variables(self) -> tuple[Input, ...]:
        """The differentiated inputs."""
        return tuple(i for i in self.inputs if i.differentiated)

    @cached_property
    def classwise(self) -> dict[str, Parameter]:
        """The parameters that have a number for each class, which inputs hold."""
        return {i.name: i.parameter for i in self.inputs if i.parameter is not None}

    @property
    def all_parameters(self) -> dict[str, Parameter]:
        """All parameters, including those that have a number for each class."""
        return {**self.parameters, **self.classwise}

    @cached_property
    def differentiated(self) -> tuple[str, ...]:
        """The names of the differentiated inputs."""
        return tuple(i.name for i in self.variables)

    @property
    def moved(self) -> tuple[str, ...]:
        """The names of the inputs that are drawn around an example: these, and others that do not keep its values."""
        return tuple(i.name for i in self.inputs if i.differentiated or not isinstance(i.domain, FromExample))

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of all dimensions, in order of occurrence."""
        labels = (i.domain.size for i in self.inputs if isinstance(i.domain, Label))
        return tuple(dict.fromkeys(d for d in (*(d for i in self.inputs for d in i.dims), *labels) if not d.isdigit()))

    def input(self, name: str) -> Input:
        """The input of this name."""
        return next(i for i in self.inputs if i.name == name)

    def sizes(self, values: Values) -> dict[str, int]:
        """The sizes of the named dimensions. Raises ValueError for values that do not fit: other names, or shapes that do not match."""
        if values.keys() != {i.name for i in self.inputs}:
            raise ValueError(f"the values are {', '.join(values)}, where {', '.join(i.name for i in self.inputs)} are due")
        fixed = (d for i in self.inputs for d in (*i.dims, i.domain.size if isinstance(i.domain, Label) else "") if d.isdigit())
        found: dict[str, int] = {d: int(d) for d in fixed}
        for i in self.inputs:
            shape = np.shape(values[i.name])
            if len(shape) != len(i.dims):
                raise ValueError(f"{i.name} has shape {shape}, where ({', '.join(i.dims)}) is due")
            for d, n in zip(i.dims, shape, strict=True):
                if found.setdefault(d, n) != n:
                    raise ValueError(f"{i.name} has shape {shape}, and its dimension {d} has the size {found[d]}")
        for i in self.inputs:
            if isinstance(i.domain, Label):
                labels = np.asarray(values[i.name])
                labels = labels if i.domain.ignored is None else labels[labels != i.domain.ignored]
                least, greatest = labels.min(initial=0), labels.max(initial=0)
                most = found.setdefault(i.domain.size, int(greatest) + 1)
                if least < 0 or greatest >= most:
                    raise ValueError(f"{i.name} holds labels outside 0..{most - 1}")
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Instance(ClaimedFunction):
    """A problem with the values of its parameters and its reduction."""

    problem: Problem
    reduction: str = SUM

    def __post_init__(self) -> None:
        known = self.problem.parameters
        for name in self.parameters:
            if name not in known:
                raise unknown(f"parameter of {self.problem.name}", name, known or ["none: it has no parameters"])
        values = {n: p.check(n, self.parameters.get(n, p.default)) for n, p in known.items()}
        object.__setattr__(self, "parameters", values)

    @property
    def stated(self) -> Problem:
        """The problem."""
        return self.problem

    @property
    def domains(self) -> Mapping[str, Parameter]:
        """The parameters of the problem, including those that inputs hold."""
        return self.problem.all_parameters

    @property
    def differentiated(self) -> tuple[str, ...]:
        """The names of the differentiated inputs."""
        return self.problem.differentiated

    @property
    def described(self) -> dict[str, Any]:
        """See `ClaimedFunction`; parameters with a number for each class with these, if they are fixed."""
        domains = {name: self.problem.input(name).domain for name in self.problem.classwise}
        values = {name: domain.values if isinstance(domain, Fixed) else VARIED_EACH for name, domain in domains.items()}
        return {**self.parameters, **{name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}}

    @property
    def summed(self) -> dict[str, Any]:
        """See `ClaimedFunction`; empty if there is only one reduction."""
        return {"reduction": self.reduction} if len(self.problem.reductions) > 1 else {}

    @property
    def claims_convexity(self) -> bool:
        """Whether f is claimed to be convex in the differentiated inputs."""
        return self.problem.claims.convex is True

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The claimed relations, and those by form: ⟨v, F⟩ is linear in v, a loss of single examples is their sum or mean."""
        problem = self.problem
        found = [*problem.relations]
        if problem.output is not None:
            found += [Affine(UPSTREAM), Homogeneous(UPSTREAM)]
        if MEAN in problem.reductions:
            found.append(Separable(problem.inputs[0].dims[0], SUM if self.reduction == SUM else MEAN))
            if problem.is_weighted:
                found.append(Homogeneous(WEIGHTS, degree=1 if self.reduction in (SUM, MEAN, KEPT_MEAN) else 0))
        return tuple(found)

    def total(self, parts: Sequence[Part]) -> Fraction:
        """The divisor of the sum of the elements."""
        if self.reduction == SUM:
            return Fraction(1)
        if self.reduction in (MEAN, KEPT_MEAN):
            return Fraction(sum(p.kept or self.reduction == MEAN for p in parts))
        shares = (Fraction(p.weight) * Fraction(p.shares.get(self.reduction, 1)) for p in parts if p.kept)
        return sum(shares, Fraction(0))
