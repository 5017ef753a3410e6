"""Tasks as plain data that travels to worker processes, and the outcomes of tasks that no worker could finish."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

from verify import disk_cache
from verify.campaign.notes import Note
from verify.campaign.sources import Sources
from verify.campaign.worker_exits import WITH_THE_SERVER, exit_in_words
from verify.candidates import (
    Misbehaviour,
    name_of,
)
from verify.candidates.example import Example
from verify.cases import Case
from verify.cases.case import NAMING
from verify.conventions import Pins
from verify.errors import NoGPUError, UsageError, of_type, unknown, whole
from verify.evidence import Verdict
from verify.profiles import DTYPES, PROFILES
from verify.storage import DISK_FULL, folder
from verify.trial import Result, Witness

FORMULAS = ("own", "differences")
"""What a pair without a spec may be judged by: the code of its own loss, or differences of the values that this returns."""


def laws() -> dict[str, str]:
    """The statement of each law by name, cached so that asking for it loads no law."""
    known = sys.modules.get("verify.laws")
    return disk_cache.plain(["laws"], _laws) if known is None else _laws()


def _laws() -> dict[str, str]:
    from verify.laws import LAWS

    return {name: law.statement for name, law in LAWS.items()}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One candidate and how it is to be judged. `candidate` is a target string or a callable. With `at` it is a pair without a spec, judged
    around that example, or with `at_only` at the example only. It may claim to be `convex`. Its formula is the code of a `reference`, or
    its own where that can be recorded; `formula` ("own" or "differences") fixes the choice. The gradient's formula may be that of a
    `surrogate`; the second `derivative` may be judged too. The example `is_drawn` where the user declares inputs and gives none. Files are
    named relative to the `folder`.

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
    """One law on one candidate at one dtype: a search, one `part` of a large search (from 1 on) with this many `rounds`, or one `case` that
    is judged again. Cases that are `avoided` have ended the candidate's process, and are skipped.
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
    """The outcome of a task, with the inferred conventions (None if the worker was lost before) and the candidate's output. `upstream` is
    the upstream gradient of a layer of one array at its witness, in hexadecimal by name. `sources` are its dependencies besides the
    question, where they are known. It is `passing` where it depends on the available time or on other processes, and `reused` where it was
    judged by an earlier run.
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
    """A task whose law has nothing to ask of the candidate, and why, or that was `skipped`, since this machine has no GPU; `sources` and
    `reused` as of an outcome.
    """

    task: Task
    reason: str
    skipped: bool = field(default=False, kw_only=True)
    sources: Sources | None = field(default=None, kw_only=True)
    reused: bool = field(default=False, kw_only=True)


AnyOutcome = TypeVar("AnyOutcome", Outcome, Outcome | Inapplicable)


def with_output(outcome: AnyOutcome, printed: str) -> AnyOutcome:
    """The outcome with what the candidate printed, if it printed anything."""
    return replace(outcome, printed=printed) if isinstance(outcome, Outcome) and printed else outcome


def diagnosis_code(outcome: Outcome | Inapplicable) -> str | None:
    """The code of the outcome's diagnosis; None where it has none."""
    return (outcome.result.diagnosis or {}).get("code") if isinstance(outcome, Outcome) else None


def is_broken(outcome: Outcome | Inapplicable) -> bool:
    """Whether the task's law is broken."""
    return isinstance(outcome, Outcome) and outcome.result.verdict is Verdict.BROKEN


def skipped(outcomes: Sequence[Outcome | Inapplicable]) -> list[tuple[Task, NoGPUError]]:
    """A task of each request of which nothing is said for want of a GPU, and why: a fault that was found stands."""
    faulty = {id(o.task.request) for o in outcomes if is_broken(o)}
    one = {id(o.task.request): o for o in outcomes if isinstance(o, Inapplicable) and o.skipped}
    return [(o.task, NoGPUError(o.reason)) for request, o in one.items() if request not in faulty]


@dataclass(frozen=True)
class Refused:
    """A request that cannot be judged, and why: its target, its loss or one of its options is wrong. This
    says nothing about the candidate.
    """

    request: Request
    reason: str


def failed(task: Task, what: Misbehaviour, case: Case | None, *, cases: int = 0, seconds: float = 0.0) -> Result:
    """The result of a task without an answer: the candidate's behaviour broke the law."""
    diagnosis = {"code": what.code, "message": f"the candidate {what}", "entries": "all"}
    witness = None if case is None else Witness(case=case, evidence=None)
    return Result.unanswered(law=task.law, dtype=task.dtype, diagnosis=diagnosis, witness=witness, cases=cases, seconds=seconds)


def worker_lost(task: Task, note: Note | None, code: str, message: str, *, seconds: float = 0.0) -> Outcome:
    """The outcome of a task whose worker is lost, from its last note."""
    if note is None or note.case is None:
        return Outcome(task, failed(task, Misbehaviour(code, f"{message} while it was imported"), None, seconds=seconds), None)
    cases = note.before + 1 if note.conventions else 0
    if note.case.family == NAMING:
        message = f"{message}, when it was asked more, to name what had broken the law {task.law}"
    return Outcome(
        task, failed(task, Misbehaviour(code, message), note.case, cases=cases, seconds=seconds), note.conventions, place=note.place
    )


def process_ended(task: Task, note: Note | None, code: int) -> Outcome:
    """The outcome of a task whose process the candidate ended, with this exit code."""
    how = f"{exit_in_words(code)}, or that of all workers" if code == WITH_THE_SERVER else exit_in_words(code)
    return worker_lost(task, note, "crashed", (note and note.ended) or f"ended its process ({how})")


MOST_AVOIDED = 3
"""Cases that may end the process while a mistake is being named; beyond, it stays unnamed."""


def without_last_case(task: Task, note: Note | None) -> Task | None:
    """The task that names the mistake, without the case at which the process ended; None where it did not end at such a case."""
    if note is None or note.witness is None or note.case is None or len(task.avoided) >= MOST_AVOIDED:
        return None
    return replace(task, case=note.witness, avoided=(*task.avoided, note.case))


def named_beside_crash(crash: Outcome, named: Outcome | Inapplicable) -> Outcome:
    """The outcome of a task whose process ended while its mistake was being named: with the name that the other cases give, if any."""
    if isinstance(named, Inapplicable) or diagnosis_code(named) in (None, "crashed", "hung"):
        return crash
    assert crash.result.diagnosis is not None
    assert named.result.diagnosis is not None
    of_crash = crash.result.diagnosis["message"]
    message = f"{named.result.diagnosis['message']}. {of_crash[0].upper()}{of_crash[1:]}"
    result = replace(named.result, diagnosis=named.result.diagnosis | {"message": message}, cases=crash.result.cases)
    return replace(crash, result=result)


def unfinished(task: Task, note: Note, limit: float) -> Outcome:
    """The outcome of a task that made progress but did not finish in time."""
    return _silent(task, note, f"the law takes longer than {limit:g} s; --timeout and --profile set how much", limit)


def starved(task: Task, note: Note, had: float, passed: float) -> Outcome:
    """The outcome of a task that others kept from a processor: whether it hangs is unknown."""
    return _silent(task, note, f"the machine is too busy: the law had {had:.0f} s of {passed:.0f} s; ask again when it has less to do", had)


def ended_by_anybody(task: Task, note: Note | None, times: int, how: str) -> Outcome:
    """The outcome of a task whose workers were ended again and again, but never twice at the same case."""
    message = f"its process was ended {times} times ({how}), each time at another case: by the candidate, or by somebody else"
    return _silent(task, note, f"{message}, as a system does that is short of memory; ask again when there is more of it", 0.0)


def ended_by_limit(task: Task, note: Note | None, limit: float) -> Outcome:
    """The outcome of a task whose workers were ended at the same case by the system's limit of processor time."""
    message = f"the system gives a process {limit:g} s of a processor (ulimit -t), and ended it at the same case twice; ask again with more"
    return _silent(task, note, message, limit)


def not_begun(task: Task, times: int) -> Outcome:
    """The outcome of a task that no process began: each was held up."""
    message = f"no process began with it, {times} times: what the candidate leaves behind holds them, or the machine is too busy"
    return _silent(task, None, message, 0.0)


def not_started(task: Task, why: str) -> Outcome:
    """The outcome of a task for which no process could be started."""
    return _silent(task, None, f"no process could be started ({why}); ask again when the system has more to give", 0.0)


def lost_elsewhere(task: Task, why: str) -> Outcome:
    """The outcome of a task whose workers on other machines were lost: by the candidate, or by the owner of the machines."""
    return _silent(task, None, f"it was lost on the cluster ({why}); ask again, or here without --scheduler", 0.0)


def unjudged(task: Task, note: Note | None, error: Exception) -> Outcome:
    """The outcome of a task whose judging failed: the candidate is not blamed, and the others are judged."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
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
    """The outcome of a task whose run was ended by a signal, or an error."""
    return _silent(task, None, f"the run was ended by {by} before this was judged; verify run goes on from there", 0.0)


def _silent(task: Task, note: Note | None, reason: str, seconds: float) -> Outcome:
    cases = note.before if note else 0
    silent = Result.unanswered(law=task.law, dtype=task.dtype, undecided={reason: max(1, cases)}, cases=cases, seconds=seconds)
    return Outcome(task, silent, note.conventions if note else None, place=note.place if note else None, passing=True)
