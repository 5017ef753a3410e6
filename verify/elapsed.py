"""The clock of time limits: the time that passed, less what a process waited for a processor that others held.

A limit on passed time alone blames code for a busy machine; one on processor time alone never ends what sleeps. The clock is the
system's monotonic one: the same in all processes, set by nobody, and on Linux it stands while the machine is suspended.
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
"""Of each thread: nanoseconds on a processor, and nanoseconds in which it could have run and had none."""


def now() -> float:
    """Seconds of a clock that all processes share. Only differences mean something."""
    return time.monotonic()


@dataclass
class Starved:
    """Seconds since the first look in which a process, with all that it started in its group, was kept from work by others.

    In each interval between two looks: how long the thread that waited most could not run, but no more than what the others took of
    the machine, since threads of one process that wait for each other are its own affair. Zero where the system does not tell.
    """

    process: int
    updated: float = field(default_factory=lambda: now())
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._threads = threads(self.process)

    def update(self) -> float:
        """The seconds since the look before."""
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
    """Seconds of a processor after which the system ends a process such as this one, as `ulimit -t` sets it; no end where it does not."""
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def processors(process: int) -> int:
    """How many it may use."""
    with suppress(OSError, AttributeError):
        return len(os.sched_getaffinity(process))
    return os.cpu_count() or 1


def threads(process: int) -> Threads:
    """All threads of a process and of its group; none where the system does not tell."""
    found = {}
    for member in _group(process):
        with suppress(OSError):
            for thread in (PROC / member / "task").iterdir():
                with suppress(OSError, ValueError):
                    ran, waited = (thread / "schedstat").read_text(encoding="ascii").split()[:2]
                    found[f"{member}/{thread.name}"] = int(ran), int(waited)
    return found


def _group(process: int) -> Iterator[str]:
    """The process and the others of the group that it leads, if it leads one."""
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


ENDED = ("Z", "X")
"""What Linux calls a process that has ended."""


def started(process: int) -> str:
    """When a process began, as the system counts; empty where it is not there, or has ended and is still to be waited for. Numbers of
    processes are given again.
    """
    if sys.platform == "win32":
        return "there"  # nobody can ask without harm
    with suppress(OSError, IndexError):
        told = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if told[0] in ENDED else told[19]
    if (PROC / "self").exists():
        return ""
    try:
        os.kill(process, 0)
    except OSError:
        return ""
    return "there"
