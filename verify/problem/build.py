"""Problems from specs: functions of named arrays, losses of a batch, and losses of one example each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import cycle, islice
from math import prod
from typing import Any

import numpy as np

from verify.errors import UsageError
from verify.later import sympy
from verify.problem.problem import (
    KEPT_MEAN,
    MEAN,
    SUM,
    WEIGHTED_MEAN,
    WEIGHTS,
    Fixed,
    Input,
    Numbers,
    Part,
    Problem,
    Stated,
    Values,
    mean_by,
)
from verify.spec.domains import Binary, Censored, Domain, Finite, Label, Positive, Prediction, Real, Simplex, Vector
from verify.spec.exact_target import ExactTarget
from verify.spec.function import UPSTREAM, Array, FunctionSpec
from verify.spec.loss import LossSpec, ParameterValue
from verify.spec.relations import Affine, Homogeneous, Relation, Separable, ShiftInvariant, Symmetric
from verify.spec.shipped import plain
from verify.spec.statement import NoExpression, expression, returned

PREDICTION, TARGET, TIME, EVENT = "prediction", "target", "time", "event"


@lru_cache(maxsize=64)
def problem_of(spec: FunctionSpec | LossSpec) -> Problem:
    """The problem of a spec."""
    if isinstance(spec, FunctionSpec):
        return _of_function(spec)
    return _of_batch(spec) if spec.per_batch is not None else _of_rows(spec)


@lru_cache(maxsize=64)
def weighted(problem: Problem) -> Problem | None:
    """The loss with nonnegative weights of its examples; None if it is not a sum over examples."""
    if MEAN not in problem.reductions:
        return None
    first = problem.inputs[0].dims[:1]

    def parts(values: Values) -> list[Part]:
        plain = problem.parts({name: a for name, a in values.items() if name != WEIGHTS})
        return [replace(p, weight=float(w)) for p, w in zip(plain, values[WEIGHTS], strict=True)]

    inputs = (*problem.inputs, Input(name=WEIGHTS, dims=first, domain=Real(0)))
    return replace(problem, inputs=inputs, parts=parts, reductions=(WEIGHTED_MEAN, *problem.reductions))


@lru_cache(maxsize=64)
def ignoring(problem: Problem, label: int | None) -> Problem:
    """The loss of single examples with this label ignored; None for no ignored label."""
    inputs = (replace(i, domain=replace(i.domain, ignored=label)) if isinstance(i.domain, Label) else i for i in problem.inputs)
    reductions = dict.fromkeys((*(() if label is None else (KEPT_MEAN,)), *problem.reductions))
    left = tuple(r for r in reductions if label is not None or r != KEPT_MEAN)
    return replace(problem, inputs=tuple(inputs), reductions=left)


@lru_cache(maxsize=64)
def fixed(problem: Problem, name: str, value: ParameterValue) -> Problem:
    """The problem with a parameter that has a number for each class fixed to this value: one for all, or as many as there then are classes.

    Raises UsageError if it lies outside its domain, or if the number of classes differs.
    """
    own = problem.input(name)
    assert own.parameter is not None
    value = own.parameter.check_each(name, value)
    inputs = [replace(i, domain=Fixed(value)) if i is own else i for i in problem.inputs]
    relations = [r for r in problem.relations if not (isinstance(r, ShiftInvariant | Homogeneous | Affine) and name in r.inputs.split())]
    if isinstance(value, tuple):
        (size,) = own.dims
        if len(value) < 2 or (size.isdigit() and int(size) != len(value)):
            due = f"{problem.name} has {size} classes" if size.isdigit() else "there are two classes or more"
            raise UsageError(f"parameter {name} is {', '.join(f'{v:g}' for v in value)}, and {due}; give as many numbers as classes.")
        inputs = [_sized(i, size, str(len(value))) for i in inputs]
        relations = [_of_size(r, size, str(len(value))) for r in relations if not (isinstance(r, Symmetric | Separable) and r.dim == size)]

    def parts(values: Values) -> list[Part]:
        return problem.parts({**values, name: np.full(np.shape(values[name]), value)})

    reductions = tuple(r for r in problem.reductions if value != 1 or r != mean_by(name))  # by ones it is the number of kept labels
    return replace(problem, inputs=tuple(inputs), parts=parts, reductions=reductions, relations=tuple(relations))


def with_classes(problem: Problem, classes: int) -> Problem:
    """The problem for this many classes, if its parameters have a number for each."""
    size = next(i.dims[0] for i in problem.inputs if i.parameter is not None)
    relations = tuple(_of_size(r, size, str(classes)) for r in problem.relations)
    return replace(problem, inputs=tuple(_sized(i, size, str(classes)) for i in problem.inputs), relations=relations)


def _sized(i: Input, name: str, size: str) -> Input:
    """The input with a fixed size of a dimension."""
    domain = replace(i.domain, size=size) if isinstance(i.domain, Label) and i.domain.size == name else i.domain
    return replace(i, dims=tuple(size if d == name else d for d in i.dims), domain=domain)


def _of_size(r: Relation, name: str, size: str) -> Relation:
    """The relation with a fixed size of a dimension."""
    if isinstance(r, Symmetric | Separable):
        return replace(r, dim=size) if r.dim == name else r
    return replace(r, along=" ".join(size if d == name else d for d in r.along.split())) if isinstance(r, ShiftInvariant) else r


def is_asked(domain: Numbers) -> bool:
    """Whether a formula gets the numbers themselves, which it may branch on, or use as an index."""
    return isinstance(domain, (Finite, Label)) or (isinstance(domain, Domain) and domain.whole)


def input_of(name: str, a: Array) -> Input:
    """The input of a declared array."""
    return Input(
        name=name,
        dims=a.shape,
        domain=a.domain,
        differentiated=a.is_differentiated,
        concrete=is_asked(a.domain),
        whole=is_asked(a.domain) and all(t == int(t) for t in getattr(a.domain, "values", ())),
    )


def upstream_of(name: str, values: Values, inputs: Mapping[str, Input]) -> Input:
    """The upstream gradient of an output whose dimensions are those of the declared inputs, by their sizes in an example. Raises UsageError
    if these are ambiguous.
    """
    shape, sizes = np.shape(values[name]), dict[int, set[str]]()
    for i in inputs.values():
        for dim, size in zip(i.dims, np.shape(values[i.name]), strict=False):
            sizes.setdefault(size, set()).add(dim)
    dims = [sizes.get(n, {str(n)}) for n in shape]
    if any(len(found) > 1 or next(iter(found)).isdigit() for found in dims):
        told = ", ".join(" or ".join(sorted(found)) for found in dims)
        raise UsageError(f"the output has the shape {shape}, ({told}). Declare its upstream gradient too: '{name}: …', with dimensions.")
    return Input(name=name, dims=tuple(next(iter(found)) for found in dims), domain=Real())


def _of_function(spec: FunctionSpec) -> Problem:
    inputs = [input_of(name, a) for name, a in spec.inputs.items()]
    output = Array(spec.output).shape if spec.output else None
    if output is not None:
        inputs.append(Input(name=UPSTREAM, dims=output, domain=Real()))

    def stated(key: Hashable) -> Stated:
        from verify.problem.symbols import entries  # of sympy's functions

        given = _symbols(inputs, key)
        arguments = [given[name] for name in spec.inputs]
        parameters = _parameters(spec)
        told = f"the formula of {spec.name}, for {_shapes(arguments, spec.inputs)}, "
        made = returned(told, spec.formula, arguments, parameters, None)
        found, shape = entries(made)
        due = np.shape(given[UPSTREAM]) if output is not None else ()
        if shape != due:
            what = f"an array of shape {shape}" if shape else "one expression"
            raise UsageError(
                f"{told}returned {what}, and output={spec.output!r} says {f'the shape {due}' if due else 'one number'}. Correct either."
            )
        known = _known(given.values())
        try:
            parts = [expression(told, e, [known], parameters, None, "an entry of its inputs") for e in found]
        except NoExpression as error:
            raise UsageError(f"{error} Return an expression, or an array of them.") from None
        weights = [sympy.S.One] if output is None else np.ravel(given[UPSTREAM]).tolist()
        return _ordered(inputs, given, sympy.Add(*(v * e for v, e in zip(weights, parts, strict=True))), parameters)

    return Problem(
        name=spec.name,
        inputs=tuple(inputs),
        parts=lambda values: [_whole(inputs, values)],
        stated=stated,
        output=output,
        parameters=spec.parameters,
        claims=spec.claims,
        relations=spec.claims.relations,
        source=spec.source,
        module=spec.formula.__module__,
    )


def _of_batch(spec: LossSpec) -> Problem:
    inputs = _inputs(spec)
    if plain("compares", spec, lambda: _compares(spec, inputs)):
        inputs = [replace(i, concrete=True) if i.name == TARGET else i for i in inputs]

    def stated(formula: Callable[..., Any], key: Hashable) -> Stated:
        given = _symbols(inputs, key)
        told = f"the formula of {spec.name}, for predictions of shape {np.shape(given[PREDICTION])}, "
        return _expressed(spec, formula, inputs, given, [given[PREDICTION], _targets(spec, given)], told, _classwise(spec, given))

    return _of_loss(spec, inputs, stated, parts=lambda values: [_whole(inputs, values)])


def _compares(spec: LossSpec, inputs: list[Input]) -> bool:
    """Whether the formula needs its targets as numbers, for example because it compares them: it accepts some numbers, and no symbols."""

    def takes(inputs: list[Input]) -> bool:
        key = [(i.name, shape := (2,) * len(i.dims), _some(i, prod(shape)) if i.concrete else ()) for i in inputs]
        given = _symbols(inputs, key)
        try:
            returned("", spec.formula, [given[PREDICTION], _targets(spec, given)], {**_parameters(spec), **_classwise(spec, given)}, None)
        except UsageError:
            return False
        return True

    if not any(i.name == TARGET and isinstance(i.domain, Domain) and not i.concrete for i in inputs):
        return False
    return not takes(inputs) and takes([replace(i, concrete=True) if i.name == TARGET else i for i in inputs])


def _some(i: Input, many: int) -> tuple[float, ...]:
    """The first `many` numbers of its domain, the simplest ones."""
    assert isinstance(i.domain, Domain)
    return tuple(islice(cycle(i.domain.values), many))


def _expressed(
    spec: LossSpec,
    formula: Callable[..., Any],
    inputs: Iterable[Input],
    given: dict[str, Any],
    arguments: Sequence[Any],
    label: str,
    classwise: dict[str, Any],
) -> Stated:
    parameters = _parameters(spec)
    made = returned(label, formula, arguments, {**parameters, **classwise}, spec.target)
    try:
        e = expression(label, made, [_known(given.values())], parameters, spec.target, "the prediction or its target")
    except NoExpression as error:
        raise UsageError(f"{error} Add its parts up.") from None
    return _ordered(inputs, given, e, parameters)


def _of_rows(spec: LossSpec) -> Problem:
    inputs = _inputs(spec)
    ignored = spec.target.ignored if isinstance(spec.target, Label) else None
    rows = [replace(i, dims=i.dims if i.parameter else i.dims[1:]) for i in inputs]
    of_labels = any(isinstance(i.domain, Label) for i in inputs)
    weighing = [i.name for i in inputs if i.parameter is not None and i.parameter.low >= 0 and of_labels]
    apart = inputs[0].is_free and not any(isinstance(i.domain, (Label, Simplex)) for i in inputs)

    def parts(values: Values) -> list[Part]:
        x = np.asarray(values[PREDICTION])
        n = len(x)
        keys, numbers = _each(inputs, values, n)
        labels = [None if t == ignored else t for t in np.asarray(values[TARGET]).tolist()] if of_labels else [None] * n
        places = np.arange(x.size, dtype=np.intp).reshape(n, -1)
        each = {mean_by(name): np.asarray(values[name], np.float64).tolist() for name in weighing}
        return [
            Part(
                key=key,
                places=at,
                numbers=constants,
                kept=label is not None or not of_labels,
                shares={by: 0.0 if label is None else found[label] for by, found in each.items()},
                label=label,
                apart=apart,
            )
            for key, at, constants, label in zip(keys, places, numbers, labels, strict=True)
        ]

    def stated(formula: Callable[..., Any], key: Hashable) -> Stated:
        given = _symbols(rows, key)
        arguments = [_listed(a) for a in (given[PREDICTION], _targets(spec, given))]
        classwise = {name: _listed(a) for name, a in _classwise(spec, given).items()}
        return _expressed(spec, formula, rows, given, arguments, f"the formula of {spec.name} ", classwise)

    reductions = (*(() if ignored is None else (KEPT_MEAN,)), MEAN, SUM, *map(mean_by, weighing))
    return _of_loss(spec, inputs, stated, parts=parts, reductions=reductions)


def _of_loss(spec: LossSpec, inputs: list[Input], stated: Callable[[Callable[..., Any], Hashable], Stated], **how: Any) -> Problem:
    of_classes: tuple[tuple[bool, Relation], ...] = (
        (spec.claims.symmetric, Symmetric(inputs[0].dims[-1])),
        (spec.claims.shift_invariant, ShiftInvariant(PREDICTION, along=inputs[0].dims[-1])),
    )
    return Problem(
        name=spec.name,
        inputs=tuple(inputs),
        stated=partial(stated, spec.formula),
        ways=tuple(partial(stated, way) for way in spec.ways),
        parameters={name: p for name, p in spec.parameters.items() if not p.dims},
        claims=spec.claims,
        relations=tuple(dict.fromkeys((*(r for claimed, r in of_classes if claimed), *spec.claims.relations))),
        source=spec.source,
        loss=True,
        module=spec.formula.__module__,
        **how,
    )


def _inputs(spec: LossSpec) -> list[Input]:
    """The prediction, the target, and the parameters that have a number for each class."""
    each = {name: p for name, p in spec.parameters.items() if p.dims}
    return [*_examples(spec), *(Input(name=name, dims=("c",), domain=p.domain, parameter=p) for name, p in each.items())]


def _classwise(spec: LossSpec, given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name, p in spec.parameters.items() if p.dims}


def _examples(spec: LossSpec) -> list[Input]:
    prediction = spec.prediction
    domain = prediction.of if isinstance(prediction, Prediction) else prediction or Real()
    names = prediction.dims if isinstance(prediction, Prediction) else ("n", "c") if spec.width else ("n",)
    found = [Input(name=PREDICTION, dims=names, domain=domain, differentiated=True)]
    first = names[:1]
    target = spec.target if spec.target is not None else Finite("targets", spec.targets) if spec.targets else Label(names[-1])
    if isinstance(target, Censored):
        both = ((TIME, Positive()), (EVENT, Binary()))
        return [*found, *(Input(name=name, dims=first, domain=d, concrete=True, whole=name == EVENT) for name, d in both)]
    if isinstance(target, Simplex):
        return [*found, Input(name=TARGET, dims=names, domain=target)]
    if isinstance(target, Vector):
        return [*found, Input(name=TARGET, dims=names, domain=target.of, concrete=not isinstance(target.of, Domain))]
    target = replace(target, size=names[-1]) if isinstance(target, Label) else target
    return [*found, Input(name=TARGET, dims=first, domain=target, concrete=not isinstance(target, Domain))]


def _listed(given: Any) -> Any:
    """The arguments of a formula of one example: expressions as they are, and lists of them."""
    return given.tolist() if isinstance(given, np.ndarray) else given


def _targets(spec: LossSpec, given: dict[str, Any]) -> Any:
    """The targets in a formula: pairs of time and event if they are censored."""
    if not isinstance(spec.target, Censored):
        return given[TARGET]
    if np.ndim(given[TIME]) == 0:
        return given[TIME], given[EVENT]
    return list(zip(given[TIME], given[EVENT], strict=True))


def _whole(inputs: Iterable[Input], values: Values) -> Part:
    """One element of all inputs: the key has the shapes and the numbers that a formula may branch on."""
    key, numbers, size = [], [], 0
    for i in inputs:
        a = np.asarray(values[i.name])
        key.append((i.name, a.shape, tuple(a.ravel().tolist()) if i.concrete else ()))
        if i.differentiated:
            size += a.size
        elif not i.concrete:
            numbers += a.astype(np.float64).ravel().tolist()
    return Part(key=tuple(key), places=np.arange(size, dtype=np.intp), numbers=tuple(numbers))


def _each(inputs: Iterable[Input], values: Values, n: int) -> tuple[list[Hashable], list[tuple[float, ...]]]:
    """Keys and numbers of n examples, as `_whole` has them for one; parameters are shared by all."""
    keys, numbers = [], [np.empty((n, 0))]
    for i in inputs:
        a = np.asarray(values[i.name])
        rows = (np.broadcast_to(a, (n, *a.shape)) if i.parameter else a).reshape(n, -1)
        shape = a.shape if i.parameter else a.shape[1:]
        keys.append([(i.name, shape, tuple(row)) for row in rows.tolist()] if i.concrete else [(i.name, shape, ())] * n)
        if not (i.differentiated or i.concrete):
            numbers.append(rows.astype(np.float64))
    return [*zip(*keys, strict=True)], [tuple(row) for row in np.concatenate(numbers, axis=1).tolist()]


def _symbols(inputs: Iterable[Input], key: Any) -> dict[str, Any]:
    """The formula's argument for each input."""
    from verify.problem.symbols import array, named  # of sympy's functions

    asked = {name: (shape, numbers) for name, shape, numbers in key}
    found = {}
    for i in inputs:
        shape, numbers = asked[i.name]
        if not i.concrete:
            found[i.name] = named(i.name, shape)
            continue
        exact = [int(t) if isinstance(i.domain, Label) else ExactTarget(t) for t in numbers]
        row = np.empty(len(exact), dtype=object)
        row[:] = exact
        found[i.name] = array(row).reshape(shape) if shape else exact[0]
    return found


def _known(given: Iterable[Any]) -> list[sympy.Symbol]:
    return [s for a in given for s in np.ravel(np.asarray(a, dtype=object)).tolist() if isinstance(s, sympy.Symbol)]


def _ordered(inputs: Iterable[Input], given: dict[str, Any], e: sympy.Expr, parameters: dict[str, sympy.Symbol]) -> Stated:
    variables = [s for i in inputs if i.differentiated for s in _known([given[i.name]])]
    numbers = [s for i in inputs if not i.differentiated and not i.concrete for s in _known([given[i.name]])]
    return Stated(expression=e, variables=variables, numbers=numbers, parameters=[*parameters.values()])


def _parameters(spec: FunctionSpec | LossSpec) -> dict[str, sympy.Symbol]:
    return {name: sympy.Symbol(name, real=True) for name, p in spec.parameters.items() if not p.dims}


def _shapes(arguments: Iterable[Any], names: Iterable[str]) -> str:
    return " and ".join(f"{name} of shape {np.shape(a)}" for name, a in zip(names, arguments, strict=True))
