"""What a candidate answers to many small problems of one size: asked directly, since a guard around each call costs more than the
call. Whoever finds something here asks again in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Misbehaviour, asked
from verify.candidates.linear import Linear
from verify.candidates.scores import Scores

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]


def answers(candidate: Linear | Scores, W: Floats, X: Floats, y: Labels, reg: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(values (B,), gradients (B, C, D)) of B problems, W (B, C, D), X (B, N, D), y (B, N), reg (B,); NaN where there is none."""
    values, gradients = np.full(len(W), np.nan), np.full(W.shape, np.nan)
    laid_out = _linear(candidate, W, X, y, reg, gradients) if isinstance(candidate, Linear) else _scores(candidate, W, X, y, gradients)
    f, questions, own = laid_out
    left = enumerate(questions)

    def ask() -> None:
        for b, arguments in left:
            value, gradient = f(*arguments)
            if np.shape(gradient) == own.shape[1:]:
                own[b], values[b] = gradient, value

    while True:
        try:
            asked(ask, ())
        except Misbehaviour:
            continue  # this problem has no answer; the next ones are asked
        return values, gradients


def _linear(c: Linear, W: Floats, X: Floats, y: Labels, reg: Floats, gradients: Floats) -> tuple[Callable[..., Any], Iterator[Any], Floats]:
    """(function, its arguments problem by problem, `gradients` as it lays them out): arrays that it may write to, in C order."""

    def laid_out(A: Floats, transposed: bool) -> Floats:
        return np.array(A.transpose(0, 2, 1) if transposed else A, order="C")

    B = len(W)
    mine = laid_out(W, c.layout == "DC")
    mine = mine.reshape(B, -1) if c.layout == "D" else mine
    own = {"CD": gradients, "DC": gradients.transpose(0, 2, 1), "D": gradients.reshape(B, -1)}[c.layout]
    labels = np.array(y) if c.targets is None else np.array(c.targets, dtype=W.dtype)[y]
    last = [[c.more(e, y.shape[1], W.dtype, r) for r in reg.tolist()] for e in c.extras]
    return c.f, zip(mine, laid_out(X, c.data == "DN"), labels, *last, strict=True), own


def _scores(c: Scores, W: Floats, X: Floats, y: Labels, gradients: Floats) -> tuple[Callable[..., Any], Iterator[Any], Floats]:
    def f(W: Floats, X: Floats, y: Labels) -> tuple[float, Floats]:
        answer = c(W, X, y, 0.0)
        return answer.value, answer.gradient

    return f, zip(W, X, y, strict=True), gradients
