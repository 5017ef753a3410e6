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
from contextlib import ExitStack, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeGuard

from pebble import ProcessExpired, ProcessPool

from verify.campaign import memory, output
from verify.campaign.record import Note, Record, read
from verify.campaign.task import Inapplicable, Outcome, Task, lost, perform, unfinished
from verify.campaign.workers import workers

Done = Callable[[Outcome | Inapplicable], None]

DEFAULT_TIMEOUT = 300.0
"""Seconds that one law on one candidate at one dtype may take. A trial takes about one."""

TICK = 0.25
"""Seconds between two looks at the workers, which cost about 1/1000 of a core."""

AFTER_A_HANG = 30.0
"""The same for a candidate that has hung on another law: it is broken already, and may hang on each."""

HUNG = 0.5
"""Part of the time limit that a single case takes where the candidate hangs: one that goes on to another case is slow."""


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


def execute_here(tasks: Sequence[Task], *, captured: bool, on_done: Done = lambda _: None) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks, without any guard: in this process. What Python prints is `captured` or let through."""
    outcomes: list[Outcome | Inapplicable] = []
    for task in tasks:
        with redirect_stdout(output.Kept()) if captured else nullcontext() as kept:
            outcome = perform(task)
        outcomes.append(_told(outcome, kept.getvalue() if kept else ""))
        on_done(outcomes[-1])
    return outcomes


def _told(outcome: Outcome | Inapplicable, printed: str) -> Outcome | Inapplicable:
    return replace(outcome, printed=printed) if isinstance(outcome, Outcome) and printed else outcome


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
            self.waiting[self.pool.schedule(recorded, args=[self.tasks[i], self._file(i, "record"), self._file(i, "output")])] = i

    def ended(self) -> Iterator[tuple[int, Outcome | Inapplicable]]:
        """What has ended since the last look, or has taken too long."""
        for future, i in list(self.waiting.items()):
            output.trim(self._file(i, "output"))
            outcome = self._outcome(future, i)
            if outcome is None:
                continue
            future.cancel()  # ends the process, where it still runs
            del self.waiting[future]
            yield i, _told(outcome, self._printed(i, outcome))
            if _hung(outcome):
                self.timeout = min(self.timeout, AFTER_A_HANG)
            if _hung(outcome) and not outcome.conventions:  # on the first question, which all the others ask again
                yield from ((j, _likewise(outcome, self.tasks[j])) for j in self.waiting.values())
                self.waiting.clear()
                self.pool.stop()  # type: ignore[no-untyped-call]
                return

    def _outcome(self, future: Future[Outcome | Inapplicable], i: int) -> Outcome | Inapplicable | None:
        """What a task came to; None while it goes on. Raises what it raised."""
        done, task = future.done(), self.tasks[i]
        note = read(self._file(i, "record"))  # after the question whether it is done, so that this is its last
        if done:
            try:
                return future.result()
            except ProcessExpired as error:
                return _lost(task, note, error.exitcode)
        if note is None:
            return None
        if self._vanished(i, note):
            return _lost(task, note, 0)
        if time.time() - note.started < self.timeout:
            return None
        if note.conventions and note.since - note.started > self.timeout:
            return unfinished(task, note, self.timeout)
        hung = time.time() - note.since > HUNG * self.timeout
        return lost(task, note, "hung", f"gave no answer within {self.timeout:g} s", seconds=self.timeout) if hung else None

    def _vanished(self, i: int, note: Note) -> bool:
        """Whether the worker ended with exit code 0 in the middle of the task, of which the pool takes no notice."""
        if _lives(note.process):
            return False
        return time.monotonic() - self.missing.setdefault(i, time.monotonic()) > 2 * TICK  # its answer may still be on the way

    def _printed(self, i: int, outcome: Outcome | Inapplicable) -> str:
        ended = isinstance(outcome, Outcome) and (outcome.result.diagnosis or {}).get("code") in ("crashed", "hung")
        return output.said(self._file(i, "output"), last=ended)

    def _file(self, i: int, what: str) -> Path:
        return self.folder / f"{i}.{what}"


def recorded(task: Task, notes: Path, printed: Path) -> Outcome | Inapplicable:
    """Performs a task on a worker, which notes what it is doing and keeps what the candidate prints."""
    record = Record(notes)
    try:
        with output.captured(printed):
            return perform(task, record)
    except Exception as error:
        spent = memory.exhausted()
        if spent is None and not isinstance(error, MemoryError):
            raise
        record.ends(spent or "left no memory to go on")
        os._exit(1)  # another process has all of it again
    except BaseException as error:  # KeyboardInterrupt and the like: nobody but the candidate can raise it here
        return lost(task, record.note, "crashed", f"raised {type(error).__name__}")
    finally:
        record.close()


def _hung(outcome: Outcome | Inapplicable) -> TypeGuard[Outcome]:
    return isinstance(outcome, Outcome) and (outcome.result.diagnosis or {}).get("code") == "hung"


def _likewise(outcome: Outcome, task: Task) -> Outcome:
    return replace(outcome, task=task, result=replace(outcome.result, law=task.law, dtype=task.dtype))


def _lost(task: Task, note: Note | None, code: int) -> Outcome:
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    with suppress(ValueError):
        how = f"{signal.Signals(-code).name}: {signal.strsignal(-code)}" if code < 0 else how
    return lost(task, note, "crashed", (note and note.ended) or f"ended its process ({how})")


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
