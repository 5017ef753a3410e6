"""What is asked of a candidate without a spec, from what a user says of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verify.campaign.task import Request
from verify.campaign.witness import NO_LOSS
from verify.candidates.example import example
from verify.errors import UsageError, names
from verify.problem import different, input_of
from verify.spec.annotated import annotated
from verify.spec.declared import declared, texts


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
