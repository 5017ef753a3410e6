"""Files that are written at once or not at all, the error where they cannot be, and the folder that all of it is relative to."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from verify.errors import UsageError


def writable(folder: Path, refused: str = "nothing can be written") -> None:
    """Makes the folder now, so that a long run does not end without a place for what it found.

    Raises UsageError, which begins with `refused`, where that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{refused} to {folder}: {error.strerror}. Give another place with --output.") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{refused} to {folder}: the folder is read-only. Give another place with --output.")


class Spare:
    """Files that are open for nothing until `close`: then so many can be opened again, whatever has been taken meanwhile."""

    def __init__(self, most: int) -> None:
        """Raises OSError where the system does not give them."""
        self._files = [os.open(os.devnull, os.O_RDONLY) for _ in range(most)]

    def close(self) -> None:
        """Gives them back, and those that frames of errors hold still."""
        while self._files:
            os.close(self._files.pop())
        gc.collect()


FULL = {errno.ENOSPC, errno.EDQUOT}
"""What the system says where a disk, or a user's share of it, is full."""

FEWEST = 1 << 14
"""Bytes of a disk that are worth holding: a short report."""


class Room:
    """So many bytes of a folder's disk that nobody else fills until `close`, or half of them, and so on, where there are no more. They are
    in a file without a name, which is gone however this process ends.
    """

    def __init__(self, folder: Path, most: int) -> None:
        """Holds nothing where the system cannot."""
        self._file = None
        with suppress(OSError, AttributeError):  # the disk has no file to give, or there is no such call
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            while most >= FEWEST:
                with suppress(OSError):
                    os.posix_fallocate(self._file.fileno(), 0, most)
                    return
                self._file.truncate(0)
                most //= 2

    def close(self) -> None:
        """Gives them back."""
        if self._file is not None:
            self._file.close()


def save(path: Path, whole: str | bytes) -> Path:
    """Replaces the file at once, so that a reader never sees half of it; returns the path. Raises UsageError where that cannot be."""
    try:
        replace(path, whole)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Give another place with --output.") from None
    return path


def replace(path: Path, whole: str | bytes) -> None:
    """The same; raises OSError where that cannot be, and leaves nothing half-done.

    The new file is written beside it under a name that nobody else has. A link in its place is replaced, not followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = whole.encode("utf-8", "backslashreplace") if isinstance(whole, str) else whole  # a file may have a name that is no text
    if path.exists() and not path.is_file():  # a pipe or a device, as /dev/stdout is, which nobody wants replaced; not a folder, either
        path.write_bytes(data)
        return
    number, partial = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


@cache
def _umask() -> int:
    """What files of this process are made without; it cannot be asked for without setting it, so that is done once."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def folder() -> str | None:
    """The current one, if it is there still."""
    with suppress(OSError):  # it is gone
        return os.getcwd()
    return None


NOWHERE_ELSE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""No link is followed, and no pipe waited for, that somebody has put in the place of a file."""


def clear(path: Path) -> None:
    """Removes whatever stands there, a folder too; what cannot be removed stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def read_part(path: Path, most: int, *, last: bool = False) -> bytes:
    """The first bytes of a file, at most so many, or the last. Raises OSError where there is none, or something else than a file in its
    place: what somebody else has put there, a pipe or a device, is not waited for.
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | NOWHERE_ELSE)
    with open(file, "rb") as opened:
        there = os.fstat(file)
        if not stat.S_ISREG(there.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        if last:
            opened.seek(max(0, there.st_size - most))
        return opened.read(min(most, there.st_size))


def go_home(home: str | None) -> None:
    """Makes `home` the current folder where that is gone: nothing can be found from there."""
    if home is not None and folder() is None:
        with suppress(OSError):
            os.chdir(home)
