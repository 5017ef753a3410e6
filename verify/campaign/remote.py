"""Units of tasks, judged under the same guard as on this machine by a process that another program has started, such as a dask worker.

A unit holds the tasks of one candidate that are judged together. It arrives on standard input and is judged by guarded workers, as in
`verify run`: a candidate that hangs or ends its process costs only its task. The outcomes go to standard output. The process ends with the
one that started it.
"""

from __future__ import annotations

import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from verify.campaign import process_group, sources
from verify.campaign.executor import execute
from verify.campaign.task import Inapplicable, Outcome, Task
from verify.errors import UsageError

LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Unit:
    """What is sent to a worker of a cluster: tasks of one request at one dtype. `before` holds earlier outcomes of its candidate."""

    tasks: tuple[Task, ...]
    timeout: float | None
    before: tuple[Outcome | Inapplicable, ...] = ()


Answer = tuple[Outcome | Inapplicable | None, ...] | UsageError
"""The outcome of each task of a unit, None where there is none; or why the request cannot be judged."""


class Judge:
    """A process that judges one unit after the other in a folder."""

    def __init__(self, folder: Path, library: Path, settings: Mapping[str, str]) -> None:
        """Starts the process; modules are searched in `library`, too."""
        here = sources.settings()
        environment = {name: value for name, value in os.environ.items() if name not in here}
        path = os.pathsep.join([str(library), *filter(None, [environment.get("PYTHONPATH")])])
        self._process = subprocess.Popen(  # noqa: S603  # Python itself
            [sys.executable, "-m", __name__],
            cwd=folder,
            env=environment | dict(settings) | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, unit: Unit) -> Answer | None:
        """The outcomes of a unit; None where the process has ended, which cannot be used again."""
        try:
            _write(self._process.stdin, unit)
            answer: Answer = _read(self._process.stdout)
        except (OSError, EOFError):
            self.end()
            return None
        return answer

    def end(self) -> None:
        """Ends the process with all that it has started."""
        others = process_group.below(self._process.pid)
        self._process.kill()
        process_group.end(self._process.pid, others)
        self._process.communicate()


def _write(pipe: BinaryIO | Any, message: Any) -> None:
    packed = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(LENGTH.pack(len(packed)) + packed)
    pipe.flush()


def _read(pipe: BinaryIO | Any) -> Any:
    """The next object from a pipe. Raises EOFError where the other side has ended."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    packed = pipe.read(length)
    if len(packed) < length:
        raise EOFError
    return pickle.loads(packed)  # noqa: S301  # from a process of ours, over a pipe that nobody else has


def judged(unit: Unit) -> Answer:
    """The outcomes of a unit, judged in this process and its current folder."""
    request = replace(unit.tasks[0].request, folder=os.getcwd())
    refused: list[UsageError] = []
    outcomes = execute(
        [replace(task, request=request) for task in unit.tasks],
        timeout=unit.timeout,
        on_refused=lambda _, error: refused.append(error),
        before=[replace(o, task=replace(o.task, request=request)) for o in unit.before],
        cores=1,
    )
    if refused:
        return refused[0]
    by_law = {(o.task.law, o.task.part): o for o in outcomes}
    return tuple(by_law.get((task.law, task.part)) for task in unit.tasks)


def main() -> None:
    """Judges units until the other side ends."""
    process_group.adopt()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # printing must not look like an answer
    units: queue.SimpleQueue[Unit] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                units.put(_read(sys.stdin.buffer))
        finally:
            os._exit(0)  # nothing is left to read an answer; forked processes end likewise

    threading.Thread(target=listen, daemon=True).start()
    while True:
        _write(answers, judged(units.get()))


if __name__ == "__main__":
    main()
