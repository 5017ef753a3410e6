"""A candidate without a spec: whether its own loss, or its reference, can be recorded as the formula, and its gradient too."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np

from verify.candidates import Answer, Candidate, Misbehaviour, half_precision
from verify.candidates.answer import guarded_call, number
from verify.candidates.arguments import Arguments, is_symmetric, loss_and_gradient, loss_of
from verify.candidates.call import Call
from verify.candidates.frameworks import framework_of
from verify.conventions.pins import Conventions
from verify.errors import UsageError
from verify.evidence import Evidence
from verify.oracle.exact import distance, fits
from verify.oracle.instance import InstanceOracle
from verify.problem import Input, Instance, Problem, small
from verify.problem.sampling import on_the_way
from verify.rounding import unit_roundoff
from verify.spec.domains import Domain
from verify.traced import Code, NotTraced, Record, code_problem, recorded, uncompiled
from verify.traced.recorder import FRONT_ENDS

COMPARED_SEEDS = (0, 1, 2)
"""Seeds of the points at which a record is compared with the code itself: the example, and points near it."""
TRIANGLE_CHANGE = 2.0**-16
"""Relative to the largest number of a matrix, the difference of its triangles when it is tested which of them code reads."""
STEPS = 3000
"""Longest chain of dependent instructions to judge, as of a loop of iterations: however few numbers each has, it takes some ten
microseconds in every evaluation.
"""
OPERATIONS = 200_000
"""Largest record to judge: an operation takes some microseconds in balls, and is evaluated at hundreds of points."""


def symmetric_inputs(codes: Sequence[Callable[..., Any]], own: Arguments) -> dict[str, str]:
    """The inputs of which some code reads only one triangle, as `np.linalg.cholesky` does, though they are symmetric in the example, with
    the reason: partial derivatives in single entries then belong to another function than the intended one.
    """
    found: dict[str, str] = {}
    for name in own.values:
        if name not in own.drawn and is_symmetric(own.values[name]):
            told = [why for f in codes if (why := _reads_a_triangle(f, own, name)) is not None]
            found |= {name: told[0]} if told else {}
    return found


def _reads_a_triangle(f: Callable[..., Any], own: Arguments, name: str) -> str | None:
    """Tests this with slightly changed numbers above the diagonal; for code that cannot be recorded, also below."""
    here = own.at("float64")
    above = TRIANGLE_CHANGE * float(np.max(np.abs(here[name]))) * np.triu(np.ones(here[name].shape[-2:]), 1)
    moved = {**here, name: here[name] + above}
    names = (*own.differentiated, *(n for n in here if n not in own.differentiated))
    with suppress(NotTraced):
        record = recorded(_loss(f, own, names), [moved[n] for n in names], u=unit_roundoff("float64"), variables=len(own.differentiated))
        return f"{record.halved[0]} reads one triangle of it" if record.halved else None
    with suppress(Misbehaviour):
        value = value_of(f, own, here)
        try:
            others = [value_of(f, own, {**here, name: here[name] + by}) for by in (above, above.T)]
        except Misbehaviour:
            return "it is refused where it is not symmetric"
        return "one triangle of it is read" if [v == value for v in others] in ([True, False], [False, True]) else None
    return None


def own_code(
    f: Callable[..., Any],
    own: Arguments,
    dtype: str,
    *,
    convex: bool,
    reference: Callable[..., Any] | None = None,
    what: str = "the reference",
    alone: bool = False,
    declared: Mapping[str, Input] | None = None,
) -> tuple[Conventions, int] | str:
    """The conventions of a candidate called with these arguments, judged by its own loss's code or that of a reference, described by
    `what`, and the number of operations; or why it cannot be recorded. The code is also examined near the example, unless only the example
    is judged (`alone`). Inputs that are `declared` are drawn from their domains, at other sizes too.
    """
    whose, formula = ("its own code", f) if reference is None else (what, reference)
    if (framework := framework_of(formula)) is not None and framework not in FRONT_ENDS:
        return f"{whose} computes in {framework}"
    given = own.at(dtype)
    coarse = None if reference is None else _half(f, own, given)
    names = (*own.differentiated, *(n for n in given if n not in own.differentiated))
    code = Code(
        _loss(formula, own, names),
        names,
        None if own.returned is None else _gradient(f, own, names),
        variables=len(own.differentiated),
        loss=None if reference is None else _loss(f, own, names),
        both=None if reference is not None or own.returned is None or isinstance(f, Candidate) else _both(f, own, names),
        half=coarse,
    )
    problem = code_problem(whose, code, given, convex=convex, declared=declared, drawn=own.drawn)
    if declared:
        _check(problem, given)
    instance = Instance(problem=problem)
    way = Call(f=f, problem=problem, order=tuple(given), own=own)
    try:
        answer = way(**given) if reference is None else None
        record, _ = code.record(given)
        if (operations := record.tape.operations) > OPERATIONS:
            return f"{whose} has {operations} operations here, and up to {OPERATIONS} are recorded"
        if (steps := len(record.tape.fused.instructions)) > STEPS:
            return f"{whose} takes {steps} steps here one after another, and up to {STEPS} are judged by a record{_most_on(record)}"
        if answer is not None and (why := _out_of_range(answer, instance, given, dtype)) is not None:
            return why
        for seed in COMPARED_SEEDS[:1] if alone else COMPARED_SEEDS:
            there = small(problem, seed=seed, dtype=dtype)
            for values in [there] if seed == COMPARED_SEEDS[0] or declared else _nearer(given, there):
                try:
                    value = value_of(formula, own, values)
                except Misbehaviour as error:
                    if seed == COMPARED_SEEDS[0] or declared or error.code != "crashed":
                        raise
                    continue  # its domain ends before that point
                if (why := _differs(whose, value, instance, values, dtype)) is not None:
                    return why
                break
        if isinstance(f, Candidate) and f.loss is not None and own.returned is not None and not alone:
            here = way(**given).gradient
            for values in _nearer(given, small(problem, seed=COMPARED_SEEDS[1], dtype=dtype)):
                with suppress(Misbehaviour):
                    value_of(f, own, values)  # it has kept the state of another point
                    break
            code.follow(_loss(f, own, names), given, here)
    except NotTraced as error:
        with suppress(NotTraced, Misbehaviour):  # the state that it keeps must be plain numbers again
            way(**given)
        return f"{whose} cannot be recorded: {error}"
    except Misbehaviour as error:
        return f"{'it' if reference is None else whose} gives no answer at the example: it {error}"
    told = () if coarse is None else (IN_SINGLE_PRECISION.format(coarse),)
    return Conventions(candidate=way, objective=instance, fits=True, question=given, limitations=told), operations


def _nearer(given: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Other values, and values on the way to them."""
    ways = [on_the_way(np.asarray(given[name]), np.asarray(a)) for name, a in values.items()]
    return (dict(zip(values, there, strict=True)) for there in zip(*ways, strict=True))


def _most_on(record: Record) -> str:
    """The line of code with most of a record's operations."""
    lines = Counter(i.line for i in record.tape.instructions if i.line is not None).most_common(1)
    return "".join(f" ({os.path.basename(line.file)}:{line.number}, `{line.code}`)" for line, _ in lines)


def check_reference(reference: Callable[..., Any], own: Arguments, dtype: str, what: str) -> None:
    """Raises UsageError if a reference has no value at the example, which is not the candidate's fault."""
    try:
        value = value_of(reference, own, own.at(dtype))
    except Misbehaviour as error:
        told = str(error).rstrip(".")
        raise UsageError(f"{what} gives no answer at the example: it {told}. Give one that takes the same inputs.") from None
    if not np.isfinite(value):
        raise UsageError(f"{what} is {value} at the example, where nothing can be judged by it. Give an example at which it is finite.")


def _half(f: Callable[..., Any], own: Arguments, given: Mapping[str, Any]) -> str | None:
    """The half-precision format of a candidate's answers; None if there is none."""
    with half_precision.noting() as formats, suppress(Misbehaviour):
        value_of(f, own, given)
    return half_precision.coarsest(formats)


IN_SINGLE_PRECISION = "it answers in {0}, and is judged by what rounding to that may do"


def _check(problem: Problem, given: Mapping[str, Any]) -> None:
    """Raises UsageError if an example does not fit the declaration of the inputs."""
    try:
        problem.sizes(given)
    except ValueError as error:
        raise UsageError(f"at does not fit what is declared: {error}.") from None
    for i in problem.inputs:
        a = np.asarray(given[i.name])
        if isinstance(i.domain, Domain) and not np.all(inside := i.domain.holds(a)):
            raise UsageError(f"at does not fit what is declared: {i.name} holds {a[~inside].flat[0]:g}, and its numbers are {i.domain}.")


def _out_of_range(answer: Answer, instance: Instance, values: Mapping[str, Any], dtype: str) -> str | None:
    """Why an answer that is not finite cannot be judged by the record: the recorded value is not finite either, or beyond the dtype."""
    if np.isfinite(answer.value) and np.all(np.isfinite(answer.gradient)):
        return None
    point = InstanceOracle(instance, dtype).at(**values)
    true = [point.value.exact, *point.gradient.center.ravel()]
    if not all(fits(t, dtype) for t in true):
        return "its own code gives no finite numbers at the example"
    code = instance.problem.code
    if not np.isfinite(answer.value) and code is not None and code.origin(values) is None:
        return f"its own code returns {answer.value} at the example, where what was recorded of it is finite"
    return None


def value_of(f: Callable[..., Any], own: Arguments, values: Mapping[str, Any]) -> float:
    """The loss that a function returns for copies of the inputs. Raises Misbehaviour."""
    loss = f.loss if isinstance(f, Candidate) else f
    assert loss is not None
    returned = guarded_call(loss, own.packed(_copies(values)))
    return number(returned if isinstance(f, Candidate) else loss_of(returned))


def gradients_of(f: Callable[..., Any], own: Arguments, values: Mapping[str, Any]) -> Any:
    """The gradients that a candidate returns for copies of the inputs, in its own form. Raises Misbehaviour."""
    given = own.packed(_copies(values))
    return guarded_call(f.grad, given) if isinstance(f, Candidate) else loss_and_gradient(guarded_call(f, given))[1]


def check_numbers(f: Callable[..., Any], own: Arguments, returned: Any) -> None:
    """Raises UsageError if a scalar gradient is assigned by shape to a scalar input and is not its slope: it may be the gradient for an
    array before it, summed over all axes.
    """
    for name, due in own.numbers_after_gaps():
        g = float(np.asarray(own.gradients(returned)[name]).ravel()[0])
        values = own.at("float64")
        x = float(values[name])
        h = STEP * max(abs(x), 1.0)
        behind, here, ahead = (value_of(f, own, {**values, name: np.float64(x + t)}) for t in (-h, 0.0, h))
        left, right = (here - behind) / h, (ahead - here) / h
        slack = abs(right - left) + DIFFERENCE_ERROR * abs(g) + ROUNDING_BOUND * (abs(ahead) + abs(here) + abs(behind)) / h
        if not min(left, right) - slack <= g <= max(left, right) + slack and np.isfinite(slack):
            told = f"a gradient that is a number: {g:.6g}, where {name} has {(left + right) / 2:.6g}, and for {due} an array is due"
            raise UsageError(f"it returns {told}. Say what it returns gradients for by --wrt (wrt=(…,)), in that order.")


STEP = 2.0**-10
"""Relative step for the test whether a number is a slope at all: anything between the slopes of both sides, and as much again on either
side, since different slopes show a kink, where anything between is right, or curvature.
"""
DIFFERENCE_ERROR = 2.0**-10
"""Relative error of such a difference."""
ROUNDING_BOUND = 2.0**-18
"""Bound of a loss's relative rounding error: some sixty roundings to single precision, in which code may
compute whatever its inputs are.
"""


def _copies(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(a) if np.ndim(a) else a for name, a in values.items()}


def _differs(whose: str, value: float, instance: Instance, values: Mapping[str, Any], dtype: str) -> str | None:
    """Why a record differs from the running code."""
    truth = InstanceOracle(instance, dtype).at(**values).value
    if not np.isfinite(value) or not truth.exact.is_finite() or not np.isfinite(truth.radius):
        return None
    e = Evidence(measured=distance(value, truth.exact), allowed=truth.radius)
    return f"{whose} returns {value:.17g}, and what was recorded of it is {float(truth.exact):.17g}" if e.strain > 1 else None


def _loss(f: Callable[..., Any], own: Arguments, names: Sequence[str]) -> Callable[..., Any]:
    """The loss as a function of the inputs in this order."""
    code = uncompiled(f.loss if isinstance(f, Candidate) and f.loss is not None else f)
    code = getattr(code, "loss_alone", code) if framework_of(code) in FRONT_ENDS else code

    @wraps(code)  # by which its modules are found
    def loss(*inputs: Any) -> Any:
        return loss_of(code(*own.packed(dict(zip(names, inputs, strict=True)))))

    return loss


def _both(f: Callable[..., Any], own: Arguments, names: Sequence[str]) -> Callable[..., Any]:
    """The loss and the gradients in one list."""
    code = uncompiled(f)

    @wraps(code)
    def both(*inputs: Any) -> list[Any]:
        loss, returned = loss_and_gradient(code(*own.packed(dict(zip(names, inputs, strict=True)))))
        return [loss, *own.gradients(returned).values()]

    return both


def _gradient(f: Callable[..., Any], own: Arguments, names: Sequence[str]) -> Callable[..., Any]:
    """The gradients in a list, one for each differentiated input."""
    whole, code = not isinstance(f, Candidate), uncompiled(f.grad if isinstance(f, Candidate) else f)

    @wraps(code)
    def gradients(*inputs: Any) -> list[Any]:
        returned = code(*own.packed(dict(zip(names, inputs, strict=True))))
        if whole:
            _, returned = loss_and_gradient(returned)
        return [*own.gradients(returned).values()]

    return gradients
