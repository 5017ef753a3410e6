"""What is asked of a candidate, from what a user says of it: in Python, on the command line, in a project's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from verify.campaign.task import Request
from verify.campaign.witness import NO_LOSS
from verify.candidates import Candidate, is_layer
from verify.candidates.example import example
from verify.conventions import PINS, Pins
from verify.errors import UsageError, names, of_type, several, shown, truth
from verify.problem import different, input_of
from verify.spec.annotated import annotated
from verify.spec.catalogue import name_of_spec
from verify.spec.declared import declared, texts
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec, ParameterValue
from verify.spec.penalty import Penalty


def requested(
    candidate: str | Callable[..., Any],
    *,
    loss: str | LossSpec | FunctionSpec | None = None,
    reference: str | Callable[..., Any] | None = None,
    surrogate: str | Callable[..., Any] | None = None,
    derivative: int = 1,
    signature: str | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | Penalty | None = None,
    delta: float | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
    classes: int | None = None,
    dtypes: Sequence[str] | None = None,
    profile: str = "ci",
    seed: int = 0,
    laws: Sequence[str] | None = None,
    hessian: str | None = None,
    gradient: str | None = None,
    at: Any = None,
    wrt: str | Sequence[str] | None = None,
    inputs: str | Mapping[str, str] | None = None,
    at_only: bool = False,
    convex: bool = False,
    formula: str | None = None,
) -> Request:
    """The request that the arguments of `check` make. Raises UsageError for what is not known or not allowed."""
    check_candidate(candidate)
    loss = name_of_spec(loss) if isinstance(loss, (LossSpec, FunctionSpec)) else loss
    penalty = name_of_spec(penalty) if isinstance(penalty, Penalty) else penalty
    if not isinstance(loss, str) and loss is not None:
        raise UsageError(
            f"loss is {shown(loss)}; give a spec or its name (`verify list specs` shows them), FILE.py:NAME, or None with at=x."
        )
    truth("at_only", at_only)
    truth("convex", convex)
    if formula is not None:
        of_type("formula", formula, (str,), "'own' or 'differences'")
    pins = Pins(
        signature=signature,
        layout=layout,
        reduction=reduction,
        penalty=penalty,
        delta=delta,
        parameters={} if parameters is None else parameters,
        classes=classes,
        hessian=hessian,
        gradient=gradient,
    )
    chosen = None if laws is None else several("laws", laws, "('value', 'gradient')")
    dtypes = None if dtypes is None else several("dtypes", dtypes, "('float64',)")
    if loss is None and at is None and inputs is None and annotated(candidate) is None:
        raise UsageError(
            "there is no loss to judge by: give the name of a spec (`verify list specs`), or an example of the inputs (at), or declare "
            "these (inputs)."
        )
    if not isinstance(derivative, int) or isinstance(derivative, bool) or derivative not in (1, 2):
        raise UsageError(f"derivative is {shown(derivative)}; give 1 for the gradient, or 2 for the second derivative, too.")
    pair = {"at": at, "inputs": inputs, "wrt": wrt, "reference": reference, "surrogate": surrogate, "formula": formula}
    claims = {"at_only": at_only, "convex": convex, "derivative": derivative != 1}
    beside = [name for name, value in pair.items() if value is not None] + [name for name, value in claims.items() if value]
    if loss is not None and beside:
        raise UsageError(
            f"loss is {shown(loss)}, and what goes with loss=None ('none') is given too: {', '.join(beside)}. Leave out either."
        )
    if reference is not None and formula == "own":
        raise UsageError("formula='own' and a reference are both given, and either is the formula to judge by. Leave one of them out.")
    if loss is None:
        _whole(candidate, pins)
        more: dict[str, Any] = {"laws": chosen, "profile": profile, "seed": seed, "dtypes": dtypes}
        own: dict[str, Any] = {"at": at, "inputs": inputs, "wrt": wrt, "at_only": at_only, "derivative": derivative}
        return without_spec(candidate, reference=reference, surrogate=surrogate, convex=convex, formula=formula, **own, **more)
    given = ("float64",) if dtypes is None else dtypes
    return Request(candidate=candidate, loss=loss, pins=pins, dtypes=given, laws=chosen, profile=profile, seed=seed)


def without_spec(
    candidate: str | Callable[..., Any],
    *,
    at: Any = None,
    inputs: Any = None,
    wrt: Any = None,
    reference: Any = None,
    surrogate: Any = None,
    derivative: int = 1,
    at_only: bool = False,
    convex: bool = False,
    formula: str | None = None,
    dtypes: Sequence[str] | None = None,
    **how: Any,
) -> Request:
    """One candidate around an example of its inputs, or for inputs that are declared, here or by its annotations; `how` are further fields
    of the request.

    Raises UsageError for what is not allowed.
    """
    for what, other in (("reference", reference), ("surrogate", surrogate)):
        if other is not None and not isinstance(other, str) and not callable(other):
            raise UsageError(f"the {what} is {type(other).__name__}; give a function of the candidate's inputs or 'file.py:function'.")
    if surrogate is not None and (reference is not None or formula == "own"):
        other = "a reference" if reference is not None else "formula='own'"
        raise UsageError(f"a surrogate and {other} are both given, and either is the formula of the gradient. Leave one of them out.")
    if derivative == 2 and (reference is not None or surrogate is not None or inputs is not None):
        raise UsageError(
            "derivative=2 is judged by the candidate's own code, around an example. Leave reference, surrogate and inputs out."
        )
    if inputs is not None and at_only:
        raise UsageError("inputs are declared to be drawn, and at_only asks at one example alone. Leave one of them out.")
    given = None if at is None else example(at)
    own = annotated(candidate, given and given.given) if inputs is None and not at_only and derivative == 1 else None
    told = texts(inputs) if inputs is not None else {} if own is None else dict(own.texts)
    drawn = different([input_of(name, a) for name, a in declared(told).items()])
    there = given or example(drawn)
    return Request(
        candidate=candidate,
        loss=NO_LOSS,
        dtypes=tuple(dtypes or ((own.dtype if own else None) or there.dtype,)),
        at=there,
        inputs=(*told.items(),),
        is_drawn=at is None,
        wrt=names("wrt", wrt),
        reference=reference,
        surrogate=surrogate,
        derivative=derivative,
        at_only=at_only,
        convex=convex,
        formula=formula,
        **how,
    )


def check_candidate(candidate: object) -> None:
    """Raises UsageError for what can be no candidate."""
    if not isinstance(candidate, str) and not is_layer(candidate) and not callable(candidate):
        raise UsageError(f"the candidate is {type(candidate).__name__}; give a function f(W, X, y, reg) or 'file.py:function'.")


def _whole(candidate: object, pins: Pins) -> None:
    """Raises UsageError where a pair has no loss, or a convention that only a spec gives a meaning to."""
    if isinstance(candidate, Candidate) and candidate.loss is None:
        raise UsageError("the candidate has no loss: without a spec it is judged by nothing else. Give Candidate(loss=…, grad=…).")
    if pins != Pins():
        raise UsageError(f"{', '.join(PINS[:-1])} and {PINS[-1]} need a spec; a pair without one has no conventions.")
