"""A worker with all the processes that its candidate starts: signals to the group reach nobody else, and none of them outlives it."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

PR_SET_PDEATHSIG = 1
"""Of Linux's prctl: the signal that a process gets when the one that started it ends."""


def own() -> None:
    """Gives this process a group of its own. It then no longer hears of the signals that end the command, so it ends with its server,
    which ends with the command; elsewhere than on Linux it ends when it asks for its next task.
    """
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end(process: int) -> None:
    """Ends a worker that is lost or done, and what its candidate has started."""
    with suppress(OSError, AttributeError):  # it is gone, as it should be
        os.killpg(process, signal.SIGKILL)
