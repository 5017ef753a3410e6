"""The progress of a worker, noted in a file before each case, so that it is known when the worker is lost."""

from __future__ import annotations

import errno
import os
import pickle
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verify.campaign.unpickling import unpickled
from verify.cases import Case
from verify.cases.case import NAMING
from verify.elapsed import now
from verify.storage import NOWHERE_ELSE, read_part

CALLS, HEADER = struct.Struct("<Q"), struct.Struct("<QQ")
"""Packed number of calls of the candidate, which is updated between notes; and the header of a note: that number and the note's length."""
NOTE_INTERVAL = 0.1
"""Seconds between notes of calls: most calls take microseconds, and so does noting one."""
MAX_NOTE = 1 << 30
"""Bytes of a note: its case has to fit in memory several times."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """The process, when it began (on the clock that all processes share), its present case and since when, whether that is only `drawn`,
    and the number of cases before.

    `conventions` and `place` describe the candidate; None while they are being inferred. `witness` is the case that broke the law, while
    its mistake is being named. `ended` is the reason why the process gives up, if it knows one, and `calls` the number of calls of the
    candidate.
    """

    process: int
    started: float
    since: float
    case: Case | None = None
    drawn: bool = False
    before: int = 0
    conventions: dict[str, Any] | None = None
    place: dict[str, str | int] | None = None
    witness: Case | None = None
    ended: str | None = None
    calls: int = 0


class TaskNotes:
    """The notes of one task, of which the latest replaces the one before. Only the judging process writes, others `read`."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NOWHERE_ELSE, 0o600)
        self._is = os.fstat(self._file)
        began = self._called = now()
        self._calls = 0
        self.note = Note(process=os.getpid(), started=began, since=began)
        self._write()

    def close(self) -> None:
        """Closes the file."""
        self._here()
        if self.harm() is None:
            os.close(self._file)

    def harm(self) -> str | None:
        """A sentence if the candidate has closed the file, else None."""
        try:
            there = os.fstat(self._file)
        except OSError:
            there = None
        return None if there is not None and os.path.samestat(there, self._is) else "closes files that are not its own"

    def on_conventions(self, conventions: dict[str, Any], place: dict[str, str | int] | None) -> None:
        """Notes the conventions and the place: from now on cases are judged."""
        self.note = replace(self.note, conventions=conventions, place=place, case=None, before=0)
        self._write()

    def on_case(self, case: Case, /, *, drawn: bool = False) -> None:
        """Notes the next case of the candidate; a case that is only `drawn` does not count among the cases before."""
        last, before = self.note.case, self.note.before + (self.note.case is not None and not self.note.drawn)
        witness = self.note.witness if _to_name(last) else last
        self.note = replace(self.note, case=case, drawn=drawn, since=now(), before=before, witness=witness if _to_name(case) else None)
        self._write()

    def on_call(self) -> None:
        """Notes that the candidate is called: one that is called repeatedly is slow, and does not hang."""
        self._calls, at = self._calls + 1, now()
        if at - self._called < NOTE_INTERVAL:
            return
        self._called = at
        if self.harm() is None:
            os.pwrite(self._file, CALLS.pack(self._calls), 0)

    def on_end(self, why: str) -> None:
        """Notes why the process gives up."""
        self.note = replace(self.note, ended=why)
        self._write()

    def _here(self) -> None:
        """Ends a copy of the process that a candidate has forked and that returned from it: only the original judges."""
        if os.getpid() != self.note.process:
            os._exit(0)

    def _write(self) -> None:
        self._here()
        if self.harm() is not None:  # its number may belong to another file by now
            raise OSError(errno.EBADF, "the file of notes was closed")
        data = pickle.dumps(self.note, pickle.HIGHEST_PROTOCOL)
        os.pwrite(self._file, HEADER.pack(self._calls, len(data)) + data, 0)


def _to_name(case: Case | None) -> bool:
    """Whether a case is used to name a mistake."""
    return case is not None and case.family == NAMING


def read(path: Path) -> Note | None:
    """The latest note; None where there is none yet, or other code has written to the file."""
    try:
        data = read_part(path, MAX_NOTE)
        calls, length = HEADER.unpack_from(data)
        note = unpickled(data[HEADER.size : HEADER.size + length])
    except Exception:  # the bytes may be anything
        return None
    return replace(note, calls=calls) if isinstance(note, Note) else None
