"""Judging a law on a candidate without a spec: by recorded code where there is some, else by differences of its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verify.campaign.imports import imported
from verify.campaign.notes import TaskNotes
from verify.campaign.pair_formula import Formula, Function, judged_by, pair_arguments, pair_formula, reference_of
from verify.campaign.subjects import subject_of
from verify.campaign.task import Inapplicable, Outcome, Request, Task, failed
from verify.candidates import NO_GRADIENT, framework_of, name_of, place_of, upstream_described, upstream_drawn
from verify.candidates.arguments import Arguments, to_plain
from verify.candidates.example import Example
from verify.candidates.layer import Layered
from verify.candidates.signature import called
from verify.evidence import Verdict
from verify.laws import LAWS
from verify.pair import WEAKER, Estimated, Pair, RecordedPair, Start, why_not
from verify.problem import Problem
from verify.storage import go_home
from verify.trial import Derived, Result, Trial, unwatched


@dataclass(frozen=True, eq=False)
class _Question:
    """A law on a pair as a trial, or the reason why it does not apply; with its notes on conventions and limitations."""

    trial: Estimated | Derived
    reason: str | None
    description: dict[str, Any]
    limitations: tuple[str, ...]


def judge_pair(task: Task, at: Example, notes: TaskNotes | None) -> Outcome | Inapplicable:
    """The outcome of a task on a candidate without a spec. Raises UsageError where its example does not fit it."""
    request, law = task.request, LAWS[task.law]
    f, limitations, harm = imported(request.candidate, request.folder)
    if harm is not None:
        return Outcome(task, failed(task, harm, None), None)
    watch = unwatched if notes is None else notes.on_case
    f, arguments = pair_arguments(task, f, at, watch)
    reference = reference_of(request, arguments)
    judged = judged_by(reference, f, request)
    formula = pair_formula(task, judged, arguments, watch, reference)
    go_home(request.folder)
    framework, description = framework_of(f), _described(request, f, arguments, formula)
    by_differences = isinstance(formula, str)
    if request.surrogate is not None and not law.needs_gradient:  # these laws judge the candidate's own value
        judged, reference = f, None
        formula = pair_formula(task, f, arguments, watch, None)
        if isinstance(formula, str) and task.law == "value":
            return Inapplicable(task, formula)
    here = arguments.at(task.dtype)
    rest = {name: a for name, a in here.items() if name not in arguments.differentiated}
    pair = Pair(judged, request.convex, arguments, reference, rest)
    question = _question(task, pair, Start(here, arguments.differentiated), formula)
    if question.reason is not None:
        return Inapplicable(task, question.reason)
    description = {**description, **question.description, "formula": description["formula"] | question.description.get("formula", {})}
    if notes is not None:
        notes.on_conventions(description, place_of(f))
    trial = Trial(question.trial, watch)
    result = trial.run() if task.case is None else trial.again(task.case, task.avoided)
    if isinstance(question.trial, RecordedPair):
        result = question.trial.noted(result)
    if not by_differences and task.case is None and _is_left_out(task, pair, result):
        return Inapplicable(task, max(result.undecided, key=result.undecided.__getitem__, default="nothing was decided"))
    limitations = (*limitations, *_limitations(f, arguments, at, task.dtype), *question.limitations)
    description |= ({"framework": framework} if framework else {}) | upstream_described(f)
    drawn = upstream_drawn(f) if result.witness is not None else {}
    return Outcome(task, result.with_limitations(limitations), description, place=place_of(f), upstream=drawn)


def _described(request: Request, f: Function, arguments: Arguments, formula: Formula) -> dict[str, Any]:
    """The conventions of a pair for the report."""
    why, operations = (formula, None) if isinstance(formula, str) else (None, formula[1])
    reference = request.reference or request.surrogate
    source = "differences" if why is not None else "own" if reference is None else "reference"
    description: dict[str, Any] = {
        "signature": arguments.in_words if arguments.alone else called(f),
        **({} if arguments.alone else {"wrt": list(arguments.differentiated), "at": to_plain(arguments.whole)}),
        "convex": "claimed" if request.convex else "not claimed",
        "fits": True,
        "formula": {"source": source, "operations": operations, "why": why},
    }
    if reference is not None:
        description["formula"]["reference"] = name_of(reference)
    if request.surrogate is not None:
        description["formula"]["surrogate"] = True
    if request.derivative == 2:
        description["derivative"] = 2
    return description


def _limitations(f: Function, arguments: Arguments, at: Example, dtype: str) -> tuple[str, ...]:
    return (
        *(f.beside if isinstance(f, Layered) else ()),
        *((NO_GRADIENT,) if arguments.returned is None else ()),
        *arguments.symmetry_notes,
        *arguments.default_notes,
        *at.limitations(dtype),
    )


def _question(task: Task, pair: Pair, start: Start, formula: Formula) -> _Question:
    request = task.request
    if isinstance(formula, str):
        estimated = Estimated(
            law=task.law, pair=pair, at=start, dtype=task.dtype, profile=request.profile, seed=request.seed, alone=request.at_only
        )
        return _Question(estimated, why_not(task.law, pair), {}, ())
    inferred, _ = formula
    law, subject = LAWS[task.law], subject_of(inferred, task.dtype)
    if request.inputs:
        description = {"inputs": ", ".join(f"{name}: {text}" for name, text in request.inputs)}
        by_itself = task.law == "gradient" and pair.reference is None
        derived = Derived(law, subject, request.profile, request.seed)
        return _Question(derived, law.why_not(subject), description, (*inferred.limitations, *((WEAKER,) if by_itself else ())))
    recorded = RecordedPair(law, subject, request.profile, request.seed, pair=pair, at=start, alone=request.at_only)
    return _Question(recorded, law.why_not(subject), {"formula": {"recorded": _listing(inferred.objective.stated)}}, inferred.limitations)


def _listing(problem: Problem) -> list[dict[str, Any]]:
    """The code that is the formula, line by line, at the example."""
    assert problem.code is not None
    listing: list[dict[str, Any]] = problem.code.record(problem.example)[0].listing
    return listing


def _is_left_out(task: Task, pair: Pair, result: Result) -> bool:
    """Whether a silent law says nothing about the code: where the dtype swamps all steps, or differences do not test what it is about. A
    decisive law is reported as silent.
    """
    may_be_silent = LAWS[task.law].decisive and why_not(task.law, pair) is None
    return result.verdict is Verdict.SILENT and not may_be_silent
