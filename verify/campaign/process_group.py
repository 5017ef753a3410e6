"""A worker with all the processes that its candidate starts: signals to the group reach nobody else, and none of them outlives the run."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing import util
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Of Linux's prctl: the signal that a process gets when the one that started it ends; that it becomes the parent of all below it that lose
theirs.
"""

PROC = Path("/proc")
Parents = Mapping[int, tuple[int, int]]
"""Of processes the one that started each, and its session."""

ROUNDS = 20
"""Times that what is left is looked for: a process may start others while it is being ended."""


def own() -> None:
    """Gives this process a group of its own. It then no longer hears of the signals that end the command, so it ends with its server,
    which ends with the command; elsewhere than on Linux it ends when it asks for its next task.
    """
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL if hasattr(signal, "SIGKILL") else 0)
    # told to end while it ends it would leave a semaphore removed and not signed off, of which the tracker would complain
    util.Finalize(None, signal.signal, args=(signal.SIGTERM, signal.SIG_IGN), exitpriority=1000)


def keep_to_itself() -> None:
    """Hands no file on to programs that the candidate starts: one that goes on would hold the pipe by which the server sees the end of the
    command.
    """
    with suppress(OSError):
        for number in os.listdir(PROC / "self" / "fd"):
            with suppress(OSError):
                if int(number) > 2:  # the standard streams
                    os.set_inheritable(int(number), False)


def prctl(option: int, value: int) -> None:
    """Sets something of this process, on Linux."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(option, value)


def end(process: int, others: Iterable[int] = ()) -> None:
    """Ends a worker that is lost or done, what its candidate has started in its group, and the `others`."""
    if hasattr(os, "killpg"):
        with suppress(OSError):  # it is gone, as it should be
            os.killpg(process, signal.SIGKILL)
        for other in others:
            with suppress(OSError):
                os.kill(other, signal.SIGKILL)


def below(process: int, parents: Parents | None = None) -> list[int]:
    """All that a process has started, and what that has, and so on, as far as the system tells, now or when it told of the `parents`."""
    parents = parents_and_sessions() if parents is None else parents
    found = [process]
    for one in found:
        found += [child for child, (parent, _) in parents.items() if parent == one]
    return found[1:]


_adopts = [False]


def adopt() -> None:
    """Becomes the parent of what candidates leave behind when they have ended the server of the workers, too. Only for a command, which has
    no processes in sessions of their own beside.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    _adopts[0] = True


def end_adopted() -> None:
    """Ends those."""
    if _adopts[0]:
        end_orphans(os.getpid())


def end_orphans(server: int) -> None:
    """Ends what candidates have left behind in sessions of their own: the server of the workers is its parent, once it has lost its own."""
    parents = parents_and_sessions()
    ours = parents.get(server, (0, 0))[1]
    for left in [child for child, (parent, session) in parents.items() if parent == server and session != ours]:
        end(left, [left, *below(left)])


def end_all_below() -> None:
    """Ends all that this process has started, and what was left to it."""
    for _ in range(ROUNDS):
        left = below(os.getpid())
        for process in left:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with suppress(OSError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return


def parents_and_sessions() -> Parents:
    """Of each process its parent and its session; none where the system does not tell."""
    found = {}
    with suppress(OSError):
        for name in os.listdir(PROC):
            if name.isdecimal():
                with suppress(OSError, ValueError, IndexError), open(f"{PROC}/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                    if fields[0] != b"Z":
                        found[int(name)] = int(fields[1]), int(fields[3])
    return found
