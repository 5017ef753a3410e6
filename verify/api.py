"""Judge, prove and replay implementations from Python: `verify.check`, `verify.prove`, `verify.replay`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.campaign import large, reuse, witness
from verify.campaign.candidate_run import Say
from verify.campaign.executor import Done, Execute, Refuse, execute, execute_here, raised
from verify.campaign.ledger import Ledger
from verify.campaign.requested import check_candidate, requested
from verify.campaign.server import remember
from verify.campaign.task import Inapplicable, Outcome, Refused, Request, Task, skipped, unasked
from verify.campaign.trust import question
from verify.errors import UsageError, seconds, shown, truth
from verify.report.model import Report
from verify.spec.catalogue import is_in_a_file
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec, ParameterValue
from verify.spec.penalty import Penalty

if TYPE_CHECKING:
    from verify.campaign.proving import Proved


def check(
    candidate: str | Callable[..., Any],
    *,
    loss: str | LossSpec | FunctionSpec | None = None,
    reference: str | Callable[..., Any] | None = None,
    surrogate: str | Callable[..., Any] | None = None,
    derivative: int = 1,
    signature: str | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | Penalty | None = None,
    delta: float | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
    classes: int | None = None,
    dtypes: Sequence[str] | None = None,
    profile: str = "ci",
    seed: int = 0,
    laws: Sequence[str] | None = None,
    timeout: float | None = None,
    hessian: str | None = None,
    gradient: str | None = None,
    at: Any = None,
    wrt: str | Sequence[str] | None = None,
    inputs: str | Mapping[str, str] | None = None,
    at_only: bool = False,
    convex: bool = False,
    formula: str | None = None,
    in_process: bool | None = None,
) -> Report:
    """Judges a candidate on every law, at every dtype, and returns the report.

    `candidate` is a function, a `verify.Candidate(loss=…, grad=…, hess=…)` of functions of the same arguments, or a string
    `file.py:function` or `module:function`. Its signature is one of

    - `linear`: f(W, X, y, reg) → (loss, dW). W is (C, D) or (D, C), X is (N, D) or (D, N) with a last column (row) of ones for the
      bias, y is (N,) with labels 0..C−1, reg is λ;
    - `scores`: f(scores, y) → (loss, dscores), scores (N, C), or (N,) for a loss of one score, where y holds targets;
    - `objective`: f(prediction, target) → (grad, hess) of each example, as boosters call it, with arguments and results in any order.

    Conventions that are not given are inferred and reported. `parameters` maps names of the spec's parameters to values (`delta` is short
    for a parameter of that name; a parameter with a number for each class gets a tuple, `{"w": (1, 2, 0.5)}`). `classes` is the only number
    of classes that the candidate supports. `loss` is the name of a spec, FILE.py:NAME, or a spec itself, and so is `penalty`.
    `hessian="approximate"` declares that the Hessian is approximate: it must only be finite and of the right sign. `gradient="none"`
    declares that the candidate has no gradient: only its value is judged.

    With `loss=None` a loss and its gradient are judged without a spec: a `Candidate(loss=f, grad=g)`, or a function that returns both, at
    the example inputs `at` and around them, or with `at_only=True` at the example only. `at` is an array, a tuple by position, a dict by
    the names of the arguments, or a function that returns one; arguments may be dicts and lists of arrays. `wrt` names the inputs that the
    gradients are for, where that cannot be inferred. `inputs` declares dimensions and domains, "x: n d, y: n | labels(c)", in place of an
    example or in addition to one: then sizes vary. The formula is the code of `reference`, another function of the same inputs
    ('file.py:function' or a function), or that of the loss itself, recorded while it runs. Where the code cannot be recorded, finite
    differences of its values are used instead, and the report says why. `formula="own"` or `"differences"` fixes the choice. Where the
    gradient is meant to be that of another function, as with a straight-through estimator, `surrogate` is that function; the value is still
    judged by the candidate's own code. With `derivative=2` the second derivative of torch and jax functions is judged, too. `convex=True`
    claims that f is convex.

    `dtypes` defaults to ("float64",); without a spec, to the dtype of `at`.

    A candidate given by name is judged on worker processes, so it may hang or crash: `timeout` (seconds for one law at one dtype, 300 by
    default) ends it. A function object is judged in this process, without a time limit. The report holds what the candidate prints.
    `in_process=True` turns all of this off, for use with a debugger.

    Raises UsageError for names that do not exist, values that are not allowed, and code that does not import.
    """
    options = {name: value for name, value in locals().items() if name not in ("candidate", "timeout", "in_process")}
    seconds("timeout", timeout)
    if in_process is not None:
        truth("in_process", in_process)
    request = requested(candidate, **options)
    here = not isinstance(candidate, str) if in_process is None else in_process
    _found_by(request, here=here)
    if timeout is not None and not isinstance(candidate, str):
        raise UsageError("timeout needs a candidate that is named as 'file.py:function': a function of this process cannot be stopped.")
    if in_process is False and not isinstance(candidate, str):
        raise UsageError("in_process=False needs a candidate that is named as 'file.py:function': a function cannot leave this process.")
    return judge_all([request], timeout=timeout, in_process=here, captured=not in_process)


def _found_by(request: Request, *, here: bool) -> None:
    """Raises UsageError where a worker process could not find a spec or penalty that was given as an object."""
    for kind, name in (("spec", request.loss), ("penalty", request.pins.penalty)):
        if not here and name is not None and not is_in_a_file(name):
            raise UsageError(f"the {kind} {name} is no variable of a file, so no worker process finds it. Make it one, or in_process=True.")


def prove(
    candidate: str | Callable[..., Any],
    *,
    loss: str | LossSpec | FunctionSpec | None = None,
    reference: str | Callable[..., Any] | None = None,
    signature: str | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | Penalty | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
    classes: int | None = None,
    at: Any = None,
    inputs: str | Mapping[str, str] | None = None,
    wrt: str | Sequence[str] | None = None,
    shape: Mapping[str, int] | str | None = None,
    limit: float | None = None,
    seed: int = 0,
    in_process: bool | None = None,
) -> Proved:
    """Proves that a candidate's gradient code is the derivative of its loss code (or of the code of a `reference`), at one shape, for all
    real inputs, every pattern of labels, and every outcome of the code's comparisons; or refutes it with a real point; or says why it can
    do neither. docs/proof.md states the exact claim.

    With `loss`, a spec, its name or FILE.py:NAME, the formula is the spec's: the candidate's value is proved to be that, and its gradient
    the derivative. Conventions are inferred or given as in `check`; `claim` of the result states them.

    Inputs are given as in `check`: by an example `at`, or declared, `inputs="W: c d, X: n d, y: n | labels(c), reg:"`; a function f(W, X,
    y, reg) or f(scores, y) needs neither. `shape` gives sizes of the declared dimensions, {"n": 2, "d": 2, "c": 3} or "N=2,D=2,C=3"; by
    default the smallest sizes with every kind of label pattern. `limit` is in seconds (10 by default).

    Returns a `Proved`: its `status` is "proved", "refuted", "not proved" or "vacuous", `str()` explains it, and `proof.error` is the binary
    logarithm of the probability of a false proof, over the random primes and points drawn from `seed`.

    Raises UsageError for names that do not exist, values that are not allowed, and code that does not import.
    """
    from verify.campaign.proving import proof_request, proved

    seconds("limit", limit)
    check_candidate(candidate)
    how: dict[str, Any] = {"reference": reference, "at": at, "inputs": inputs, "wrt": wrt, "seed": seed}
    pins: dict[str, Any] = {"signature": signature, "layout": layout, "reduction": reduction, "penalty": penalty}
    pins |= {"parameters": parameters, "classes": classes}
    if loss is None:
        if given := [name for name, value in pins.items() if value is not None]:
            raise UsageError(f"{given[0]} is a convention of a spec: give the loss too, or leave it out.")
        request = proof_request(candidate, **how)
    else:
        request = requested(candidate, loss=loss, **how, **pins)
        _found_by(request, here=bool(in_process) or not isinstance(candidate, str))
    proof = proved(request, shape=sizes(shape), limit=limit, in_process=bool(in_process))
    if proof.witness is not None:
        witness.keep([proof.witness])
    return proof


def sizes(given: Mapping[str, int] | str | None) -> dict[str, int]:
    """Sizes of dimensions by name, from a mapping or from text such as N=2,D=2,C=3. Raises UsageError for anything else."""
    if given is None:
        return {}
    pairs = (
        [(n.strip(), size.strip()) for n, _, size in (p.partition("=") for p in given.split(","))]
        if isinstance(given, str)
        else given.items()
    )
    numbers: dict[str, int] = {}
    for name, size in pairs:
        try:
            numbers[name] = int(size)
        except (TypeError, ValueError):
            raise UsageError(f"shape is {given!r}; give sizes of dimensions, such as N=2,D=2,C=3.") from None
        if numbers[name] < 1 or not name:
            raise UsageError(f"shape gives {name!r} the size {size}; a size is 1 or more.")
    return numbers


def judge_all(
    requests: Sequence[Request],
    *,
    timeout: float | None = None,
    in_process: bool = False,
    captured: bool = False,
    on_start: Callable[[int], object] = lambda _: None,
    on_done: Done = lambda _: None,
    on_end: Callable[[], object] = lambda: None,
    ledger: Ledger | None = None,
    fresh: bool = False,
    say: Say = lambda _: None,
    partial: bool = False,
    elsewhere: Execute | None = None,
    problems: int = 0,
) -> Report:
    """Judges all requests, on worker processes or in this one; here output is captured if `captured`. On worker processes, outcomes stored
    in the `ledger` are reused while they are valid, unless `fresh`; `say` receives remarks for the user.

    `elsewhere`, if given, executes the tasks, for instance on other machines. Laws that hold are then searched in bulk on `problems`
    further problems, where the law allows it.

    With `partial`, a KeyboardInterrupt or an error of the system or of the suite ends with a report of the outcomes so far, which says so.

    `on_start` receives the number of outcomes where that is larger than the number of tasks, `on_done` receives each outcome, and `on_end`
    is called after the last. A request that cannot be judged, for example because of its spec, is listed in the report; raises UsageError
    if none can be judged.
    """
    tasks: list[Task] = [t for r in requests for t in r.tasks()]
    began = time.perf_counter()
    refused: list[Refused] = []

    def refuse(task: Task, error: UsageError) -> None:
        if any(r.request is task.request for r in refused):
            return
        refused.append(Refused(task.request, str(error)))
        if len(refused) == len(requests):  # nothing is left to judge
            raise UsageError("\n".join(dict.fromkeys(r.reason for r in refused)))

    so_far: list[Outcome | Inapplicable] = []

    def keep(outcome: Outcome | Inapplicable) -> None:
        so_far.append(outcome)
        with suppress(OSError):  # the listener may be gone, a terminal for instance
            on_done(outcome)

    def here(tasks: Sequence[Task]) -> list[Outcome | Inapplicable]:
        return _judged(tasks, timeout=timeout, in_process=in_process, captured=captured, on_done=keep, on_refused=refuse, say=say)

    def judge(tasks: Sequence[Task]) -> list[Outcome | Inapplicable]:
        if ledger is not None and not in_process:
            seconds("timeout", timeout)
            how: dict[str, Any] = {"timeout": timeout, "fresh": fresh, "say": say}
            carried_out = elsewhere or functools.partial(execute, say=say)
            return reuse.judged(tasks, ledger, on_done=keep, on_refused=refuse, execute=carried_out, **how)
        if elsewhere is not None:
            return elsewhere(tasks, timeout=timeout, on_done=keep, on_refused=refuse)
        return here(tasks)

    def judge_parts(parts: Sequence[Task]) -> list[Outcome | Inapplicable]:
        on_start(len(so_far) + len(parts))
        return judge(parts)

    ended: str | Exception | None = None
    try:
        outcomes = judge(tasks)
        if problems:
            outcomes = large.searched(outcomes, problems, judge_parts, here)
    except (KeyboardInterrupt, Exception) as error:
        if not partial or (isinstance(error, UsageError) and (not so_far or len(refused) == len(requests))):
            raise
        ended = error if isinstance(error, Exception) else str(error) or "SIGINT"
        by = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(ended)
        known = {reuse.asking(o.task): o for o in so_far}
        outcomes = [replace(known[name], task=t) if (name := reuse.asking(t)) in known else unasked(t, by) for t in tasks]
    for task, why in skipped(outcomes):
        refuse(task, why)
    on_end()
    remember({r.loss for r in requests})
    wrong = {id(r.request) for r in refused}
    outcomes = [o for o in outcomes if id(o.task.request) not in wrong]  # some tasks may have ended before the refusal
    first = requests[0]
    report = Report.of(
        outcomes, profile=first.profile, seed=first.seed, seconds=time.perf_counter() - began, refused=refused, ended_by=ended
    )
    witness.keep(report.outcomes)  # `verify replay` finds them by their ids
    return report


def replay(given: str | Path | Mapping[str, Any], *, timeout: float | None = None, in_process: bool = False, trust: bool = False) -> Report:
    """Judges a stored case again and returns the report of this one law on this one case.

    `given` is the path of a witness, its id, or the document itself. A witness file may come from anybody: without `trust`, the code that
    it names must be a candidate of `[tool.verify]` or lie in a file below the current folder.

    Raises UsageError for what is not a witness, or names a candidate that no longer exists.
    """
    if not isinstance(given, (str, Path, Mapping)):
        raise UsageError(f"the witness is {shown(given)}; give the path of a file, an id, or the document.")
    truth("in_process", in_process)
    truth("trust", trust)
    if not isinstance(given, Mapping):
        file = witness.find(str(given))
        given = witness.read(file)
        if not trust and (asked := question(given, file)) is not None:
            raise UsageError(f"{asked}. Look at that code, then give trust=True.")
    task = witness.task(given)
    began = time.perf_counter()
    outcomes = _judged([task], timeout=timeout, in_process=in_process)
    for _, why in skipped(outcomes):
        raise why
    return Report.of(outcomes, profile="one case", seed=task.request.seed, seconds=time.perf_counter() - began)


def _judged(
    tasks: Sequence[Task],
    *,
    timeout: float | None,
    in_process: bool,
    captured: bool = False,
    on_done: Done = lambda _: None,
    on_refused: Refuse = raised,
    say: Say = lambda _: None,
) -> list[Outcome | Inapplicable]:
    seconds("timeout", timeout)
    if not in_process:
        return execute(tasks, timeout=timeout, on_done=on_done, on_refused=on_refused, say=say)
    if timeout is not None:
        raise UsageError("a time limit cannot be kept in this process. Leave out either timeout or in_process.")
    return execute_here(tasks, captured=captured, on_done=on_done, on_refused=on_refused)
