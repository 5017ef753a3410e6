"""What workers share with the command: anonymous locks, and a pipe of answers that nobody can stop up.

A lock by a name, as `multiprocessing` has them, a candidate can remove, a killed run leaves behind, and a worker that is being ended finds
no more. Who ends in the middle of an answer, or writes something else, must not have the command wait for the rest.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from multiprocessing import connection, reduction
from typing import Any

from verify.campaign.unpickling import unpickled
from verify.elapsed import now

PAUSE = 0.001
"""Seconds between two tries for a lock, which others hold for as long as a message takes."""
PATIENCE = 60.0
"""Seconds for which a message that has begun may stand still: its writer hands all of it to the system at once."""
LOOK = 0.25
"""Seconds after which whoever waits for the rest of a message sees that the pipe was closed."""


class Garbled(OSError):
    """What came through the pipe is no message of a worker's."""


if sys.platform != "win32":
    import fcntl

    class Lock:
        """A lock between processes that the one which holds it may take again, as `multiprocessing.RLock`: one of the system's on a file
        without a name. Who ends lets it go. It is for one thread of each process.
        """

        def __init__(self, file: int | None = None) -> None:
            """Takes over the `file`, or makes one."""
            self._file, self._held = _nameless() if file is None else file, 0
            weakref.finalize(self, os.close, self._file)

        def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
            """Whether it is held now; waits for that as long as is said, for ever where nothing is."""
            end = now() + timeout if timeout is not None else None
            while not (self._held or self._taken()):
                if not block or (end is not None and now() > end):
                    return False
                time.sleep(PAUSE)
            self._held += 1
            return True

        def _taken(self) -> bool:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                return False
            return True

        def release(self) -> None:
            """Lets it go, once for each time that it was taken."""
            self._held -= 1
            if not self._held:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

        def __reduce__(self) -> tuple[Callable[[Any], Lock], tuple[Any]]:
            return _handed, (reduction.DupFd(self._file),)

    def _handed(file: Any) -> Lock:
        return Lock(file.detach())

    def _nameless() -> int:
        if (of_memory := getattr(os, "memfd_create", None)) is not None:  # Linux has it
            return int(of_memory("lock"))
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())

    class Answers(connection.Connection):
        """The end of a pipe at which messages are read. Raises Garbled for what is none, and where one goes no further."""

        def _recv(self, size: int, read: Callable[[int, int], bytes] = os.read) -> io.BytesIO:
            whole, since = io.BytesIO(), now()
            while whole.tell() < size:
                if connection.wait([self], LOOK):
                    part = read(self.fileno(), min(size - whole.tell(), MOST))
                    if not part:
                        raise EOFError
                    whole.write(part)
                    since = now()
                elif now() - since > PATIENCE:
                    raise Garbled("a message goes no further")
            return whole

        def recv(self) -> Any:
            """The next message. Raises EOFError where nobody writes any more."""
            data = self.recv_bytes()
            try:
                return unpickled(data)
            except Exception as error:
                raise Garbled(f"a message cannot be read: {error}") from error

    MOST = 1 << 20
    """Bytes that are read at once: room is made for no more than what comes."""

    reduction.register(Answers, connection.reduce_connection)  # type: ignore[attr-defined]

    def pipe() -> tuple[Answers, connection.Connection]:
        """A pipe: the end to read at, and the one to write to."""
        reader, writer = os.pipe()
        return Answers(reader, writable=False), connection.Connection(writer, readable=False)
