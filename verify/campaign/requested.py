"""From the user's options, in Python, on the command line or in a project's configuration, to a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

from verify.campaign.task import Request
from verify.campaign.witness import NO_LOSS
from verify.candidates import Candidate, is_layer
from verify.candidates.example import example
from verify.candidates.target import parted
from verify.conventions import PINS, Pins
from verify.errors import UsageError, names, of_type, several, shown, truth
from verify.problem import different, input_of
from verify.spec.annotated import annotated
from verify.spec.catalogue import name_of_spec
from verify.spec.declared import declared, texts
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty


def requested(
    candidate: str | Callable[..., Any],
    *,
    loss: str | LossSpec | FunctionSpec | None = None,
    dtypes: Sequence[str] | None = None,
    profile: str = "ci",
    seed: int = 0,
    laws: Sequence[str] | None = None,
    **options: Any,
) -> Request:
    """The request for the arguments of `check`; `options` are the conventions in `PINS` and the options for code without a spec in `CODE`.

    Raises UsageError for unknown names and invalid values.
    """
    if strange := [name for name in options if name not in OPTIONS]:
        raise TypeError(f"requested() got an unexpected keyword argument {strange[0]!r}")
    code = {name: options.get(name, default) for name, default in CODE.items()}
    check_candidate(candidate)
    loss = name_of_spec(loss) if isinstance(loss, (LossSpec, FunctionSpec)) else loss
    if not isinstance(loss, str) and loss is not None:
        raise UsageError(
            f"loss is {shown(loss)}; give a spec or its name (`verify list specs` shows them), FILE.py:NAME, or None with at=x."
        )
    truth("at_only", code["at_only"])
    truth("convex", code["convex"])
    if code["formula"] is not None:
        of_type("formula", code["formula"], (str,), "'own' or 'differences'")
    pinned = {name: value for name in PINS if (value := options.get(name)) is not None}
    if isinstance(penalty := pinned.get("penalty"), Penalty):
        pinned["penalty"] = name_of_spec(penalty)
    pins = Pins(**pinned)
    chosen = None if laws is None else several("laws", laws, "('value', 'gradient')")
    dtypes = None if dtypes is None else several("dtypes", dtypes, "('float64',)")
    if loss is None and code["at"] is None and code["inputs"] is None and annotated(candidate) is None:
        if isinstance(candidate, str):
            parted(candidate)  # a file that does not exist is reported first
        raise UsageError(
            "there is no loss to judge by: give the name of a spec (`verify list specs`), or an example of the inputs (at), or declare "
            "these (inputs)."
        )
    derivative = code["derivative"]
    if not isinstance(derivative, int) or isinstance(derivative, bool) or derivative not in (1, 2):
        raise UsageError(f"derivative is {shown(derivative)}; give 1 for the gradient, or 2 for the second derivative, too.")
    beside = [n for n, default in CODE.items() if code[n] is not None and (default is None or code[n] != default)]
    if loss is not None and beside:
        raise UsageError(
            f"loss is {shown(loss)}, and what goes with loss=None ('none') is given too: {', '.join(beside)}. Leave out either."
        )
    if code["reference"] is not None and code["formula"] == "own":
        raise UsageError("formula='own' and a reference are both given, and either is the formula to judge by. Leave one of them out.")
    if loss is None:
        _whole(candidate, pins)
        return without_spec(candidate, **code, dtypes=dtypes, laws=chosen, profile=profile, seed=seed)
    dtypes = ("float64",) if dtypes is None else dtypes
    return Request(candidate=candidate, loss=loss, pins=pins, dtypes=dtypes, laws=chosen, profile=profile, seed=seed)


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
    """The request for a candidate without a spec: around an example of its inputs, or for inputs that are declared here or by its
    annotations.

    Raises UsageError for invalid values.
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
    around = None if at is None else example(at)
    annotations = annotated(candidate, around and around.given) if inputs is None and not at_only and derivative == 1 else None
    declarations = texts(inputs) if inputs is not None else {} if annotations is None else dict(annotations.texts)
    drawn = different([input_of(name, a) for name, a in declared(declarations).items()])
    point = around or example(drawn)
    return Request(
        candidate=candidate,
        loss=NO_LOSS,
        dtypes=tuple(dtypes or ((annotations.dtype if annotations else None) or point.dtype,)),
        at=point,
        inputs=(*declarations.items(),),
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


CODE = {p.name: p.default for p in signature(without_spec).parameters.values() if p.kind is Parameter.KEYWORD_ONLY and p.name != "dtypes"}
"""Options for code without a spec, and their defaults."""
OPTIONS = ("dtypes", "profile", "seed", "laws", *PINS, *CODE)


def check_candidate(candidate: object) -> None:
    """Raises UsageError for an object that cannot be a candidate."""
    if not isinstance(candidate, str) and not is_layer(candidate) and not callable(candidate):
        pair = "" if not isinstance(candidate, (tuple, list)) else " Of two functions, Candidate(loss=f, grad=g) is one."
        raise UsageError(f"the candidate is {type(candidate).__name__}; give a function f(W, X, y, reg) or 'file.py:function'.{pair}")


def _whole(candidate: object, pins: Pins) -> None:
    """Raises UsageError where a pair has no loss, or has a convention that only makes sense with a spec."""
    if isinstance(candidate, Candidate) and candidate.loss is None:
        raise UsageError("the candidate has no loss: without a spec it is judged by nothing else. Give Candidate(loss=…, grad=…).")
    if pins != Pins():
        raise UsageError(f"{', '.join(PINS[:-1])} and {PINS[-1]} need a spec; a pair without one has no conventions.")
