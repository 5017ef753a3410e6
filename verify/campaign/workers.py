"""Worker processes: forked from a server that has imported what they need, so that a lost one is replaced at once."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, spawn
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import RLock
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from pebble import ProcessPool

from verify import kept
from verify.campaign import family, memory, output
from verify.candidates import suite

T = TypeVar("T")


@contextmanager
def workers(most: int) -> Iterator[ProcessPool]:
    """A pool of at most so many processes, no more than there are cores. They are gone when the block ends."""
    context = _context()
    pool = ProcessPool(
        max_workers=max(1, min(most, os.cpu_count() or 1)), context=context, initializer=_start, initargs=[memory.allowance()]
    )
    try:
        yield pool
        pool.close()  # type: ignore[no-untyped-call]
    except BaseException:
        pool.stop()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.join()


def prepare(losses: Iterable[str] | None = None) -> None:
    """Starts the server that workers are forked from: it imports what they need while this process still imports its own; what only some
    `losses` need, where they are known and others are asked, is left to be imported where it is.
    """
    new = losses is None or not all(loss == "none" or kept.has(["asked", loss]) for loss in losses)
    of_pairs = losses is None or "none" in losses
    _preloaded[:] = [*WORK, *(FORMULAS if new else ()), *(PAIRS if of_pairs else ())]
    _context()


WORK = ("verify.campaign.executor", "verify.campaign.judging")
FORMULAS = ("verify.oracle.compiler",)
"""sympy, half a second. Formulas of what ships are kept, so that it is loaded only where they are new; files load it themselves."""


PAIRS = ("verify.pair", "verify.conventions.own")
"""Of those without a spec."""
_preloaded = [*WORK]


def remember(losses: Iterable[str]) -> None:
    """Keeps that these have been asked about: of those that ship the formulas are kept by then."""
    for loss in losses:
        if ".py" not in loss:
            kept.plain(["asked", loss], lambda: True)
    kept.write()


@contextmanager
def awake(tick: float) -> Iterator[None]:
    """Lets the server of the workers go on, if a candidate stops it, every `tick` seconds: by a thread, since whoever waits for the end
    of a worker waits for the server.
    """
    over = threading.Event()

    def wake() -> None:
        while not over.wait(tick):
            server = getattr(forkserver._forkserver, "_forkserver_pid", None)
            if server is not None and sys.platform != "win32":  # where there are neither servers nor signals
                with suppress(ProcessLookupError):
                    os.kill(server, signal.SIGCONT)

    thread = threading.Thread(target=wake, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def each(f: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """`f` of each tuple of arguments, in order, on worker processes. Raises what `f` raises."""
    with workers(len(arguments)) as pool:
        return [future.result() for future in [pool.schedule(f, args=list(a)) for a in arguments]]


def _start(allowed: int) -> None:
    """Standard output belongs to the document, standard input to the user, memory and signals to all: what runs here has its own."""
    family.own()
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    output.line_by_line()
    memory.limit(allowed)
    suite.keep()
    gc.freeze()  # what is loaded stays: to look through it for garbage again and again takes a twentieth of the time of a law


CACHE = Path(platformdirs.user_cache_dir("verify-gradients"))


def _processor() -> str:
    """Eight digits that stand for what this processor can do: what jax compiled for another one may end the process."""
    told = platform.machine()
    with suppress(OSError, StopIteration), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        told += next(line for line in lines if line.startswith(("flags", "Features")))
    return hashlib.sha256(told.encode()).hexdigest()[:8]


SERVER = {
    "PYTHONSAFEPATH": "1",  # it starts as `python -c`, which would import a folder `verify` of the current directory before ours
    "HYPOTHESIS_STORAGE_DIRECTORY": str(CACHE / "hypothesis"),  # not in the user's folder
}
JAX = {
    "JAX_COMPILATION_CACHE_DIR": str(CACHE / f"jax-{_processor()}"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""jax compiles each operation again for each shape, some thirty times a second, and cases have many shapes: workers share what is
compiled, with each other and with the next run. Who has set up a cache of their own keeps it.
"""


def _settings() -> dict[str, str]:
    return SERVER if "JAX_COMPILATION_CACHE_DIR" in os.environ else SERVER | JAX


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Environment variables, for what is started in the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if sys.platform == "win32":

    def _context() -> BaseContext:
        return multiprocessing.get_context("spawn")

else:
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from multiprocessing.popen_forkserver import Popen

    _launching = threading.local()
    _all_of_it = spawn.get_preparation_data

    def _without_main(name: str) -> dict[str, Any]:
        """What a new process is told, for ours without the script that calls us: it would be run again, and judge again."""
        told = _all_of_it(name)
        return {k: v for k, v in told.items() if not (getattr(_launching, "ours", False) and k.startswith("init_main"))}

    spawn.get_preparation_data = _without_main

    class _Popen(Popen):
        def _launch(self, process_obj: Any) -> None:
            _launching.ours = True
            try:
                with _environment(_settings()):  # a candidate may have ended the server, which begins again then
                    super()._launch(process_obj)  # type: ignore[misc]
            finally:
                _launching.ours = False

    class _Process(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> _Popen:
            return _Popen(process_obj)

    class _Context(ForkServerContext):
        """Keeps its locks as long as it lives: a worker that is still starting when a pool ends finds them, and says nothing."""

        Process = _Process

        def __init__(self) -> None:
            self.locks: list[RLock] = []

        def RLock(self) -> RLock:
            self.locks.append(super().RLock())
            return self.locks[-1]

    def _context() -> BaseContext:
        context = _Context()
        context.set_forkserver_preload(_preloaded)
        with _environment(_settings()):
            forkserver.ensure_running()
        return context
