"""The measurements behind the pictures, candidate by candidate, on worker processes: one that hangs or crashes has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired

from verify.campaign import output
from verify.campaign.executor import DEFAULT_TIMEOUT
from verify.campaign.judging import conventions
from verify.campaign.task import Request
from verify.campaign.workers import workers
from verify.candidates import Linear
from verify.errors import UsageError
from verify.laws import Subject
from verify.oracle import Oracle
from verify.survey import survey


def measured(requests: Sequence[Request], timeout: float | None) -> list[dict[str, Any]]:
    """One entry for each candidate and dtype: what was measured, or the `reason` why there is nothing to show."""
    jobs = [(r, dtype) for r in requests for dtype in r.dtypes]
    found, limit = [], timeout or DEFAULT_TIMEOUT
    with workers(len(jobs)) as pool:
        waiting = [pool.schedule(_measured, args=list(job), timeout=limit) for job in jobs]
        for (request, dtype), future in zip(jobs, waiting, strict=True):
            try:
                pictures = future.result(timeout=limit * len(jobs))  # a worker that ends with code 0 is never missed by the pool
            except (TimeoutError, ProcessExpired, BrokenProcessPool):
                pictures = {"reason": "its process was lost"}
            found.append({"candidate": request.name, "loss": request.loss, "dtype": dtype, **pictures})
    return found


def _measured(request: Request, dtype: str) -> dict[str, Any]:
    with output.captured(Path(os.devnull)):
        if request.at is not None:
            return {"reason": NO_WEIGHTS}
        try:
            found = conventions(request)
        except UsageError as error:
            return {"reason": str(error).split("\n")[0]}
        if found.complaint is not None:
            return {"reason": f"the candidate {found.complaint}"}
        if not isinstance(found.candidate, Linear) or found.candidate.targets is not None:
            return {"reason": NO_WEIGHTS}
        if found.scored.classes not in (None, SHOWN):
            return {"reason": f"they show {SHOWN} classes, and it answers for {found.scored.classes} only"}
        return survey(Subject(candidate=found.candidate, oracle=Oracle(found.scored, dtype)))


SHOWN = 3
"""Classes of every picture."""

NO_WEIGHTS = "they show weights of several classes, which it does not take"
