"""What a worker was doing: noted in a file before each case, so that it is known when the worker is lost."""

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

CALLS, HEAD = struct.Struct("<Q"), struct.Struct("<QQ")
"""How often the candidate was called, which changes between notes; and in front of a note that with its length."""
EVERY = 0.1
"""Seconds in which a call is noted once: most take microseconds, and to note one takes as long."""
MOST = 1 << 30
"""Bytes of a note: its case has to be in memory several times."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """The process, when it began (on the clock that all processes share), the case that it is at since when, whether that is only `drawn`,
    and how many were before.

    `conventions` and `place` are what was found out about the candidate; None as long as that is going on. `witness` is the case that
    broke the law, while its mistake is being named. `ended` tells why the process gives up, where it knows, and `calls` how often the
    candidate was called.
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
    """The notes of one task, the latest in the place of those before. Only the process that judges writes, others `read`."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NOWHERE_ELSE, 0o600)
        self._is = os.fstat(self._file)
        began = self._called = now()
        self._calls = 0
        self.note = Note(process=os.getpid(), started=began, since=began)
        self._write()

    def close(self) -> None:
        """Gives the file back."""
        self._here()
        if self.harm() is None:
            os.close(self._file)

    def harm(self) -> str | None:
        """What to say where somebody else has closed the file."""
        try:
            there = os.fstat(self._file)
        except OSError:
            there = None
        return None if there is not None and os.path.samestat(there, self._is) else "closes files that are not its own"

    def found(self, conventions: dict[str, Any], place: dict[str, str | int] | None) -> None:
        """Notes what was found out: from here on cases are judged."""
        self.note = replace(self.note, conventions=conventions, place=place, case=None, before=0)
        self._write()

    def begins(self, case: Case, /, *, drawn: bool = False) -> None:
        """Notes the case that the candidate is asked about next; one that is only `drawn` does not count among those before."""
        last, before = self.note.case, self.note.before + (self.note.case is not None and not self.note.drawn)
        witness = self.note.witness if _to_name(last) else last
        self.note = replace(self.note, case=case, drawn=drawn, since=now(), before=before, witness=witness if _to_name(case) else None)
        self._write()

    def calls(self) -> None:
        """Notes that the candidate is called: one that is called again and again is slow, and does not hang."""
        self._calls, at = self._calls + 1, now()
        if at - self._called < EVERY:
            return
        self._called = at
        if self.harm() is None:
            os.pwrite(self._file, CALLS.pack(self._calls), 0)

    def ends(self, why: str) -> None:
        """Notes why the process gives up."""
        self.note = replace(self.note, ended=why)
        self._write()

    def _here(self) -> None:
        """Ends a copy of the process that a candidate has forked and that came back from it: there is one judge."""
        if os.getpid() != self.note.process:
            os._exit(0)

    def _write(self) -> None:
        self._here()
        if self.harm() is not None:  # another file may have its number by now
            raise OSError(errno.EBADF, "the file of notes was closed")
        data = pickle.dumps(self.note, pickle.HIGHEST_PROTOCOL)
        os.pwrite(self._file, HEAD.pack(self._calls, len(data)) + data, 0)


def _to_name(case: Case | None) -> bool:
    """Whether a case is asked to name a mistake."""
    return case is not None and case.family == NAMING


def read(path: Path) -> Note | None:
    """The latest note; None where nothing was begun, or somebody else has written to the file."""
    try:
        data = read_part(path, MOST)
        calls, length = HEAD.unpack_from(data)
        note = unpickled(data[HEAD.size : HEAD.size + length])
    except Exception:  # whatever is written there can be read as anything
        return None
    return replace(note, calls=calls) if isinstance(note, Note) else None
