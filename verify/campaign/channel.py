"""What workers share with the command: anonymous locks, and a pipe of answers that nothing can block for ever.

A named lock, as in `multiprocessing`, can be removed by a candidate, is left behind by a killed run, and is lost to a worker that is being
ended. A process that ends in the middle of an answer, or writes something else, must not make the command wait for the rest.
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

from verify.campaign.unpickling import ForeignClass, unpickled
from verify.elapsed import now
from verify.errors import UsageError

LOCK_INTERVAL = 0.001
"""Seconds between two attempts to take a lock, which is held for as long as a message takes."""
MESSAGE_TIMEOUT = 60.0
"""Seconds that a started message may pause: its writer passes all of it to the system at once."""
CLOSED_CHECK_INTERVAL = 0.25
"""Seconds between checks whether the pipe was closed, while the rest of a message is awaited."""


class Garbled(OSError):
    """The data in the pipe is no message of a worker."""

    @property
    def foreign(self) -> ForeignClass | None:
        """Set where it is a worker's message, and what cannot be read is how a library pickles something in it."""
        return self.__cause__ if isinstance(self.__cause__, ForeignClass) else None


WRITES_TO_THE_PIPE = "writes to the pipe by which its process answers"
"""What a candidate is told of that garbles a message."""


if sys.platform != "win32":
    import fcntl

    class Lock:
        """A reentrant lock between processes, like `multiprocessing.RLock`: a lock of the system on a file without a name. The end of a
        process releases it. It is for one thread of each process.
        """

        def __init__(self, file: int | None = None) -> None:
            """Takes over the `file`, or creates one."""
            self._file, self._held = _nameless() if file is None else file, 0
            weakref.finalize(self, os.close, self._file)

        def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
            """Takes the lock, waiting for at most `timeout` seconds, without one for ever; returns whether it is held."""
            end = now() + timeout if timeout is not None else None
            while not (self._held or self._taken()):
                if not block or (end is not None and now() > end):
                    return False
                time.sleep(LOCK_INTERVAL)
            self._held += 1
            return True

        def _taken(self) -> bool:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                return False
            return True

        def release(self) -> None:
            """Releases the lock once; it is free after as many releases as acquisitions."""
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
        """The reading end of a pipe of messages. Raises Garbled for data that is no message, and for a message that stops half-way."""

        def _recv(self, size: int, read: Callable[[int, int], bytes] = os.read) -> io.BytesIO:
            whole, since = io.BytesIO(), now()
            while whole.tell() < size:
                if connection.wait([self], CLOSED_CHECK_INTERVAL):
                    part = read(self.fileno(), min(size - whole.tell(), MOST))
                    if not part:
                        raise EOFError
                    whole.write(part)
                    since = now()
                elif now() - since > MESSAGE_TIMEOUT:
                    raise Garbled("a message goes no further")
            return whole

        def recv(self) -> Any:
            """The next message. Raises EOFError once the pipe has no writer."""
            data = self.recv_bytes()
            try:
                return unpickled(data)
            except Exception as error:
                raise Garbled(f"a message cannot be read: {error}") from error

    MOST = 1 << 20
    """Bytes that are read at once: room is made for no more than what comes."""

    reduction.register(Answers, connection.reduce_connection)  # type: ignore[attr-defined]

    def _refusal(error: UsageError) -> tuple[type[UsageError], tuple[str]]:
        return UsageError, (str(error),)

    # Whatever libraries that the candidate imports do to the pickling of exceptions, as tblib does for dask: the reader accepts plain data.
    reduction.register(UsageError, _refusal)

    def pipe() -> tuple[Answers, connection.Connection]:
        """A pipe: its reading end and its writing end."""
        reader, writer = os.pipe()
        return Answers(reader, writable=False), connection.Connection(writer, readable=False)
