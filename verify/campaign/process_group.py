"""A worker together with all processes that its candidate starts: signals to the group reach no others, and
none of them outlives the run.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing import util
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Options of Linux's prctl: the signal sent to a process when its parent ends; adopting orphaned descendants."""

PROC = Path("/proc")
Parents = Mapping[int, tuple[int, int]]
"""The parent and the session of each process."""

ROUNDS = 20
"""How often remaining processes are searched for: a process may start others while it is being ended."""


def own() -> None:
    """Puts this process into its own group. It no longer receives the signals that end the command, so it ends with its server, which ends
    with the command; on systems other than Linux it ends when it asks for its next task.
    """
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL if hasattr(signal, "SIGKILL") else 0)
    # if told to end while ending, it would leave a semaphore removed but registered, and the tracker would complain
    util.Finalize(None, signal.signal, args=(signal.SIGTERM, signal.SIG_IGN), exitpriority=1000)


def keep_to_itself() -> None:
    """Closes files on exec in programs that the candidate starts: a surviving one would hold the pipe by which the server notices the end
    of the command.
    """
    with suppress(OSError):
        for number in os.listdir(PROC / "self" / "fd"):
            with suppress(OSError):
                if int(number) > 2:  # the standard streams
                    os.set_inheritable(int(number), False)


def prctl(option: int, value: int) -> None:
    """Sets an option of this process, on Linux."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(option, value)


def end(process: int, others: Iterable[int] = ()) -> None:
    """Ends a worker that is lost or done, the processes in its group, and the `others`."""
    if hasattr(os, "killpg"):
        with suppress(OSError):  # it is gone, as it should be
            os.killpg(process, signal.SIGKILL)
        for other in others:
            with suppress(OSError):
                os.kill(other, signal.SIGKILL)


def is_alive(process: int) -> bool:
    """Whether the process has not ended; true where nobody can ask without harm."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def below(process: int, parents: Parents | None = None) -> list[int]:
    """All descendants of a process, as far as the system reports them, now or in `parents`."""
    parents = parents_and_sessions() if parents is None else parents
    found = [process]
    for one in found:
        found += [child for child, (parent, _) in parents.items() if parent == one]
    return found[1:]


_adopts = [False]


def adopt() -> None:
    """Becomes the parent of processes that candidates leave behind when they have ended the workers' server, too. Only for a command, which
    has no other processes in sessions of their own.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    _adopts[0] = True


def end_adopted() -> None:
    """Ends the adopted processes."""
    if _adopts[0]:
        end_orphans(os.getpid())


def end_orphans(server: int) -> None:
    """Ends processes that candidates left behind in sessions of their own: once orphaned, their parent is the server of the workers."""
    parents = parents_and_sessions()
    ours = parents.get(server, (0, 0))[1]
    for left in [child for child, (parent, session) in parents.items() if parent == server and session != ours]:
        end(left, [left, *below(left)])


def end_all_below() -> None:
    """Ends all descendants of this process, including adopted ones."""
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
    """The parent and the session of each process; empty where the system does not report them."""
    found = {}
    with suppress(OSError):
        for name in os.listdir(PROC):
            if name.isdecimal():
                with suppress(OSError, ValueError, IndexError), open(f"{PROC}/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                    if fields[0] != b"Z":
                        found[int(name)] = int(fields[1]), int(fields[3])
    return found
