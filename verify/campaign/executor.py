"""The matrix of tasks on worker processes: a candidate that hangs or ends its process costs its own task only.

Each candidate has processes of its own, so that what it leaves behind there reaches no other.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from pebble import ProcessExpired, ProcessPool

from verify.campaign.record import Note, Record, read
from verify.campaign.task import Inapplicable, Outcome, Task, lost, perform, unfinished
from verify.campaign.workers import workers

Done = Callable[[Outcome | Inapplicable], None]

DEFAULT_TIMEOUT = 300.0
"""Seconds that one law on one candidate at one dtype may take. A trial takes about one."""

TICK = 0.25
"""Seconds between two looks at the workers, which cost about 1/1000 of a core."""

HUNG = 0.5
"""Part of the time limit that a single case must have taken to be called hung: with less, the candidate is slow."""


def execute(tasks: Sequence[Task], *, timeout: float | None, on_done: Done = lambda _: None) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks; `on_done` is called as each ends. Raises UsageError from a worker."""
    outcomes: dict[int, Outcome | Inapplicable] = {}
    candidates = [list(group) for _, group in groupby(range(len(tasks)), key=lambda i: tasks[i].request.name)]
    cores = os.cpu_count() or 1
    abreast = max(1, min(len(candidates), cores))
    with TemporaryDirectory(prefix="verify-") as folder, ExitStack() as everyone:
        crews: list[_Crew] = []
        while candidates or crews:
            while candidates and len(crews) < abreast:
                crew = _Crew(tasks, timeout or DEFAULT_TIMEOUT, Path(folder), everyone.enter_context(ExitStack()))
                crew.start(candidates.pop(0), cores // abreast)
                crews.append(crew)
            wait([future for crew in crews for future in crew.waiting], timeout=TICK, return_when=FIRST_COMPLETED)
            for crew in crews:
                for i, outcome in crew.ended():
                    outcomes[i] = outcome
                    on_done(outcome)
                if not crew.waiting:
                    crew.room.close()
            crews = [crew for crew in crews if crew.waiting]
    return [outcomes[i] for i in range(len(tasks))]


@dataclass
class _Crew:
    """The processes of one candidate, and those of its tasks that have not ended."""

    tasks: Sequence[Task]
    timeout: float
    folder: Path
    room: ExitStack
    waiting: dict[Future[Outcome | Inapplicable], int] = field(default_factory=dict)
    missing: dict[int, float] = field(default_factory=dict)

    def start(self, mine: Sequence[int], most: int) -> None:
        self.pool: ProcessPool = self.room.enter_context(workers(min(most, len(mine))))
        for i in mine:
            self.waiting[self.pool.schedule(recorded, args=[self.tasks[i], self._record(i)], timeout=self.timeout)] = i

    def ended(self) -> Iterator[tuple[int, Outcome | Inapplicable]]:
        """What has ended since the last look."""
        for future, i in list(self.waiting.items()):
            note = read(self._record(i))
            if not future.done() and self._vanished(future, i, note):
                future.cancel()
            if future.done():
                del self.waiting[future]
                yield i, self._outcome(future, self.tasks[i], note)
                if _late(future) and not (note and note.conventions):  # it hangs on the first question, which all others ask again
                    yield from ((j, self._unanswered(self.tasks[j], note)) for j in self.waiting.values())
                    self.waiting.clear()
                    self.pool.stop()  # type: ignore[no-untyped-call]
                    return

    def _outcome(self, future: Future[Outcome | Inapplicable], task: Task, note: Note | None) -> Outcome | Inapplicable:
        if future.cancelled():
            return _lost(task, note, 0)
        if _late(future):
            return self._unanswered(task, note)
        try:
            return future.result()
        except ProcessExpired as error:
            return _lost(task, note, error.exitcode)

    def _unanswered(self, task: Task, note: Note | None) -> Outcome:
        """The time limit ended it: the candidate hung, or is too slow for a verdict."""
        if note and note.conventions and time.time() - note.since < HUNG * self.timeout:
            return unfinished(task, note, self.timeout)
        return lost(task, note, "hung", f"gave no answer within {self.timeout:g} s", seconds=self.timeout)

    def _vanished(self, future: Future[Outcome | Inapplicable], i: int, note: Note | None) -> bool:
        """Whether the worker ended with exit code 0 in the middle of a task, of which the pool takes no notice."""
        if not future.running() or note is None or _lives(note.process):
            return False
        return time.monotonic() - self.missing.setdefault(i, time.monotonic()) > 2 * TICK  # its answer may still be on the way

    def _record(self, i: int) -> Path:
        return self.folder / f"{i}.record"


def recorded(task: Task, path: Path) -> Outcome | Inapplicable:
    """Performs a task on a worker, which notes what it is doing."""
    record = Record(path)
    try:
        return perform(task, record)
    except BaseException as error:
        if isinstance(error, Exception):
            raise
        return lost(task, record.note, "crashed", f"raised {type(error).__name__}")  # KeyboardInterrupt: nobody else can, here
    finally:
        record.close()


def _late(future: Future[Outcome | Inapplicable]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), TimeoutError)


def _lost(task: Task, note: Note | None, code: int) -> Outcome:
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    with suppress(ValueError):
        how = f"{signal.Signals(-code).name}: {signal.strsignal(-code)}" if code < 0 else how
    return lost(task, note, "crashed", f"ended its process ({how})")


def _lives(process: int) -> bool:
    if sys.platform == "win32":  # there is no question that does no harm
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
