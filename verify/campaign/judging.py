"""Judging one task in this process: a law on a candidate at a dtype.

Conventions and subjects are cached (`conventions`, `subjects`); the law is measured, searched in bulk and diagnosed in `verify.trial`; a
candidate without a spec is judged in `pair_judging`. Here the suite's own names are protected, and the outcome is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from traceback import walk_tb

from verify import disk_cache
from verify.bulk import SearchPart
from verify.campaign.conventions import PROBE, call_alone, changed_by_first_calls, complaint_of, conventions
from verify.campaign.imports import in_own_surroundings
from verify.campaign.notes import TaskNotes
from verify.campaign.subjects import forget_answers, subject_of
from verify.campaign.task import Inapplicable, Outcome, Task, failed, is_broken
from verify.candidates import Candidate, Misbehaviour, error_line, place_of, process_globals, resolve, tampering
from verify.cases import scored
from verify.conventions import Conventions
from verify.errors import NoGPUError
from verify.laws import LAWS
from verify.trial import Result, again, run, unwatched

PURITY = "purity"


def perform(task: Task, notes: TaskNotes | None = None, *, goes_on: bool = False, alone: bool = True) -> Outcome | Inapplicable:
    """Judges one task in this process, and notes its progress in `notes`. With `goes_on`, only the suite's code has run since the last
    task, and the candidate's cached answers are still valid. A task that is not `alone` is one of several, behind which `untampered` is
    called.

    A candidate that changed the suite holds no law. The shared state that it leaves behind is there in its next task, but not for others.
    Raises UsageError where the target or the loss cannot be found.
    """
    process_globals.others_run()
    with in_own_surroundings(task.request):
        try:
            return _performed_untampered(task, notes, goes_on=goes_on, alone=alone)
        except NoGPUError as error:
            return Inapplicable(task, error.told, skipped=True)


def untampered(outcomes: Sequence[Outcome | Inapplicable]) -> list[Outcome | Inapplicable]:
    """The outcomes of one candidate's tasks, unless it changed the suite meanwhile: then it holds none of these laws."""
    changed = tampering.changed()
    if changed is None:
        disk_cache.write()
        return [*outcomes]
    disk_cache.drop()
    what = Misbehaviour("nondeterministic", changed)
    return [replace(o, result=failed(o.task, what, None)) if isinstance(o, Outcome) and not is_broken(o) else o for o in outcomes]


def _performed_untampered(task: Task, notes: TaskNotes | None, *, goes_on: bool, alone: bool) -> Outcome | Inapplicable:
    """The outcome of a task, unless the candidate changed the suite meanwhile; a broken law stays broken."""
    before = tampering.suite(looked=goes_on)
    try:
        if not goes_on:
            forget_answers()
        outcome = _performed(task, notes)
    except Exception:
        changed = before.restore()
        if changed is None:
            raise
        return _deceived(task, changed, notes)
    if not alone and before.is_whole():
        return outcome
    changed = before.restore()
    if changed is None:
        disk_cache.write()
        return outcome
    if is_broken(outcome):
        disk_cache.drop()
        return outcome
    return _deceived(task, changed, notes)


def _deceived(task: Task, changed: str, notes: TaskNotes | None) -> Outcome:
    """The outcome of a task during which the candidate changed the suite, at its last case. Results computed meanwhile are not cached."""
    disk_cache.drop()
    note = None if notes is None else notes.note
    case, cases = (note.case, note.before) if note else (None, 0)
    result = failed(task, Misbehaviour("nondeterministic", changed), case, cases=cases)
    return Outcome(task, result, note.conventions if note else None, place=note.place if note else None)


def _performed(task: Task, notes: TaskNotes | None) -> Outcome | Inapplicable:
    if task.request.at is not None:
        from verify.campaign.pair_judging import judge_pair  # needed only for candidates without a spec

        return judge_pair(task, task.request.at, notes)
    if task.case is not None and task.case.family == PROBE and notes is not None:
        call_alone(task.request, task.case, notes)
    inferred = conventions(task.request, unwatched if notes is None else notes.on_case)
    changed = changed_by_first_calls(task.request) if task.law == PURITY else None
    result = failed(task, *changed) if changed else _result(task, inferred, notes)
    if isinstance(result, str):
        return Inapplicable(task, result)
    return Outcome(task, result.with_limitations(inferred.limitations), inferred.to_dict(), place=place_of(inferred.candidate.f))


def _result(task: Task, inferred: Conventions, notes: TaskNotes | None) -> Result | str:
    """The result of the law, or the reason why it does not apply."""
    if inferred.complaint is not None:
        return failed(task, *complaint_of(task.request, inferred))
    if notes is not None:
        notes.on_conventions(inferred.to_dict(), place_of(inferred.candidate.f))
    law, watch = LAWS[task.law], unwatched if notes is None else notes.on_case
    subject = subject_of(inferred, task.dtype)
    reason = law.why_not(subject)
    if reason is not None:
        return reason
    if task.case is not None:
        form = inferred.objective.form
        case = task.case if form is None else scored.of_form(task.case, form)
        return again(law, subject, case, watch=watch, avoided=task.avoided)
    part = SearchPart(task.part, task.rounds)
    return run(law, subject, profile=task.request.profile, seed=task.request.seed, watch=watch, part=part)


def interruption(task: Task, error: Exception) -> str | None:
    """A sentence if code of the candidate's file raised this error outside its calls, as a signal handler may; else None."""
    try:
        f = task.request.candidate if callable(task.request.candidate) else resolve(task.request.candidate)
    except Exception:  # it may have moved
        return None
    module = getattr(f.first if isinstance(f, Candidate) else f, "__module__", None)
    if module is None or all(frame.f_globals.get("__name__") != module for frame, _ in walk_tb(error.__traceback__)):
        return None
    return f"raised {error_line(error)}, when it was not asked"
