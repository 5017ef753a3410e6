"""Worker processes: forked from a server that has imported their modules, so that a lost one is replaced at once."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from typing import Any, TypeVar

from pebble import CONSTS, ProcessPool

from verify import limits
from verify.campaign import memory, output, process_group, sources
from verify.campaign.server import context
from verify.campaign.worker_exits import WITH_THE_SERVER
from verify.candidates import tampering
from verify.elapsed import processors
from verify.limits import Limits

T = TypeVar("T")

TICK = 0.25
"""Seconds between two checks of the workers, which cost about 1/1000 of a core."""

CONSTS.sleep_unit = 0.02
"""Seconds for which a pool sleeps between two looks at its processes, and for which whoever closes it waits. Those of other users of pebble
look as often, which does no harm.
"""

STALL_TIMEOUT = 60.0
"""Seconds in which no process of a pool begins a task, after which others replace them: something that the candidate left there, such as a
hook that sleeps, holds them, or the pool has not noticed their end.
"""

COLLECT = 20_000, 20, 20
"""Thresholds of Python's garbage collector. The many cached points are no garbage, and at Python's default of 700 objects scanning them
takes a tenth of a law's time.
"""


class NotStarted(Exception):
    """No process could be started, and why."""


def failed_future(why: NotStarted) -> Future[Any]:
    """The future of a task for which no process can be started."""
    failed: Future[Any] = Future()
    failed.set_exception(why)
    return failed


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Uses the workers' thresholds of the garbage collector in the block: scanning everything that is loaded may take as long as a law."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def workers(most: int, given: Limits | None = None) -> Iterator[ProcessPool]:
    """A pool of at most this many processes. They, and their server, have ended when the block ends. Limits of this process that a
    candidate lowers meanwhile are raised again to those `given`, by default the current ones. Raises MemoryError where there is no memory
    for it.
    """
    given = limits.limits() if given is None else given
    memory.check_room()
    pool = ProcessPool(max_workers=max(1, most), context=context(), initializer=_begin, initargs=[memory.allowance(), given])
    with _awake(given):
        try:
            yield pool
        finally:  # a consumer that has all its results waits for nothing else
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()
            limits.raise_again(given)


def goes_on(pool: ProcessPool) -> bool:
    """Whether the pool accepts tasks: all its threads are alive. Starts them if necessary, which the system may refuse."""
    try:
        return pool.active
    except (BrokenProcessPool, OSError, RuntimeError, MemoryError):
        return False


@contextmanager
def _awake(given: Limits) -> Iterator[None]:
    """Resumes the workers' server if a candidate stops it, and raises limits of this process again that it lowers: in a thread, since
    waiting for the end of a worker means waiting for the server.
    """
    over = threading.Event()

    def wake() -> None:
        while not over.wait(TICK):
            limits.raise_again(given)
            server = getattr(forkserver._forkserver, "_forkserver_pid", None)
            if server is not None and sys.platform != "win32":  # where there are neither servers nor signals
                with suppress(ProcessLookupError):
                    os.kill(server, signal.SIGCONT)

    thread = threading.Thread(target=wake, daemon=True)
    with suppress(RuntimeError):  # the system has no more threads: the pool, which needs some, says so
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread.is_alive():
            thread.join()


def end_orphans() -> None:
    """Ends processes that candidates have left to the server."""
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server is not None:
        process_group.end_orphans(server)
    process_group.end_adopted()


def each(f: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """`f` of each tuple of arguments, in order, on worker processes. Raises what `f` raises."""
    with workers(min(len(arguments), processors(os.getpid()))) as pool:
        return [future.result() for future in [pool.schedule(f, args=list(a)) for a in arguments]]


def _begin(allowed: int, given: Limits) -> None:
    """Starts a worker. It inherits limits that a candidate has lowered in its server; if it cannot start with them it ends the server, so
    that another one begins.
    """
    limits.raise_again(given)
    try:
        _start(allowed)
    except (MemoryError, OSError):
        if sys.platform != "win32":  # where there are neither servers nor signals
            os.kill(os.getppid(), signal.SIGKILL)
        os._exit(WITH_THE_SERVER)


def _start(allowed: int) -> None:
    """Sets up a worker: its own standard output (that of the command belongs to the document), standard input (the user's), memory limit
    and signals.
    """
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the pool's handler raises, which would be logged while this goes on
    process_group.own()
    process_group.keep_to_itself()
    alive = getattr(forkserver._forkserver, "_forkserver_alive_fd", None)
    if alive is not None:  # as long as a worker holds it the server does not see that the command has ended
        os.close(alive)
        forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # its server ignores it
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    output.line_by_line()
    memory.limit(allowed)
    memory.check_room()
    sys.excepthook = sys.__excepthook__  # its server ignores it
    tampering.keep()
    sources.begin()
    os.dup2(nowhere, 2)  # from here on a candidate's output is stored with its result at any time
    gc.enable()  # its server has no limit
    gc.freeze()  # loaded modules stay: scanning them for garbage again and again takes a twentieth of a law's time
    gc.set_threshold(*COLLECT)
    signal.signal(signal.SIGTERM, handler)
