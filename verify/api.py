"""`verify.check`: judge one implementation from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from verify.campaign import witness
from verify.campaign.executor import Done, execute
from verify.campaign.task import Inapplicable, Outcome, Request, Task, perform
from verify.conventions import Pins
from verify.errors import UsageError, seconds
from verify.report.model import Report

SIGNATURES = ("linear",)


def check(
    candidate: str | Callable[..., Any],
    *,
    loss: str,
    signature: str | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | None = None,
    delta: float | None = None,
    dtypes: Sequence[str] = ("float64",),
    profile: str = "ci",
    seed: int = 0,
    laws: Sequence[str] | None = None,
    timeout: float | None = None,
) -> Report:
    """Judges a candidate on every law, at every dtype, and returns the report.

    `candidate` is a function `f(W, X, y, reg)` that returns `(loss, dW)`, a `verify.Candidate(loss=…, grad=…)` of two such
    functions, or a string `file.py:function` or `module:function`. W is (C, D) or (D, C), X is (N, D) or (D, N) with a last
    column (row) of ones for the bias, y is (N,) with labels 0..C−1, reg is λ. What is not given is found out and stated.

    `timeout` (seconds, of one law at one dtype) needs a target string: a function of this process cannot be stopped.

    Raises UsageError for names that do not exist, values that are not allowed, and code that does not import.
    """
    seconds("timeout", timeout)
    request = requested(
        candidate,
        loss=loss,
        signature=signature,
        layout=layout,
        reduction=reduction,
        penalty=penalty,
        delta=delta,
        dtypes=dtypes,
        profile=profile,
        seed=seed,
        laws=laws,
    )
    if timeout is not None and not isinstance(candidate, str):
        raise UsageError("timeout needs a candidate that is named as 'file.py:function': a function of this process cannot be stopped.")
    began = time.perf_counter()
    outcomes = [perform(t) for t in request.tasks()] if timeout is None else execute(request.tasks(), timeout=timeout)
    return _report(outcomes, profile=profile, seed=seed, seconds=time.perf_counter() - began)


def requested(
    candidate: str | Callable[..., Any],
    *,
    loss: str,
    signature: str | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | None = None,
    delta: float | None = None,
    dtypes: Sequence[str] = ("float64",),
    profile: str = "ci",
    seed: int = 0,
    laws: Sequence[str] | None = None,
) -> Request:
    """What the arguments of `check` ask for. Raises UsageError for what is not known or not allowed."""
    if signature is not None and signature not in SIGNATURES:
        raise UsageError(f"signature {signature!r} is not known to this version. Known: {', '.join(SIGNATURES)}.")
    if not isinstance(candidate, str) and not callable(candidate):
        raise UsageError(f"the candidate is {type(candidate).__name__}; give a function f(W, X, y, reg) or 'file.py:function'.")
    if not isinstance(loss, str):
        raise UsageError(f"loss is {loss!r}; give the name of a spec (`verify list specs` shows them) or FILE.py:NAME.")
    pins = Pins(layout=layout, reduction=reduction, penalty=penalty, delta=delta)
    chosen = tuple(laws) if laws is not None else None
    return Request(candidate=candidate, loss=loss, pins=pins, dtypes=tuple(dtypes), laws=chosen, profile=profile, seed=seed)


def judge_all(requests: Sequence[Request], *, timeout: float | None, on_start: Callable[[int], None], on_done: Done) -> Report:
    """Judges all requests on worker processes. `on_start` hears the number of tasks, `on_done` each outcome."""
    tasks: list[Task] = [t for r in requests for t in r.tasks()]
    on_start(len(tasks))
    began = time.perf_counter()
    outcomes = execute(tasks, timeout=timeout, on_done=on_done)
    first = requests[0]
    return _report(outcomes, profile=first.profile, seed=first.seed, seconds=time.perf_counter() - began)


def replay(given: str | Path | Mapping[str, Any], *, timeout: float | None = None) -> Report:
    """Judges a stored case again and returns the report of this one law on this one case.

    `given` is the path of a witness, its id, or the document itself. Raises UsageError where it is no witness, or where the
    candidate that it names does not exist any more.
    """
    task = witness.task(given if isinstance(given, Mapping) else witness.read(witness.find(str(given))))
    began = time.perf_counter()
    outcomes = [perform(task)] if timeout is None else execute([task], timeout=timeout)
    return Report.of(outcomes, profile="one case", seed=task.request.seed, seconds=time.perf_counter() - began)


def _report(outcomes: Sequence[Outcome | Inapplicable], *, profile: str, seed: int, seconds: float) -> Report:
    """The report; its witnesses are kept, so that `verify replay` finds them by their ids."""
    report = Report.of(outcomes, profile=profile, seed=seed, seconds=seconds)
    witness.keep(report.outcomes)
    return report
