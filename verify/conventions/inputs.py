"""The conventions of a function of named inputs: the order of its arguments, the form of its gradients, and its reduction.

Its value decides; if it returns none, its gradient does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from inspect import Parameter
from itertools import groupby, permutations, product
from typing import Any

import numpy as np

from verify.candidates import Candidate, Misbehaviour, adapted, signature
from verify.candidates.call import BACKWARDS, FIRST, LAST, SAVED, SAVED_FIRST, Call
from verify.candidates.frameworks import library_of, of_inputs
from verify.candidates.signature import CACHES, POSITIONAL, UPSTREAMS, by_position, called, names, order, parameters_of
from verify.conventions import ignored
from verify.conventions.pins import Conventions, Pins, own_default
from verify.conventions.probes import Watch
from verify.conventions.solving import (
    CONFIRMING_POINTS,
    SOLVING_POINTS,
    Answered,
    answer_at,
    doubts,
    fits,
    gradient_fits,
    solved,
    solved_for_each,
)
from verify.conventions.weights import OF_CLASSES, are_of_classes
from verify.errors import UsageError, unknown
from verify.oracle.instance import InstanceOracle
from verify.problem import (
    EVENT,
    KEPT_MEAN,
    MEAN,
    PREDICTION,
    TARGET,
    TIME,
    WEIGHTS,
    Instance,
    Problem,
    fixed,
    ignoring,
    is_mean,
    small,
    weighted,
)
from verify.spec.function import UPSTREAM

PROBES = ((3, 1), (2, 2), (3, 5))
"""Sizes and seeds of the first points: at an end of a domain there may be no value."""
OWN_NAMES: dict[str, set[str]] = {
    PREDICTION: signature.PREDICTION | {"p", "prob", "probs", "probability", "probabilities", "log_h", "risk", "mu", "rate", "z"},
    TARGET: signature.TARGET,
    WEIGHTS: signature.WEIGHT,
    TIME: {"time", "times", "t", "duration", "durations"},
    EVENT: {"event", "events", "e", "observed", "status", "delta", "censored"},
}


REORDERED_INPUTS = (2, 3)
"""Numbers of inputs with uninformative names that are tried in all orders."""

Handed = Mapping[str, float | None]
"""By the names of a candidate's arguments: the values of parameters; None for those that have a number for each class, which are inputs."""


def find_out(f: Callable[..., Any], problem: Problem, pins: Pins, handed: Handed, dtype: str, watch: Watch) -> Conventions:
    """The conventions of `f`, from calls at a few points in every way that is likely and not pinned, with the parameters that are `handed`
    to it. Others are inferred from its value, or from its gradient if it has no value.

    If the candidate does not support labels that the spec ignores, it is judged with ordinary classes only.

    Raises UsageError if the pins cannot be true of a function of inputs, and if it takes other arguments.
    """
    label = None if pins.reduction == KEPT_MEAN else ignored.ignored_by(problem)
    if label is None:
        return _of_weights(f, problem, pins, handed, dtype, watch)
    found = _of_weights(f, ignoring(problem, None), pins, handed, dtype, watch)
    if found.fits and not ignored.is_known(label, found, dtype):
        return replace(found, limitations=(*found.limitations, ignored.limitation(label)))
    return _of_weights(f, problem, pins, handed, dtype, watch)


def _of_weights(f: Callable[..., Any], problem: Problem, pins: Pins, handed: Handed, dtype: str, watch: Watch) -> Conventions:
    """The conventions, whatever the weights that it takes mean."""
    whole = _with_pinned(_with_weights(f, problem), pins)
    if whole.is_weighted and _weighs_classes(f, whole, pins, handed, dtype, watch):
        found = _found_out(f, _with_pinned(problem, pins), pins, handed, dtype, watch)
        return replace(found, limitations=(*found.limitations, OF_CLASSES))
    return _found_out(f, whole, pins, handed, dtype, watch)


def _found_out(f: Callable[..., Any], whole: Problem, pins: Pins, handed: Handed, dtype: str, watch: Watch) -> Conventions:
    problem, told = _settled(whole, pins, handed)
    _pinned(problem, pins)
    ways, members = list(_ways(f, problem, handed)), list(_members(problem, pins, handed))
    probes = [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in PROBES]
    answered: list[tuple[Call, list[Answered]]] = []
    complaint: Misbehaviour | None = None
    for way in ways:
        try:
            answered.append((way, [(values, answer_at(way, values, watch)) for values in probes]))
        except Misbehaviour as error:
            complaint = complaint or error
    pairs = [(way, member, known) for (way, known), member in product(answered, members)]
    found = [(way, member, known) for way, member, known in pairs if fits(InstanceOracle(member, dtype), way, known)]
    if len({member for _, member, _ in found}) > 1:
        found = _distinguished(found, problem, dtype, watch)
    own = {h.lower() for h in handed}
    free = [n for n in problem.parameters if n not in pins.parameters and n.lower() not in own]
    for way, _ in answered if free and not found else ():
        if not found and (solution := solved(way, members, free, dtype, watch)) is not None:
            found = [(way, solution, known) for way, known in answered if fits(InstanceOracle(solution, dtype), way, known)]
    if found:  # several ways to call a backward give the same value
        right = (f for f in found if len(found) > 1 and gradient_fits(InstanceOracle(f[1], dtype), f[2]))
        way, member, answers = next(right, found[0])
        known = Conventions(candidate=way, objective=member, fits=True, question=probes[0], limitations=told)
        return replace(known, doubts=doubts(way, member, free, answers, dtype, watch)).with_found_out(free)
    each = [name for name, p in whole.classwise.items() if name not in pins.parameters and name.lower() not in own]
    for way in ways if each else ():
        for_each = solved_for_each(way, list(_members(whole, pins, handed)), free, each, dtype, watch)
        if for_each is not None:
            member, up_to_a_factor = for_each
            way, question = replace(way, problem=member.problem), small(member.problem, dtype=dtype)
            known = Conventions(candidate=way, objective=member, fits=True, question=question)
            return known.with_found_out([*free, *each], up_to_a_factor)
    way, complaint = (answered[0][0], None) if answered else (ways[0], complaint)
    return Conventions(candidate=way, objective=members[0], fits=False, complaint=complaint, question=probes[0], limitations=told)


Fit = tuple[Call, Instance, list[Answered]]


def _distinguished(found: list[Fit], problem: Problem, dtype: str, watch: Watch) -> list[Fit]:
    """The fits that also agree at more points: without ignored labels, for example, a mean of what is kept equals the mean of all."""
    more = [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in (*SOLVING_POINTS, *CONFIRMING_POINTS)]
    left: list[Fit] = []
    for _, group in groupby(found, key=lambda fit: id(fit[0])):
        mine = [*group]
        way = mine[0][0]
        with suppress(Misbehaviour):
            known = [(values, answer_at(way, values, watch)) for values in more]
            left += [fit for fit in mine if fits(InstanceOracle(fit[1], dtype), way, known)]
    return left or found


def _weighs_classes(f: Callable[..., Any], problem: Problem, pins: Pins, handed: Handed, dtype: str, watch: Watch) -> bool:
    """Whether its optional weights are those of classes."""
    if all(p.default is p.empty for p in _weights_of(f, problem)):
        return False
    settled, _ = _settled(problem, pins, handed)
    size, seed = PROBES[0]
    values = small(settled, size=size, seed=seed, dtype=dtype)
    if np.ndim(values[PREDICTION]) != 2:
        return False
    classes = np.shape(values[PREDICTION])[1]
    values = {name: a[: classes - 1] if np.shape(a)[:1] == (classes,) else a for name, a in values.items()}
    way = next(_ways(f, settled, handed))
    return are_of_classes(lambda n: answer_at(way, {**values, WEIGHTS: np.ones(n, dtype)}, watch), len(values[PREDICTION]), classes)


def _with_weights(f: Callable[..., Any], problem: Problem) -> Problem:
    """The problem with weights of the examples, if the function takes them."""
    return (weighted(problem) if _weights_of(f, problem) else None) or problem


def _weights_of(f: Callable[..., Any], problem: Problem) -> list[Parameter]:
    """The arguments that have usual names of weights, and are not parameters of the problem."""
    first = f.first if isinstance(f, Candidate) else f
    others = {name.lower() for name in problem.all_parameters}
    return [p for p in parameters_of(first) or () if p.name.lower() in signature.WEIGHT - others]


def _with_pinned(problem: Problem, pins: Pins) -> Problem:
    """The problem with the pinned values of parameters that have a number for each class."""
    for name in (name for name in problem.classwise if name in pins.parameters):
        problem = fixed(problem, name, pins.parameters[name])
    return problem


def _settled(problem: Problem, pins: Pins, handed: Handed) -> tuple[Problem, tuple[str, ...]]:
    """The problem with the defaults of parameters that are not passed; and a sentence on each of these."""
    told, own = [], {name.lower() for name in handed}
    for name, p in problem.classwise.items():
        if name not in pins.parameters and name.lower() not in own:
            problem = fixed(problem, name, p.default)
            told.append(f"does not take {name}, and is judged at {name} = {p.default:g} for all classes; --parameter {name}=… says others")
    return problem, tuple(told)


def plain(f: Callable[..., Any], problem: Problem) -> Callable[..., Any]:
    """The function as it is called: a loss as one of numpy arrays, whatever its framework, and with positional arguments only."""
    if problem.loss:
        return by_position(adapted(f), problem.all_parameters)
    return adapted(f) if isinstance(f, Candidate) else f


def first_way(f: Callable[..., Any], problem: Problem, pins: Pins) -> Call:
    """The likeliest way."""
    f, mine = plain(f, problem), handed(f, problem, pins)
    return next(_ways(f, _settled(_with_pinned(_with_weights(f, problem), pins), pins, mine)[0], mine))


def _members(problem: Problem, pins: Pins, handed: Handed) -> Iterator[Instance]:
    """The family, the defaults first; with the mean pinned, all kinds of means."""
    known = {name.lower(): name for name in problem.parameters}
    values = {known[name.lower()]: value for name, value in handed.items() if value is not None}
    means = [r for r in problem.reductions if pins.reduction == MEAN and r != MEAN and is_mean(r)]
    for reduction in [pins.reduction, *means] if pins.reduction else problem.reductions:
        yield Instance(problem=problem, reduction=reduction, parameters={**values, **_numbers(problem, pins)})


def _numbers(problem: Problem, pins: Pins) -> dict[str, float]:
    """The pinned values of parameters that are numbers. Raises UsageError for an unknown parameter."""
    known = problem.all_parameters
    for name in pins.parameters:
        if name not in known:
            raise unknown(f"parameter of {problem.name}", name, known or ["none: it has no parameters"])
    return {name: problem.parameters[name].check(name, value) for name, value in pins.parameters.items() if name in problem.parameters}


def _pinned(problem: Problem, pins: Pins) -> None:
    """Raises UsageError for conventions that a function of inputs does not have."""
    for name in ("signature", "layout", "penalty", "classes", "hessian"):
        if getattr(pins, name) is not None:
            raise UsageError(f"{name} is {getattr(pins, name)!r}, and {problem.name}, a function of inputs, has none; leave it out.")
    if pins.reduction is not None and pins.reduction not in problem.reductions:
        raise UsageError(f"reduction is {pins.reduction!r}, and {problem.name} is {' or '.join(problem.reductions)}; leave it out.")


def _ways(f: Callable[..., Any], problem: Problem, handed: Handed) -> Iterator[Call]:
    """The ways to call `f`, the likeliest first."""
    parts = [p for p in (f.loss, f.grad) if p is not None] if isinstance(f, Candidate) else [f]
    library = None if isinstance(f, Candidate) or problem.loss else library_of(f)
    if problem.output is not None and not isinstance(f, Candidate) and library is None:
        raise UsageError(
            f"{problem.name} returns an array, and its gradient needs a backward: name both, FILE.py:forward,backward; in Python "
            "verify.Candidate(forward=…, backward=…)."
        )
    first = parts[0]
    own = [i.name for i in problem.inputs if i.name != UPSTREAM and i.parameter is None]
    each = tuple(name for name in problem.classwise if name.lower() in {own_name.lower() for own_name in handed})
    values = {name: value for name, value in handed.items() if value is not None}
    for arguments in _orders(first, problem, own, handed):
        way = f if library is None else _differentiated(f, library, problem, arguments, handed)
        backwards: tuple[str | None, ...] = _backwards(way, own, handed) if problem.output is not None else (None,)
        for backward in backwards:
            yield Call(f=way, problem=problem, order=(*arguments, *each), handed=values, backward=backward)


def _differentiated(f: Callable[..., Any], library: str, problem: Problem, order: Sequence[str], handed: Handed) -> Callable[..., Any]:
    """A function of a framework, differentiated by it for the problem's inputs."""
    own = [k for k, p in enumerate(parameters_of(f) or ()) if p.name not in handed] or [*range(len(order))]
    places = [own[order.index(name)] for name in problem.differentiated]
    return of_inputs(f, library, places, array=problem.output is not None)


def handed(f: Callable[..., Any], problem: Problem, pins: Pins, *, optional: bool = True) -> dict[str, float | None]:
    """The parameters of the spec that the function takes, by its own names: at pinned values, else at its own defaults if these are valid,
    else at the spec's. Those that it does not require and that are not pinned are `optional`.
    """
    values = Instance(problem=problem, parameters=_numbers(problem, pins)).parameters
    found = dict[str, float | None]()
    parts = [part for part in (f.loss, f.grad) if part is not None] if isinstance(f, Candidate) else [f]
    for p, name in (named for part in parts for named in _named(part, problem)):
        if optional or p.default is p.empty or name in pins.parameters:
            free = name in problem.parameters and name not in pins.parameters
            found[p.name] = own_default(problem.parameters[name], p.default, values[name]) if free else values.get(name)
    return found


def _named(f: Callable[..., Any], problem: Problem) -> Iterator[tuple[Parameter, str]]:
    """The arguments that are parameters of the spec, and which: by name, ignoring case unless a name matches exactly. A loss's prediction
    and target come first, whatever their names: `f(s, t)` has no parameter T.
    """
    arguments, known = parameters_of(f) or [], problem.all_parameters
    exact = {p.name for p in arguments if p.name in known}
    other = {name.lower(): name for name in known if name not in exact}
    yield from ((p, p.name) for p in arguments if p.name in exact)
    left = [p for p in arguments if p.name not in exact]
    yield from ((p, other[p.name.lower()]) for p in left[2 if problem.loss else 0 :] if p.name.lower() in other)


def _orders(f: Callable[..., Any], problem: Problem, own: list[str], handed: Handed) -> list[tuple[str, ...]]:
    """The possible orders of the inputs: by their names, else the spec's; for a loss also with the target first."""
    arguments = names(f)
    if arguments is None:
        return [tuple(own)]
    mine = _others(f, handed)
    _count(f, problem, own, arguments, handed)
    by_name = [_meant(name, own) for name in mine[: len(own)]]
    known = [name for name in by_name if name is not None]
    left, is_loss = [name for name in own if name not in known], own[:2] == [PREDICTION, TARGET]
    if len(left) + len(known) == len(by_name) == len(own) and (not left or not is_loss):
        orders = permutations(left) if len(left) in REORDERED_INPUTS else [left]
        return [tuple(name or next(rest) for name in by_name) for rest in map(iter, orders)]
    if is_loss:
        plain, flipped, rest = (PREDICTION, TARGET), (TARGET, PREDICTION), tuple(own[2:])
        told_order = order(f)
        likely = [flipped] if told_order == "TARGETPREDICTION" else [plain] if told_order else [plain, flipped]
        return [(*both, *rest) for both in likely]
    return [tuple(own)]


def _others(f: Callable[..., Any], handed: Handed) -> list[str]:
    """The lower-case names of its other positional arguments."""
    return [p.name.lower() for p in parameters_of(f) or [] if p.kind in POSITIONAL and p.name not in handed]


def _meant(name: str, own: Sequence[str]) -> str | None:
    return next((o for o in own if name == o.lower() or name in OWN_NAMES.get(o, ())), None)


def _count(
    f: Callable[..., Any],
    problem: Problem,
    own: Sequence[str],
    told: tuple[list[str], float, float],
    handed: Handed,
) -> None:
    """Raises UsageError if the function takes another number of arguments than there are inputs."""
    needed = told[1] - (len(told[0]) - len(_others(f, handed)))
    if len(own) > told[2] or needed > len(own):
        raise UsageError(
            f"the candidate is {called(f)}, and {problem.name} is called as f({', '.join(own)}). Let it take these, and parameters of the "
            "spec by their names; give what else it takes a default, or wrap it."
        )


def _backwards(f: Callable[..., Any], own: Sequence[str], handed: Handed) -> tuple[str, ...]:
    """The ways to call a backward, from the names and the number of its arguments."""
    assert isinstance(f, Candidate)
    taken = names(f.grad)
    mine = _others(f.grad, handed) if f.grad is not None else []
    likely: tuple[str, ...] = BACKWARDS
    if f.saved is not None:
        likely = (SAVED, SAVED_FIRST) if f.saved else (FIRST, LAST)
    elif taken is not None and len(own) > 1:
        one_thing = taken[2] - (len(taken[0]) - len(mine)) == 2  # beside the upstream gradient
        likely = (SAVED, SAVED_FIRST) if one_thing else (FIRST, LAST)
    elif any(name in CACHES for name in mine):
        likely = (SAVED, SAVED_FIRST)
    if mine and (mine[0] in UPSTREAMS) != (mine[-1] in UPSTREAMS):
        first = mine[0] in UPSTREAMS
        likely = tuple(b for b in likely if (b in (FIRST, SAVED)) == first) or likely
    return likely
