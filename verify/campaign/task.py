"""What is to be judged, as plain data that travels to a worker process, and the judging of one piece of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb, walk_tb
from typing import Any

from verify.campaign.record import Note, Record
from verify.candidates import Candidate, Linear, Misbehaviour, Scores, adapted, floats, name_of, place_of, resolve, takes_reg, told_of
from verify.candidates.signature import likely
from verify.cases import Case
from verify.conventions import Conventions, Pins, Probe, find_out
from verify.diagnosis import NAMING
from verify.errors import UsageError, of_type, unknown
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.oracle.claims import examine
from verify.pair import Pair, Place, Start, why_not
from verify.pair import run as judge_pair
from verify.profiles import PROFILES
from verify.spec.catalogue import find_loss
from verify.trial import Result, Stored, Watch, Witness, again, run, unwatched

DTYPES = ("float64", "float32")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One candidate and how it is to be judged. `candidate` is a target string or a callable. With `at` it is a pair without a spec,
    which may claim to be `convex`.

    Raises UsageError for a dtype, law, profile or convention that does not exist.
    """

    candidate: str | Callable[..., Any]
    loss: str
    pins: Pins = field(default_factory=Pins)
    dtypes: tuple[str, ...] = ("float64",)
    laws: tuple[str, ...] | None = None
    profile: str = "ci"
    seed: int = 0
    at: Start | None = None
    convex: bool = False

    def __post_init__(self) -> None:
        of_type("seed", self.seed, (int,), "a whole number")
        for kind, names in (("dtypes", self.dtypes), ("laws", self.laws or ())):
            for name in names:
                of_type(kind, name, (str,), f"names of {kind}")
        if not self.dtypes:
            raise UsageError(f"dtypes is empty. Give one or more of {', '.join(DTYPES)}.")
        of_type("profile", self.profile, (str,), "a name")
        for kind, given, known in (("dtype", self.dtypes, DTYPES), ("law", self.laws or (), LAWS), ("profile", (self.profile,), PROFILES)):
            for name in given:
                if name not in known:
                    raise unknown(kind, name, known)

    @property
    def name(self) -> str:
        """The candidate's name in the report."""
        return name_of(self.candidate)

    def tasks(self) -> list[Task]:
        """One task for each dtype and law."""
        return [Task(self, dtype, law) for dtype in self.dtypes for law in self.laws or LAWS]


@dataclass(frozen=True)
class Task:
    """One law on one candidate at one dtype: a search, or one `case` that is judged again. The candidate is not asked on cases that were
    `avoided`: they ended its process.
    """

    request: Request
    dtype: str
    law: str
    case: Case | Place | None = None
    avoided: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a task came to, with the conventions that were found out on the way (None if the worker was lost before) and what the
    candidate printed.
    """

    task: Task
    result: Result
    conventions: dict[str, Any] | None
    place: dict[str, str | int] | None = field(default=None, kw_only=True)
    printed: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Inapplicable:
    """A task whose law has nothing to ask of the candidate, and why."""

    task: Task
    reason: str


@dataclass(frozen=True)
class Refused:
    """A request that cannot be judged, and why: its target, its loss or one of its options is wrong. Nothing is said of the candidate."""

    request: Request
    reason: str


def perform(task: Task, record: Record | None = None) -> Outcome | Inapplicable:
    """Runs one task in this process, and notes in `record` what it is busy with.

    Raises UsageError where the target or the loss cannot be found.
    """
    if task.request.at is not None:
        return _of_pair(task, task.request.at, record)
    if isinstance(task.case, Case) and task.case.family == PROBE and record is not None:
        _ask(task.request, task.case, record)
    found = conventions(task.request, unwatched if record is None else record.begins)
    result = _result(task, found, record)
    if isinstance(result, str):
        return Inapplicable(task, result)
    return Outcome(task, _limited(result, found.limitations), found.to_dict(), place=place_of(found.candidate.f))


def _result(task: Task, found: Conventions, record: Record | None) -> Result | str:
    """What becomes of the law, or the reason why it has nothing to ask."""
    if found.complaint is not None:
        return failed(task, found.complaint, None if found.question is None else _case(found.question))
    if record is not None:
        record.found(found.to_dict(), place_of(found.candidate.f))
    law, watch = LAWS[task.law], unwatched if record is None else record.begins
    subject = _subject(found, task.dtype)
    reason = law.why_not(subject)
    if reason is not None:
        return reason
    if isinstance(task.case, Case):
        return again(law, subject, task.case, watch=watch, avoided=task.avoided)
    return run(law, subject, profile=task.request.profile, seed=task.request.seed, watch=watch)


def conventions(request: Request, watch: Watch = unwatched) -> Conventions:
    """What is found out about the candidate, once a process; `watch` hears of the questions. Raises UsageError as `perform` does."""
    key = (_Same(request.candidate), request.loss, request.pins, request.dtypes[0])
    if key not in _FOUND:
        f, limitations = _imported(request.candidate)
        found = find_out(f, find_loss(request.loss), request.pins, request.dtypes[0], lambda probe: watch(_case(probe)))
        examine(found.objective.loss, found.objective.parameters)  # at the values that were found out
        _FOUND[key] = replace(found, limitations=limitations)
        if len(_FOUND) > KEPT:
            del _FOUND[next(iter(_FOUND))]
    return _FOUND[key]


def _limited(result: Result, limitations: tuple[str, ...]) -> Result:
    return replace(result, limitations=(*limitations, *result.limitations)) if limitations else result


def _imported(candidate: str | Callable[..., Any]) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """The function; what its import does to floats is put back and told."""
    if not isinstance(candidate, str):
        return candidate, ()
    before = floats.settings()
    f = resolve(candidate)
    how = floats.restore(before)
    return f, (f"when it is imported, its process {how} from then on",) if how else ()


KEPT = 64
"""Candidates whose conventions are remembered."""

_FOUND: dict[Hashable, Conventions] = {}


def _of_pair(task: Task, at: Start, record: Record | None) -> Outcome | Inapplicable:
    """The same without a spec."""
    request = task.request
    f, limitations = _imported(request.candidate)
    f = adapted(f)
    pair = Pair(f, request.convex)
    reason = why_not(task.law, pair)
    if reason is not None:
        return Inapplicable(task, reason)
    told = {"signature": f"one array of shape {at[0]}", "convex": "claimed" if request.convex else "not claimed", "fits": True}
    if record is not None:
        record.found(told, place_of(f))
    watch, alone = unwatched if record is None else record.begins, task.case if isinstance(task.case, Place) else None
    result = judge_pair(task.law, pair, at, task.dtype, profile=request.profile, seed=request.seed, place=alone, watch=watch)
    return Outcome(task, _limited(result, limitations), told, place=place_of(f))


@dataclass(frozen=True, eq=False)
class _Same:
    """A candidate as a key: a target by its text, an object by its identity, since it need not be hashable."""

    candidate: str | Callable[..., Any]

    def _key(self) -> str | int:
        return self.candidate if isinstance(self.candidate, str) else id(self.candidate)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._key() == other._key()


TRUTHS = 1024
"""Points whose truth the laws of one candidate share: they draw many of the same cases, and one point weighs some 15 kB."""


@lru_cache(maxsize=2)
def _subject(found: Conventions, dtype: str) -> Subject:
    """One for all laws on a candidate at a dtype that this process is given, one after the other."""
    return Subject(candidate=found.candidate, oracle=Oracle(found.objective, dtype), approximate=found.approximate, kept=TRUTHS)


def _case(probe: Probe) -> Case:
    W, X, y, reg = probe
    return Case(W=W, X=X, y=y, reg=reg, family=PROBE)


PROBE = "probe"
"""The family of the first questions."""


def _ask(request: Request, case: Case, record: Record) -> None:
    """Asks a first question alone, in the likeliest way: a candidate that ends its process there does so whatever its conventions are."""
    f = adapted(_imported(request.candidate)[0])
    targets = find_loss(request.loss).targets
    linear = "linear" in ([request.pins.signature] if request.pins.signature else likely(f))
    way: Linear | Scores = Linear(f=f, takes_reg=takes_reg(f), targets=targets) if linear else Scores(f=f, targets=targets)
    record.begins(case)
    with suppress(Misbehaviour):
        way(case.W, case.X, case.y, case.reg)


def failed(task: Task, what: Misbehaviour, case: Stored | None, *, cases: int = 0, seconds: float = 0.0) -> Result:
    """The result of a task that came to no answer: the candidate's behaviour broke the law."""
    diagnosis = {"code": what.code, "message": f"the candidate {what}", "entries": "all"}
    witness = None if case is None else Witness(case=case, evidence=None)
    return Result.unanswered(law=task.law, dtype=task.dtype, diagnosis=diagnosis, witness=witness, cases=cases, seconds=seconds)


def lost(task: Task, note: Note | None, code: str, told: str, *, seconds: float = 0.0) -> Outcome:
    """What a task came to whose worker is lost, from the last that it noted."""
    if note is None or note.case is None:
        return Outcome(task, failed(task, Misbehaviour(code, f"{told} while it was imported"), None, seconds=seconds), None)
    cases = note.before + 1 if note.conventions else 0
    if isinstance(note.case, Case) and note.case.family == NAMING:
        told = f"{told}, when it was asked more, to name what had broken the law {task.law}"
    return Outcome(
        task, failed(task, Misbehaviour(code, told), note.case, cases=cases, seconds=seconds), note.conventions, place=note.place
    )


MOST_AVOIDED = 3
"""Cases that end the process while a mistake is named, after which it has no name."""


def without(task: Task, note: Note | None) -> Task | None:
    """The task that names the mistake without the case on which the process ended; None where that was no such case."""
    if note is None or not isinstance(note.witness, Case) or not isinstance(note.case, Case) or len(task.avoided) >= MOST_AVOIDED:
        return None
    return replace(task, case=note.witness, avoided=(*task.avoided, note.case))


def named(crashed: Outcome, without: Outcome | Inapplicable) -> Outcome:
    """What a task came to whose process ended while its mistake was named: the name that the other cases give, if they do."""
    if isinstance(without, Inapplicable) or (without.result.diagnosis or {}).get("code") in (None, "crashed", "hung"):
        return crashed
    assert crashed.result.diagnosis is not None
    assert without.result.diagnosis is not None
    told = (
        f"{without.result.diagnosis['message']}. {crashed.result.diagnosis['message'][0].upper()}{crashed.result.diagnosis['message'][1:]}"
    )
    result = replace(without.result, diagnosis=without.result.diagnosis | {"message": told}, cases=crashed.result.cases)
    return replace(crashed, result=result)


def unfinished(task: Task, note: Note, limit: float) -> Outcome:
    """What a task came to that went on well, but not to its end."""
    reason = f"the law takes longer than {limit:g} s; --timeout and --profile set how much"
    silent = Result.unanswered(law=task.law, dtype=task.dtype, undecided={reason: note.before}, cases=note.before, seconds=limit)
    return Outcome(task, silent, note.conventions, place=note.place)


def interruption(task: Task, error: Exception) -> str | None:
    """What the candidate did where code of its file raised when it was not asked: a handler of signals, say."""
    f = task.request.candidate if callable(task.request.candidate) else resolve(task.request.candidate)
    module = getattr(f.loss or f.grad if isinstance(f, Candidate) else f, "__module__", None)
    if module is None or all(frame.f_globals.get("__name__") != module for frame, _ in walk_tb(error.__traceback__)):
        return None
    return f"raised {told_of(error)}, when it was not asked"


def unjudged(task: Task, note: Note, error: Exception) -> Outcome:
    """What a task came to whose judging failed, after the candidate was asked: nobody is accused, and the others are judged."""
    place = extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {place.name}, {Path(place.filename).name}:{place.lineno}"
    reason = f"judging failed ({where}): the candidate changed what its process needs, or this is a bug of verify; --in-process shows more"
    silent = Result.unanswered(law=task.law, dtype=task.dtype, undecided={reason: note.before + 1}, cases=note.before + 1)
    return Outcome(task, silent, note.conventions, place=note.place)
