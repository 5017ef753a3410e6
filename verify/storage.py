"""Files that are replaced atomically, the errors where they cannot be written, and the current folder, which paths are relative to."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from verify.errors import UsageError


def writable(folder: Path, refused: str = "nothing can be written") -> None:
    """Creates the folder now, so that a long run cannot end without a place for its results.

    Raises UsageError, beginning with `refused`, where that fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{refused} to {folder}: {error.strerror}. Give another place with --output.") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{refused} to {folder}: the folder is read-only. Give another place with --output.")


class Spare:
    """Open files held in reserve until `close`, so that this many can be opened then, however many have been opened meanwhile."""

    def __init__(self, most: int) -> None:
        """Opens the files. Raises OSError where the system refuses."""
        self._files = [os.open(os.devnull, os.O_RDONLY) for _ in range(most)]

    def close(self) -> None:
        """Releases the files, and those that frames of exceptions still hold."""
        while self._files:
            os.close(self._files.pop())
        gc.collect()


DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
"""Error codes for a disk, or a user's share of it, that is full."""

MIN_RESERVED = 1 << 14
"""Fewest bytes of a disk worth reserving: a short report."""


class Room:
    """Disk space reserved until `close`: this many bytes in the folder, or half of them, and so on, if there are no more. They belong to a
    file without a name, which disappears however the process ends.
    """

    def __init__(self, folder: Path, most: int) -> None:
        """Reserves the space; nothing where the system cannot."""
        self._file = None
        with suppress(OSError, AttributeError):  # the disk has no file to give, or there is no such call
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            while most >= MIN_RESERVED:
                with suppress(OSError):
                    os.posix_fallocate(self._file.fileno(), 0, most)
                    return
                self._file.truncate(0)
                most //= 2

    def close(self) -> None:
        """Releases the space."""
        if self._file is not None:
            self._file.close()


def save(path: Path, whole: str | bytes) -> Path:
    """Replaces a file atomically, so that a reader never sees half of it; returns its path. Raises UsageError where that fails."""
    try:
        replace(path, whole)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Give another place with --output.") from None
    return path


def replace(path: Path, whole: str | bytes) -> None:
    """Replaces a file atomically. Raises OSError where that fails, and leaves nothing half-written.

    The new file is written beside the old one under a unique name. A link is replaced, not followed, and so is a pipe that nobody reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = whole.encode("utf-8", "backslashreplace") if isinstance(whole, str) else whole  # a file may have a name that is no text
    if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/stdout, must not be replaced; nor a folder
        number = _opened(path)
        if number is not None:
            with os.fdopen(number, "wb") as file:
                file.write(data)
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


READERS = 5.0
"""Seconds that a reader of a pipe has to open it."""


def _opened(path: Path) -> int | None:
    """A pipe or a device, opened for writing; None for a pipe that nobody reads."""
    until, at_once = time.monotonic() + READERS, getattr(os, "O_NONBLOCK", 0)
    while True:
        try:
            number = os.open(path, os.O_WRONLY | at_once)
        except OSError as error:
            if error.errno != errno.ENXIO or path.is_symlink() or not path.is_fifo():
                raise
            if time.monotonic() > until:
                return None
            time.sleep(0.01)
        else:
            if at_once:
                os.set_blocking(number, True)
            return number


@cache
def _umask() -> int:
    """The umask of this process, cached: reading it means setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def folder() -> str | None:
    """The current folder; None if it no longer exists."""
    with suppress(OSError):  # it is gone
        return os.getcwd()
    return None


NOWHERE_ELSE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening a file: follow no link and wait for no pipe that somebody has put in its place."""


def clear(path: Path) -> None:
    """Removes whatever is at the path, also a folder; keeps what cannot be removed."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def read_part(path: Path, most: int, *, last: bool = False) -> bytes:
    """The first `most` bytes of a file, or the last. Raises OSError where there is no file: a pipe or a device in its place is not waited
    for.
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
    """Makes `home` the current folder if the current one is gone: nothing can be found from there."""
    if home is not None and folder() is None:
        with suppress(OSError):
            os.chdir(home)
