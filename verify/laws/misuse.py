"""Arguments that do not fit each other, or that a domain excludes: which of them does a candidate accept silently?

Compiled code may read and write outside its arrays, so the calls are made in a forked copy of the process, which may be lost: one copy for
all calls, and another for those that remain where it is lost. A candidate that cannot even answer a valid call there (thread pools do not
survive a fork) is not tested.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from math import isfinite

import numpy as np

from verify.candidates import Misbehaviour
from verify.candidates.forked import HANGS, STARVED, UNANSWERED, in_one_copy
from verify.cases import Case
from verify.form import Form
from verify.laws.law import Subject
from verify.problem import TARGET, WEIGHTS, Input, Problem, small
from verify.spec.domains import Domain, Finite, Label
from verify.spec.function import UPSTREAM

SIZE, TRIES = 3, 4
"""The size of each dimension of named inputs, so that one less is not 1, which fits any size by broadcasting; and the number of points at
which an answer is looked for.
"""

REFUSED, TAKEN = b"r", b"t"


def taken(subject: Subject, dtype: str) -> tuple[str, ...]:
    """One limitation for each kind of misuse that is accepted. Empty where processes cannot be forked."""
    if (named := subject.oracle.named) is not None:
        return _of_inputs(subject, named.problem, dtype) if sys.platform != "win32" else ()
    objective, loss = subject.scored.objective, subject.scored.objective.loss
    W, X = np.zeros((loss.scores(objective.classes or 3), 2), dtype), np.array([[0.5, 1.0], [0.25, 1.0]], dtype)
    linear = {"W": W, "X": X, "y": np.array([0, loss.labels(2) - 1]), "reg": 0.0}
    case = Case(values=objective.form.of_linear(linear), family="misuse", differentiated=(objective.form.point,))
    if sys.platform == "win32":
        return ()
    return _reactions(subject, case, _misuses(case, objective.form, classes=not loss.targets, rows=not subject.candidate.flat)) or ()


def _reactions(subject: Subject, case: Case, wrongs: Iterable[tuple[str, Case]]) -> tuple[str, ...] | None:
    """The reactions to each wrong call; None where the valid `case` is not accepted. A call at which a copy was lost is repeated first in a
    new copy: earlier calls may have done the damage.
    """
    named = dict(wrongs)
    asks = [partial(_ask, subject, c) for c in (case, *named.values())]
    said: list[bytes] = []
    while len(said) < len(asks):
        replies = in_one_copy(asks[len(said) :])
        if not said and replies[0] != TAKEN:
            return None
        said += replies[:-1] if len(replies) > 1 and replies[-1] in UNANSWERED else replies
    reactions = zip(named, map(_reaction, said[1:]), strict=True)
    return tuple(f"{reaction} {what}" for what, reaction in reactions if reaction)


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
    """The limitations of a function of named inputs, tried at ordinary values: at an end of a domain there may be no answer.

    Code that is its own formula is not tested, since its domains are unknown.
    """
    for seed in range(TRIES if problem.example is None else 0):
        case = Case(values=small(problem, size=SIZE, seed=seed, dtype=dtype), family="misuse", differentiated=problem.differentiated)
        told = _reactions(subject, case, _outside(problem, case))
        if told is not None:
            return told
    return ()


def _outside(problem: Problem, case: Case) -> Iterator[tuple[str, Case]]:
    """Cases with one number that the domain of an input excludes, and cases with an input shorter than another along a shared dimension."""
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
    """Numbers outside an input's domain, with a description."""
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


def _reaction(said: bytes) -> str:
    """The reaction in words: "takes", empty where the call is refused, else the fate of the process."""
    return {REFUSED: "", TAKEN: "takes", HANGS: "hangs on", STARVED: ""}.get(said, "crashes the interpreter on")


def _ask(subject: Subject, case: Case) -> bytes:
    try:
        answer = subject.call(case)
    except Misbehaviour:
        return REFUSED
    finite = (np.isfinite(answer.value) or not subject.candidate.has_loss) and np.all(np.isfinite(answer.gradient))
    return TAKEN if finite else REFUSED
