"""The measurements behind the pictures, for each candidate, on worker processes: a candidate that hangs or crashes has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from verify.campaign import output
from verify.campaign.candidate_run import DEFAULT_TIMEOUT
from verify.campaign.ledger import Ledger
from verify.campaign.reuse import keep, look_up
from verify.campaign.reuse import pictures as asking_for_pictures
from verify.campaign.sources import Sources, needed
from verify.campaign.task import Request
from verify.campaign.workers import STALL_TIMEOUT, TICK, NotStarted, failed_future, goes_on, workers
from verify.elapsed import now, processors
from verify.errors import UsageError


def measured(
    requests: Sequence[Request], timeout: float | None, ledger: Ledger | None = None, *, fresh: bool = False
) -> list[dict[str, Any]]:
    """One entry for each candidate and dtype: the measurements, or the `reason` why there are none. Entries stored in the `ledger` are
    reused, unless `fresh`.
    """
    jobs = [(r, dtype) for r in requests for dtype in r.dtypes]
    names = ["" if ledger is None else asking_for_pictures(*job) for job in jobs]
    known: list[Any] = [None if fresh else look_up(ledger, name, r.folder) for name, (r, _) in zip(names, jobs, strict=True)]
    limit = timeout or DEFAULT_TIMEOUT
    if None in known:
        with workers(min(known.count(None), processors(os.getpid()))) as pool:
            waiting = {i: _future(pool, jobs[i], limit) for i, there in enumerate(known) if there is None}
            at_work = now()
            for i, future in waiting.items():
                while not future.done() and now() - at_work < STALL_TIMEOUT:  # the pool does not notice all ends of workers
                    wait([future], timeout=TICK)
                    if any(other.running() for other in waiting.values()) and goes_on(pool):
                        at_work = now()
                try:
                    pictures, sources = future.result(timeout=0)
                except (TimeoutError, ProcessExpired, BrokenProcessPool):
                    known[i] = {"reason": "its process was lost"}
                except Exception as error:  # anything that a candidate raises or leaves behind, for instance in a signal handler
                    known[i] = {"reason": f"they could not be made ({type(error).__name__})"}
                else:
                    known[i] = keep(ledger, names[i], pictures, sources)
    return [{"candidate": r.name, "loss": r.loss, "dtype": dtype, **there} for (r, dtype), there in zip(jobs, known, strict=True)]


def _future(pool: ProcessPool, job: tuple[Request, str], limit: float) -> Future[Any]:
    """The future of a candidate's measurements; of the error, where no process can be started."""
    try:
        return pool.schedule(_shown, args=[*job], timeout=limit)
    except (OSError, RuntimeError, MemoryError) as error:  # the system has no files, processes, threads or memory to give
        return failed_future(NotStarted(str(error)))  # a new one, that keeps no frames with open files


def _shown(request: Request, dtype: str) -> tuple[dict[str, Any], Sources | None]:
    """The measurements, and what they depend on."""
    return _measured(request, dtype), needed(request.folder)


def _measured(request: Request, dtype: str) -> dict[str, Any]:
    from verify.campaign.conventions import conventions  # imported on workers, and not needed if everything is cached
    from verify.laws import Subject
    from verify.oracle import Oracle
    from verify.survey import survey

    with output.captured(Path(os.devnull)):
        if request.at is not None:
            return {"reason": NO_WEIGHTS}
        try:
            inferred = conventions(request)
        except UsageError as error:
            return {"reason": str(error).split("\n")[0]}
        if inferred.complaint is not None:
            return {"reason": f"the candidate {inferred.complaint}"}
        if not inferred.candidate.is_of_matrices:
            return {"reason": NO_WEIGHTS}
        if inferred.scored.classes not in (None, SHOWN_CLASSES):
            return {"reason": f"they show {SHOWN_CLASSES} classes, and it answers for {inferred.scored.classes} only"}
        return survey(Subject(candidate=inferred.candidate, oracle=Oracle(inferred.scored, dtype)))


SHOWN_CLASSES = 3
"""Number of classes in every picture."""

NO_WEIGHTS = "they show weights of several classes, which it does not take"
