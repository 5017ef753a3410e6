"""Temporary folders that a killed run leaves behind: the next run removes them.

All are named by the process that made them, and by when that began, since numbers of processes are given again.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize
from pathlib import Path

from verify.elapsed import started
from verify.errors import UsageError
from verify.storage import clear

PREFIX = "verify"
LATE = (signal.SIGINT, signal.SIGTERM)
"""Signals that a server hears nothing of until it has a group of its own."""
WAITS, WAIT = 40, 0.05
"""How often, and for how many seconds, a server waits for its command to have ended."""


def mine(process: int | None = None) -> str:
    """How names begin of what a process leaves: with the process, when it began, and where such numbers are given."""
    process = os.getpid() if process is None else process
    return f"{PREFIX}-{process}-{started(process)}-{_space()}-"


def _space() -> str:
    with suppress(OSError):
        return "".join(c for c in os.readlink("/proc/self/ns/pid") if c.isdecimal())
    return ""


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for the block, after those of runs that were killed are gone."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=mine(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


MOST = 70
"""Bytes of the name of a folder of sockets: with theirs the system takes some hundred."""


def own_sockets() -> None:
    """Has `multiprocessing` put the sockets of this process into a folder that is named by it, if it has none yet: nobody else can tell
    whether such a folder is of use, since who asks a server for that and says nothing ends it.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if (known := settings.get("tempdir")) is not None:
        if not os.path.isdir(known):  # a candidate may have removed it, or put something else in its place
            clear(Path(known))
        os.makedirs(known, mode=0o700, exist_ok=True)
        return
    short = (home for home in _homes() if len(os.fsencode(home)) + len(mine()) <= MOST and os.access(home, os.W_OK))
    if (home := next(short, None)) is not None:
        settings["tempdir"] = folder = tempfile.mkdtemp(prefix=mine(), dir=home)
        Finalize(None, shutil.rmtree, args=[folder], kwargs={"ignore_errors": True}, exitpriority=-100)


def _homes() -> tuple[str, str]:
    """Where temporary folders are: of sockets in the second, where the name of the first is too long. Raises UsageError for none."""
    try:
        return tempfile.gettempdir(), "/tmp"  # noqa: S108
    except FileNotFoundError as error:  # each was tried, and none could be written
        told = "make room there, name another one in TMPDIR, or raise the limit of a file's size (ulimit -f)"
        raise UsageError(f"there is no folder for temporary files: {error.strerror}; {told}.") from None


def sweep(ended: int | None = None) -> None:
    """Removes what processes have left that live no more, and those of the one that has `ended`, which may be ending still."""
    if sys.platform == "win32":
        return
    for home in map(Path, dict.fromkeys(_homes())):
        with suppress(OSError):
            for left in home.glob(f"{PREFIX}-*-*-*-*"):
                with suppress(OSError, ValueError):
                    _, process, since, space, _ = left.name.split("-", 4)
                    gone = int(process) == ended or started(int(process)) != since
                    if since and space == _space() and gone and left.lstat().st_uid == os.getuid():
                        clear(left)
