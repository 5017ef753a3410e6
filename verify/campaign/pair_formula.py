"""The arguments and the formula of a candidate without a spec, inferred once per process.

Which inputs its gradients are for, and the code that is the formula: its own loss's, or a reference's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, replace
from functools import wraps
from typing import Any

from verify.campaign.conventions import PROBE
from verify.campaign.imports import CandidateKey, cached, imported, in_own_surroundings
from verify.campaign.task import Request, Task
from verify.candidates import Candidate, Misbehaviour, Upstream, adapted
from verify.candidates.answer import Incomplete
from verify.candidates.arguments import Arguments, arguments_of, by_arguments, is_symmetric, loss_and_gradient, loss_of, slots
from verify.candidates.example import Example
from verify.candidates.layer import Layered, forward_of, layered
from verify.cases import Case
from verify.conventions import Conventions
from verify.conventions.own_formula import check_numbers, check_reference, gradients_of, own_code, symmetric_inputs
from verify.conventions.refusals import BY_REFERENCE, no_pair
from verify.errors import UsageError, unknown
from verify.problem import Input, input_of, upstream_of
from verify.spec.declared import declared
from verify.spec.function import UPSTREAM
from verify.trial import Watch, unwatched

Function = Callable[..., Any]
Formula = tuple[Conventions, int] | str
"""The conventions of a candidate judged by recorded code, with the number of its operations; or why it cannot be recorded."""

DIFFERENCES_REQUESTED = "differences were asked for"
IRRELEVANT = {"candidate", "reference", "surrogate", "folder", "laws", "profile"}
"""Fields of a request that the arguments and the formula do not depend on, and code, which has its own keys."""

_ARGUMENTS: dict[Hashable, tuple[Function, Arguments]] = {}
_FORMULAS: dict[Hashable, Formula] = {}


def own_code_of(request: Request) -> tuple[Arguments, Formula]:
    """The arguments and the formula of a candidate without a spec, in its own surroundings. Raises UsageError where its example does not
    fit it.
    """
    with in_own_surroundings(request):
        assert request.at is not None
        task = Task(request, request.dtypes[0], "formula")
        f, _, harm = imported(request.candidate, request.folder)
        f, arguments = pair_arguments(task, f, request.at, unwatched)
        if harm is not None:
            return arguments, str(harm)
        reference = reference_of(request, arguments)
        return arguments, pair_formula(task, judged_by(reference, f, request), arguments, unwatched, reference)


def pair_arguments(task: Task, f: Function, at: Example, watch: Watch) -> tuple[Function, Arguments]:
    """The candidate as a function of arrays by position, and its arguments with the inputs that its gradients are for. Raises UsageError
    where the example does not fit it.
    """
    request = task.request
    key = (*_key(request), task.dtype)
    if key in _ARGUMENTS:
        return _ARGUMENTS[key]
    if isinstance(f, Candidate) and not f.has_gradient:
        raise UsageError(
            "the candidate has no gradient, which is judged by a spec alone. Give Candidate(loss=…, grad=…), or "
            "Candidate(forward=…, backward=…) of a layer; of a function of numbers beside a reference the value is judged."
        )
    upstream = Upstream(seed=request.seed, positive=request.convex)
    has_reference = request.reference is not None or request.surrogate is not None
    layer = layered(f, at, upstream, request.wrt, dtype=task.dtype, twice=request.derivative == 2, single=has_reference)
    if layer is None:
        arguments = arguments_of(adapted(f, upstream), at)
        f = _by_position(f, arguments, upstream, "the candidate")
    else:
        f, at = layer
        arguments = arguments_of(f, at)
        arguments = replace(arguments, drawn=tuple(slots(arguments.trees[UPSTREAM])))
    arguments = arguments.for_inputs(request.wrt) if request.wrt else arguments.for_all()
    arguments = _with_differentiated(task, f, arguments, watch)
    arguments = replace(arguments, symmetric=_symmetric_inputs(task, f, arguments))
    return cached(_ARGUMENTS, key, (f, arguments))


def _with_differentiated(task: Task, f: Function, arguments: Arguments, watch: Watch) -> Arguments:
    """The arguments with the inputs that the gradients of a first call are for."""
    request, here = task.request, arguments.at(task.dtype)
    watch(Case(values=here, family=PROBE, differentiated=arguments.differentiated))
    try:
        returned = gradients_of(f, arguments, here)
        if not arguments.alone or request.reference is not None or request.is_drawn:
            arguments = arguments.for_inputs(request.wrt, returned) if request.wrt else arguments.found(returned)
            if not request.wrt:
                check_numbers(f, arguments, returned)
    except Misbehaviour as error:  # a candidate that gives no answer here is judged at this very point
        if request.is_drawn and error.code == "crashed":
            inputs = ", ".join(f"{name}: {text}" for name, text in request.inputs)
            raise UsageError(
                f"{request.name} {error}, for numbers that were drawn for {inputs}. Say which it takes, as in 'x: n | positive', or "
                "give an example of its inputs (at)."
            ) from None
        if request.reference is None:
            no_pair(f, error, BY_REFERENCE)
        elif isinstance(error, Incomplete) and error.things == 1 and not error.array:
            arguments = arguments.without_gradients()
    return arguments


def _symmetric_inputs(task: Task, f: Function, arguments: Arguments) -> dict[str, str]:
    if not any(map(is_symmetric, arguments.values.values())):
        return {}
    other = reference_of(task.request, arguments)
    return symmetric_inputs([f, *([] if other is None else [other])], arguments)


def _by_position(f: Function, arguments: Arguments, upstream: Upstream, what: str) -> Function:
    """The adapted function, called by the arguments' positions, since adapted functions take no keywords."""
    there = adapted(f, upstream)
    return there if by_arguments(there, arguments, what) is there else adapted(by_arguments(f, arguments, what), upstream)


def reference_of(request: Request, arguments: Arguments) -> Function | None:
    """The reference, or the surrogate, as a function of the candidate's arguments; for a layer the same weighted sum of its outputs."""
    if (named := request.reference or request.surrogate) is None:
        return None
    f, what = imported(named, request.folder)[0], _reference_in_words(request)
    if not arguments.drawn:
        return _by_position(f, arguments, Upstream(), what)
    example = Example(dict(zip(arguments.trees, arguments.packed(arguments.values), strict=True)))
    if (layer := layered(f, example, Upstream())) is not None:
        return by_arguments(layer[0], arguments, what)
    inputs = arguments.without(UPSTREAM)
    return forward_of(by_arguments(adapted(f, Upstream()), inputs, what), [*inputs.trees], len(arguments.drawn))


def _reference_in_words(request: Request) -> str:
    return "the reference" if request.surrogate is None else "the surrogate"


def judged_by(reference: Function | None, f: Function, request: Request) -> Function:
    """The function whose gradient is judged: the candidate, or with a surrogate the value of that and the candidate's gradient."""
    if request.surrogate is None or reference is None:
        return f
    first = f.loss if isinstance(f, Candidate) else None
    code, own_gradient = reference.loss if isinstance(reference, Candidate) else reference, f.grad if isinstance(f, Candidate) else f

    @wraps(code or reference)
    def value(*arguments: Any) -> Any:
        return loss_of((code or reference)(*arguments))

    @wraps(own_gradient)
    def gradient(*arguments: Any) -> Any:
        if first is not None:  # it may keep what the gradient needs
            first(*arguments)
        return own_gradient(*arguments) if isinstance(f, Candidate) else loss_and_gradient(f(*arguments))[1]

    return replace(f, loss=value) if isinstance(f, Layered) else Candidate(loss=value, grad=gradient)


def pair_formula(task: Task, f: Function, arguments: Arguments, watch: Watch, reference: Function | None) -> Formula:
    """The formula of a candidate: the code of its own loss or of the reference, or why there is none. Raises UsageError where it must be
    its own code and cannot be.
    """
    request = task.request
    differences = request.formula == "differences"
    if differences and reference is None:
        return DIFFERENCES_REQUESTED
    key = (*_key(request), task.dtype, reference is None)
    if key not in _FORMULAS:
        watch(Case(values=arguments.at(task.dtype), family=PROBE, differentiated=arguments.differentiated))
        what = _reference_in_words(request)
        if reference is not None:
            check_reference(reference, arguments, task.dtype, what)
        how: dict[str, Any] = {"convex": request.convex, "alone": request.at_only, "declared": _declared(request, arguments)}
        formula_or_reason = (
            DIFFERENCES_REQUESTED if differences else own_code(f, arguments, task.dtype, reference=reference, what=what, **how)
        )
        cached(_FORMULAS, key, formula_or_reason)
    formula = _FORMULAS[key]
    if isinstance(formula, str) and request.formula == "own":
        raise UsageError(f"{request.name} cannot be judged by its own code: {formula}. Leave out formula, or let it be 'differences'.")
    return formula


def _declared(request: Request, arguments: Arguments) -> dict[str, Input]:
    """The inputs that the user declares. Raises UsageError for unknown inputs and wrong domains."""
    found = declared(dict(request.inputs))
    for name, a in found.items():
        if name not in arguments.values:
            raise unknown("input", name, arguments.values)
        if name in arguments.differentiated and not a.is_real:
            raise UsageError(f"{name} is declared as {a.domain}, and a gradient is returned for it: its numbers must be real ones.")
    inputs = {name: input_of(name, a) for name, a in found.items()}
    return inputs | {name: upstream_of(name, arguments.values, inputs) for name in arguments.drawn if inputs and name not in inputs}


def _key(request: Request) -> tuple[Hashable, ...]:
    code = (request.candidate, request.reference, request.surrogate)
    others = (None if one is None else CandidateKey(one, request.folder) for one in code)
    return *(getattr(request, f.name) for f in fields(Request) if f.name not in IRRELEVANT), *others
