"""Temporary folders that a killed run leaves behind: the next run removes them.

Each is named by the process that made it and by that process's start time, since process numbers are reused.
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
BLOCKED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals blocked in a server until it has its own process group."""
MAX_POLLS, POLL_INTERVAL = 40, 0.05
"""How often, and for how many seconds each time, a server waits for its command to end."""


def mine(process: int | None = None) -> str:
    """The beginning of the names of a process's folders: process number, start time, and the namespace of process numbers."""
    process = os.getpid() if process is None else process
    return f"{PREFIX}-{process}-{started(process)}-{_space()}-"


def _space() -> str:
    with suppress(OSError):
        return "".join(c for c in os.readlink("/proc/self/ns/pid") if c.isdecimal())
    return ""


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for the block; removes those of killed runs first."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=mine(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


MAX_FOLDER_NAME = 70
"""Longest name of a folder of sockets, in bytes: with the sockets' names the system allows some hundred."""


def own_sockets() -> None:
    """Puts the sockets of this process's `multiprocessing` into a folder named by the process, unless it has one already: otherwise no
    process could tell whether such a folder is in use, since connecting to the server without a message ends it.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if (known := settings.get("tempdir")) is not None:
        if not os.path.isdir(known):  # a candidate may have removed it, or put something else in its place
            clear(Path(known))
        os.makedirs(known, mode=0o700, exist_ok=True)
        return
    short = (home for home in _homes() if len(os.fsencode(home)) + len(mine()) <= MAX_FOLDER_NAME and os.access(home, os.W_OK))
    if (home := next(short, None)) is not None:
        settings["tempdir"] = folder = tempfile.mkdtemp(prefix=mine(), dir=home)
        Finalize(None, shutil.rmtree, args=[folder], kwargs={"ignore_errors": True}, exitpriority=-100)


def _homes() -> tuple[str, str]:
    """The folder of temporary folders, and the folder of sockets, which differs where the name of the first is too long. Raises UsageError
    if there is none.
    """
    try:
        return tempfile.gettempdir(), "/tmp"  # noqa: S108
    except FileNotFoundError as error:  # all were tried, and none is writable
        told = "make room there, name another one in TMPDIR, or raise the limit of a file's size (ulimit -f)"
        raise UsageError(f"there is no folder for temporary files: {error.strerror}; {told}.") from None


def sweep(ended: int | None = None) -> None:
    """Removes the folders of processes that no longer run, and those of the process `ended`, which may still be ending."""
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
