"""Tasks on the workers of a cluster that dask.distributed knows: `verify run --scheduler ADDRESS`, with the extra `cluster`.

The scheduler distributes units, and repeats those of lost workers. The outcome of a unit does not depend on the machine: workers must have
the same Python, numpy, numba and suite, which is checked before anything starts.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

from verify.campaign import project
from verify.campaign.executor import Done, Refuse, raised
from verify.campaign.remote import Unit
from verify.campaign.sources import digest, settings, suite
from verify.campaign.task import Inapplicable, Outcome, Request, Task, lost_elsewhere
from verify.errors import SchedulerLostError, UsageError

CONNECT_TIMEOUT = 30.0
"""Seconds to wait for the scheduler, and for its first worker."""

SAME_VERSION = (
    "numpy",
    "numba",
    "hypothesis",
    "python-flint",
    "scipy",
    "sympy",
    "distributed",
    "torch",
    "jax",
    "scikit-learn",
    "verify-gradients",
)
"""Packages whose versions must be the same on the workers, if they are installed here: numbers depend on them."""

VERSIONS = f"""{{'python': __import__('platform').python_version()}} | {{
    name: next((d.version for d in __import__('importlib.metadata').metadata.distributions(name=name)), 'none')
    for name in {SAME_VERSION!r}}}"""
"""Code that reports versions in any Python, with or without verify."""

SUITE = "verify (its files)"
LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")
"""Loggers whose level dask sets: a logger with its own level ignores that of its parent."""

UNITS = 4
"""Units sent to the scheduler per thread of the workers: enough that no thread waits."""


@contextmanager
def cluster(address: str, requests: Sequence[Request], *, installed: bool, reports: Path) -> Iterator[Cluster]:
    """The cluster of the scheduler at an address, with the project copied to its workers, unless it is `installed` there. `reports` is not
    copied. Raises UsageError where there is no such scheduler, no worker, or one that differs, and SchedulerLostError.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError("--scheduler needs dask.distributed: pip install 'verify-gradients[cluster]'.") from None
    folder = Path.cwd()
    targets = {r.candidate for r in requests if isinstance(r.candidate, str)}
    of_files = sorted(t for t in targets if t.rpartition(":")[0].endswith(".py"))
    if installed and of_files:
        raise UsageError(
            f"{of_files[0]} is a file here, and --installed sends none. Name candidates as package.module:function, or leave it out."
        )
    for logger in LOGGERS:
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # lost workers and ended runs are reported here
    try:
        _is_there(address)
        client = distributed.Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"there is no scheduler at {address!r} ({error or type(error).__name__}). Start one with `dask scheduler`."
        ) from None
    try:
        with _answering(address):
            try:
                client.wait_for_workers(1, timeout=CONNECT_TIMEOUT)
            except TimeoutError:
                raise UsageError(f"the scheduler at {address} has no workers. Start some with `dask worker {address}`.") from None
            _compare(client, address)
        own_package = (
            not installed and len(of_files) < len(targets - {t for t in targets if t.startswith("verify.")}) and project.is_built(folder)
        )
        there = [] if installed else project.files(folder, reports.absolute())
        files = None if installed else project.packed(folder, there)
        wheel = project.wheel(folder) if own_package else None
        from verify.campaign.dask_plugin import ProjectPlugin

        plugin = ProjectPlugin(f"verify-{uuid4().hex}", files, wheel, settings())
        with _answering(address):
            client.register_plugin(plugin, name=plugin.name)
        depends = {str(p): digest(str(folder / p)) for p in there} if own_package else None
        try:
            yield Cluster(client, address, plugin.name, depends)
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.unregister_worker_plugin(plugin.name)
    finally:
        with suppress(Exception):  # it may be gone
            client.close(timeout=CONNECT_TIMEOUT)


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Raises SchedulerLostError where a call of the scheduler fails in the block."""
    try:
        yield
    except OSError as error:
        told = f"the scheduler at {address} answers no more ({error})"
        raise SchedulerLostError(f"{told}. Start one again, or judge here; verify run goes on from its ledger.") from None


def _is_there(address: str) -> None:
    """Raises OSError or ValueError where nothing listens: a dask client without a scheduler hangs when it closes."""
    from distributed.comm import get_address_host_port, parse_address

    kind, _ = parse_address(address)
    if kind in ("tcp", "tls"):
        socket.create_connection(get_address_host_port(address), timeout=CONNECT_TIMEOUT).close()


class Cluster:
    """Judges tasks on the workers of a cluster, as `executor.execute` does on this machine."""

    def __init__(self, client: Any, address: str, plugin: str, depends: Mapping[str, str | None] | None) -> None:
        """Connects to the cluster. `depends` are the project's files where its wheel is judged: the workers do not know its sources."""
        self._client, self._address, self._plugin, self._depends = client, address, plugin, depends

    @property
    def workers(self) -> int:
        """The present number of workers."""
        return len(self._threads())

    @property
    def threads(self) -> int:
        """The number of units that the workers judge at a time."""
        return sum(self._threads().values())

    def _threads(self) -> dict[str, int]:
        """The threads of each worker by its address. Raises SchedulerLostError."""
        with _answering(self._address):
            return dict(self._client.nthreads())

    def execute(
        self,
        tasks: Sequence[Task],
        *,
        timeout: float | None,
        on_done: Done = lambda _: None,
        on_refused: Refuse = raised,
        before: Sequence[Outcome | Inapplicable] = (),
    ) -> list[Outcome | Inapplicable]:
        """See `Execute`. Leaving it cancels what was sent to the workers. Raises SchedulerLostError."""
        import distributed

        outcomes: dict[int, Outcome | Inapplicable] = {}
        left = iter(_units(tasks))
        known: dict[str, list[Outcome | Inapplicable]] = {}
        for o in before:
            known.setdefault(o.task.request.name, []).append(o)
        waiting: dict[Any, list[int]] = {}
        refused: set[int] = set()
        done = distributed.as_completed(loop=self._client.loop)

        def ask() -> bool:
            mine = next(left, None)
            if mine is None:
                return False
            request = tasks[mine[0]].request
            if id(request) not in refused:
                unit = Unit(tuple(tasks[i] for i in mine), timeout, tuple(known.get(request.name, ())))
                from verify.campaign.dask_plugin import judge

                future = self._client.submit(judge, unit, self._plugin, pure=False)
                waiting[future.key] = mine
                futures[future.key] = future
                done.add(future)
            return True

        def fill() -> None:
            with _answering(self._address):
                most = max(1, UNITS * self.threads)
                while len(waiting) < most and ask():
                    pass

        futures: dict[Any, Any] = {}
        try:
            fill()
            while waiting:
                future = next(done)
                mine = waiting.pop(future.key)
                for i, outcome in zip(mine, self._answer(future, [tasks[i] for i in mine]), strict=True):
                    if isinstance(outcome, UsageError):
                        if id(tasks[i].request) not in refused:
                            refused.add(id(tasks[i].request))
                            on_refused(tasks[i], outcome)
                    elif outcome is not None:
                        outcomes[i] = outcome
                        on_done(outcome)
                del futures[future.key]
                future.release()
                fill()
        finally:
            if futures:
                with suppress(Exception):
                    self._client.cancel([*futures.values()], force=True)
        return [outcomes[i] for i in range(len(tasks)) if i in outcomes]

    def _answer(self, future: Any, tasks: Sequence[Task]) -> Iterator[Outcome | Inapplicable | UsageError | None]:
        """The outcome of a unit, as outcomes of the local tasks."""
        try:
            answer = future.result()
        except Exception as error:  # workers were lost again and again, or something is wrong there
            answer, why = None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no more is told'}"
        else:
            why = "the process that judged it ended"
        if isinstance(answer, UsageError):
            yield from [answer] * len(tasks)
            return
        for task, outcome in zip(tasks, answer or [None] * len(tasks), strict=True):
            if outcome is None:
                yield lost_elsewhere(task, why)
            elif self._depends is None or outcome.sources is None:
                yield replace(outcome, task=task)
            else:
                yield replace(outcome, task=task, sources=outcome.sources | {"files": outcome.sources["files"] | self._depends})


def _units(tasks: Sequence[Task]) -> Iterator[list[int]]:
    """Groups tasks that are judged together: all laws on a candidate at a dtype, which share the truth; each part of a large search by
    itself.
    """
    for (_, _, part), group in groupby(range(len(tasks)), key=lambda i: (id(tasks[i].request), tasks[i].dtype, tasks[i].part)):
        mine = [*group]
        yield from [[i] for i in mine] if part else [mine]


def _compare(client: Any, address: str) -> None:
    """Raises UsageError with a table of the differences on the scheduler and the workers."""
    here = eval(VERSIONS)  # noqa: S307  # ours
    theirs = {"the scheduler": client.run_on_scheduler(eval, VERSIONS)} | client.run(eval, VERSIONS)
    differ = {
        (what, version, there[what]): [w for w, t in theirs.items() if t[what] == there[what]]
        for there in theirs.values()
        for what, version in here.items()
        if there[what] != version and version != "none"
    }
    if not differ:
        files = suite()
        differ = {(SUITE, files[:8], there[:8]): [w] for w, there in client.run(suite).items() if there != files}
    if differ:
        rows = [("", "here", "there", "where"), *((*what, _named(where)) for what, where in differ.items())]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        table = "\n".join("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows)
        raise UsageError(f"what judges on {address} is not what is here:\n\n{table}\n\nInstall the same there; no task was started.")


def _named(where: Sequence[str]) -> str:
    return where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more"
