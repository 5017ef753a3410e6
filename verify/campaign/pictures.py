"""The measurements behind the pictures, candidate by candidate, on worker processes: one that hangs or crashes has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from verify.campaign import output
from verify.campaign.executor import DEFAULT_TIMEOUT, NotStarted, not_started_future
from verify.campaign.ledger import Ledger
from verify.campaign.reuse import keep, look_up
from verify.campaign.reuse import pictures as asking_for_pictures
from verify.campaign.sources import Sources, needed
from verify.campaign.task import Request
from verify.campaign.workers import workers
from verify.elapsed import processors
from verify.errors import UsageError


def measured(
    requests: Sequence[Request], timeout: float | None, ledger: Ledger | None = None, *, fresh: bool = False
) -> list[dict[str, Any]]:
    """One entry for each candidate and dtype: what was measured, or the `reason` why there is nothing to show. What the `ledger` has is
    taken from there, unless all shall be `fresh`.
    """
    jobs = [(r, dtype) for r in requests for dtype in r.dtypes]
    names = ["" if ledger is None else asking_for_pictures(*job) for job in jobs]
    known: list[Any] = [None if fresh else look_up(ledger, name, r.folder) for name, (r, _) in zip(names, jobs, strict=True)]
    limit = timeout or DEFAULT_TIMEOUT
    if None in known:
        with workers(min(known.count(None), processors(os.getpid()))) as pool:
            waiting = {i: _future(pool, jobs[i], limit) for i, there in enumerate(known) if there is None}
            for i, future in waiting.items():
                try:
                    # a worker that ends with code 0 is never missed by the pool
                    pictures, sources = future.result(timeout=limit * len(jobs))
                except (TimeoutError, ProcessExpired, BrokenProcessPool):
                    known[i] = {"reason": "its process was lost"}
                except Exception as error:  # whatever a candidate raises or leaves behind, from a handler of signals for instance
                    known[i] = {"reason": f"they could not be made ({type(error).__name__})"}
                else:
                    known[i] = keep(ledger, names[i], pictures, sources)
    return [{"candidate": r.name, "loss": r.loss, "dtype": dtype, **there} for (r, dtype), there in zip(jobs, known, strict=True)]


def _future(pool: ProcessPool, job: tuple[Request, str], limit: float) -> Future[Any]:
    """What is going to be told of a candidate; the error where no process can be started."""
    try:
        return pool.schedule(_shown, args=[*job], timeout=limit)
    except (OSError, RuntimeError, MemoryError) as error:  # the system has no files, processes, threads or memory to give
        return not_started_future(NotStarted(str(error)))  # a new one, that keeps no frames with open files


def _shown(request: Request, dtype: str) -> tuple[dict[str, Any], Sources | None]:
    """What is measured, and what that depends on."""
    return _measured(request, dtype), needed(request.folder)


def _measured(request: Request, dtype: str) -> dict[str, Any]:
    from verify.campaign.judging import conventions  # loaded there, and needless where all is known
    from verify.laws import Subject
    from verify.oracle import Oracle
    from verify.survey import survey

    with output.captured(Path(os.devnull)):
        if request.at is not None:
            return {"reason": NO_WEIGHTS}
        try:
            found = conventions(request)
        except UsageError as error:
            return {"reason": str(error).split("\n")[0]}
        if found.complaint is not None:
            return {"reason": f"the candidate {found.complaint}"}
        if not found.candidate.is_of_matrices:
            return {"reason": NO_WEIGHTS}
        if found.scored.classes not in (None, SHOWN):
            return {"reason": f"they show {SHOWN} classes, and it answers for {found.scored.classes} only"}
        return survey(Subject(candidate=found.candidate, oracle=Oracle(found.scored, dtype)))


SHOWN = 3
"""Classes of every picture."""

NO_WEIGHTS = "they show weights of several classes, which it does not take"
