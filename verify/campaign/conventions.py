"""The conventions of a candidate that is judged by a spec, inferred once per process; and the first calls that infer them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import replace

from verify import form
from verify.campaign.imports import CandidateKey, cached, imported, in_own_surroundings
from verify.campaign.notes import TaskNotes
from verify.campaign.task import Request
from verify.candidates import NO_GRADIENT, Linear, Misbehaviour, Scores, adapted, extras, process_globals
from verify.candidates.signature import LINEAR, SCORES, by_position, likely
from verify.cases import Case, scored
from verify.conventions import Conventions, Probe, find_out, find_out_inputs, inputs
from verify.errors import UsageError
from verify.oracle import truth_of
from verify.problem.named import problem_named
from verify.spec.catalogue import find_loss
from verify.storage import go_home
from verify.trial import Watch, unwatched

PROBE = "probe"
"""The family of the first calls."""
SHOWN_TARGETS = 3

_CONVENTIONS: dict[Hashable, Conventions] = {}
_CHANGED: dict[Hashable, tuple[Misbehaviour, Case]] = {}


def conventions_of(request: Request) -> Conventions:
    """The conventions of a candidate, in its own surroundings. Raises UsageError as `conventions` does."""
    with in_own_surroundings(request):
        return conventions(request)


def conventions(request: Request, watch: Watch = unwatched) -> Conventions:
    """The conventions of a candidate; `watch` receives each first call. Raises UsageError where the target or the loss cannot be found, or
    the loss contradicts its claims.
    """
    key = _key(request)
    if key not in _CONVENTIONS:
        f, limitations, harm = imported(request.candidate, request.folder)
        cases: list[Case] = []
        problem = problem_named(request.loss)

        def note(question: Probe) -> None:
            cases.append(_case(question, (form.form_of(question).point,) if problem is None else problem.differentiated))
            watch(cases[-1])

        with process_globals.noting() as changes:
            if problem is not None:
                inferred = find_out_inputs(f, problem, request.pins, request.dtypes[0], note)
            else:
                inferred = find_out(f, find_loss(request.loss), request.pins, request.dtypes[0], note)
        go_home(request.folder)
        truth_of(inferred.objective, request.dtypes[0]).examine()
        limitations += () if inferred.candidate.has_gradient else (NO_GRADIENT,)
        inferred = inferred if harm is None else replace(inferred, complaint=harm, question=None)
        cached(_CONVENTIONS, key, replace(inferred, limitations=(*limitations, *inferred.limitations)))
        if changes:
            cached(_CHANGED, key, (Misbehaviour("nondeterministic", changes[0]), cases[0]))
    return _CONVENTIONS[key]


def changed_by_first_calls(request: Request) -> tuple[Misbehaviour, Case] | None:
    """The shared state that the candidate changed in its first calls, as misbehaviour, with the first case; None if it changed none."""
    return _CHANGED.get(_key(request))


def complaint_of(request: Request, inferred: Conventions) -> tuple[Misbehaviour, Case | None]:
    """The misbehaviour of a candidate that answered no first call, and the case of the call."""
    assert inferred.complaint is not None
    what = Misbehaviour(inferred.complaint.code, f"{inferred.complaint}{_hint_on_targets(request, inferred.complaint)}")
    return what, None if inferred.question is None else _case(inferred.question, inferred.objective.differentiated)


def call_alone(request: Request, case: Case, notes: TaskNotes) -> None:
    """Repeats a first call alone, in the likeliest way: a candidate that ends its process there does so whatever its conventions are."""
    problem = problem_named(request.loss)
    if problem is not None:
        notes.on_case(case)
        with suppress(Misbehaviour, UsageError):
            inputs.first_way(imported(request.candidate, request.folder)[0], problem, request.pins)(**case.values)
        return
    loss = find_loss(request.loss)
    f = by_position(adapted(imported(request.candidate, request.folder)[0]), loss.parameters)
    linear = "W" in case.values and "linear" in ([request.pins.signature] if request.pins.signature else likely(f, loss.parameters))
    case = scored.of_form(case, form.LINEAR if linear else form.SCORES)
    more = extras(f, LINEAR if linear else SCORES, request.pins.handed(f, loss))
    way: Linear | Scores = (Linear if linear else Scores)(f=f, extras=more, targets=loss.targets)
    notes.on_case(case)
    with suppress(Misbehaviour):
        way(**case.values)


def _key(request: Request) -> tuple[Hashable, ...]:
    return CandidateKey(request.candidate, request.folder), request.loss, request.pins, request.dtypes[0]


def _case(question: Probe, differentiated: Sequence[str]) -> Case:
    return Case(values=question, family=PROBE, differentiated=tuple(differentiated))


def _hint_on_targets(request: Request, complaint: Misbehaviour) -> str:
    """A hint on the targets of the spec after a crash, since code for classes may have been given the wrong loss."""
    targets = None if complaint.code != "crashed" or problem_named(request.loss) is not None else find_loss(request.loss).targets
    shown = ", ".join(f"{t:g}" for t in (targets or ())[:SHOWN_TARGETS])
    more = ", …" if len(targets or ()) > SHOWN_TARGETS else ""
    return f"; to {request.loss} y holds real numbers, {shown}{more}, and no classes" if targets else ""
