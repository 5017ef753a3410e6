"""What a run leaves in shared places when it is killed: a temporary folder, and semaphores. The next one removes it.

Both are named by the process that made them, and by when that began, since numbers of processes are given again.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
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
