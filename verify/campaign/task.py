"""What is to be judged, as plain data that travels to a worker process, and the outcomes of what no worker could end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import extract_tb
from typing import Any

from verify import disk_cache
from verify.campaign.notes import Note
from verify.campaign.sources import Sources
from verify.candidates import (
    Misbehaviour,
    name_of,
)
from verify.candidates.example import Example
from verify.cases import Case
from verify.cases.case import NAMING
from verify.conventions import Pins
from verify.errors import UsageError, of_type, unknown, whole
from verify.profiles import DTYPES, PROFILES
from verify.storage import FULL, folder
from verify.trial import Result, Witness

FORMULAS = ("own", "differences")
"""What a pair without a spec may be judged by: the code of its own loss, or differences of what that returns."""


def laws() -> dict[str, str]:
    """What each law says, by its name. It is kept, so that who asks for it alone loads no law."""
    known = sys.modules.get("verify.laws")
    return disk_cache.plain(["laws"], _laws) if known is None else _laws()


def _laws() -> dict[str, str]:
    from verify.laws import LAWS

    return {name: law.statement for name, law in LAWS.items()}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One candidate and how it is to be judged. `candidate` is a target string or a callable. With `at` it is a pair without a spec,
    which may claim to be `convex`, and is judged by the code of a `reference`, or by its own, where that can be recorded, unless `formula`
    says "own" or "differences", and its gradient by that of a `surrogate`; the second `derivative` too; around that example, or with
    `at_only` there alone. The example `is_drawn` where the user declares inputs and gives none. Files are named relative to the `folder`.

    Raises UsageError for a dtype, law, profile or convention that does not exist.
    """

    candidate: str | Callable[..., Any]
    loss: str
    pins: Pins = field(default_factory=Pins)
    dtypes: tuple[str, ...] = ("float64",)
    laws: tuple[str, ...] | None = None
    profile: str = "ci"
    seed: int = 0
    at: Example | None = None
    wrt: tuple[str, ...] | None = None
    reference: str | Callable[..., Any] | None = None
    surrogate: str | Callable[..., Any] | None = None
    derivative: int = 1
    convex: bool = False
    formula: str | None = None
    at_only: bool = False
    inputs: tuple[tuple[str, str], ...] = ()
    is_drawn: bool = False
    folder: str | None = field(default_factory=folder)

    def __post_init__(self) -> None:
        whole("seed", self.seed)
        for kind, names in (("dtypes", self.dtypes), ("laws", self.laws or ())):
            for name in names:
                of_type(kind, name, (str,), f"names of {kind}")
        if not self.dtypes:
            raise UsageError(f"dtypes is empty. Give one or more of {', '.join(DTYPES)}.")
        of_type("profile", self.profile, (str,), "a name")
        if self.formula not in (None, *FORMULAS):
            raise unknown("formula", str(self.formula), FORMULAS)
        for kind, asked, known in (
            ("dtype", self.dtypes, DTYPES),
            ("law", self.laws or (), laws()),
            ("profile", (self.profile,), PROFILES),
        ):
            for name in asked:
                if name not in known:
                    raise unknown(kind, name, known)

    @property
    def name(self) -> str:
        """The candidate's name in the report."""
        return name_of(self.candidate)

    def tasks(self) -> list[Task]:
        """One task for each dtype and law."""
        return [Task(self, dtype, law) for dtype in self.dtypes for law in self.laws or laws()]


@dataclass(frozen=True)
class Task:
    """One law on one candidate at one dtype: a search, one `part` of a large one (from 1 on) with so many `rounds`, or one `case` that is
    judged again. The candidate is not asked on cases that were `avoided`: they ended its process.
    """

    request: Request
    dtype: str
    law: str
    case: Case | None = None
    avoided: tuple[Case, ...] = ()
    part: int = 0
    rounds: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a task came to, with the conventions that were found out on the way (None if the worker was lost before) and what the
    candidate printed. `upstream` is the upstream gradient that a layer of one array was asked with at its witness, in hexadecimal by name.

    `sources` is what that depends on beside the question, where it is known. It is `passing` where it tells of the time that there was, or
    of what others did, and `reused` where it was judged by an earlier run.
    """

    task: Task
    result: Result
    conventions: dict[str, Any] | None
    place: dict[str, str | int] | None = field(default=None, kw_only=True)
    upstream: dict[str, Any] = field(default_factory=dict, kw_only=True)
    printed: str = field(default="", kw_only=True)
    sources: Sources | None = field(default=None, kw_only=True)
    passing: bool = field(default=False, kw_only=True)
    reused: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Inapplicable:
    """A task whose law has nothing to ask of the candidate, and why; `sources` and `reused` as of an outcome."""

    task: Task
    reason: str
    sources: Sources | None = field(default=None, kw_only=True)
    reused: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Refused:
    """A request that cannot be judged, and why: its target, its loss or one of its options is wrong. Nothing is said of the candidate."""

    request: Request
    reason: str


def failed(task: Task, what: Misbehaviour, case: Case | None, *, cases: int = 0, seconds: float = 0.0) -> Result:
    """The result of a task that came to no answer: the candidate's behaviour broke the law."""
    diagnosis = {"code": what.code, "message": f"the candidate {what}", "entries": "all"}
    witness = None if case is None else Witness(case=case, evidence=None)
    return Result.unanswered(law=task.law, dtype=task.dtype, diagnosis=diagnosis, witness=witness, cases=cases, seconds=seconds)


def lost(task: Task, note: Note | None, code: str, message: str, *, seconds: float = 0.0) -> Outcome:
    """What a task came to whose worker is lost, from the last that it noted."""
    if note is None or note.case is None:
        return Outcome(task, failed(task, Misbehaviour(code, f"{message} while it was imported"), None, seconds=seconds), None)
    cases = note.before + 1 if note.conventions else 0
    if note.case.family == NAMING:
        message = f"{message}, when it was asked more, to name what had broken the law {task.law}"
    return Outcome(
        task, failed(task, Misbehaviour(code, message), note.case, cases=cases, seconds=seconds), note.conventions, place=note.place
    )


MOST_AVOIDED = 3
"""Cases that end the process while a mistake is named, after which it has no name."""


def without(task: Task, note: Note | None) -> Task | None:
    """The task that names the mistake without the case on which the process ended; None where that was no such case."""
    if note is None or note.witness is None or note.case is None or len(task.avoided) >= MOST_AVOIDED:
        return None
    return replace(task, case=note.witness, avoided=(*task.avoided, note.case))


def named(crashed: Outcome, without: Outcome | Inapplicable) -> Outcome:
    """What a task came to whose process ended while its mistake was named: the name that the other cases give, if they do."""
    if isinstance(without, Inapplicable) or (without.result.diagnosis or {}).get("code") in (None, "crashed", "hung"):
        return crashed
    assert crashed.result.diagnosis is not None
    assert without.result.diagnosis is not None
    message = (
        f"{without.result.diagnosis['message']}. {crashed.result.diagnosis['message'][0].upper()}{crashed.result.diagnosis['message'][1:]}"
    )
    result = replace(without.result, diagnosis=without.result.diagnosis | {"message": message}, cases=crashed.result.cases)
    return replace(crashed, result=result)


def unfinished(task: Task, note: Note, limit: float) -> Outcome:
    """What a task came to that went on well, but not to its end."""
    return _silent(task, note, f"the law takes longer than {limit:g} s; --timeout and --profile set how much", limit)


def starved(task: Task, note: Note, had: float, passed: float) -> Outcome:
    """What a task came to that others kept from a processor: nobody can tell whether it hangs."""
    return _silent(task, note, f"the machine is too busy: the law had {had:.0f} s of {passed:.0f} s; ask again when it has less to do", had)


def ended_by_anybody(task: Task, note: Note | None, times: int, how: str) -> Outcome:
    """What a task came to whose workers were ended again and again, but never twice at the same case."""
    message = f"its process was ended {times} times ({how}), each time at another case: by the candidate, or by somebody else"
    return _silent(task, note, f"{message}, as a system does that is short of memory; ask again when there is more of it", 0.0)


def ended_by_limit(task: Task, note: Note | None, limit: float) -> Outcome:
    """What a task came to whose workers were ended at the same case by the system's limit of processor time."""
    message = f"the system gives a process {limit:g} s of a processor (ulimit -t), and ended it at the same case twice; ask again with more"
    return _silent(task, note, message, limit)


def not_begun(task: Task, times: int) -> Outcome:
    """What a task came to with which no process began: each was held up."""
    message = f"no process began with it, {times} times: what the candidate leaves behind holds them, or the machine is too busy"
    return _silent(task, None, message, 0.0)


def not_started(task: Task, why: str) -> Outcome:
    """What a task came to for which no process could be started."""
    return _silent(task, None, f"no process could be started ({why}); ask again when the system has more to give", 0.0)


def lost_elsewhere(task: Task, why: str) -> Outcome:
    """What a task came to whose workers on other machines were lost: by the candidate, or by whoever owns the machines."""
    return _silent(task, None, f"it was lost on the cluster ({why}); ask again, or here without --scheduler", 0.0)


def unjudged(task: Task, note: Note | None, error: Exception) -> Outcome:
    """What a task came to whose judging failed: nobody is accused, and the others are judged."""
    if isinstance(error, OSError) and error.errno in FULL:
        reason = f"temporary files cannot be written ({error.strerror}); make room, or name another folder in TMPDIR"
        return _silent(task, note, reason, 0.0)
    frames = extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    where = f"{type(error).__name__}{place}"
    reason = f"judging failed ({where}): the candidate changed what its process needs, or this is a bug of verify; --in-process shows more"
    cases = 0 if note is None or note.case is None else note.before + 1
    silent = Result.unanswered(law=task.law, dtype=task.dtype, undecided={reason: max(1, cases)}, cases=cases)
    known = (None, None) if note is None else (note.conventions, note.place)
    return Outcome(task, silent, known[0], place=known[1], passing=True)


def unasked(task: Task, by: str) -> Outcome:
    """What a task came to whose run was ended by a signal, or an error."""
    return _silent(task, None, f"the run was ended by {by} before this was judged; verify run goes on from there", 0.0)


def _silent(task: Task, note: Note | None, reason: str, seconds: float) -> Outcome:
    cases = note.before if note else 0
    silent = Result.unanswered(law=task.law, dtype=task.dtype, undecided={reason: max(1, cases)}, cases=cases, seconds=seconds)
    return Outcome(task, silent, note.conventions if note else None, place=note.place if note else None, passing=True)
