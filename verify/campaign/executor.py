"""The matrix of tasks on worker processes: a candidate that hangs or crashes the interpreter costs its own task only."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from pebble import ProcessExpired, ProcessPool

from verify.campaign.task import Inapplicable, Outcome, Task, failed, perform

T = TypeVar("T")
Done = Callable[[Outcome | Inapplicable], None]

DEFAULT_TIMEOUT = 300.0
"""Seconds that one law on one candidate at one dtype may take. A trial takes about one."""


def execute(tasks: Sequence[Task], *, timeout: float | None, on_done: Done = lambda _: None) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks; `on_done` is called as each ends. Raises UsageError from a worker."""
    limit = timeout or DEFAULT_TIMEOUT
    outcomes: dict[int, Outcome | Inapplicable] = {}
    with _pool(min(len(tasks), os.cpu_count() or 1)) as pool:
        waiting: dict[Future[Outcome | Inapplicable], int] = {}
        for i, task in enumerate(tasks):
            waiting[pool.schedule(perform, args=[task], timeout=limit)] = i
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                i = waiting.pop(future)
                outcomes[i] = _outcome(future, tasks[i], limit)
                on_done(outcomes[i])
    return [outcomes[i] for i in range(len(tasks))]


def each(f: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """`f` of each tuple of arguments, in order, on worker processes. Raises what `f` raises."""
    with _pool(max(1, min(len(arguments), os.cpu_count() or 1))) as pool:
        return [future.result() for future in [pool.schedule(f, args=list(a)) for a in arguments]]


def _outcome(future: Future[Outcome | Inapplicable], task: Task, timeout: float) -> Outcome | Inapplicable:
    try:
        return future.result()
    except TimeoutError:  # the builtin, which is concurrent.futures' too since Python 3.11
        hung = failed(task, "hung", f"the candidate gave no answer within {timeout:g} s")
        return Outcome(task, replace(hung, seconds=timeout), None)
    except ProcessExpired as lost:
        return Outcome(task, failed(task, "crashed", f"the candidate ended its process (exit code {lost.exitcode})"), None)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPool]:
    context = _context()
    ready = context.Semaphore(0)
    pool = ProcessPool(max_workers=workers, context=context, initializer=_start, initargs=[ready])
    try:
        yield pool
        pool.close()  # type: ignore[no-untyped-call]
    except BaseException:
        pool.stop()  # type: ignore[no-untyped-call]
        raise
    finally:
        # A worker that is still starting when the pool's locks go says so on standard error, with a traceback.
        for _ in range(workers):
            ready.acquire(timeout=STARTING)
        pool.join()


STARTING = 5.0
"""Seconds that a worker may take to start: many times what it takes on a busy machine."""


def _start(ready: Semaphore) -> None:
    """Standard output belongs to the document: what a candidate writes there, by whatever way, does not reach it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    ready.release()


SERVER = {
    "PYTHONSAFEPATH": "1",  # it starts as `python -c`, which would import a folder `verify` of the current directory before ours
    "HYPOTHESIS_STORAGE_DIRECTORY": str(Path(platformdirs.user_cache_dir("verify-gradients")) / "hypothesis"),  # not in the user's folder
}


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


def _context() -> BaseContext:
    """Workers are forked from a server that has already imported what they need: a lost one is replaced at once."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["verify.campaign.task"])
    with _environment(SERVER):
        forkserver.ensure_running()
    return context
