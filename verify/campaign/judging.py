"""The judging of one piece of what is asked, in this process."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, fields, replace
from functools import wraps
from traceback import walk_tb
from typing import Any, TypeVar

from verify import disk_cache, form
from verify.bulk import SearchPart
from verify.campaign.notes import TaskNotes
from verify.campaign.sources import is_users
from verify.campaign.task import Inapplicable, Outcome, Request, Task, failed
from verify.candidates import (
    NO_GRADIENT,
    Candidate,
    Linear,
    Misbehaviour,
    Scores,
    Upstream,
    adapted,
    error_line,
    errstate,
    extras,
    float_environment,
    framework_of,
    frameworks,
    name_of,
    place_of,
    process_globals,
    resolve,
    tampering,
    upstream_described,
    upstream_drawn,
)
from verify.candidates.answer import Incomplete
from verify.candidates.arguments import Arguments, arguments_of, by_arguments, is_symmetric, loss_and_gradient, loss_of, slots, to_plain
from verify.candidates.compiled import compile_anew
from verify.candidates.example import Example
from verify.candidates.layer import Layered, forward_of, layered
from verify.candidates.signature import LINEAR, SCORES, by_position, called, likely
from verify.cases import Case, scored
from verify.conventions import Conventions, Probe, find_out, find_out_inputs, inputs
from verify.errors import UsageError, unknown
from verify.evidence import Verdict
from verify.laws import LAWS, AnswerCache, Subject, surroundings
from verify.oracle import Point, Truth, truth_of
from verify.problem import Input, Problem, input_of, small, upstream_of
from verify.problem.named import problem_named
from verify.spec.catalogue import find_loss
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.declared import declared
from verify.spec.function import UPSTREAM
from verify.storage import go_home
from verify.trial import Derived, Result, Trial, Watch, again, run, unwatched

T = TypeVar("T")


def perform(task: Task, record: TaskNotes | None = None, *, goes_on: bool = False) -> Outcome | Inapplicable:
    """Runs one task in this process, and notes in `record` what it is busy with. Where it `goes_on`, nobody but the suite has run since the
    last, and what a candidate answered to that stands.

    A candidate that has changed the suite that judges it holds no law by that. What it leaves of what a process shares is there when it is
    asked again, and nobody else's. Raises UsageError where the target or the loss cannot be found.
    """
    with _apart(task.request):
        return _performed_apart(task, record, goes_on=goes_on)


def _apart(request: Request) -> AbstractContextManager[None]:
    """Its surroundings; a worker is the candidate's alone, and needs none."""
    if tampering.is_kept():
        return nullcontext()
    frameworks.load(request.candidate)
    if isinstance(request.candidate, str):  # what stands in one file is imported together
        return surroundings.apart((request.candidate.rpartition(":")[0], request.folder))
    return surroundings.apart(_Same(request.candidate, request.folder))


def _performed_apart(task: Task, record: TaskNotes | None, *, goes_on: bool) -> Outcome | Inapplicable:
    before = tampering.suite(looked=goes_on)
    try:
        for subject in () if goes_on else _SUBJECTS.values():
            subject.forget()
        outcome = _performed(task, record)
    except Exception:
        changed = before.restore()
        if changed is None:
            raise
        return _deceived(task, changed, record)
    changed = before.restore()
    if changed is None:
        disk_cache.write()
        return outcome
    if isinstance(outcome, Outcome) and outcome.result.verdict is Verdict.BROKEN:
        disk_cache.drop()
        return outcome
    return _deceived(task, changed, record)


def _deceived(task: Task, changed: str, record: TaskNotes | None) -> Outcome:
    """The outcome of a task whose judge the candidate changed, told with the last case that it was asked about. What was made meanwhile
    is kept for nobody.
    """
    disk_cache.drop()
    note = None if record is None else record.note
    case, cases = (note.case, note.before) if note else (None, 0)
    result = failed(task, Misbehaviour("nondeterministic", changed), case, cases=cases)
    return Outcome(task, result, note.conventions if note else None, place=note.place if note else None)


def _performed(task: Task, record: TaskNotes | None) -> Outcome | Inapplicable:
    if task.request.at is not None:
        return _of_pair(task, task.request.at, record)
    if task.case is not None and task.case.family == PROBE and record is not None:
        _ask(task.request, task.case, record)
    found = conventions(task.request, unwatched if record is None else record.begins)
    changed = _CHANGED.get(_key(task.request)) if task.law == PURITY else None
    result = failed(task, *changed) if changed else _result(task, found, record)
    if isinstance(result, str):
        return Inapplicable(task, result)
    return Outcome(task, _limited(result, found.limitations), found.to_dict(), place=place_of(found.candidate.f))


def _result(task: Task, found: Conventions, record: TaskNotes | None) -> Result | str:
    """What becomes of the law, or the reason why it has nothing to ask."""
    if found.complaint is not None:
        what = Misbehaviour(found.complaint.code, f"{found.complaint}{_of_targets(task.request, found.complaint)}")
        return failed(task, what, None if found.question is None else _complaint_case(found))
    if record is not None:
        record.found(found.to_dict(), place_of(found.candidate.f))
    law, watch = LAWS[task.law], unwatched if record is None else record.begins
    subject = _subject(found, task.dtype)
    reason = law.why_not(subject)
    if reason is not None:
        return reason
    if task.case is not None:
        own = found.objective.form
        case = task.case if own is None else scored.of_form(task.case, own)
        return again(law, subject, case, watch=watch, avoided=task.avoided)
    part = SearchPart(task.part, task.rounds)
    return run(law, subject, profile=task.request.profile, seed=task.request.seed, watch=watch, part=part)


def conventions(request: Request, watch: Watch = unwatched) -> Conventions:
    """What is found out about the candidate, once a process; `watch` hears of the questions. Raises UsageError as `perform` does."""
    key = _key(request)
    if key not in _FOUND:
        f, limitations, harm = _imported(request.candidate, request.folder)
        asked: list[Case] = []
        problem = problem_named(request.loss)

        def note(question: Probe) -> None:
            asked.append(_case(question, (form.form_of(question).point,) if problem is None else problem.differentiated))
            watch(asked[-1])

        with process_globals.noting() as seen:
            if problem is not None:
                found = find_out_inputs(f, problem, request.pins, request.dtypes[0], note)
            else:
                found = find_out(f, find_loss(request.loss), request.pins, request.dtypes[0], note)
        go_home(request.folder)
        truth_of(found.objective, request.dtypes[0]).examine()
        limitations += () if found.candidate.has_gradient else (NO_GRADIENT,)
        found = found if harm is None else replace(found, complaint=harm, question=None)
        _kept(_FOUND, key, replace(found, limitations=(*limitations, *found.limitations)))
        if seen:
            _kept(_CHANGED, key, (Misbehaviour("nondeterministic", seen[0]), asked[0]))
    return _FOUND[key]


def _key(request: Request) -> tuple[Hashable, ...]:
    return _Same(request.candidate, request.folder), request.loss, request.pins, request.dtypes[0]


def _kept(all_: dict[Hashable, T], key: Hashable, value: T, *, most: int | None = None) -> T:
    all_[key] = value
    if len(all_) > (most or KEPT):
        del all_[next(iter(all_))]
    return value


def _limited(result: Result, limitations: tuple[str, ...]) -> Result:
    return replace(result, limitations=(*limitations, *result.limitations)) if limitations else result


def _imported(candidate: str | Callable[..., Any], folder: str | None) -> Imported:
    """The function, what there is to say of its import, and what nobody does but to harm; what was changed is put back."""
    if not isinstance(candidate, str):
        surroundings.remember(anew=False)
        return candidate, (), None
    key = _Same(candidate, folder)
    return _IMPORTED[key] if key in _IMPORTED else _kept(_IMPORTED, key, _import(candidate))


def _import(target: str) -> Imported:
    frameworks.load(target)
    ours, shared, settings, errors = tampering.suite(), process_globals.Before(), float_environment.settings(), errstate.settings()
    process, left = os.getpid(), list[str]()
    try:
        with surroundings.importing(target, left):
            f = resolve(target)
    finally:
        if os.getpid() != process:  # a copy that it has forked
            os._exit(0)
    compile_anew(is_users)
    harm = ours.restore() or shared.restore(
        lambda name, value: callable(value) or name.startswith("sys.") or _may_stay(name, value), path=False
    )
    how = float_environment.restore(settings)
    changes = [
        how and f"its process {how} from then on",
        *(told and f"it {told}" for told in (errstate.restore(errors), shared.restore(_may_stay, path=False))),
        *left,
    ]
    told = tuple(f"when it is imported, {change}" for change in changes if change)
    surroundings.remember(anew=tampering.is_kept())
    return f, told, None if harm is None else Misbehaviour("crashed", f"{harm} when it is imported")


def _may_stay(name: str, value: object) -> bool:
    """Whether an import may replace this: a module that is none of the judge's, and what a library replaces by its own."""
    if name.startswith(MODULE):
        return name.removeprefix(MODULE).partition(".")[0] not in ("verify", "numpy")
    return process_globals.of_a_library(value)


PURITY, MODULE = "purity", "the module "

KEPT = 64
"""Candidates whose conventions are remembered."""

Imported = tuple[Callable[..., Any], tuple[str, ...], Misbehaviour | None]

_IMPORTED: dict[Hashable, Imported] = {}
_FOUND: dict[Hashable, Conventions] = {}
_CHANGED: dict[Hashable, tuple[Misbehaviour, Case]] = {}
"""What a candidate changed when it was first asked, and the first case."""


def _of_pair(task: Task, at: Example, record: TaskNotes | None) -> Outcome | Inapplicable:
    """The same without a spec."""
    from verify.pair import WEAKER, Estimated, Pair, RecordedPair, Start, why_not  # for which nobody waits who has one

    request = task.request
    f, limitations, harm = _imported(request.candidate, request.folder)
    if harm is not None:
        return Outcome(task, failed(task, harm, None), None)
    watch = unwatched if record is None else record.begins
    f, own = _arguments(task, f, at, watch)
    framework, here = framework_of(f), own.at(task.dtype)
    reference, beside = _reference(request, own), {name: a for name, a in here.items() if name not in own.differentiated}
    asked = f if request.surrogate is None or reference is None else _with_value_of(reference, f)
    pair = Pair(asked, request.convex, own, reference, beside)
    found = _own_code(task, asked, own, watch, reference)
    go_home(request.folder)
    why, operations = (found, None) if isinstance(found, str) else (None, found[1])
    source = "differences" if why is not None else "own" if reference is None else "reference"
    told: dict[str, Any] = {
        "signature": own.in_words if own.alone else called(f),
        **({} if own.alone else {"wrt": list(own.differentiated), "at": to_plain(own.whole)}),
        "convex": "claimed" if request.convex else "not claimed",
        "fits": True,
        "formula": {"source": source, "operations": operations, "why": why},
    }
    if reference is not None:
        told["formula"]["reference"] = name_of(request.reference or request.surrogate)
    if request.surrogate is not None:
        told["formula"]["surrogate"] = True
    if request.derivative == 2:
        told["derivative"] = 2
    limitations = (*limitations, *(f.beside if isinstance(f, Layered) else ()))
    if request.surrogate is not None and not LAWS[task.law].needs_gradient:  # which ask what it does itself
        pair = Pair(f, request.convex, own, None, beside)
        found = _own_code(task, f, own, watch, None)
        if isinstance(found, str) and task.law == "value":
            return Inapplicable(task, found)
    if own.returned is None:
        limitations = (*limitations, NO_GRADIENT)
    limitations = (*limitations, *own.symmetry_notes, *at.limitations(task.dtype))
    question: Estimated | Derived
    start = Start(here, own.differentiated)
    if isinstance(found, str):
        reason = why_not(task.law, pair)
        question = Estimated(
            law=task.law, pair=pair, at=start, dtype=task.dtype, profile=request.profile, seed=request.seed, alone=request.at_only
        )
    else:
        law, subject = LAWS[task.law], _subject(found[0], task.dtype)
        limitations = (*limitations, *found[0].limitations)
        reason = law.why_not(subject)
        if request.inputs:
            told["inputs"] = ", ".join(f"{name}: {text}" for name, text in request.inputs)
            limitations = (*limitations, WEAKER) if reference is None and task.law == "gradient" else limitations
            question = Derived(law, subject, request.profile, request.seed)
        else:
            told["formula"]["recorded"] = _listed(found[0].objective.stated)
            question = RecordedPair(law, subject, request.profile, request.seed, pair=pair, at=start, alone=request.at_only)
    if reason is not None:
        return Inapplicable(task, reason)
    if record is not None:
        record.found(told, place_of(f))
    trial = Trial(question, watch)
    result = trial.run() if task.case is None else trial.again(task.case, task.avoided)
    if isinstance(question, RecordedPair):
        result = question.noted(result)
    may_be_silent = LAWS[task.law].decisive and why_not(task.law, pair) is None
    if why is None and result.verdict is Verdict.SILENT and task.case is None and not may_be_silent:
        # Steps that the dtype swamps say nothing of the code, and what differences do not ask at all is asked where it can be decided.
        return Inapplicable(task, max(result.undecided, key=result.undecided.__getitem__, default="nothing was decided"))
    told |= ({"framework": framework} if framework else {}) | upstream_described(f)
    drawn = upstream_drawn(f) if result.witness is not None else {}
    return Outcome(task, _limited(result, limitations), told, place=place_of(f), upstream=drawn)


def own_code_of(request: Request) -> tuple[Arguments, tuple[Conventions, int] | str]:
    """The arguments of a candidate without a spec, and it judged by its own code or that of its reference; or why it is not. Raises
    UsageError where its example does not fit it.
    """
    with _apart(request):
        return _own_code_of(request)


def _own_code_of(request: Request) -> tuple[Arguments, tuple[Conventions, int] | str]:
    assert request.at is not None
    task = Task(request, request.dtypes[0], "formula")
    f, _, harm = _imported(request.candidate, request.folder)
    f, own = _arguments(task, f, request.at, unwatched)
    if harm is not None:
        return own, str(harm)
    reference = _reference(request, own)
    asked = f if request.surrogate is None or reference is None else _with_value_of(reference, f)
    return own, _own_code(task, asked, own, unwatched, reference)


def conventions_of(request: Request) -> Conventions:
    """What is found out about a candidate that is judged by a spec. Raises UsageError as `perform` does."""
    with _apart(request):
        return conventions(request)


def function_of(request: Request) -> Callable[..., Any]:
    """The candidate's function."""
    with _apart(request):
        return _imported(request.candidate, request.folder)[0]


def _listed(problem: Problem) -> list[dict[str, Any]]:
    """The code that is the formula, line by line, at the example."""
    assert problem.code is not None
    listing: list[dict[str, Any]] = problem.code.record(problem.example)[0].listing
    return listing


def _arguments(task: Task, f: Callable[..., Any], at: Example, watch: Watch) -> tuple[Callable[..., Any], Arguments]:
    """The candidate as a function of arrays, its arguments by position, and these, with the inputs that its gradients are for; found out
    once a process. Raises UsageError where the example does not fit it.
    """
    from verify.conventions.own_formula import check_numbers, gradients_of
    from verify.conventions.refusals import BY_REFERENCE, no_pair

    key = (*_pair_key(task.request), task.dtype)
    if key in _ARGUMENTS:
        return _ARGUMENTS[key]
    if isinstance(f, Candidate) and not f.has_gradient:
        raise UsageError(
            "the candidate has no gradient, which is judged by a spec alone. Give Candidate(loss=…, grad=…); of a function of numbers "
            "beside a reference the value is judged."
        )
    upstream = Upstream(seed=task.request.seed, positive=task.request.convex)
    wrt = task.request.wrt
    beside = task.request.reference is not None or task.request.surrogate is not None
    layer = layered(f, at, upstream, wrt, dtype=task.dtype, twice=task.request.derivative == 2, single=beside)
    if layer is None:
        own = arguments_of(adapted(f, upstream), at)
        f = _called(f, own, upstream, "the candidate")
    else:
        f, at = layer
        own = arguments_of(f, at)
        own = replace(own, drawn=tuple(slots(own.trees[UPSTREAM])))
    own = own.for_inputs(wrt) if wrt else own.for_all()
    here = own.at(task.dtype)
    watch(Case(values=here, family=PROBE, differentiated=own.differentiated))
    try:
        returned = gradients_of(f, own, here)
        if not own.alone or task.request.reference is not None or task.request.is_drawn:
            own = own.for_inputs(wrt, returned) if wrt else own.found(returned)
            if not wrt:
                check_numbers(f, own, returned)
    except Misbehaviour as error:  # one that gives no answer here is judged at this very point
        if task.request.is_drawn and error.code == "crashed":
            told = ", ".join(f"{name}: {text}" for name, text in task.request.inputs)
            raise UsageError(
                f"{task.request.name} {error}, for numbers that were drawn for {told}. Say which it takes, as in 'x: n | positive', or "
                "give an example of its inputs (at)."
            ) from None
        if task.request.reference is None:
            no_pair(f, error, BY_REFERENCE)
        elif isinstance(error, Incomplete) and error.things == 1 and not error.array:
            own = own.without_gradients()
    own = replace(own, symmetric=_symmetric_inputs(task, f, own))
    return _kept(_ARGUMENTS, key, (f, own))


def _symmetric_inputs(task: Task, f: Callable[..., Any], own: Arguments) -> dict[str, str]:
    from verify.conventions.own_formula import symmetric_inputs

    if not any(map(is_symmetric, own.values.values())):
        return {}
    other = _reference(task.request, own)
    return symmetric_inputs([f, *([] if other is None else [other])], own)


def _called(f: Callable[..., Any], own: Arguments, upstream: Upstream, what: str) -> Callable[..., Any]:
    """Adapted, and called by the arguments' positions: what is adapted takes no names, so these are put in their places before."""
    there = adapted(f, upstream)
    return there if by_arguments(there, own, what) is there else adapted(by_arguments(f, own, what), upstream)


def _reference(request: Request, own: Arguments) -> Callable[..., Any] | None:
    """The reference, or the surrogate, as a function of the candidate's arguments: of a layer the same sum of what comes out."""
    if (named := request.reference or request.surrogate) is None:
        return None
    f, what = _imported(named, request.folder)[0], _reference_in_words(request)
    if not own.drawn:
        return _called(f, own, Upstream(), what)
    if (layer := layered(f, Example(dict(zip(own.trees, own.packed(own.values), strict=True))), Upstream())) is not None:
        return by_arguments(layer[0], own, what)
    inputs = own.without(UPSTREAM)
    return forward_of(by_arguments(adapted(f, Upstream()), inputs, what), [*inputs.trees], len(own.drawn))


def _reference_in_words(request: Request) -> str:
    return "the reference" if request.surrogate is None else "the surrogate"


def _with_value_of(surrogate: Callable[..., Any], f: Callable[..., Any]) -> Candidate:
    """The value of a surrogate beside the gradient that a candidate returns."""
    first = f.loss if isinstance(f, Candidate) else None
    code, own = surrogate.loss if isinstance(surrogate, Candidate) else surrogate, f.grad if isinstance(f, Candidate) else f

    @wraps(code or surrogate)
    def value(*arguments: Any) -> Any:
        return loss_of((code or surrogate)(*arguments))

    @wraps(own)
    def gradient(*arguments: Any) -> Any:
        if first is not None:  # it may keep what the gradient needs
            first(*arguments)
        return own(*arguments) if isinstance(f, Candidate) else loss_and_gradient(f(*arguments))[1]

    return replace(f, loss=value) if isinstance(f, Layered) else Candidate(loss=value, grad=gradient)


def _own_code(
    task: Task, f: Callable[..., Any], own: Arguments, watch: Watch, reference: Callable[..., Any] | None
) -> tuple[Conventions, int] | str:
    """The candidate judged by the code of its own loss or of the reference, or why it is not; found out once a process."""
    differences = task.request.formula == "differences"
    if differences and reference is None:
        return ASKED_FOR
    key = (*_pair_key(task.request), task.dtype, reference is None)
    if key not in _OWN:
        from verify.conventions.own_formula import check_reference, own_code

        watch(Case(values=own.at(task.dtype), family=PROBE, differentiated=own.differentiated))
        what = _reference_in_words(task.request)
        if reference is not None:
            check_reference(reference, own, task.dtype, what)
        how: dict[str, Any] = {"convex": task.request.convex, "alone": task.request.at_only, "declared": _declared(task.request, own)}
        _kept(_OWN, key, ASKED_FOR if differences else own_code(f, own, task.dtype, reference=reference, what=what, **how))
    found = _OWN[key]
    if isinstance(found, str) and task.request.formula == "own":
        raise UsageError(f"{task.request.name} cannot be judged by its own code: {found}. Leave out formula, or let it be 'differences'.")
    return found


ASKED_FOR = "differences were asked for"


def _declared(request: Request, own: Arguments) -> dict[str, Input]:
    """The inputs that the user declares. Raises UsageError for what is none."""
    found = declared(dict(request.inputs))
    for name, a in found.items():
        if name not in own.values:
            raise unknown("input", name, own.values)
        if name in own.differentiated and not a.is_real:
            raise UsageError(f"{name} is declared as {a.domain}, and a gradient is returned for it: its numbers must be real ones.")
    inputs = {name: input_of(name, a) for name, a in found.items()}
    return inputs | {name: upstream_of(name, own.values, inputs) for name in own.drawn if inputs and name not in inputs}


def _pair_key(request: Request) -> tuple[Hashable, ...]:
    code = (request.candidate, request.reference, request.surrogate)
    others = (None if one is None else _Same(one, request.folder) for one in code)
    return *(getattr(request, f.name) for f in fields(Request) if f.name not in ASKED_OF_PAIRS), *others


ASKED_OF_PAIRS = {"candidate", "reference", "surrogate", "folder", "laws", "profile"}
"""Fields of a request that what is found out of a pair does not depend on; and code, which is told apart otherwise."""

_ARGUMENTS: dict[Hashable, tuple[Callable[..., Any], Arguments]] = {}
_OWN: dict[Hashable, tuple[Conventions, int] | str] = {}


@dataclass(frozen=True, eq=False)
class _Same:
    """A candidate as a key: a target by its text and the folder that it is looked for in, an object by its identity, since it need not be
    hashable.
    """

    candidate: str | Callable[..., Any]
    folder: str | None

    def _key(self) -> Hashable:
        return (self.candidate, self.folder) if isinstance(self.candidate, str) else (id(self.candidate), self.folder)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._key() == other._key()


TRUTHS = 2048
"""Points whose truth the laws of one candidate share: they draw many of the same cases, and one point weighs some 15 kB."""


SUBJECTS = 2
"""Subjects that are kept: of a candidate at both dtypes."""

_SUBJECTS: dict[Hashable, Subject] = {}


def _subject(found: Conventions, dtype: str) -> Subject:
    """One for all laws on a candidate at a dtype that this process is given, one after the other."""
    if (found, dtype) in _SUBJECTS:
        return _SUBJECTS[found, dtype]
    oracle, truths = _known(found.objective, dtype)
    subject = Subject(
        candidate=found.candidate,
        oracle=oracle,
        truths=truths,
        answers=AnswerCache(),
        approximate=found.approximate,
        other_values=found.other_values,
        kept=_kept_of(oracle),
    )
    return _kept(_SUBJECTS, (found, dtype), subject, most=SUBJECTS)


FEWEST = 8
"""Points whose truth is always kept: more than any law asks for again."""
REGISTERS = 2_000_000
"""Numbers of records that are kept beside each other, as balls of some hundred bytes: those of code may be thousands at each point."""


def _kept_of(oracle: Truth) -> int:
    """How many points' truths are kept."""
    if oracle.code is None:
        return TRUTHS
    record, _ = oracle.code.record(small(oracle.claim.stated))
    return max(FEWEST, min(TRUTHS, REGISTERS // (int(record.tape.operations) + 1)))


OBJECTIVES = 2
"""Objectives whose truths are kept: those of a candidate at both dtypes, which the next candidate of the same objective asks for again."""

Known = tuple[Truth, OrderedDict[Hashable, Point]]

_KNOWN: dict[Hashable, Known] = {}


def _known(objective: ClaimedFunction, dtype: str) -> Known:
    """What is true of an objective, and the points at which that is known already."""
    values = (getattr(objective, f.name) for f in fields(objective))
    key = (dtype, *(tuple(v.items()) if isinstance(v, Mapping) else v for v in values))
    return _KNOWN[key] if key in _KNOWN else _kept(_KNOWN, key, (truth_of(objective, dtype), OrderedDict()), most=OBJECTIVES)


def _of_targets(request: Request, complaint: Misbehaviour) -> str:
    """What labels are to the spec, for whoever takes them for something else: the loss may be named wrongly."""
    targets = None if complaint.code != "crashed" or problem_named(request.loss) is not None else find_loss(request.loss).targets
    shown = ", ".join(f"{t:g}" for t in (targets or ())[:SHOWN_TARGETS])
    more = ", …" if len(targets or ()) > SHOWN_TARGETS else ""
    return f"; to {request.loss} y holds real numbers, {shown}{more}, and no classes" if targets else ""


SHOWN_TARGETS = 3


def _case(question: Probe, differentiated: Sequence[str]) -> Case:
    return Case(values=question, family=PROBE, differentiated=tuple(differentiated))


def _complaint_case(found: Conventions) -> Case:
    """The question at which a complaint arose."""
    assert found.question is not None
    return _case(found.question, found.objective.differentiated)


PROBE = "probe"
"""The family of the first questions."""


def _ask(request: Request, case: Case, record: TaskNotes) -> None:
    """Asks a first question alone, in the likeliest way: a candidate that ends its process there does so whatever its conventions are."""
    problem = problem_named(request.loss)
    if problem is not None:
        record.begins(case)
        with suppress(Misbehaviour, UsageError):
            inputs.first_way(_imported(request.candidate, request.folder)[0], problem, request.pins)(**case.values)
        return
    loss = find_loss(request.loss)
    f = by_position(adapted(_imported(request.candidate, request.folder)[0]), loss.parameters)
    linear = "W" in case.values and "linear" in ([request.pins.signature] if request.pins.signature else likely(f, loss.parameters))
    case = scored.of_form(case, form.LINEAR if linear else form.SCORES)
    more = extras(f, LINEAR if linear else SCORES, request.pins.handed(f, loss))
    way: Linear | Scores = (Linear if linear else Scores)(f=f, extras=more, targets=loss.targets)
    record.begins(case)
    with suppress(Misbehaviour):
        way(**case.values)


def interruption(task: Task, error: Exception) -> str | None:
    """What the candidate did where code of its file raised when it was not asked: a handler of signals, say."""
    try:
        f = task.request.candidate if callable(task.request.candidate) else resolve(task.request.candidate)
    except Exception:  # it may have moved
        return None
    module = getattr(f.first if isinstance(f, Candidate) else f, "__module__", None)
    if module is None or all(frame.f_globals.get("__name__") != module for frame, _ in walk_tb(error.__traceback__)):
        return None
    return f"raised {error_line(error)}, when it was not asked"
