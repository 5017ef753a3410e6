"""One step of each method of the notes, as a pure function of its state.

The draws of step k depend on the seed and on k alone, not on the steps before: a run resumed from a stored `State` equals an uninterrupted
one, bit for bit. `f(W)` returns the loss and its gradient; `f(W, rows)` those of some examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Rows = NDArray[np.intp]
Loss = Callable[[Floats], tuple[float, Floats]]
LossOfRows = Callable[[Floats, Rows], tuple[float, Floats]]


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """The state of a method: W (C, D) is where its next step starts, `iteration` the number of steps taken. `loss` is the last one computed
    (of its candidate, of W, of its mini-batch). `best` is the least loss of *all* examples known so far, and `best_at` the weights that
    have it.
    """

    W: Floats
    iteration: int = 0
    loss: float = nan
    best: float = inf
    best_at: Floats | None = None


def random_search(f: Loss, state: State, *, scale: float, seed: int) -> State:
    """Tries normal weights with this standard deviation, independent of the state; keeps the best.

    One evaluation. Law: `best` never rises.
    """
    W = _normal(seed, state.iteration, state.W) * state.W.dtype.type(scale)
    return _tried(f, state, W)


def local_search(f: Loss, state: State, *, radius: float, seed: int) -> State:
    """Tries best_at + radius·δ, δ normal; goes there if the loss is lower. The first step tries W + radius·δ.

    One evaluation. Law: `best` never rises, and `W` is `best_at` after every step.
    """
    start = state.W if state.best_at is None else state.best_at
    return _tried(f, state, start + state.W.dtype.type(radius) * _normal(seed, state.iteration, state.W))


def gradient_descent(f: Loss, state: State, *, step: float) -> State:
    """W − η∇f(W).

    One evaluation: a loss comes with its gradient. Laws: where f is smooth and η ≤ 1/L the loss falls by at least
    (η/2)‖∇f‖² every time; on convex f the gap obeys `bounds.subgradient_gap`, and `bounds.smooth_gap` where η ≤ 1/L.
    """
    loss, dW = f(state.W)
    best, best_at = (loss, state.W) if loss < state.best else (state.best, state.best_at)
    return State(W=_moved(state.W, step, dW), iteration=state.iteration + 1, loss=loss, best=best, best_at=best_at)


def minibatch_descent(f: LossOfRows, state: State, *, examples: int, batch: int, step: float, seed: int) -> State:
    """W − η∇f_B(W) on the next mini-batch B of a random partition of the examples; each pass draws a new one.

    batch/examples of an evaluation. `best` is not known to this method: see `watched`. Law: the gradients of a pass's
    batches at one W, weighted by their sizes, average to the full gradient exactly.
    """
    loss, dW = f(state.W, batch_rows(state.iteration, examples, batch, seed))
    return replace(state, W=_moved(state.W, step, dW), iteration=state.iteration + 1, loss=loss)


def sgd(f: LossOfRows, state: State, *, examples: int, step: float, seed: int) -> State:
    """Stochastic gradient descent: one example a step. Law: the same bits as `minibatch_descent` with batch 1."""
    return minibatch_descent(f, state, examples=examples, batch=1, step=step, seed=seed)


def watched(f: Loss, state: State) -> State:
    """The state with `best` updated by the loss of all examples at W: one evaluation that the method itself does not use."""
    loss, _ = f(state.W)
    return replace(state, best=loss, best_at=state.W) if loss < state.best else state


def batch_rows(iteration: int, examples: int, batch: int, seed: int) -> Rows:
    """The rows of one step's mini-batch; the last of a pass is smaller where `batch` does not divide `examples`."""
    per_pass = -(-examples // batch)
    turn, place = divmod(iteration, per_pass)
    rows: Rows = _order(seed, turn, examples)[place * batch : (place + 1) * batch]
    return rows


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, examples: int) -> Rows:
    return np.random.default_rng([seed, turn]).permutation(examples)


def _normal(seed: int, iteration: int, like: Floats) -> Floats:
    drawn: NDArray[Any] = np.random.default_rng([seed, iteration]).normal(size=like.shape)
    return drawn.astype(like.dtype)


def _moved(W: Floats, step: float, dW: Floats) -> Floats:
    return np.asarray(W - W.dtype.type(step) * dW)


def _tried(f: Loss, state: State, W: Floats) -> State:
    loss, _ = f(W)
    if loss < state.best:
        return State(W=W, iteration=state.iteration + 1, loss=loss, best=loss, best_at=W)
    return replace(state, iteration=state.iteration + 1, loss=loss)
