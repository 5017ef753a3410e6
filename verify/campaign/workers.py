"""Worker processes: forked from a server that has imported what they need, so that a lost one is replaced at once."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from typing import Any, TypeVar

from pebble import CONSTS, ProcessPool

from verify.campaign import memory, output, process_group, sources
from verify.campaign.server import context
from verify.candidates import tampering
from verify.elapsed import processors

T = TypeVar("T")

TICK = 0.25
"""Seconds between two looks at the workers, which cost about 1/1000 of a core."""

CONSTS.sleep_unit = 0.02
"""Seconds for which a pool sleeps between two looks at its processes, and for which whoever closes it waits. Those of other users of pebble
look as often, which does no harm.
"""

COLLECT = 20_000, 20, 20
"""When Python looks for garbage in cycles. What is kept of many points is none of it, and at Python's own 700 objects to look through that
takes a tenth of the time of a law.
"""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """In the block Python looks for garbage as it does on workers: to look through all that is loaded may take as long as a law."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def workers(most: int) -> Iterator[ProcessPool]:
    """A pool of at most so many processes. They are gone when the block ends, which waits for their server, too. Raises MemoryError where
    there is none for it.
    """
    memory.check_room()
    pool = ProcessPool(max_workers=max(1, most), context=context(), initializer=_start, initargs=[memory.allowance()])
    with _awake():
        try:
            yield pool
        finally:  # whoever has heard all that they wait for waits for nothing else
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def goes_on(pool: ProcessPool) -> bool:
    """Whether it takes tasks: all its threads live. One that had not begun begins, which the system may refuse."""
    try:
        return pool.active
    except (BrokenProcessPool, OSError, RuntimeError, MemoryError):
        return False


@contextmanager
def _awake() -> Iterator[None]:
    """Lets the server of the workers go on, if a candidate stops it: by a thread, since whoever waits for the end of a worker waits for
    the server.
    """
    over = threading.Event()

    def wake() -> None:
        while not over.wait(TICK):
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
    """Ends what candidates have left to the server."""
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server is not None:
        process_group.end_orphans(server)
    process_group.end_adopted()


def each(f: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """`f` of each tuple of arguments, in order, on worker processes. Raises what `f` raises."""
    with workers(min(len(arguments), processors(os.getpid()))) as pool:
        return [future.result() for future in [pool.schedule(f, args=list(a)) for a in arguments]]


def _start(allowed: int) -> None:
    """Standard output belongs to the document, standard input to the user, memory and signals to all: what runs here has its own."""
    told = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the pool's handler raises, which would be logged while this goes on
    process_group.own()
    process_group.keep_to_itself()
    alive = getattr(forkserver._forkserver, "_forkserver_alive_fd", None)
    if alive is not None:  # as long as a worker holds it the server does not see that the command has ended
        os.close(alive)
        forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # its server does not hear of it
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    output.line_by_line()
    memory.limit(allowed)
    sys.excepthook = sys.__excepthook__  # its server is silent
    tampering.keep()
    sources.begin()
    os.dup2(nowhere, 2)  # from here on all that a candidate says, whenever it does, is kept with its result, and the rest is not ours
    gc.enable()  # its server has none
    gc.freeze()  # what is loaded stays: to look through it for garbage again and again takes a twentieth of the time of a law
    gc.set_threshold(*COLLECT)
    signal.signal(signal.SIGTERM, told)
