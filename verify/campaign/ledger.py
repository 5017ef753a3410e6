"""The outcomes of all finished tasks, on disk beside the report: a run that is stopped loses nothing, and nothing is judged twice
needlessly.

A SQLite file of JSON documents, without code. A row is one task, committed before its outcome is reported. Runs in the same folder share
it: each claims the tasks that it is going to judge; the claim of a process that has ended is void.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.campaign.sources import Sources
from verify.elapsed import now, started

FILE_NAME = "ledger.sqlite"
SCHEMA = 2
LOCK_TIMEOUT = 2.0
"""Seconds to wait for another process's writing; after that the answer is kept in memory, and the run goes on."""
SETUP_INTERVAL = 0.01
"""Seconds between two attempts to set up a file that another process sets up, too."""
FINAL_TIMEOUT = 30.0
"""Seconds to wait at the end, when some answers have not been stored yet."""
FINAL_NOTICE = 1.0
"""Seconds of that wait after which a message says what it waits for."""
NETWORK = {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
"""File systems that machines share: write-ahead logging needs memory that all its readers see."""

TABLES = (
    "CREATE TABLE answers (question TEXT PRIMARY KEY, subject TEXT, broken INTEGER, told TEXT, sources TEXT, digest TEXT, kept REAL)",
    "CREATE INDEX of_subject ON answers (subject, broken)",
    "CREATE TABLE claims (question TEXT PRIMARY KEY, process INTEGER, started TEXT, machine TEXT)",
    f"PRAGMA user_version={SCHEMA}",
)
NAMES = {"answers", "of_subject", "claims"}


@dataclass(frozen=True)
class Row:
    """A stored answer: a document, and what it depends on; None where that is not known."""

    document: Any
    sources: Sources | None


class Ledger:
    """The ledger in a file; `note` reports anything unusual. If the file cannot be used, the ledger stays empty."""

    def __init__(self, file: Path, *, system: str | None = None) -> None:
        """Opens or creates the file; `system` is SQLite's VFS, by default its own."""
        self.file, self.note, self._system = file, None, system
        self._rows: sqlite3.Connection | None = None
        self._late: list[tuple[Any, ...]] = []
        self._begun = False
        self._me = os.getpid(), started(os.getpid()), platform.node()
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                self._fails(error)
                return
            aside = file.with_name(f"{file.name}.unreadable")
            self.close()
            try:
                file.replace(aside)
                self._open()
            except (OSError, sqlite3.Error) as again:
                self._fails(again)
            else:
                self.note = f"{file} was no ledger: it is {aside.name} now, and a new one was begun"

    def _open(self) -> None:
        for name in ("", "-journal", "-wal", "-shm"):  # SQLite would wait for a pipe in the place of one for ever
            there = self.file.with_name(f"{self.file.name}{name}")
            if there.is_symlink() or (there.exists() and not there.is_file()):
                raise sqlite3.OperationalError(f"{there.name} is a {'link' if there.is_symlink() else 'folder or a pipe'}")
        where = f"{self.file.absolute().as_uri()}{f'?vfs={self._system}' if self._system else ''}"
        self._rows = sqlite3.connect(where, uri=True, timeout=LOCK_TIMEOUT, isolation_level=None)
        self._begun = False
        until = now() + LOCK_TIMEOUT
        while not self._begun:
            try:
                self._begin(self._rows)
            except sqlite3.OperationalError as error:
                if _is_held(error) and now() < until:  # for its journal SQLite does not wait itself
                    self._rows.rollback()
                    time.sleep(SETUP_INTERVAL)
                elif self._waits_for_others(error):
                    return
                else:
                    raise

    def _begin(self, rows: sqlite3.Connection) -> None:
        """Sets up the journal and the tables, once."""
        if self._begun:
            return
        wanted = "DELETE" if shared_by_machines(self.file) else "WAL"
        (mode,) = rows.execute(f"PRAGMA journal_mode={wanted}").fetchone()
        rows.execute("PRAGMA synchronous=FULL")
        if self._is_of_another_version(rows):
            rows.execute("BEGIN IMMEDIATE")
            if self._is_of_another_version(rows):  # a new one, or its answers are judged again
                if not {name for name, _ in _schema(rows)} <= NAMES:
                    raise sqlite3.DatabaseError("it has tables of somebody else")
                for statement in ("DROP TABLE IF EXISTS answers", "DROP TABLE IF EXISTS claims", *TABLES):
                    rows.execute(statement)
            rows.execute("COMMIT")
        elif {statement for _, statement in _schema(rows)} != set(TABLES[:-1]):
            raise sqlite3.DatabaseError("its tables are others")
        if mode != "wal":
            self.note = f"{self.file} lies where SQLite cannot log ahead, on a network for instance: its journal is {mode}, which is slower"
        self._begun = True

    @staticmethod
    def _is_of_another_version(rows: sqlite3.Connection) -> bool:
        return bool(rows.execute("PRAGMA user_version").fetchone()[0] != SCHEMA)

    def _waits_for_others(self, error: sqlite3.Error) -> bool:
        """Whether another process holds the lock; then later writes do not wait until it is free again."""
        if not _is_held(error):
            return False
        self.note = f"{self.file} is locked by another process: what is judged is kept there as soon as it is free"
        if self._rows is not None:
            self._rows.rollback()
        self._patience(0.0)
        return True

    def _patience(self, seconds: float) -> None:
        if self._rows is not None:
            self._rows.execute(f"PRAGMA busy_timeout={1000 * seconds:.0f}")

    def _fails(self, error: Exception) -> None:
        self.note = f"{self.file} cannot be used ({error}): what is judged is not kept there"
        self.close()

    def close(self, say: Callable[[str], object] = lambda _: None) -> None:
        """Closes the file and gives back the claims. Answers not stored yet are stored first; `say` is called where that takes long, and
        `note` reports a failure.
        """
        if self._late:
            self._write(FINAL_NOTICE)
        if self._late:
            say(f"{self.file} is locked by another process: waiting up to {FINAL_TIMEOUT:g} s to keep {len(self._late)} answers there")
            self._write(FINAL_TIMEOUT)
        if self._late:
            self.note = f"{self.file} is locked by another process still: {len(self._late)} answers are not kept there"
            self._late.clear()
        if self._rows is not None:
            with suppress(sqlite3.Error):
                self._rows.execute("DELETE FROM claims WHERE process=? AND started=? AND machine=?", self._me)
            with suppress(sqlite3.Error):
                self._rows.close()
        self._rows = None

    def find(self, question: str) -> Row | None:
        """The latest answer to a question."""
        return self._row("question=?", question)

    def broken(self, subject: str) -> Row | None:
        """The latest broken answer to any question with the same subject."""
        return self._row("subject=? AND broken ORDER BY kept DESC LIMIT 1", subject)

    def _row(self, which: str, name: str) -> Row | None:
        try:
            if self._rows is not None and self._begun:
                found = self._rows.execute(f"SELECT question, told, sources, digest FROM answers WHERE {which}", (name,)).fetchone()  # noqa: S608
                if found is not None and digest(*found[:3]) == found[3]:
                    return Row(json.loads(found[1]), json.loads(found[2]))
        except sqlite3.Error as error:
            self._waits_for_others(error)
        except (ValueError, TypeError, RecursionError):  # anything may have been written there
            pass
        return None

    def keep(self, question: str, document: str, sources: Sources | None, *, subject: str | None = None, broken: bool = False) -> None:
        """Stores an answer, in place of the one before. While another process holds the lock it is committed with a later one; a failure is
        reported in `note`, and the run goes on without the ledger.
        """
        if self._rows is None:
            return
        text = json.dumps(sources)
        self._late.append((question, subject, broken, document, text, digest(question, document, text)))
        self._write()

    def _write(self, patience: float | None = None) -> None:
        """Commits the pending answers, within `patience` seconds of waiting for other writers."""
        assert self._rows is not None
        if patience is not None:
            self._patience(patience)
        try:
            self._begin(self._rows)
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                self._rows.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, julianday('now'))", self._late)
                self._rows.executemany("DELETE FROM claims WHERE question=?", [(question,) for question, *_ in self._late])
                self._rows.execute("COMMIT")
            except BaseException:
                self._rows.rollback()
                raise
        except sqlite3.Error as error:
            if not self._waits_for_others(error):
                self._late.clear()
                self._fails(error)
        else:
            self._late.clear()
            self._patience(LOCK_TIMEOUT)

    def claim(self, questions: Collection[str]) -> set[str]:
        """Claims the questions that no other process has claimed, and returns them: they belong to this process until they are stored or
        given back.
        """
        if self._rows is None:
            return set(questions)
        try:
            self._rows.execute("BEGIN IMMEDIATE")
            with closing(self._rows.execute("SELECT question, process, started, machine FROM claims")) as claims:
                theirs = {q for q, *who in claims if tuple(who) != self._me and _is_alive(*who)}
            mine = set(questions) - theirs
            self._rows.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", [(q, *self._me) for q in mine])
            self._rows.execute("COMMIT")
        except sqlite3.Error as error:
            if not self._waits_for_others(error):
                self._fails(error)
            return set(questions)
        return mine

    def give_back(self, questions: Iterable[str]) -> None:
        """Gives up the claims on these questions."""
        if self._rows is not None:
            with suppress(sqlite3.Error):
                self._rows.executemany("DELETE FROM claims WHERE question=? AND process=?", [(q, self._me[0]) for q in questions])

    def claimed(self, question: str) -> int | None:
        """The living process that has claimed a question; None if there is none."""
        with suppress(sqlite3.Error):
            if self._rows is not None:
                found = self._rows.execute("SELECT process, started, machine FROM claims WHERE question=?", (question,)).fetchone()
                return int(found[0]) if found is not None and _is_alive(*found) else None
        return None


def _is_held(error: sqlite3.Error) -> bool:
    """Whether another process holds what was asked for."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def digest(*parts: str) -> str:
    """A checksum of a row, by which changes by a faulty disk or another program are detected. Raises TypeError for anything but text."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _schema(rows: sqlite3.Connection) -> list[tuple[str, str]]:
    """The contents of a database: tables, views, indices and triggers, each with its statement."""
    with closing(rows.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")) as found:
        return found.fetchall()


def _is_alive(process: int, since: str, machine: str) -> bool:
    """Whether the claiming process still runs. Processes of other machines are unknown, and not waited for."""
    return machine == platform.node() and started(process) == since


def shared_by_machines(file: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether the file is on a file system that several machines may share, as far as the system reports."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
        there = file.absolute().parent.resolve()
    except OSError:
        return False
    kinds = {Path(place.replace("\\040", " ")): kind for _, place, kind, *_ in map(str.split, lines)}
    return next((kinds[folder] for folder in (there, *there.parents) if folder in kinds), "") in NETWORK
