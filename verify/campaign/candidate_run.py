"""The tasks of one candidate on its own processes: what becomes of a task whose process hangs, ends or does not begin.

A process that ended may have been ended by somebody else, by the system, or with the server of all workers: then the task is tried again
before the candidate is blamed. Where it is to blame, smaller cases that end the process in the same way are tried at last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

from pebble import ProcessExpired

from verify.campaign import output, process_group
from verify.campaign.attempts import Attempt, Attempts
from verify.campaign.channel import WRITES_TO_THE_PIPE, Garbled
from verify.campaign.notes import Note, read
from verify.campaign.shrinking import MOST_SECONDS, Shrinking, can_be_smaller
from verify.campaign.task import (
    AnyOutcome,
    Inapplicable,
    Outcome,
    Task,
    diagnosis_code,
    ended_by_anybody,
    ended_by_limit,
    named_beside_crash,
    not_begun,
    not_started,
    process_ended,
    starved,
    unfinished,
    unjudged,
    with_output,
    without_last_case,
    worker_lost,
)
from verify.campaign.task_clock import TaskClock
from verify.campaign.worker_exits import BY_A_LIMIT, BY_ANYBODY, UNFIT, WITH_THE_SERVER, exit_in_words
from verify.campaign.workers import STALL_TIMEOUT, TICK, NotStarted
from verify.cases import Case
from verify.elapsed import now, processor_limit
from verify.errors import UsageError

Say = Callable[[str], object]
"""Receives remarks for the user beside the outcomes."""

DEFAULT_TIMEOUT = 300.0
"""Seconds that one law on one candidate at one dtype may take. A trial takes about one."""

TIMEOUT_AFTER_A_HANG = 30.0
"""The limit for a candidate that has hung on another law: it is broken already, and may hang on each."""

HUNG_SHARE = 0.5
"""Share of the time limit spent in a single call from which the candidate is said to hang: one that goes on to another call is slow."""

STARVED_LIMITS = 20
"""Multiple of the limit after which a worker that others keep from a processor is given up, without blaming the candidate."""

CLOCK_READINGS = 100
"""Checks within one limit of how long a worker waited for a processor: each reads a file of every thread."""

SLOW_CASE = 10.0
"""Seconds at one case after which the user is told so, once for each candidate."""

MOST_ENDS = 3
"""Different cases at which a signal that anybody may have sent ends the worker of one task, after which the task is given up."""


@dataclass
class CandidateRun:
    """What one candidate's tasks come to. Those at the `attempts` are being judged.

    A candidate may end the server of all workers, and with it the workers of others: the tasks of a worker lost in this way, or that could
    not be started beside others, are `doubtful`, and are judged again `alone`.
    """

    tasks: Sequence[Task]
    timeout: float
    folder: Path
    attempts: Attempts
    say: Say
    alone: bool = False
    doubtful: list[int] = field(default_factory=list)
    refused: list[tuple[Task, UsageError]] = field(default_factory=list)
    told_of_slow_case: bool = False
    crashed_at_naming: dict[int, tuple[Task, Outcome]] = field(default_factory=dict)
    to_shrink: list[tuple[int, Outcome]] = field(default_factory=list)
    shrinking: dict[int, Shrinking] = field(default_factory=dict)
    shrinking_seconds: float = field(default_factory=lambda: MOST_SECONDS)
    crash_cases: dict[str, Case] = field(default_factory=dict)

    def start(self, indices: Sequence[int]) -> None:
        """Begins with the tasks at these indices."""
        for index in indices:
            self._schedule(index, self.tasks[index])

    @property
    def futures(self) -> list[Future[Outcome | Inapplicable]]:
        """The futures of its unfinished tasks; empty when all is done."""
        return [attempt.future for attempt in self.attempts.pending.values()]

    def learn_from(self, outcome: Outcome | Inapplicable) -> None:
        """Adapts to an outcome: after a hang the time limit is shorter; the case at which a process ended is the first to be tried where
        another one ends.
        """
        if _is_hung(outcome):
            self.timeout = min(self.timeout, TIMEOUT_AFTER_A_HANG)
        elif can_be_smaller(outcome) and outcome.result.witness is not None:
            self.crash_cases[outcome.task.dtype] = outcome.result.witness.case

    def finished(self) -> Iterator[tuple[int, Outcome | Inapplicable]]:
        """The outcomes of the tasks that have ended since the last check, or have taken too long, each with its task's index."""
        pending = self.attempts.pending
        if self.attempts.is_stalled():
            if not self.attempts.may_move:
                yield from self._give_up()
                return
            self.attempts.restart()
        for index, attempt in list(pending.items()):
            if pending.get(index) is not attempt:
                continue  # its request was refused meanwhile
            if not (attempt.future.running() or attempt.future.done()):
                continue  # it has no file yet
            output.trim(attempt.output_file)
            try:
                outcome = self._outcome(attempt)
            except UsageError as error:
                self._refuse(self.tasks[index], error)
                continue
            if outcome is None:
                continue
            attempt.future.cancel()  # ends the process, where it still runs
            del pending[index]
            outcome = self._shrunk(index, outcome) if index in self.shrinking else self._named(index, outcome)
            if outcome is None:
                continue
            if index not in self.shrinking and can_be_smaller(outcome):
                self.to_shrink.append((index, outcome))  # after everything else
                continue
            yield index, self._with_output(index, outcome)
            self.learn_from(outcome)
            if _is_hung(outcome) and not outcome.conventions:  # at the first call, which all other tasks repeat
                yield from self._all_hung(outcome)
                return
        while self.to_shrink and not pending:
            index, crash = self.to_shrink.pop(0)
            self.shrinking[index] = Shrinking(crash, self.crash_cases.get(crash.task.dtype))
            if self._try_smaller(index, self.shrinking[index].next()):
                return
            yield index, self._with_output(index, crash)

    def _give_up(self) -> Iterator[tuple[int, Outcome]]:
        """The outcomes of all tasks that are left, none of which a process has taken up."""
        for i in self.attempts.give_up():
            outcome = self.shrinking[i].outcome if i in self.shrinking else not_begun(self.tasks[i], self.attempts.moves)
            yield i, self._with_output(i, outcome)
        yield from self._unshrunk()

    # What becomes of one attempt.

    def _outcome(self, attempt: Attempt) -> Outcome | Inapplicable | None:
        """The outcome of an attempt; None while it runs, and where the task is tried again. Raises UsageError where the task did."""
        is_done = attempt.future.done()
        note = read(attempt.notes_file)  # read after `done`, so that this is the last note
        if note is not None:
            self.attempts.processes.add(note.process)
        return self._outcome_of_done(attempt, note) if is_done else self._outcome_of_running(attempt, note)

    def _outcome_of_done(self, attempt: Attempt, note: Note | None) -> Outcome | Inapplicable | None:
        task = self.tasks[attempt.index]
        try:
            return attempt.future.result()
        except ProcessExpired as error:
            return self._outcome_of_ended(attempt, note, error.exitcode)
        except BrokenProcessPool as error:  # the server has ended, and with it an idle worker
            if isinstance(error.__cause__, Garbled):
                return self._outcome_of_garbled(attempt, note, error.__cause__)
            if self.alone:
                return self._moved_or_given_up(attempt) if note is None else process_ended(task, note, WITH_THE_SERVER)
            self._doubt(attempt)
        except UsageError:
            raise
        except NotStarted as error:
            if self.alone:
                return not_started(task, str(error))
            self._doubt(attempt)  # another candidate may take what the system has to give
        except Exception as error:  # any other error from a worker becomes the task's outcome, and does not end the run
            return unjudged(task, note, error)
        return None

    def _outcome_of_ended(self, attempt: Attempt, note: Note | None, code: int) -> Outcome | None:
        """The outcome where the process ended with this exit code."""
        if note is not None:
            process_group.end(note.process)
        elif code == UNFIT and self.attempts.move(attempt):
            return None
        if code == WITH_THE_SERVER and not self.alone:
            self._doubt(attempt)
            return None
        if code == WITH_THE_SERVER and note is None:
            return self._moved_or_given_up(attempt)
        task = self.tasks[attempt.index]
        crash = process_ended(task, note, code)
        if attempt.index in self.shrinking:
            return crash
        if code in BY_A_LIMIT and (limit := processor_limit()) < math.inf:
            return self._if_repeated(attempt, note, ended_by_limit(task, note, limit), exit_in_words(code))
        # A worker that is unfit for the next task may end before the pool has read the last outcome.
        return self._if_repeated(attempt, note, crash, exit_in_words(code)) if code in (*BY_ANYBODY, UNFIT) else crash

    def _outcome_of_garbled(self, attempt: Attempt, note: Note | None, error: Garbled) -> Outcome | None:
        """The outcome where what the process answered cannot be read: another one may have written there."""
        task = self.tasks[attempt.index]
        if error.foreign is not None:
            return unjudged(task, note, error.foreign)
        if note is None and self.attempts.move(attempt):
            return None
        crash = worker_lost(task, note, "crashed", WRITES_TO_THE_PIPE)
        return crash if attempt.index in self.shrinking else self._if_repeated(attempt, note, crash, str(error))

    def _if_repeated(self, attempt: Attempt, note: Note | None, outcome: Outcome, how: str) -> Outcome | None:
        """The outcome, if an attempt ended at the same case before, which is due to the candidate; else None, and the task is tried again,
        or given up where it has ended at too many cases.
        """
        case = None if note is None or note.case is None else note.case.to_dict()
        if case in attempt.ended_at:
            return outcome
        attempt.ended_at.append(case)
        if len(attempt.ended_at) == MOST_ENDS:
            return ended_by_anybody(self.tasks[attempt.index], note, MOST_ENDS, how)
        self.attempts.retry(attempt)
        return None

    def _moved_or_given_up(self, attempt: Attempt) -> Outcome | None:
        return None if self.attempts.move(attempt) else not_begun(self.tasks[attempt.index], self.attempts.moves)

    def _doubt(self, attempt: Attempt) -> None:
        """Leaves the task for when no other candidate is judged."""
        self.doubtful.append(attempt.index)
        del self.attempts.pending[attempt.index]

    def _outcome_of_running(self, attempt: Attempt, note: Note | None) -> Outcome | None:
        is_removed = note is None and attempt.last_note is not None  # a candidate may remove the files of others
        note = attempt.last_note = note or attempt.last_note
        if note is None:
            return self._outcome_of_unbegun(attempt)
        task = self.tasks[attempt.index]
        if self._has_vanished(attempt, note):
            return process_ended(task, note, 0)
        limit = min(self.timeout, self.shrinking_seconds) if attempt.index in self.shrinking else self.timeout
        if attempt.clock is None or attempt.clock.started != note.started:
            if now() - note.started < limit / CLOCK_READINGS:  # most have ended by then
                return None
            attempt.clock = TaskClock(note)
        spent = attempt.clock.spent(note, limit / CLOCK_READINGS)
        if not self.told_of_slow_case and SLOW_CASE <= spent.case < HUNG_SHARE * limit:
            self.told_of_slow_case = True
            at = f"{task.request.name} {task.dtype} {task.law}"
            self.say(f"{at}: at the same case for {SLOW_CASE:g} s; it is given {limit:g} s (--timeout)")
        if spent.task < limit:
            passed = now() - note.started
            return starved(task, note, spent.task, passed) if passed > STARVED_LIMITS * limit else None
        if is_removed or (note.conventions and spent.task - spent.case > limit):
            return unfinished(task, note, limit)
        if spent.call > HUNG_SHARE * limit:
            return worker_lost(task, note, "hung", f"gave no answer within {limit:g} s", seconds=limit)
        return unfinished(task, note, limit) if spent.case > limit else None

    def _outcome_of_unbegun(self, attempt: Attempt) -> Outcome | None:
        """The outcome of a task without a note: a process that took it long ago is held by something that the candidate left there."""
        if not attempt.future.running():
            return None
        attempt.running_since = attempt.running_since or now()
        if now() - attempt.running_since < STALL_TIMEOUT:
            return None
        attempt.future.cancel()
        return self._moved_or_given_up(attempt)

    def _has_vanished(self, attempt: Attempt, note: Note) -> bool:
        """Whether the worker ended with exit code 0 in the middle of the task, which the pool does not notice."""
        if process_group.is_alive(note.process):
            return False
        attempt.gone_since = attempt.gone_since or now()
        return now() - attempt.gone_since > 2 * TICK  # its answer may still be on the way

    # What becomes of the other tasks, and of an outcome.

    def _refuse(self, task: Task, error: UsageError) -> None:
        """Drops all tasks of the same request."""

        def is_kept(index: int) -> bool:
            return self.tasks[index].request is not task.request

        self.refused.append((task, error))
        for index, attempt in list(self.attempts.pending.items()):
            if not is_kept(index):
                attempt.future.cancel()
                del self.attempts.pending[index]
        self.to_shrink = [(index, crash) for index, crash in self.to_shrink if is_kept(index)]
        self.doubtful = [index for index in self.doubtful if is_kept(index)]

    def _all_hung(self, outcome: Outcome) -> Iterator[tuple[int, Outcome]]:
        """The outcomes of all tasks that are left, after one hung at the candidate's first call."""
        yield from ((i, _likewise(outcome, self.tasks[i])) for i in self.attempts.give_up())
        yield from self._unshrunk()

    def _unshrunk(self) -> Iterator[tuple[int, Outcome]]:
        """The crashes for which no smaller case will be tried."""
        crashes, self.to_shrink = self.to_shrink, []
        yield from ((i, self._with_output(i, crash)) for i, crash in crashes)

    def _shrunk(self, index: int, outcome: Outcome | Inapplicable) -> Outcome | None:
        """The crash with the smallest case, after a try with this outcome; None while smaller ones are tried."""
        search = self.shrinking[index]
        note = read(self._notes_file(index))
        self.shrinking_seconds -= now() - note.started if note else 0.0
        if self._try_smaller(index, search.after(outcome)):
            return None
        self.crash_cases[search.outcome.task.dtype] = search.case
        return search.outcome

    def _try_smaller(self, index: int, task: Task | None) -> bool:
        """Starts judging a smaller case, if there is one and enough time; returns whether it did."""
        if task is None or self.shrinking_seconds <= 0:
            return False
        self._schedule(index, task)
        return True

    def _named(self, index: int, outcome: Outcome | Inapplicable) -> Outcome | Inapplicable | None:
        """The outcome; None where the process ended while the mistake was being named, which is repeated without the case that ended it."""
        task, crash = self.crashed_at_naming.get(index, (self.tasks[index], None))
        again = without_last_case(task, read(self._notes_file(index))) if diagnosis_code(outcome) == "crashed" else None
        if again is not None and isinstance(outcome, Outcome):
            self.crashed_at_naming[index] = again, crash or outcome
            self._schedule(index, again)
            return None
        return outcome if crash is None else named_beside_crash(crash, outcome)

    # Its files: what a process notes and prints. What smaller cases print is not shown: the report has what the search printed.

    def _schedule(self, index: int, task: Task) -> None:
        printed = self.folder / f"{index}.tries" if index in self.shrinking else self._output_file(index)
        self.attempts.add(index, task, self._notes_file(index), printed)

    def _with_output(self, index: int, outcome: AnyOutcome) -> AnyOutcome:
        printed = output.said(self._output_file(index), last=diagnosis_code(outcome) in ("crashed", "hung"))
        return with_output(outcome, printed)

    def _notes_file(self, index: int) -> Path:
        return self.folder / f"{index}.notes"

    def _output_file(self, index: int) -> Path:
        return self.folder / f"{index}.output"


def _is_hung(outcome: Outcome | Inapplicable) -> TypeGuard[Outcome]:
    return diagnosis_code(outcome) == "hung"


def _likewise(outcome: Outcome, task: Task) -> Outcome:
    return replace(outcome, task=task, result=replace(outcome.result, law=task.law, dtype=task.dtype))
