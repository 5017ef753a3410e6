"""Standard input, output and error of a command, whatever they are: closed, full, left by their reader, short of letters."""

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
    """Makes the streams such that telling the outcome does not change it.

    What is closed leads nowhere, so that no file that is opened later takes its place. A reader who has gone wants no more. Standard
    error that cannot be written is no verdict either. Letters that an encoding lacks are told by their numbers. Where a document cannot be
    written to standard output, whoever writes it hears a UsageError.
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
    if type(raw) is not io.FileIO:  # a console of Windows, or what somebody else has put there
        with suppress(AttributeError, ValueError):
            known.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
        return known
    lines = bool(getattr(known, "line_buffering", False)) or number == 2
    return io.TextIOWrapper(io.BufferedWriter(_Standard(number)), encoding=known.encoding, errors="backslashreplace", line_buffering=lines)


class _Standard(io.FileIO):
    """The file beneath a standard stream. Once it cannot be written, as when its terminal was closed, all that follows leads nowhere."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self._terminal = self.isatty()

    def write(self, data: object) -> int:
        """All of it, or none where nobody reads. Raises UsageError where standard output is lost."""
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
    """A document as standard output can hold it: where letters are missing, written as the format itself writes them in ASCII.

    Text of no format is left as it is: what is missing there is told by its number.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().startswith("utf") or format_ not in ESCAPED:
        return text
    return ESCAPED[format_](text)


def print_json(document: Mapping[str, Any], *, indent: int | None = 1) -> None:
    """The document on standard output."""
    print(held(as_json(document, indent=indent), "json"), end="", flush=True)


def _json(text: str) -> str:
    return re.sub("[^\0-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], text)


def _references(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()


ESCAPED = {"json": _json, "sarif": _json, "html": _references, "junit": _references, "markdown": _references}
