"""A candidate's answers to many small problems of one size, without the guard, which would cost more than the call. A finding here is
checked again by ordinary calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Misbehaviour, guarded_call
from verify.candidates.linear import Linear
from verify.candidates.scores import Scores
from verify.candidates.way import Way
from verify.form import LINEAR, SCORES, Form

Floats = NDArray[np.floating]
Problems = Mapping[str, NDArray[Any]]
"""B problems of one size by the names of their values, each with a leading axis of length B."""


def answers(candidate: Way, problems: Problems) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The values (B,) and the gradients, of the shape of the point, of B problems; NaN where there is no answer."""
    f, questions, gradients, own = LAID_OUT[candidate.form](candidate, **problems)
    values = np.full(len(gradients), np.nan)
    left = enumerate(questions)

    def ask() -> None:
        for b, arguments in left:
            value, gradient = f(*arguments)
            if np.shape(gradient) == own.shape[1:]:
                own[b], values[b] = gradient, value

    while True:
        try:
            guarded_call(ask, ())
        except Misbehaviour:
            continue  # this problem has no answer; the next ones may
        return values, gradients


Asked = tuple[Callable[..., Any], Iterator[Any], NDArray[np.float64], Floats]
"""(function, its arguments problem by problem, gradients, gradients in the candidate's layout)."""


def _linear(c: Linear, W: Floats, X: Floats, y: NDArray[np.int64], reg: Floats) -> Asked:
    """See `answers`: the arguments are fresh arrays in C order, which the candidate may overwrite."""

    def laid_out(A: Floats, transposed: bool) -> Floats:
        return np.array(A.transpose(0, 2, 1) if transposed else A, order="C")

    B, gradients = len(W), np.full(W.shape, np.nan)
    mine = laid_out(W, c.layout == "DC")
    mine = mine.reshape(B, -1) if c.layout == "D" else mine
    own = {"CD": gradients, "DC": gradients.transpose(0, 2, 1), "D": gradients.reshape(B, -1)}[c.layout]
    last = zip(*(c.more(y.shape[1], W.dtype, r) for r in reg.tolist()), strict=True)
    return c.f, zip(mine, laid_out(X, c.data == "DN"), c.labels(y, W.dtype), *last, strict=True), gradients, own


def _scores(c: Scores, scores: Floats, y: NDArray[np.int64]) -> Asked:
    def f(scores: Floats, y: NDArray[np.int64]) -> tuple[float, Floats]:
        answer = c(scores, y)
        return answer.value, answer.gradient

    gradients = np.full(scores.shape, np.nan)
    return f, zip(scores, y, strict=True), gradients, gradients


LAID_OUT: Mapping[Form | None, Callable[..., Asked]] = {LINEAR: _linear, SCORES: _scores}
"""By what the candidate is a function of."""
