"""The matrix of tasks on worker processes: a candidate that hangs or ends its process costs its own task only.

Each candidate has processes of its own, so that what it leaves behind there reaches no other.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, TypeGuard, TypeVar

from pebble import ProcessExpired, ProcessPool

from verify.campaign import leftovers, memory, output, process_group
from verify.campaign.channel import Garbled
from verify.campaign.notes import Note, TaskNotes, read
from verify.campaign.server import prepare
from verify.campaign.shrinking import SECONDS, Shrinking, can_be_smaller
from verify.campaign.sources import needed
from verify.campaign.task import (
    Inapplicable,
    Outcome,
    Task,
    ended_by_anybody,
    ended_by_limit,
    lost,
    named,
    not_begun,
    not_started,
    starved,
    unfinished,
    unjudged,
    without,
)
from verify.campaign.workers import TICK, end_orphans, goes_on, rarely_collected, workers
from verify.cases import Case
from verify.elapsed import Starved, now, processor_limit, processors
from verify.errors import UsageError
from verify.storage import clear, go_home

Found = TypeVar("Found", Outcome, Outcome | Inapplicable)
Done = Callable[[Outcome | Inapplicable], None]
Say = Callable[[str], object]
"""Hears what is of interest beside outcomes."""
Refuse = Callable[[Task, UsageError], None]
"""Hears of a task that cannot be judged, since something was used wrongly; it may raise that. No task of the same request is judged."""


class Execute(Protocol):
    """How tasks come to their outcomes: on processes here, as `execute` does, or on other machines."""

    def __call__(
        self,
        tasks: Sequence[Task],
        *,
        timeout: float | None,
        on_done: Done = ...,
        on_refused: Refuse = ...,
        before: Sequence[Outcome | Inapplicable] = (),
    ) -> list[Outcome | Inapplicable]:
        """All outcomes in the order of the tasks; `on_done` is called as each ends."""


DEFAULT_TIMEOUT = 300.0
"""Seconds that one law on one candidate at one dtype may take. A trial takes about one."""

MOST_WAITING = 20
"""Times the limit after which a worker that others keep from a processor is waited for no longer: nobody is blamed then."""

LOOKS = 100
"""Looks at what a worker waited for, in the time of one limit: each reads a file of every thread."""

BY_ANYBODY = {sign * getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name) for sign in (-1, 1)}
"""Exit codes of a worker that a signal ended which anybody may have sent: the system where memory is short, a user, the candidate. A
positive one is that of a worker which took its leave when it was told to.
"""

BY_A_LIMIT = {-getattr(signal, name) for name in ("SIGKILL", "SIGXCPU") if hasattr(signal, name)}
"""Those by which the system ends a process that has had all the processor time that `ulimit -t` gives it."""

MOST_ENDS = 3
"""Different cases at which such a signal ends the worker of one task, after which it is asked no more."""

AFTER_A_HANG = 30.0
"""The same for a candidate that has hung on another law: it is broken already, and may hang on each."""

UNFIT = 254
"""What a worker ends with that a candidate has spoilt before it began with its task."""

MOST_STARTS = 3
"""Tries to start the processes of a candidate."""

PATIENCE = 60.0
"""Seconds for which no process takes up a task of a candidate, or one that has taken it up does not begin with it: what the candidate has
left there, a hook that sleeps for instance, holds it. Others are asked in its place.
"""

MOST_UNFIT = 100
"""Such ends of the workers of one candidate, after which they are taken for its own."""

WITH_THE_SERVER = 255
"""What is told of a worker whose server has ended. A worker may also end so itself."""

SILENCE = 10.0
"""Seconds at one case after which whoever waits is told so, once for each candidate."""

HUNG = 0.5
"""Part of the time limit that a single call takes where the candidate hangs: one that goes on to another call is slow."""


class NotStarted(Exception):
    """No process could be started, and why."""


def not_started_future(why: NotStarted) -> Future[Any]:
    """What is scheduled where no process can be started."""
    failed: Future[Any] = Future()
    failed.set_exception(why)
    return failed


def raised(_: Task, error: UsageError) -> None:
    """Ends all of it."""
    raise error


def execute(
    tasks: Sequence[Task],
    *,
    timeout: float | None,
    on_done: Done = lambda _: None,
    on_refused: Refuse = raised,
    before: Sequence[Outcome | Inapplicable] = (),
    cores: int | None = None,
    say: Say = lambda _: None,
) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks; `on_done` is called as each ends, `say` where a candidate gives no answer for long. Raises
    UsageError from a worker, unless `on_refused` goes on without the request. What is known of the same candidates from `before` counts
    as if it were found now. So many `cores` are taken, all that this process may use if none is said.
    """
    outcomes: dict[int, Outcome | Inapplicable] = {}
    candidates = [list(group) for _, group in groupby(range(len(tasks)), key=lambda i: tasks[i].request.name)]
    cores = cores or processors(os.getpid())
    prepare({t.request.loss for t in tasks})
    with leftovers.temporary() as folder, ExitStack() as everyone:

        def started(mine: Sequence[int], most: int, *, alone: bool) -> _CandidateRun:
            room = everyone.enter_context(ExitStack())
            found = _CandidateRun(tasks, timeout or DEFAULT_TIMEOUT, folder, room, say, alone=alone)
            for outcome in before:
                if outcome.task.request.name == tasks[mine[0]].request.name:
                    found.learns(outcome)
            found.start(mine, most)
            return found

        def round_of(candidates: list[list[int]], *, alone: bool = False) -> list[list[int]]:
            """Performs the tasks of the candidates; those in doubt are returned."""
            abreast = 1 if alone else max(1, min(len(candidates), cores))
            running: list[_CandidateRun] = []
            doubtful: list[list[int]] = []
            while candidates or running:
                while candidates and len(running) < abreast:
                    mine = candidates.pop(0)
                    each = cores // abreast if candidates or alone else cores  # who is the last has all of them in the end
                    running.append(started(mine, each, alone=alone))
                wait([future for run in running for future in run.waiting], timeout=TICK, return_when=FIRST_COMPLETED)
                for run in running:
                    for i, outcome in run.ended():
                        outcomes[i] = outcome
                        on_done(outcome)
                    for task, error in run.refused:
                        on_refused(task, error)
                    run.refused.clear()
                    if not run.waiting:
                        run.close()
                        doubtful += [run.doubtful] if run.doubtful else []
                running = [run for run in running if run.waiting]
            return doubtful

        round_of(round_of(candidates), alone=True)
        end_orphans()
    return [outcomes[i] for i in range(len(tasks)) if i in outcomes]


def execute_here(
    tasks: Sequence[Task], *, captured: bool, on_done: Done = lambda _: None, on_refused: Refuse = raised
) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks, without any guard: in this process. What Python prints is `captured` or let through."""
    from verify.campaign.judging import perform  # all that a law needs, which this process does not need beside workers

    outcomes: list[Outcome | Inapplicable] = []
    refused: set[int] = set()
    with tidied(), rarely_collected():
        for task in tasks:
            if id(task.request) in refused:
                continue
            with redirect_stdout(output.Truncated()) if captured else nullcontext() as kept:
                try:
                    outcome = perform(task, goes_on=bool(outcomes))
                except UsageError as error:
                    on_refused(task, error)
                    refused.add(id(task.request))
                    continue
            outcomes.append(_with_output(outcome, kept.getvalue() if kept else ""))
            on_done(outcomes[-1])
    return outcomes


@contextmanager
def tidied() -> Iterator[None]:
    """After the block, what recorded calls have left in the user's own objects is plain: nobody else's process ends here."""
    try:
        yield
    finally:
        if "verify.traced.patching" in sys.modules:
            from verify.traced.cleanup import tidy_all

            tidy_all()


def _with_output(outcome: Found, printed: str) -> Found:
    return replace(outcome, printed=printed) if isinstance(outcome, Outcome) and printed else outcome


@dataclass
class _CandidateRun:
    """The processes of one candidate, and those of its tasks that have not ended.

    A candidate may end the server of all workers, and takes the others with it: whose worker was lost so is `doubtful`, and is judged
    again `alone`.
    """

    tasks: Sequence[Task]
    timeout: float
    folder: Path
    room: ExitStack
    say: Say
    waiting: dict[Future[Outcome | Inapplicable], int] = field(default_factory=dict)
    missing: dict[int, float] = field(default_factory=dict)
    alone: bool = False
    doubtful: list[int] = field(default_factory=list)
    processes: set[int] = field(default_factory=set)
    unnamed: dict[int, tuple[Task, Outcome]] = field(default_factory=dict)
    lost: list[tuple[int, Outcome]] = field(default_factory=list)
    smaller: dict[int, Shrinking] = field(default_factory=dict)
    known: dict[str, Case] = field(default_factory=dict)
    given: dict[int, Task] = field(default_factory=dict)
    ends: dict[int, list[object]] = field(default_factory=dict)
    waits: dict[int, _Waits] = field(default_factory=dict)
    noted: dict[int, Note] = field(default_factory=dict)
    begun: dict[int, float] = field(default_factory=dict)
    idle: float | None = None
    unfit: int = 0
    said: bool = False
    seconds: float = field(default_factory=lambda: SECONDS)
    refused: list[tuple[Task, UsageError]] = field(default_factory=list)

    def close(self) -> None:
        """Ends its processes, and what the candidate has started there, in sessions of its own too."""
        parents = process_group.parents_and_sessions()
        started = {process: process_group.below(process, parents) for process in self.processes}
        self.room.close()
        for process, others in started.items():
            process_group.end(process, others)

    def learns(self, outcome: Outcome | Inapplicable) -> None:
        """Who has hung is given less time. The case at which a process has ended is the first that is tried where another one ends."""
        if _hung(outcome):
            self.timeout = min(self.timeout, AFTER_A_HANG)
        elif can_be_smaller(outcome) and outcome.result.witness is not None:
            self.known[outcome.task.dtype] = outcome.result.witness.case

    def start(self, mine: Sequence[int], most: int) -> None:
        self.most = min(most, len(mine))
        self.pool: ProcessPool = self.room.enter_context(workers(self.most))
        for i in mine:
            self._schedule(i, self.tasks[i])

    def _schedule(self, i: int, task: Task, output: str = "output") -> None:
        clear(self._file(i, "record"))  # of the time before
        self.missing.pop(i, None)
        self.noted.pop(i, None)
        self.begun.pop(i, None)
        if self.given.get(i) is not task:
            self.ends.pop(i, None)
        self.given[i] = task
        self.waiting[self._future([task, self._file(i, "record"), self._file(i, output)])] = i

    def _future(self, arguments: Sequence[object]) -> Future[Outcome | Inapplicable]:
        """The outcome of a task on one of the processes, which are started if they are not there; where they cannot be, why."""
        for _ in range(MOST_STARTS):
            try:
                if not self.pool.active:  # the candidate has broken it, or its server has ended
                    self.pool = self.room.enter_context(workers(self.most))
                return self.pool.schedule(recorded, args=arguments)
            except (BrokenProcessPool, OSError, RuntimeError, MemoryError) as error:  # the system has no files or threads to give, say
                why = NotStarted(str(error.__cause__ or error))
        return not_started_future(why)

    def ended(self) -> Iterator[tuple[int, Outcome | Inapplicable]]:
        """What has ended since the last look, or has taken too long."""
        if self._is_held_up():
            if self.unfit >= MOST_UNFIT:
                yield from self._given_up()
                return
            self._start_anew()
        for future, i in list(self.waiting.items()):
            if future not in self.waiting:
                continue  # its request was refused meanwhile
            if not (future.running() or future.done()):
                continue  # it has no file yet
            output.trim(self._file(i, "output"))
            try:
                outcome = self._outcome(future, i)
            except UsageError as error:
                self._refuse(self.tasks[i], error)
                continue
            if i in self.doubtful:
                del self.waiting[future]
            if outcome is None:
                continue
            future.cancel()  # ends the process, where it still runs
            del self.waiting[future]
            outcome = self._small(i, outcome) if i in self.smaller else self._named(i, outcome)
            if outcome is None:
                continue
            if i not in self.smaller and can_be_smaller(outcome):
                self.lost.append((i, outcome))  # all else comes first
                continue
            yield i, _with_output(outcome, self._printed(i, outcome))
            self.learns(outcome)
            if _hung(outcome) and not outcome.conventions:  # on the first question, which all the others ask again
                yield from ((j, _likewise(outcome, self.tasks[j])) for j in self.waiting.values())
                self.waiting.clear()
                self.pool.stop()  # type: ignore[no-untyped-call]
                yield from ((j, _with_output(lost, self._printed(j, lost))) for j, lost in self.lost)
                self.lost.clear()
                return
        while self.lost and not self.waiting:
            i, lost = self.lost.pop(0)
            self.smaller[i] = Shrinking(lost, self.known.get(lost.task.dtype))
            if self._try(i, self.smaller[i].next()):
                return
            yield i, _with_output(lost, self._printed(i, lost))

    def _is_held_up(self) -> bool:
        """Whether no process takes up any task: the one whose turn it is to take one may be held, or the pool has no thread any more."""
        halted = not any(future.done() for future in self.waiting) and not goes_on(self.pool)
        if not self.waiting or (not halted and any(future.running() or future.done() for future in self.waiting)):
            self.idle = None
            return False
        self.idle = self.idle or now()
        return now() - self.idle > (TICK if halted else PATIENCE)

    def _start_anew(self) -> None:
        """Gives all that waits to other processes, which are new."""
        self.idle = None
        self.unfit += 1
        self.pool.stop()  # type: ignore[no-untyped-call]
        again, self.waiting = [*self.waiting.values()], {}
        for i in again:
            self._schedule(i, self.given[i], "tries" if i in self.smaller else "output")

    def _given_up(self) -> list[tuple[int, Outcome]]:
        """What all that waits came to, which no process has taken up."""
        self.pool.stop()  # type: ignore[no-untyped-call]
        told = [(i, self.smaller[i].outcome if i in self.smaller else not_begun(self.tasks[i], self.unfit)) for i in self.waiting.values()]
        told += self.lost
        self.waiting.clear()
        self.lost.clear()
        return [(i, _with_output(outcome, self._printed(i, outcome))) for i, outcome in told]

    def _refuse(self, task: Task, error: UsageError) -> None:
        """Gives up all that waits of the same request."""
        self.refused.append((task, error))
        for future, j in list(self.waiting.items()):
            if self.tasks[j].request is task.request:
                future.cancel()
                del self.waiting[future]
        self.lost = [(j, outcome) for j, outcome in self.lost if self.tasks[j].request is not task.request]
        self.doubtful = [j for j in self.doubtful if self.tasks[j].request is not task.request]

    def _small(self, i: int, found: Outcome | Inapplicable) -> Outcome | None:
        """The outcome with the smallest case at which the process ended, None while smaller ones are tried."""
        search = self.smaller[i]
        note = read(self._file(i, "record"))
        self.seconds -= now() - note.started if note else 0.0
        if self._try(i, search.after(found)):
            return None
        self.known[search.outcome.task.dtype] = search.case
        return search.outcome

    def _try(self, i: int, task: Task | None) -> bool:
        """Asks on a smaller case, if there is one, and time for it."""
        if task is None or self.seconds <= 0:
            return False
        self._schedule(i, task, "tries")
        return True

    def _named(self, i: int, outcome: Outcome | Inapplicable) -> Outcome | Inapplicable | None:
        """The outcome; None where the process ended while the mistake was named, which is tried again without the case that ended it."""
        task, crashed = self.unnamed.get(i, (self.tasks[i], None))
        again = without(task, read(self._file(i, "record"))) if _code(outcome) == "crashed" else None
        if again is not None and isinstance(outcome, Outcome):
            self.unnamed[i] = again, crashed or outcome
            self._schedule(i, again)
            return None
        return outcome if crashed is None else named(crashed, outcome)

    def _outcome(self, future: Future[Outcome | Inapplicable], i: int) -> Outcome | Inapplicable | None:
        """What a task came to; None while it goes on. Raises what it raised."""
        done, task = future.done(), self.tasks[i]
        note = read(self._file(i, "record"))  # after the question whether it is done, so that this is its last
        if note is not None:
            self.processes.add(note.process)
        if done:
            try:
                return future.result()
            except ProcessExpired as error:
                if note is not None:
                    process_group.end(note.process)
                if error.exitcode == UNFIT and self._begins_again(future, i, note):
                    return None
                if error.exitcode == WITH_THE_SERVER and not self.alone:
                    self.doubtful.append(i)
                    return None
                if error.exitcode in BY_A_LIMIT and (limit := processor_limit()) < math.inf and i not in self.smaller:
                    return self._ended(future, i, note, ended_by_limit(task, note, limit), _exit_status(error.exitcode))
                # A worker that is unfit for the next task may end before the pool has read what the last one came to.
                if error.exitcode in (*BY_ANYBODY, UNFIT) and i not in self.smaller:
                    return self._ended(future, i, note, _lost(task, note, error.exitcode), _exit_status(error.exitcode))
                return _lost(task, note, error.exitcode)
            except BrokenProcessPool as error:  # the server has ended, and with it a worker that had nothing to do
                if isinstance(error.__cause__, Garbled):
                    if self._begins_again(future, i, note):
                        return None
                    told = lost(task, note, "crashed", "writes to the pipe by which its process answers")
                    return told if i in self.smaller else self._ended(future, i, note, told, str(error.__cause__))
                if self.alone:
                    return _lost(task, note, WITH_THE_SERVER)
                self.doubtful.append(i)
                return None
            except UsageError:
                raise
            except NotStarted as error:
                return not_started(task, str(error))
            except Exception as error:  # whatever else escapes from a worker is the task's outcome, and no end of the run
                return unjudged(task, note, error)
        gone = note is None and i in self.noted  # a candidate may remove the files of others
        note = self.noted[i] if note is None and gone else note
        if note is None:
            return self._not_begun(future, i)
        self.noted[i] = note
        if self._vanished(i, note):
            return _lost(task, note, 0)
        limit = min(self.timeout, self.seconds) if i in self.smaller else self.timeout
        waits = self.waits.get(i)
        if waits is None or waits.started != note.started:
            if now() - note.started < limit / LOOKS:  # most have ended by then
                return None
            waits = self.waits[i] = _Waits(Starved(note.process), note.started, note.since)
        on_task, on_case, on_call = waits.had(note, limit / LOOKS)
        if not self.said and SILENCE <= on_case < HUNG * limit:
            self.said = True
            at = f"{task.request.name} {task.dtype} {task.law}"
            self.say(f"{at}: at the same case for {SILENCE:g} s; it is given {limit:g} s (--timeout)")
        if on_task < limit:
            return starved(task, note, on_task, now() - note.started) if now() - note.started > MOST_WAITING * limit else None
        if gone or (note.conventions and on_task - on_case > limit):
            return unfinished(task, note, limit)
        if on_call > HUNG * limit:
            return lost(task, note, "hung", f"gave no answer within {limit:g} s", seconds=limit)
        return unfinished(task, note, limit) if on_case > limit else None

    def _ended(self, future: Future[Outcome | Inapplicable], i: int, note: Note | None, again: Outcome, how: str) -> Outcome | None:
        """Asks again; what ends so at the same case as before is the candidate's doing, and comes to this outcome."""
        case = None if note is None or note.case is None else note.case.to_dict()
        before = self.ends.setdefault(i, [])
        if case in before:
            return again
        before.append(case)
        if len(before) == MOST_ENDS:
            return ended_by_anybody(self.tasks[i], note, len(before), how)
        del self.waiting[future]
        self._schedule(i, self.given[i])
        return None

    def _begins_again(self, future: Future[Outcome | Inapplicable], i: int, note: Note | None) -> bool:
        """Whether a task that no process had begun with is given to another one."""
        if note is not None or self.unfit >= MOST_UNFIT:
            return False
        self.unfit += 1
        del self.waiting[future]
        self._schedule(i, self.given[i])
        return True

    def _not_begun(self, future: Future[Outcome | Inapplicable], i: int) -> Outcome | None:
        """A task of which there is no note yet: a process that has taken it up long ago is held by what the candidate left there."""
        if not future.running() or now() - self.begun.setdefault(i, now()) < PATIENCE:
            return None
        future.cancel()
        return None if self._begins_again(future, i, None) else not_begun(self.tasks[i], self.unfit)

    def _vanished(self, i: int, note: Note) -> bool:
        """Whether the worker ended with exit code 0 in the middle of the task, of which the pool takes no notice."""
        if _is_alive(note.process):
            return False
        return now() - self.missing.setdefault(i, now()) > 2 * TICK  # its answer may still be on the way

    def _printed(self, i: int, outcome: Outcome | Inapplicable) -> str:
        return output.said(self._file(i, "output"), last=_code(outcome) in ("crashed", "hung"))

    def _file(self, i: int, what: str) -> Path:
        return self.folder / f"{i}.{what}"


MOST_OPENINGS = 100
"""Times that a worker makes the folder of notes, which a candidate of another one may remove again and again, or replace."""


def _record(notes: Path) -> TaskNotes:
    for _ in range(MOST_OPENINGS):
        if not notes.parent.is_dir():
            clear(notes.parent)
        with suppress(OSError):
            notes.parent.mkdir(mode=0o700, exist_ok=True)
            clear(notes)
            return TaskNotes(notes)
    return TaskNotes(notes)


def recorded(task: Task, notes: Path, printed: Path) -> Outcome | Inapplicable:
    """Performs a task on a worker, which notes what it is doing and keeps what the candidate prints.

    A process that a candidate has spoilt before takes no task: it ends, and another one takes it.
    """
    from verify.campaign.judging import interruption, perform  # loaded there
    from verify.candidates import process_globals
    from verify.candidates.answer import before_each_call

    output.repair()
    os.umask(0o077)  # whatever a candidate has made of it, others read the notes
    go_home(task.request.folder)
    if process_globals.no_files() is not None:
        os._exit(UNFIT)
    record = _record(notes)
    before_each_call(record.calls)
    try:
        with output.captured(printed):
            outcome = perform(task, record, goes_on=True)
        harm = process_globals.no_files() or record.harm()
        if harm is not None and _code(outcome) != "crashed":
            return lost(task, record.note, "crashed", harm)
        if harm is None and _code(outcome) == "crashed":
            output.check_room(notes.parent)
        return replace(outcome, sources=needed(task.request.folder))
    except UsageError as error:
        harm = process_globals.no_files() or record.harm()
        if harm is not None:  # whatever could not be read for want of files
            return lost(task, record.note, "crashed", harm)
        raise UsageError(_text(error)) from None  # in the suite's own class, which alone is known where this is read
    except Exception as error:
        spent = memory.exhausted()
        if spent is None and not isinstance(error, MemoryError):
            go_home(task.request.folder)
            harm = process_globals.harm() or record.harm() or interruption(task, error)
            return unjudged(task, record.note, error) if harm is None else lost(task, record.note, "crashed", harm)
        record.ends(spent or "left no memory to go on")
        os._exit(1)  # another process has all of it again
    except BaseException as error:  # KeyboardInterrupt and the like: nobody but the candidate can raise it here
        return lost(task, record.note, "crashed", f"raised {type(error).__name__}")
    finally:
        before_each_call(None)
        record.close()


def _text(error: Exception) -> str:
    try:
        return "".join(str(error))
    except Exception:  # the candidate's own class
        return type(error).__name__


def _code(outcome: Outcome | Inapplicable) -> str | None:
    return (outcome.result.diagnosis or {}).get("code") if isinstance(outcome, Outcome) else None


def _hung(outcome: Outcome | Inapplicable) -> TypeGuard[Outcome]:
    return _code(outcome) == "hung"


def _likewise(outcome: Outcome, task: Task) -> Outcome:
    return replace(outcome, task=task, result=replace(outcome.result, law=task.law, dtype=task.dtype))


@dataclass
class _Waits:
    """What others kept the worker of a task from, in all and before the case, and the call, that it is at."""

    starved: Starved
    started: float
    since: float
    before: float = 0.0
    called: tuple[int, float, float] = (-1, 0.0, 0.0)

    def had(self, note: Note, every: float) -> tuple[float, float, float]:
        """Seconds that it had for the task, of these for the case, and of these since a call was seen to begin. A look that is not due is
        left out.
        """
        if note.since != self.since:
            self.since, self.before = note.since, self.starved.seconds
        if note.calls != self.called[0]:
            self.called = note.calls, now(), self.starved.seconds
        if now() - self.starved.updated >= every:
            self.starved.update()
        passed, of_case, waited = now() - note.started, now() - note.since, self.starved.seconds
        on_case = max(0.0, of_case - (waited - self.before))
        return passed - waited, on_case, min(on_case, max(0.0, now() - self.called[1] - (waited - self.called[2])))


def _lost(task: Task, note: Note | None, code: int) -> Outcome:
    how = f"{_exit_status(code)}, or that of all workers" if code == WITH_THE_SERVER else _exit_status(code)
    return lost(task, note, "crashed", (note and note.ended) or f"ended its process ({how})")


def _exit_status(code: int) -> str:
    with suppress(ValueError):
        return f"{signal.Signals(-code).name}: {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"
    return f"signal {-code}"


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":  # there is no question that does no harm
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
