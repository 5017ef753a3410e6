"""Watches the command from the server of the workers: when it has ended, for whatever reason, nothing of it is left behind.

Only the server imports this, before anything else. Signals to the command's group do not reach it: it ends with the command, by a pipe.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import time
import warnings
from contextlib import suppress

from verify.campaign import leftovers, process_group
from verify.errors import UsageError


def _clean(process: int, command: int) -> None:
    if os.getpid() != process:  # a copy of it
        return
    with suppress(OSError, UsageError):  # who has taken all its files away has no others cleaned
        process_group.end_all_below()
        for _ in range(leftovers.WAITS):  # a command that is ending may be there still; one that goes on needs its folders
            if os.getppid() != command:
                break
            time.sleep(leftovers.WAIT)
        leftovers.sweep(command if os.getppid() != command else None)


def _silently(*_: object) -> None:
    """What ends the server, a limit that a candidate has set for it say, is seen by the command and told there."""


gc.disable()  # what it loads stays
atexit.register(gc.freeze)  # until it ends, without being looked through once more
with suppress(OSError, AttributeError):
    os.setpgid(0, 0)
if hasattr(signal, "pthread_sigmask"):  # they were blocked until here; what has come meant the command, which ends this
    for number in leftovers.LATE:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, leftovers.LATE)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
process_group.prctl(process_group.PR_SET_CHILD_SUBREAPER, 1)
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")  # of what was left to it
sys.excepthook = _silently
atexit.register(_clean, os.getpid(), os.getppid())
