"""The measurements behind the pictures, candidate by candidate, on worker processes: one that hangs or crashes has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pebble import ProcessExpired

from verify.campaign import output
from verify.campaign.executor import DEFAULT_TIMEOUT
from verify.campaign.task import Request, conventions
from verify.campaign.workers import workers
from verify.candidates import Linear
from verify.errors import UsageError
from verify.laws import Subject
from verify.oracle import Oracle
from verify.survey import survey


def measured(requests: Sequence[Request], timeout: float | None) -> list[dict[str, Any]]:
    """One entry for each candidate and dtype that answered."""
    jobs = [(r, dtype) for r in requests for dtype in r.dtypes]
    found = []
    with workers(len(jobs)) as pool:
        waiting = [pool.schedule(_measured, args=list(job), timeout=timeout or DEFAULT_TIMEOUT) for job in jobs]
        for (request, dtype), future in zip(jobs, waiting, strict=True):
            try:
                pictures = future.result()
            except (TimeoutError, ProcessExpired):
                continue
            if pictures:
                found.append({"candidate": request.name, "loss": request.loss, "dtype": dtype, **pictures})
    return found


def _measured(request: Request, dtype: str) -> dict[str, Any]:
    with output.captured(Path(os.devnull)):
        if request.at is not None:
            return {}
        try:
            found = conventions(request)
        except UsageError:
            return {}
        if found.complaint is not None or not isinstance(found.candidate, Linear) or found.candidate.targets is not None:
            return {}  # the pictures show weights of several classes
        return survey(Subject(candidate=found.candidate, oracle=Oracle(found.objective, dtype)))
