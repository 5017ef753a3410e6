"""Takes the steps of one method until its budget of evaluations is spent, and keeps the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from verify.descent.history import History, Progress
from verify.descent.methods import Method, first_state
from verify.descent.optimisers import Floats, State, watched
from verify.descent.problem import TrainingProblem, between
from verify.errors import UsageError

MOST_ROWS = 2_000
"""Longer runs keep only every second row, or every fourth, …: a figure shows no more, and a page holds no more."""

OnRow = Callable[[History], None]


def describe(problem: TrainingProblem, method: Method, evaluations: int) -> dict[str, Any]:
    """The request in the words of the document."""
    return {
        "method": method.name,
        "settings": dict(method.settings),
        "evaluations": evaluations,
        "loss": problem.loss,
        "reg": problem.reg,
        "data": problem.split.name,
        "digest": problem.split.digest,
        "training_examples": problem.examples,
        "test_examples": len(problem.split.X_test),
        "shape": list(problem.shape),
        "chance": 1 / problem.split.classes,
    }


def descend(
    problem: TrainingProblem, method: Method, *, evaluations: int, before: History | None = None, on_row: OnRow = lambda _: None
) -> History:
    """The history of `method` on `problem` with so many evaluations of the loss of all training examples.

    A gradient comes with its loss and counts as one evaluation, a mini-batch counts by its share. The last step is the last that the budget
    pays for. Methods that see only mini-batches get the whole loss computed at the start and after every pass: that is not counted, since
    they do not use it. `before` is a history to resume; `on_row` receives the history after every kept row.

    Raises UsageError where the loss leaves the floats.
    """
    between("evaluations", evaluations, 1, 10**9, whole=True)
    per_pass = method.per_pass(problem.examples)
    total, kept = evaluations * per_pass, _kept(method, evaluations, per_pass)
    history = replace(before or _begin(problem, method), about=describe(problem, method, evaluations))
    rows, state, accuracy = [r for r in history.rows if kept(r.iteration)], history.state, _Accuracy(problem)
    with np.errstate(over="ignore", invalid="ignore"):  # told by `_alive`
        while state.iteration < total:
            state = method.advance(state)
            _alive(state, method, problem)
            if method.batch is not None and state.iteration % per_pass == 0:
                state = watched(problem, state)
            if kept(state.iteration):
                rows.append(_row(problem, method, state, accuracy.of(state)))
                history = replace(history, rows=tuple(rows), state=state)
                on_row(history)
    return history


def _kept(method: Method, evaluations: int, per_pass: int) -> Callable[[int], bool]:
    """Which steps get a row: every 2^k-th, the ends of passes, and the last.

    With a power of two, a longer run keeps no step that a shorter one left out: when a run is resumed with a larger budget, surplus rows
    are dropped, and its rows equal those of an uninterrupted run.
    """
    total = evaluations * per_pass
    every, passes = (1 << (-(-n // MOST_ROWS) - 1).bit_length() for n in (total, evaluations))
    return lambda k: k % every == 0 or k == total or (method.batch is not None and k % (passes * per_pass) == 0)


def _begin(problem: TrainingProblem, method: Method) -> History:
    state = first_state(problem, int(method.settings["seed"]))
    return History(about={}, rows=(), state=state if method.batch is None else watched(problem, state))


def _row(problem: TrainingProblem, method: Method, s: State, accuracy: float) -> Progress:
    spent = method.seen(s.iteration, problem.examples) / problem.examples
    return Progress(iteration=s.iteration, evaluations=spent, loss=s.loss, best=s.best, test_accuracy=accuracy)


class _Accuracy:
    """The accuracy of the best weights, computed again only where they changed."""

    def __init__(self, problem: TrainingProblem) -> None:
        self.problem, self._known = problem, 0.0
        self._of: Floats | None = None

    def of(self, state: State) -> float:
        at = state.W if state.best_at is None else state.best_at
        if at is not self._of:
            self._of, self._known = at, self.problem.accuracy(at)
        return self._known


def _alive(state: State, method: Method, problem: TrainingProblem) -> None:
    if isfinite(state.loss) and np.all(np.isfinite(state.W)):
        return
    advice = f"Give a smaller --step; 1/L is {1 / problem.smoothness:.3g} here." if "step" in method.settings else "Give smaller weights."
    raise UsageError(f"{method.name} left the floats at step {state.iteration}: the loss is {state.loss}. {advice}")
