"""The relations of a function of named inputs as equations between its values, exact in the numbers of the dtype.

f(here) = Σ weight · f(there), and the gradient here is the same sum of the gradients there, each mapped back by the adjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.difference import moved, on_grid
from verify.errors import UsageError, unknown
from verify.problem.problem import MEAN, Input, Instance, Problem, Values
from verify.problem.small import sound
from verify.spec.domains import Domain, Label
from verify.spec.relations import Affine, Homogeneous, Relation, Separable, ShiftInvariant, Symmetric

Floats = NDArray[np.floating]
Gradients = Mapping[str, Any]

SCALES = (2, -2)
"""Binary exponents by which inputs are scaled: roots of the factors are powers of two, too."""
SHIFTS = 8
"""Inputs are shifted by multiples of a half up to half of this."""


@dataclass(frozen=True, kw_only=True)
class Summand:
    """One point: the weight of f there, all values, and the map of its gradients to this point, before the weight. No entry is multiplied
    by a negative factor, so that radii are mapped alike.
    """

    weight: Fraction
    values: Values
    back: Callable[[Gradients], dict[str, Any]] = dict


@dataclass(frozen=True, kw_only=True)
class Equation:
    """f(here) = Σ weight · f(there) over the terms. With a `direction`, by the inputs that it moves, f changes along it at the rate degree
    · f: ⟨∂f(here), direction⟩ = degree · f(here).
    """

    what: str
    here: Values
    terms: tuple[Summand, ...]
    direction: Values | None = None
    degree: float = 0.0


def equations(instance: Instance, relation: Relation, values: Values, seed: int) -> Iterator[Equation]:
    """The equations of a relation at these values; none if there is nothing to move, or no room for it in a domain."""
    problem, rng = instance.problem, np.random.default_rng(seed)
    match relation:
        case Symmetric(dim):
            n = problem.sizes(values)[dim]
            order = rng.permutation(n)
            order = np.roll(order, 1) if np.all(order == np.arange(n)) else order
            found = [_reordered(problem, f"{dim} permuted", dim, order, values)] if n > 1 else []
        case Separable(dim):
            found = [*_parts(instance, relation, values, seed)]
        case ShiftInvariant(inputs, along):
            found = [*_shifted(problem, inputs.split(), along.split(), values, rng)]
        case Homogeneous(inputs, degree):
            found = [*_scaled(problem, inputs.split(), degree, values, rng)]
        case Affine(inputs):
            found = [*_between(problem, inputs.split(), values, rng)]
    yield from found


def _reordered(problem: Problem, what: str, dim: str, order: NDArray[np.intp], values: Values) -> Equation:
    """The equation for the order in which entry order[k] of a dimension moves to k."""
    back = np.argsort(order)

    def moved_to(given: Gradients, order: NDArray[np.intp]) -> dict[str, Any]:
        return {name: _taken(problem.input(name), dim, a, order) for name, a in given.items()}

    there = moved_to(values, order)
    for i in problem.inputs:
        if isinstance(i.domain, Label) and i.domain.size == dim:
            label = np.asarray(there[i.name])
            there[i.name] = np.where(label == i.domain.ignored, label, back[np.maximum(label, 0)])[()]
    return Equation(what=what, here=values, terms=(Summand(weight=Fraction(1), values=there, back=lambda g: moved_to(g, back)),))


def _parts(instance: Instance, relation: Separable, values: Values, seed: int) -> Iterator[Equation]:
    """The equations for the reverse order, and for a cut in two, if both parts have kept elements."""
    problem, dim = instance.problem, relation.dim
    n = problem.sizes(values)[dim]
    if n < 2:
        return
    yield _reordered(problem, f"{dim} reversed", dim, np.arange(n)[::-1], values)
    for cut in 1 + (np.arange(n - 1) + seed) % (n - 1):
        rows = np.arange(cut), np.arange(cut, n)
        there = [{i.name: _taken(i, dim, values[i.name], own) for i in problem.inputs} for own in rows]
        if all(_counts(problem, part) for part in there):
            whole, *totals = (_total(instance, relation, v) for v in (values, *there))
            backs = [_put_back(problem, dim, n, own) for own in rows]
            terms = (Summand(weight=t / whole, values=part, back=back) for t, part, back in zip(totals, there, backs, strict=True))
            yield Equation(what=f"in parts along {dim}", here=values, terms=tuple(terms))
            return


def _counts(problem: Problem, values: Values) -> bool:
    """Whether any element is kept: right code may divide by their number, where the formula is 0."""
    return all(np.array_equal(a, values[name]) for name, a in sound(problem, dict(values)).items())


def _total(instance: Instance, relation: Separable, values: Values) -> Fraction:
    """The divisor of the sum over the elements, or over a dimension."""
    if MEAN in instance.problem.reductions:
        return instance.total(instance.problem.parts(values))
    return Fraction(instance.problem.sizes(values)[relation.dim] if relation.reduction == MEAN else 1)


def _taken(i: Input, dim: str, a: Any, rows: NDArray[np.intp]) -> Any:
    for axis in _axes(i, dim):
        a = np.ascontiguousarray(np.take(a, rows, axis))
    return a


def _put_back(problem: Problem, dim: str, n: int, rows: NDArray[np.intp]) -> Callable[[Gradients], dict[str, Any]]:
    def back(given: Gradients) -> dict[str, Any]:
        found = dict(given)
        for name, a in given.items():
            for axis in _axes(problem.input(name), dim):
                whole = np.zeros((*a.shape[:axis], n, *a.shape[axis + 1 :]), a.dtype)
                whole[(slice(None),) * axis + (rows,)] = a
                found[name] = whole
        return found

    return back


def _shifted(problem: Problem, inputs: list[str], along: list[str], values: Values, rng: np.random.Generator) -> Iterator[Equation]:
    dims = problem.input(inputs[0]).dims
    shape = [1 if d in along else n for d, n in zip(dims, np.shape(values[inputs[0]]), strict=True)]
    by = rng.integers(-SHIFTS, SHIFTS + 1, shape) / 2
    here, there, direction = {}, {}, {}
    for name in inputs:
        x = on_grid(np.asarray(values[name]))
        direction[name] = np.broadcast_to(by, x.shape).astype(x.dtype)
        y = moved(x, direction[name], 1.0)
        if y is None:
            return
        here[name], there[name] = x[()], y[()]
    if np.any(by) and _belong(problem, here) and _belong(problem, there):
        yield Equation(
            what=f"{' and '.join(inputs)} shifted{' along ' if along else ''}{' and '.join(along)}",
            here={**values, **here},
            terms=(Summand(weight=Fraction(1), values={**values, **there}),),
            direction=direction if {*inputs} <= {*problem.differentiated} else None,
        )


def _scaled(problem: Problem, inputs: list[str], degree: float, values: Values, rng: np.random.Generator) -> Iterator[Equation]:
    for k in rng.permutation(SCALES).tolist():
        there = _times(problem, inputs, values, 2.0**k)
        if there is not None:
            yield Equation(
                what=f"{' and '.join(inputs)} times {2.0**k:g}",
                here=values,
                terms=(Summand(weight=Fraction(2) ** round(-k * degree), values=there, back=_multiplied(inputs, 2.0**k)),),
                direction={name: values[name] for name in inputs} if {*inputs} <= {*problem.differentiated} else None,
                degree=degree,
            )
            return


def _between(problem: Problem, inputs: list[str], values: Values, rng: np.random.Generator) -> Iterator[Equation]:
    """The equations with this point as the midpoint of two, at each of which some of the numbers are 0; or ⅔ of the way from twice to half
    of it.
    """
    told = " and ".join(inputs)
    if all(isinstance(d := problem.input(name).domain, Domain) and 0 in d and d.high == np.inf for name in inputs):
        masks = {name: rng.random(np.shape(values[name])) < 0.5 for name in inputs}
        both = [{name: np.where(mask == side, 2.0, 0.0) for name, mask in masks.items()} for side in (True, False)]
        there = [_multiplied(inputs, factors)(values) for factors in both]
        if all(np.all(np.isfinite(place[name])) for place in there for name in inputs):
            terms = (
                Summand(weight=Fraction(1, 2), values=place, back=_multiplied(inputs, f)) for place, f in zip(there, both, strict=True)
            )
            yield Equation(what=f"{told} in two parts", here=values, terms=tuple(terms))
        return
    for here in (values, _times(problem, inputs, values, 0.5)):
        ends = [None if here is None else _times(problem, inputs, here, t) for t in (0.5, 2.0)]
        if here is not None and None not in ends:
            weights, backs = (Fraction(2, 3), Fraction(1, 3)), (_multiplied(inputs, 0.5), _multiplied(inputs, 2.0))
            terms = (Summand(weight=w, values=end or {}, back=back) for w, end, back in zip(weights, ends, backs, strict=True))
            yield Equation(what=f"{told} halved and doubled", here=here, terms=tuple(terms))
            return


def _times(problem: Problem, inputs: list[str], values: Values, t: float) -> dict[str, Any] | None:
    """The values with these inputs times a power of two; None if one leaves its domain, or the range of its dtype."""
    there = _multiplied(inputs, t)(values)
    back = _multiplied(inputs, 1 / t)(there)
    exact = all(np.all(np.isfinite(there[name])) and np.array_equal(back[name], values[name]) for name in inputs)
    return there if exact and _belong(problem, {name: there[name] for name in inputs}) else None


def _multiplied(inputs: list[str], factor: float | Mapping[str, Floats]) -> Callable[[Values], dict[str, Any]]:
    """Multiplies these inputs, or gradients for them, by a number, or entry by entry: 0 gives 0, also for infinity."""

    def times(given: Values) -> dict[str, Any]:
        found = dict(given)
        for name in (n for n in inputs if n in given):
            a = np.asarray(given[name])
            by = np.asarray(factor[name] if isinstance(factor, Mapping) else factor, a.dtype)
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                found[name] = np.where(by == 0, np.zeros_like(a), a * by)[()]
        return found

    return times


def _belong(problem: Problem, some: Values) -> bool:
    domains = {name: problem.input(name).domain for name in some}
    return all(isinstance(d := domains[name], Domain) and all(t in d for t in np.ravel(a).tolist()) for name, a in some.items())


def _axes(i: Input, dim: str) -> list[int]:
    return [axis for axis, d in enumerate(i.dims) if d == dim]


def check_relations(problem: Problem) -> None:
    """Raises UsageError if a relation names something unknown, or something that cannot be moved so."""
    for relation in problem.relations:
        claim = f"{problem.name} claims {relation}"
        match relation:
            case Symmetric(dim) | Separable(dim):
                known = {d for i in problem.inputs for d in i.dims}
                if dim not in known:
                    raise unknown(f"dimension of {problem.name}", dim, known)
                if isinstance(relation, Separable):
                    _can_be_cut(problem, dim, claim)
            case ShiftInvariant(inputs, along):
                moved_inputs = _moved(problem, inputs.split(), claim)
                dims = [i.dims for i in moved_inputs]
                for i in moved_inputs:
                    if not i.is_free:
                        raise UsageError(f"{claim}, and {i.name} is of {i.domain}, which a shift leaves; leave the claim out.")
                if len(set(dims)) > 1:
                    told = " and ".join(map(" ".join, dims))
                    raise UsageError(f"{claim}, of inputs with the dimensions {told}; give some that are alike.")
                for dim in along.split():
                    if dim not in dims[0]:
                        raise unknown(f"dimension of {inputs}", dim, dims[0] or ["none: it is one number"])
            case Homogeneous(inputs) | Affine(inputs):
                for i in _moved(problem, inputs.split(), claim):
                    if isinstance(i.domain, Domain) and not i.domain.low <= 0 <= i.domain.high:
                        raise UsageError(f"{claim}, and {i.name} is of {i.domain}, which does not reach to 0; leave the claim out.")


def _moved(problem: Problem, inputs: list[str], claim: str) -> list[Input]:
    """The inputs whose numbers are moved."""
    known = {i.name: i for i in problem.inputs}
    for name in inputs:
        if name in problem.parameters:
            raise UsageError(f'{claim}, and {name} is a parameter; state it as an input: "{name}": Array().')
        if name not in known:
            raise unknown(f"input of {problem.name}", name, known)
        domain = known[name].domain
        if not isinstance(domain, Domain) or domain.whole:
            raise UsageError(f"{claim}, and {name} is of {domain}, whose numbers cannot be moved a little; leave the claim out.")
    return [known[name] for name in inputs]


def _can_be_cut(problem: Problem, dim: str, claim: str) -> None:
    if MEAN in problem.reductions:
        raise UsageError(f"{claim}, which it is by its form: a sum, or a mean, over its examples. Leave the claim out.")
    if dim.isdigit():
        raise UsageError(f"{claim}, and {dim} is a fixed size, which parts have not; give the dimension a name.")
    for i in problem.inputs:
        if isinstance(i.domain, Label) and i.domain.size == dim:
            raise UsageError(f"{claim}, and {i.name} holds labels over {dim}, of which a part has no meaning; leave the claim out.")
        if len(_axes(i, dim)) > 1:
            raise UsageError(f"{claim}, and {i.name} has the dimension {dim} twice; leave the claim out.")
