"""The server that workers are forked from: it imports their modules while the command, which imports little itself, goes on."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, reduction, resource_tracker, spawn, util
from multiprocessing.context import BaseContext, set_spawning_popen
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from verify.campaign import channel, leftovers
from verify.storage import folder

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def prepare(losses: Collection[str] | None = None, *, stored: bool = False) -> None:
    """Starts the server that workers are forked from: it does their imports while this process still does its own. Imports that only some
    `losses` need are left out, where the losses are known not to need them; `stored` says that the profile is one whose cases are stored.
    """
    _requested[REQUESTED] = json.dumps({"losses": None if losses is None else sorted(losses), "stored": stored})
    context()


PRELOADED = ["verify.campaign.server_cleanup", "verify.campaign.preloading"]
CORE = "core"
"""Stands for all losses of the built-in core."""
REQUESTED = "VERIFY_REQUESTED"
"""The environment variable that tells the server what it is for."""

_requested: dict[str, str] = {}


def remember(losses: Iterable[str]) -> None:
    """Records that these losses have been judged: the formulas of shipped ones are cached by then."""
    from verify import disk_cache  # which the server need not wait for

    for loss in losses:
        if ".py" not in loss:
            disk_cache.plain(["asked", loss], lambda: True)
    disk_cache.write()


CACHE = Path(platformdirs.user_cache_dir("verify-gradients"))


def processor() -> str:
    """Eight digits that identify this kind of processor: code that jax compiled for another may crash."""
    flags = platform.machine()
    with suppress(OSError, StopIteration), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        flags += next(line for line in lines if line.startswith(("flags", "Features")))
    return hashlib.sha256(flags.encode()).hexdigest()[:8]


SERVER = {
    "PYTHONSAFEPATH": "1",  # it starts as `python -c`, which would import a folder `verify` of the current directory before ours
    "HYPOTHESIS_STORAGE_DIRECTORY": str(CACHE / "hypothesis"),  # not in the user's folder
}
JAX = {
    "JAX_COMPILATION_CACHE_DIR": str(CACHE / f"jax-{processor()}"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""jax compiles each operation again for each shape, some thirty per second, and cases have many shapes: workers share what is compiled,
among themselves and with the next run. A cache set up by the user is left alone.
"""


def _settings() -> dict[str, str]:
    return SERVER | _requested | ({} if "JAX_COMPILATION_CACHE_DIR" in os.environ else JAX)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for processes started in the block."""
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

    def context() -> BaseContext:
        """The multiprocessing context."""
        return multiprocessing.get_context("spawn")

    def quiet() -> None:
        """Nothing to do: there is no such process here."""

else:
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from multiprocessing.popen_forkserver import Popen

    _launching = threading.Lock()

    @contextmanager
    def _somewhere() -> Iterator[None]:
        """Makes the root the current folder in the block if the current one no longer exists; started processes get their folder
        separately.
        """
        if folder() is not None:
            yield
            return
        gone = os.open(".", os.O_RDONLY)
        os.chdir("/")
        try:
            yield
        finally:
            os.fchdir(gone)
            os.close(gone)

    class _Popen(Popen):
        """The class of `multiprocessing`, the same from Python 3.11 to 3.13, without passing on the main script: a worker would run it
        again, and judge again.
        """

        def _launch(self, process_obj: Any) -> None:
            with _launching, _somewhere(), _environment(_settings()):  # a candidate may have ended the server, which begins again then
                self._begin(process_obj)

        def _ask(self, process_obj: Any) -> None:
            preparation = spawn.get_preparation_data(process_obj.name)
            words = io.BytesIO()
            set_spawning_popen(self)
            try:
                reduction.dump({name: value for name, value in preparation.items() if not name.startswith("init_main")}, words)
                reduction.dump(process_obj, words)
            finally:
                set_spawning_popen(None)
            self.sentinel, child = forkserver.connect_to_new_process(self._fds)
            ours = os.dup(child), self.sentinel  # by the first pipe the child notices that this process has ended
            self.finalizer = util.Finalize(self, util.close_fds, ours)  # type: ignore[attr-defined]
            with open(child, "wb") as stream:
                stream.write(words.getbuffer())
            self.pid = forkserver.read_signed(self.sentinel)

        def _begin(self, process_obj: Any) -> None:
            """Starts a process. A server that is ending accepts no more requests, but runs for some time; one whose socket a candidate has
            removed cannot be reached, and is ended.
            """
            for _ in range(2 * leftovers.MAX_POLLS):
                try:
                    self._ask(process_obj)
                    return
                except FileNotFoundError:
                    if (lost := getattr(forkserver._forkserver, "_forkserver_pid", None)) is not None:
                        with suppress(ProcessLookupError):  # it has ended meanwhile
                            os.kill(lost, signal.SIGKILL)
                    leftovers.own_sockets()
                except (ConnectionError, EOFError):  # or it has ended before it had begun
                    pass
                self._fds: list[int] = []
                time.sleep(leftovers.POLL_INTERVAL)
            self._ask(process_obj)

    class _Process(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> _Popen:
            return _Popen(process_obj)

    class _Context(ForkServerContext):
        Process = _Process

        def RLock(self) -> channel.Lock:  # type: ignore[override]
            return channel.Lock()

        def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:
            return super().Pipe(duplex) if duplex else channel.pipe()

    def context() -> BaseContext:
        """The multiprocessing context: workers are forked by the server, which is started if it does not run."""
        leftovers.own_sockets()
        found = _Context()
        found.set_forkserver_preload(PRELOADED)
        with _environment(_settings()), _deaf(), _somewhere():
            forkserver.ensure_running()
        return found

    def quiet() -> None:
        """Starts the process that tracks what candidates share by `multiprocessing`, with standard error discarded, where it would complain
        about what they do to it. Only for a command, whose standard error no other code uses then.
        """
        standard_error, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            with _deaf(), _somewhere():
                resource_tracker.ensure_running()
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            os.close(nowhere)

    @contextmanager
    def _deaf() -> Iterator[None]:
        """Processes started in the block ignore that a terminal was closed: they end with the command, which has a report to write. That
        includes the process that tracks shared resources, which would complain about what was forgotten.

        Ctrl-C and SIGTERM to the group wait until they are handled: a process that ends during its imports prints a traceback, and leaves
        its folder behind.
        """
        before, blocked = signal.getsignal(signal.SIGHUP), signal.pthread_sigmask(signal.SIG_BLOCK, leftovers.BLOCKED_SIGNALS)
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            yield
        finally:
            with suppress(ValueError):
                signal.signal(signal.SIGHUP, before)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
