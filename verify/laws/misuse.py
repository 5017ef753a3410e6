"""Arguments that do not fit each other, or that a domain excludes: which of them does a candidate take without a word?

Compiled code may answer by reading and writing outside its arrays, so the questions are asked in a forked copy of the process,
which may be lost. A candidate that cannot even answer a valid question there (thread pools do not survive a fork) is not asked.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from math import isfinite

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.elapsed import Starved, now
from verify.form import Form
from verify.laws.law import Subject
from verify.oracle import InstanceOracle
from verify.problem import TARGET, WEIGHTS, Input, Problem, small
from verify.spec.domains import Domain, Finite, Label
from verify.spec.function import UPSTREAM

PATIENCE = 2.0
"""Seconds for one question, less what others kept it from: a thousand times what an answer takes."""

LOOK = 0.1
"""Seconds between two looks at what it waits for."""

MOST = 20 * PATIENCE
"""Seconds after which it is waited for no longer, however busy the machine is."""

SIZE, TRIES = 3, 4
"""Of each dimension of named inputs, so that one less is no 1, which stands for any number; and values at which an answer is looked for."""

REFUSED, TAKEN, HANGS, STARVED = b"r", b"t", b"h", b"w"


def taken(subject: Subject, dtype: str) -> tuple[str, ...]:
    """One limitation for each kind of misuse that is not refused. Empty where processes cannot be forked."""
    if isinstance(subject.oracle, InstanceOracle):
        return _of_inputs(subject, subject.oracle.problem, dtype) if sys.platform != "win32" else ()
    objective, loss = subject.scored.objective, subject.scored.objective.loss
    W, X = np.zeros((loss.scores(objective.classes or 3), 2), dtype), np.array([[0.5, 1.0], [0.25, 1.0]], dtype)
    linear = {"W": W, "X": X, "y": np.array([0, loss.labels(2) - 1]), "reg": 0.0}
    case = Case(values=objective.form.of_linear(linear), family="misuse", differentiated=(objective.form.point,))
    if sys.platform == "win32" or _reaction(subject, case) != "takes":
        return ()
    wrongs = _misuses(case, objective.form, classes=not loss.targets, rows=not subject.candidate.flat)
    return _told(subject, wrongs)


def _told(subject: Subject, wrongs: Iterable[tuple[str, Case]]) -> tuple[str, ...]:
    reactions = {what: _reaction(subject, wrong) for what, wrong in wrongs}
    return tuple(f"{reaction} {what}" for what, reaction in reactions.items() if reaction)


def _misuses(case: Case, form: Form, *, classes: bool, rows: bool) -> Iterator[tuple[str, Case]]:
    y, data = case["y"], case[form.rows]
    if classes:
        yield "a label beyond the last class", case.but(y=np.append(y[:-1], form.classes(case.values)))
        yield "a negative label", case.but(y=np.append(y[:-1], -1))
    if not form.is_apart:
        yield f"{form.rows} with more columns than {form.point}", case.but(**{form.rows: np.hstack([data, data[:, -1:]])})
    if rows:  # numbers in one row are as many examples as there are labels
        yield "fewer labels than examples", case.but(**{form.rows: np.vstack([data, data])})


def _of_inputs(subject: Subject, problem: Problem, dtype: str) -> tuple[str, ...]:
    """The same of named inputs, beside ordinary values: at an end of a domain there may be no answer to these.

    Nothing is asked of code that is its own formula, whose domains nobody has stated.
    """
    for seed in range(TRIES if problem.example is None else 0):
        case = Case(values=small(problem, size=SIZE, seed=seed, dtype=dtype), family="misuse", differentiated=problem.differentiated)
        if _reaction(subject, case) == "takes":
            return _told(subject, _outside(problem, case))
    return ()


def _outside(problem: Problem, case: Case) -> Iterator[tuple[str, Case]]:
    """One number of each input that its domain excludes, and each input that is shorter than one beside it."""
    arrays = [i for i in problem.inputs if i.dims and i.parameter is None and i.name not in (UPSTREAM, WEIGHTS)]
    for i in arrays:
        for what, value in _none_of(problem, i):
            wrong = np.array(case[i.name])
            wrong.flat[-1] = value
            yield what, case.but(**{i.name: wrong})
    for (k, i), (axis, dim) in ((own, at) for own in enumerate(arrays) for at in enumerate(own[1].dims)):
        beside = next((j.name for j in arrays[:k] if dim in j.dims), None)
        if beside is not None and not dim.isdigit():
            short = np.take(case[i.name], range(SIZE - 1), axis)
            yield f"{i.name} of shape {short.shape} beside {beside} of shape {case[beside].shape}", case.but(**{i.name: short})


def _none_of(problem: Problem, i: Input) -> Iterator[tuple[str, float]]:
    """Numbers that are none of an input's, with what they are."""
    domain, where = i.domain, "" if i.name == TARGET else f" in {i.name}"
    if isinstance(domain, Label):
        if domain.size.isdigit() or any(domain.size in j.dims for j in problem.inputs):
            yield f"a label beyond the last class{where}", int(domain.size) if domain.size.isdigit() else SIZE
        yield f"a negative label{where}", -1 if domain.ignored != -1 else -2
    elif isinstance(domain, Finite):
        yield (
            f"{max(domain.values) + 1:g} in {i.name}, which is none of {', '.join(map('{:g}'.format, domain.values))}",
            max(domain.values) + 1,
        )
    elif isinstance(domain, Domain) and not domain.unbounded:
        value = domain.high + 1 if isfinite(domain.high) else domain.low - 1
        yield f"{value:g} in {i.name}, which is outside {domain}", value


def _reaction(subject: Subject, case: Case) -> str:
    """What to say of it: "takes", nothing where it is refused, else what becomes of the process."""
    said = _in_a_copy(lambda: _ask(subject, case))
    return {REFUSED: "", TAKEN: "takes", HANGS: "hangs on", STARVED: ""}.get(said, "crashes the interpreter on")


def _ask(subject: Subject, case: Case) -> bytes:
    try:
        answer = subject.ask(case)
    except Misbehaviour:
        return REFUSED
    finite = (np.isfinite(answer.value) or not subject.candidate.has_loss) and np.all(np.isfinite(answer.gradient))
    return TAKEN if finite else REFUSED


def _in_a_copy(ask: Callable[[], bytes]) -> bytes:
    """What a forked copy said; nothing where it was lost. One that says nothing is ended after PATIENCE."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads: the copy is asked a valid question first
        child = os.fork()
    if child == 0:
        faulthandler.disable()  # a lost copy is an answer, not a fault to be told on standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        try:
            os.write(write, ask())
        finally:
            os._exit(0)
    os.close(write)
    try:
        return _heard(child, read)
    finally:
        os.kill(child, signal.SIGKILL)  # it stays until it is waited for, so that its number is nobody else's
        os.waitpid(child, 0)
        os.close(read)


def _heard(child: int, read: int) -> bytes:
    """What it says, HANGS where it does not, and STARVED where others kept it from saying so."""
    began, starved = now(), Starved(child)
    while now() - began < MOST:
        if select.select([read], [], [], LOOK)[0]:
            return os.read(read, 1)
        starved.look()
        if now() - began - starved.seconds > PATIENCE:
            return HANGS
    return STARVED
