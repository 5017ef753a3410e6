"""Watches the command from the workers' server: when it has ended, for whatever reason, nothing of it is left behind.

Only the server imports this, before anything else. Signals to the command's group do not reach the server: it notices the end by a pipe.
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
    with suppress(OSError, UsageError):  # if its files were all taken away, others are not cleaned up
        process_group.end_all_below()
        for _ in range(leftovers.MAX_POLLS):  # a command that is ending may be there still; one that goes on needs its folders
            if os.getppid() != command:
                break
            time.sleep(leftovers.POLL_INTERVAL)
        leftovers.sweep(command if os.getppid() != command else None)


def _silently(*_: object) -> None:
    """Suppresses tracebacks: what ends the server, such as a limit that a candidate has set, is noticed and reported by the command."""


gc.disable()  # what it loads stays
atexit.register(gc.freeze)  # until it ends, without another garbage collection
with suppress(OSError, AttributeError):
    os.setpgid(0, 0)
if hasattr(signal, "pthread_sigmask"):  # blocked until here; signals that arrived were meant for the command
    for number in leftovers.BLOCKED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, leftovers.BLOCKED_SIGNALS)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
process_group.prctl(process_group.PR_SET_CHILD_SUBREAPER, 1)
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")  # processes left to it
sys.excepthook = _silently
atexit.register(_clean, os.getpid(), os.getppid())
