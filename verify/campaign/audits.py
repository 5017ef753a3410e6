"""Audits on worker processes: a candidate that hangs or crashes there ends its own audit only."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from pebble import ProcessExpired

from verify.auditing.audit import audit
from verify.auditing.problems import SHAPE, batches
from verify.campaign.candidate_run import DEFAULT_TIMEOUT
from verify.campaign.conventions import conventions
from verify.campaign.task import Request
from verify.campaign.workers import workers
from verify.candidates import Misbehaviour
from verify.errors import UsageError
from verify.oracle import Oracle

NO_WEIGHTS = "takes no weights of several classes, so that its gradient is never large: the laws look at all of it"
"""Reason why there is nothing to audit; the laws are judged all the same."""


def audited(request: Request, timeout: float | None) -> list[dict[str, Any]]:
    """The audit of a request at each dtype."""
    audits: list[dict[str, Any]] = []
    limit = timeout or DEFAULT_TIMEOUT
    with workers(1) as pool:
        waiting = {d: pool.schedule(audited_here, args=[request, d], timeout=limit) for d in request.dtypes}
        for dtype, future in waiting.items():
            try:
                audits.append(future.result(timeout=limit * len(waiting)))  # the pool does not notice a worker that ends with code 0
            except TimeoutError:
                audits.append(_unanswered(request, dtype, f"gave no answer within {limit:g} s"))
            except ProcessExpired as lost:
                audits.append(_unanswered(request, dtype, f"ended its process (exit code {lost.exitcode})"))
            except BrokenProcessPool:
                audits.append(_unanswered(request, dtype, "ended the server of all workers"))
            except UsageError:
                raise
            except Exception as error:  # anything that a candidate raises or leaves behind
                audits.append(_unanswered(request, dtype, f"the audit failed ({type(error).__name__})", verdict="silent"))
    return audits


def audited_here(request: Request, dtype: str) -> dict[str, Any]:
    """The audit of a request at one dtype, in this process."""
    with redirect_stdout(StringIO()):
        known = conventions(request)
        if known.complaint is not None:
            return _unanswered(request, dtype, str(known.complaint))
        if not known.candidate.is_of_matrices:
            return _unanswered(request, dtype, NO_WEIGHTS, verdict="silent")
        oracle = Oracle(known.scored, dtype)
        try:
            shape = (*SHAPE[:2], known.scored.classes or SHAPE[2])
            result = audit(known.candidate, batches(dtype, oracle, request.seed, shape), oracle, seed=request.seed)
        except Misbehaviour as error:
            return _unanswered(request, dtype, str(error))
        return {"candidate": request.name, "loss": request.loss} | result.to_dict()


def _unanswered(request: Request, dtype: str, reason: str, *, verdict: str = "broken") -> dict[str, Any]:
    return {"candidate": request.name, "loss": request.loss, "dtype": dtype, "verdict": verdict, "reason": reason, "parts": []}
