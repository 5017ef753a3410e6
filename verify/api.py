"""`verify.check`: judge one implementation from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from verify.campaign import witness
from verify.campaign.executor import Done, execute, execute_here
from verify.campaign.task import Inapplicable, Outcome, Request, Task
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
    in_process: bool | None = None,
) -> Report:
    """Judges a candidate on every law, at every dtype, and returns the report.

    `candidate` is a function `f(W, X, y, reg)` that returns `(loss, dW)`, a `verify.Candidate(loss=…, grad=…)` of two such
    functions, or a string `file.py:function` or `module:function`. W is (C, D) or (D, C), X is (N, D) or (D, N) with a last
    column (row) of ones for the bias, y is (N,) with labels 0..C−1, reg is λ. What is not given is found out and stated.

    A candidate that is named is judged on worker processes, which may hang and crash: `timeout` (seconds, of one law at one dtype,
    300 by default) ends them. A function can only be judged in this process, where nothing stops it. What either prints is in
    the report. `in_process=True` takes all of this away, for a debugger.

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
    if in_process is False and not isinstance(candidate, str):
        raise UsageError("in_process=False needs a candidate that is named as 'file.py:function': a function cannot leave this process.")
    here = not isinstance(candidate, str) if in_process is None else in_process
    return judge_all([request], timeout=timeout, in_process=here, captured=not in_process)


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


def judge_all(
    requests: Sequence[Request],
    *,
    timeout: float | None = None,
    in_process: bool = False,
    captured: bool = False,
    on_start: Callable[[int], None] = lambda _: None,
    on_done: Done = lambda _: None,
) -> Report:
    """Judges all requests, on worker processes or in this one, where what is printed may be `captured` or not.

    `on_start` hears the number of tasks, `on_done` each outcome.
    """
    tasks: list[Task] = [t for r in requests for t in r.tasks()]
    on_start(len(tasks))
    began = time.perf_counter()
    outcomes = _judged(tasks, timeout=timeout, in_process=in_process, captured=captured, on_done=on_done)
    first = requests[0]
    report = Report.of(outcomes, profile=first.profile, seed=first.seed, seconds=time.perf_counter() - began)
    witness.keep(report.outcomes)  # `verify replay` finds them by their ids
    return report


def replay(given: str | Path | Mapping[str, Any], *, timeout: float | None = None, in_process: bool = False) -> Report:
    """Judges a stored case again and returns the report of this one law on this one case.

    `given` is the path of a witness, its id, or the document itself. Raises UsageError where it is no witness, or where the
    candidate that it names does not exist any more.
    """
    task = witness.task(given if isinstance(given, Mapping) else witness.read(witness.find(str(given))))
    began = time.perf_counter()
    outcomes = _judged([task], timeout=timeout, in_process=in_process)
    return Report.of(outcomes, profile="one case", seed=task.request.seed, seconds=time.perf_counter() - began)


def _judged(
    tasks: Sequence[Task], *, timeout: float | None, in_process: bool, captured: bool = False, on_done: Done = lambda _: None
) -> list[Outcome | Inapplicable]:
    seconds("timeout", timeout)
    if not in_process:
        return execute(tasks, timeout=timeout, on_done=on_done)
    if timeout is not None:
        raise UsageError("a time limit cannot be kept in this process. Leave out either timeout or in_process.")
    return execute_here(tasks, captured=captured, on_done=on_done)
