"""One candidate's tasks on a pool of its own processes. They move to other processes where these take them up no more."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessPool

from verify.campaign import process_group
from verify.campaign.guarded import perform_guarded
from verify.campaign.notes import Note
from verify.campaign.task import Inapplicable, Outcome, Task
from verify.campaign.task_clock import TaskClock
from verify.campaign.workers import STALL_TIMEOUT, TICK, NotStarted, failed_future, goes_on, workers
from verify.elapsed import now
from verify.limits import Limits
from verify.storage import clear

MOST_POOLS = 3
"""Attempts to start the processes of a candidate."""

MOST_MOVES = 100
"""Times that a candidate's tasks move to another process before they begin, after which the candidate is taken for the cause."""


@dataclass(eq=False, kw_only=True)
class Attempt:
    """A task that the pool has been given, and what has been seen of its process since. `ended_at` holds the cases at which earlier
    attempts at the task were ended by a signal that anybody may have sent.
    """

    index: int
    task: Task
    notes_file: Path
    output_file: Path
    ended_at: list[object]
    future: Future[Outcome | Inapplicable]
    last_note: Note | None = None
    clock: TaskClock | None = None
    running_since: float | None = None
    gone_since: float | None = None


class Attempts:
    """The `pending` attempts by the index of their task, and the `processes` that have taken one."""

    def __init__(self, most: int, limits: Limits, pools: ExitStack) -> None:
        """Of at most so many processes, each with these limits; all end with `pools`."""
        self._most, self._limits, self._pools = most, limits, pools
        self._pool: ProcessPool | None = None
        self._stalled_since: float | None = None
        self.pending: dict[int, Attempt] = {}
        self.processes: set[int] = set()
        self.moves = 0

    @property
    def may_move(self) -> bool:
        """Whether tasks may move to other processes: there is an end to that."""
        return self.moves < MOST_MOVES

    def add(self, index: int, task: Task, notes_file: Path, output_file: Path, ended_at: Sequence[object] = ()) -> None:
        """Gives a task to the pool, which is started if necessary."""
        self.pending.pop(index, None)  # so that it is looked at behind the others
        clear(notes_file)  # of the time before
        self.pending[index] = Attempt(
            index=index,
            task=task,
            notes_file=notes_file,
            output_file=output_file,
            ended_at=[*ended_at],
            future=self._future([task, notes_file, output_file]),
        )

    def retry(self, attempt: Attempt) -> None:
        """Gives the same task to the pool again."""
        self.add(attempt.index, attempt.task, attempt.notes_file, attempt.output_file, attempt.ended_at)

    def move(self, attempt: Attempt) -> bool:
        """Moves a task that no process had begun to another process; returns whether it did."""
        if not self.may_move:
            return False
        self.moves += 1
        self.retry(attempt)
        return True

    def is_stalled(self) -> bool:
        """Whether no process takes up any task: the one to take the next may be held, or the pool has lost a thread."""
        futures = [attempt.future for attempt in self.pending.values()]
        halted = not any(future.done() for future in futures) and not (self._pool and goes_on(self._pool))
        if not futures or (not halted and any(future.running() or future.done() for future in futures)):
            self._stalled_since = None
            return False
        self._stalled_since = self._stalled_since or now()
        return now() - self._stalled_since > (TICK if halted else STALL_TIMEOUT)

    def restart(self) -> None:
        """Moves all pending tasks to new processes."""
        self._stalled_since = None
        self.moves += 1
        self._stop()
        for attempt in list(self.pending.values()):
            self.retry(attempt)

    def give_up(self) -> list[int]:
        """Ends the pool; returns the indices of the tasks that were pending."""
        self._stop()
        indices = [*self.pending]
        self.pending.clear()
        return indices

    def close(self) -> None:
        """Ends all processes, and all that the candidate has started there, also in other sessions."""
        parents = process_group.parents_and_sessions()
        descendants = {process: process_group.below(process, parents) for process in self.processes}
        self._pools.close()
        for process, others in descendants.items():
            process_group.end(process, others)

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]

    def _future(self, arguments: Sequence[object]) -> Future[Outcome | Inapplicable]:
        """The future of a task on one of the processes; of the error where they cannot be started."""
        for _ in range(MOST_POOLS):
            try:
                if self._pool is None or not self._pool.active:  # the candidate has broken it, or its server has ended
                    self._pool = self._pools.enter_context(workers(self._most, self._limits))
                return self._pool.schedule(perform_guarded, args=arguments)
            except (BrokenProcessPool, OSError, RuntimeError, MemoryError) as error:  # the system has no files or threads to give, say
                why = NotStarted(str(error.__cause__ or error))
        return failed_future(why)
