"""What the server of the workers does beside: it sees that the command has ended, by whatever, and leaves nothing of it behind.

Only the server imports this, before anything else. Signals to the command's group do not reach it: it ends with the command, by a pipe.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings
from contextlib import suppress

from verify.campaign import leftovers, process_group

WAITS, WAIT = 40, 0.05
"""How often, and for how many seconds, a server waits for its command to have ended."""


def _clean(process: int, command: int) -> None:
    if os.getpid() == process:  # and not a copy of it
        process_group.end_all_below()
        for _ in range(WAITS):  # a command that is ending may be there still; one that goes on needs its folders
            if os.getppid() != command:
                break
            time.sleep(WAIT)
        leftovers.sweep(command if os.getppid() != command else None)


with suppress(OSError, AttributeError):
    os.setpgid(0, 0)
process_group.prctl(process_group.PR_SET_CHILD_SUBREAPER, 1)
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")  # of what was left to it
atexit.register(_clean, os.getpid(), os.getppid())
