"""What a run leaves in shared places when it is killed: a temporary folder, and semaphores. The next one removes it.

Both are named by the process that made them, and by when that began, since numbers of processes are given again.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from verify.elapsed import started

SEMAPHORES = Path("/dev/shm")  # noqa: S108  # where Linux shows them
PREFIX = "verify"


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


OLD = 3600.0
"""Seconds after which a folder that somebody is just making is none any more."""


def _nobody_listens(folder: Path) -> bool:
    """Whether it is an old folder of `multiprocessing`, with sockets of servers that live no more and nothing else."""
    with suppress(OSError):
        there = [*folder.iterdir()]
        if time.time() - folder.stat().st_mtime < OLD or not all(stat.S_ISSOCK(path.lstat().st_mode) for path in there):
            return False
        for path in there:
            with socket.socket(socket.AF_UNIX) as asking:
                if asking.connect_ex(str(path)) != errno.ECONNREFUSED:
                    return False
        return True
    return False


def sweep(ended: int | None = None) -> None:
    """Removes what processes have left that live no more, and those of the one that has `ended`, which may be ending still."""
    if sys.platform == "win32":
        return
    for home, before in ((Path(tempfile.gettempdir()), ""), (SEMAPHORES, "sem.")):
        with suppress(OSError):
            for left in home.glob(f"{before}{PREFIX}-*-*-*-*"):
                with suppress(OSError, ValueError):
                    _, process, since, space, _ = left.name.removeprefix(before).split("-", 4)
                    gone = int(process) == ended or started(int(process)) != since
                    if since and space == _space() and gone and left.lstat().st_uid == os.getuid():
                        shutil.rmtree(left, ignore_errors=True) if left.is_dir() and not left.is_symlink() else left.unlink()
    with suppress(OSError):
        for left in Path(tempfile.gettempdir()).glob("pymp-*"):  # of what had no name of ours
            with suppress(OSError):
                if left.lstat().st_uid == os.getuid() and not left.is_symlink() and _nobody_listens(left):
                    shutil.rmtree(left, ignore_errors=True)
