"""Everything that a candidate prints, in whatever way: it is shown with its result and is not an error."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

from verify.storage import clear, read_part

KEPT = 2000
"""Bytes of a task's output in the report: the first, or the last where the process was lost, since they may say why."""

MOST = 1 << 24
"""Bytes that a file of output may reach between two checks: a candidate may print without end."""

STREAMS = (1, 2)


@contextmanager
def captured(path: Path) -> Iterator[None]:
    """Redirects standard output and standard error of this process to a file in the block: from Python, C and child processes. Output is
    discarded where the folder does not exist, which another candidate may have deleted.
    """
    try:
        if not path.is_file() or path.is_symlink():
            clear(path)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY)
    before = [os.dup(stream) for stream in STREAMS]
    for stream in STREAMS:
        os.dup2(file, stream)
    os.close(file)
    try:
        yield
    finally:
        _flush()
        for stream, original in zip(STREAMS, before, strict=True):
            with suppress(OSError):  # a candidate may have closed it: then another file has the number
                os.dup2(original, stream)
                os.close(original)


def check_room(folder: Path) -> None:
    """Raises OSError where output cannot be stored: then printing fails, which is not the candidate's fault. A folder that is gone says
    nothing: what is printed goes to a file that is open.
    """
    with suppress(FileNotFoundError, NotADirectoryError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(KEPT))


def repair() -> None:
    """Reopens those of the first three files that a candidate has closed: otherwise the next opened file would get their number, and be
    written to.
    """
    for number in (0, *STREAMS):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)


class Truncated(StringIO):
    """A substitute for standard output in Python that keeps the first bytes."""

    def write(self, text: str) -> int:
        """Keeps what there is room for."""
        super().write(text[: max(0, KEPT - self.tell())])
        return len(text)


def line_by_line() -> None:
    """Turns off buffering, since buffered output is lost with the process."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # there may be none
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    with suppress(OSError, ValueError, AttributeError):  # C's own buffer, where its name is known
        libc = ctypes.CDLL(None)
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 1, 0)  # 1: _IOLBF


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # a candidate may have closed it
            stream.flush()
    with suppress(OSError, TypeError):
        ctypes.CDLL(None).fflush(None)


def trim(path: Path) -> None:
    """Shortens a file of output that has grown too large."""
    with suppress(OSError):
        if path.lstat().st_size > MOST and path.is_file() and not path.is_symlink():
            os.truncate(path, KEPT)


def said(path: Path, *, last: bool = False) -> str:
    """The first bytes of the output, or the last; empty if there is none."""
    try:
        text = read_part(path, KEPT, last=last)
    except OSError:
        return ""
    return text.decode("utf-8", "replace").replace("\r\n", "\n").rstrip()
