"""The clock of time limits: elapsed time, less the time that a process waited for a processor held by others.

A limit on elapsed time alone blames code for a busy machine; a limit on processor time alone never ends code that sleeps. The clock is the
system's monotonic one: shared by all processes, never adjusted, and on Linux stopped while the machine is suspended.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

if sys.platform != "win32":
    import resource

PROC = Path("/proc")
NANO = 1e-9

Threads = dict[str, tuple[int, int]]
"""By thread: nanoseconds on a processor, and nanoseconds in which it could have run but had none."""


def now() -> float:
    """Seconds of a clock that all processes share. Only differences are meaningful."""
    return time.monotonic()


@dataclass
class Starved:
    """Seconds since the first update in which others kept a process, and all that it started in its group, from running.

    For each interval between two updates it adds the time that the longest-waiting thread could not run, but no more than other processes
    used of the machine: threads of one process that wait for each other do not count. Zero where the system does not report it.
    """

    process: int
    updated: float = field(default_factory=lambda: now())
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._threads = threads(self.process)

    def update(self) -> float:
        """Measures again; returns the seconds since the last update."""
        at, seen = now(), threads(self.process)
        passed, before = at - self.updated, self._threads
        used, waits = 0.0, [0.0]
        for name, (ran, waited) in seen.items():
            ran_before, waited_before = before.get(name, (0, 0))
            used += (ran - ran_before) * NANO
            waits.append((waited - waited_before) * NANO)
        more = max(0.0, min(max(waits), passed - used / processors(self.process)))
        self.updated, self._threads, self.seconds = at, seen, self.seconds + more
        return more


def processor_limit() -> float:
    """Seconds of processor time after which the system ends a process such as this one (`ulimit -t`); infinite without a limit."""
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def processors(process: int) -> int:
    """The number of processors that a process may use."""
    with suppress(OSError, AttributeError):
        return len(os.sched_getaffinity(process))
    return os.cpu_count() or 1


def threads(process: int) -> Threads:
    """All threads of a process and of its group; none where the system does not report them."""
    found = {}
    for member in _group(process):
        with suppress(OSError):
            for thread in (PROC / member / "task").iterdir():
                with suppress(OSError, ValueError):
                    ran, waited = (thread / "schedstat").read_text(encoding="ascii").split()[:2]
                    found[f"{member}/{thread.name}"] = int(ran), int(waited)
    return found


def _group(process: int) -> Iterator[str]:
    """The process and the other members of the group that it leads, if it leads one."""
    yield str(process)
    if _leader(PROC / str(process)) not in (process, None):  # else a file of each process that there is would be read
        return
    with suppress(OSError):
        for member in PROC.iterdir():
            if member.name.isdecimal() and member.name != str(process) and _leader(member) == process:
                yield member.name


def _leader(member: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):  # it has ended, or its name is odd
        return int((member / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[2])
    return None


ENDED_STATES = ("Z", "X")
"""The states that Linux reports for a process that has ended."""


def started(process: int) -> str:
    """The time when a process began, in the system's units, to tell it from another with the same number, since numbers are reused; empty
    where there is no such process, or where it has ended and awaits `wait`.
    """
    if sys.platform == "win32":
        return "there"  # nobody can ask without harm
    with suppress(OSError, IndexError):
        told = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if told[0] in ENDED_STATES else told[19]
    if (PROC / "self").exists():
        return ""
    try:
        os.kill(process, 0)
    except OSError:
        return ""
    return "there"
