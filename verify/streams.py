"""Standard input, output and error of a command in any state: closed, full, without a reader, or with an encoding that lacks letters."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import select
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from verify.documents import as_json
from verify.errors import UsageError


def prepare() -> None:
    """Makes the streams such that writing the outcome cannot change it.

    Closed streams lead to the null device, so that no file opened later takes their place. A reader who has left is ignored. Failing to
    write to standard error changes no verdict. Letters that an encoding lacks are written as their numbers. A document that cannot be
    written to standard output raises UsageError.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)  # takes the lowest number, which is this one
    sys.stdout = _stream(sys.stdout, 1)
    sys.stderr = _stream(sys.stderr, 2)


def _stream(known: TextIO | None, number: int) -> TextIO:
    if known is None:
        return io.TextIOWrapper(
            io.BufferedWriter(_Standard(number)), encoding="utf-8", errors="backslashreplace", line_buffering=number == 2
        )
    buffer = getattr(known, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # without a buffer where PYTHONUNBUFFERED is set
    if type(raw) is not io.FileIO:  # a Windows console, or a replaced stream
        with suppress(AttributeError, ValueError):
            known.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
        return known
    lines = bool(getattr(known, "line_buffering", False)) or number == 2
    return io.TextIOWrapper(io.BufferedWriter(_Standard(number)), encoding=known.encoding, errors="backslashreplace", line_buffering=lines)


class _Standard(io.FileIO):
    """The file beneath a standard stream. Once it cannot be written, as when its terminal was closed, all further output is discarded."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self._terminal = self.isatty()

    def write(self, data: object) -> int:
        """Writes all of the data, or discards it where nobody reads. Raises UsageError where standard output is lost."""
        try:
            written = super().write(data)  # type: ignore[arg-type]
            if written is None:  # it does not wait by itself
                select.select([], [self.fileno()], [])
                return self.write(data)
            return written
        except OSError as error:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.fileno())
                os.close(nowhere)
            left = isinstance(error, BrokenPipeError) or (self._terminal and error.errno == errno.EIO)
            if self.fileno() == 1 and not left:
                raise UsageError(f"the output cannot be written: {error.strerror}. Make room, or give another place for it.") from None
            return memoryview(data).nbytes  # type: ignore[arg-type]


def held(text: str, format_: str) -> str:
    """A document in a form that standard output can encode: missing letters as the document's format writes them in ASCII.

    Text without a format stays as it is: `prepare` has missing letters written as numbers.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().startswith("utf") or format_ not in ESCAPED:
        return text
    return ESCAPED[format_](text)


def print_json(document: Mapping[str, Any], *, indent: int | None = 1) -> None:
    """Prints the document on standard output."""
    print(held(as_json(document, indent=indent), "json"), end="", flush=True)


def _json(text: str) -> str:
    return re.sub("[^\0-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], text)


def _references(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()


ESCAPED = {"json": _json, "sarif": _json, "html": _references, "junit": _references, "markdown": _references}
