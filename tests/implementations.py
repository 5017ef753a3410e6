"""Right and wrong implementations of both losses, in plain numpy, for the tests of the laws.

A wrong one is the right one with one thing done wrong, stated by the parts it is made of; nothing is shared with the
code under test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import logsumexp

Array = Any
Implementation = Callable[[Array, Array, Array, float], tuple[Any, Array]]


def hinge_loss(W: Array, X: Array, y: Array, reg: float) -> Any:
    M = margins(W, X, y)
    return np.maximum(M, 0).sum() / len(X) + reg * (W * W).sum()


def margins(W: Array, X: Array, y: Array) -> Array:
    """(N, C), the label's own entry at −1 so that it is never active."""
    S = X @ W.T
    rows = np.arange(len(X))
    M = S - S[rows, y][:, None] + W.dtype.type(1)
    M[rows, y] = -1
    return M


def hinge(
    weights: Callable[[Array], Array] = lambda M: M > 0,
    own: Callable[[Array], Array] = lambda A: -A.sum(1),
    after: Callable[..., Array] = lambda G, W, X, y, reg: G,
    penalty: float = 2.0,
    label: Callable[[Array], Array] = lambda y: y,
    loss: Implementation | Callable[..., Any] = hinge_loss,
) -> Implementation:
    """The gradient from: weights of the margins, the own class's entry, a last touch, the penalty's factor."""

    def f(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        A = weights(margins(W, X, y)).astype(W.dtype)
        A[np.arange(len(X)), label(y)] = own(A)
        G = A.T @ X / W.dtype.type(len(X)) + W.dtype.type(penalty * reg) * W
        return loss(W, X, y, reg), after(G, W, X, y, reg).astype(W.dtype)

    return f


def softmax_loss(W: Array, X: Array, y: Array, reg: float) -> Any:
    S = X @ W.T
    top = S.max(1)
    return (np.log(np.exp(S - top[:, None]).sum(1)) + top - S[np.arange(len(X)), y]).sum() / len(X) + reg * (W * W).sum()


def normalised(E: Array) -> Array:
    return E / E.sum(1, keepdims=True)


def softmax(
    probabilities: Callable[[Array], Array] = lambda S: (
        np.exp(S - S.max(1, keepdims=True)) / np.exp(S - S.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
    own: float = 1.0,
    after: Callable[..., Array] = lambda G, W, X, y, reg: G,
    penalty: float = 2.0,
    label: Callable[[Array], Array] = lambda y: y,
    loss: Implementation | Callable[..., Any] = softmax_loss,
) -> Implementation:
    """The gradient from: probabilities of the scores, what is taken from the own class's, a last touch, the penalty."""

    def f(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        P = probabilities(X @ W.T).astype(W.dtype)
        P[np.arange(len(X)), label(y)] -= W.dtype.type(own)
        G = P.T @ X / W.dtype.type(len(X)) + W.dtype.type(penalty * reg) * W
        return loss(W, X, y, reg), after(G, W, X, y, reg).astype(W.dtype)

    return f


def _touch(change: Callable[..., Any]) -> Callable[..., Array]:
    """A last touch that edits the gradient in place."""

    def after(G: Array, W: Array, X: Array, y: Array, reg: float) -> Array:
        G = G.copy()
        change(G, W, X, y)
        return G

    return after


def _set(index: Any, factor: float) -> Callable[..., Array]:
    def change(G: Array, *_: Any) -> None:
        G[index] *= factor

    return _touch(change)


def _only_if(condition: Callable[..., bool], factor: float) -> Callable[..., Array]:
    def change(G: Array, W: Array, X: Array, y: Array) -> None:
        if condition(W, X, y):
            G *= factor

    return _touch(change)


def _without_last_example(f: Implementation) -> Implementation:
    def g(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        loss, full = f(W, X, y, reg)
        return loss, full if len(X) == 1 else f(W, X[:-1], y[:-1], reg)[1]

    return g


def _in_float32(f: Implementation) -> Implementation:
    return lambda W, X, y, reg: (f(W, X, y, reg)[0], f(W.astype(np.float32), X.astype(np.float32), y, reg)[1].astype(W.dtype))


def stale(f: Implementation) -> Implementation:
    """Keeps the loss of the last W as long as W hardly changes: right wherever it is asked far apart."""
    kept: dict[str, Any] = {}

    def g(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        loss, gradient = f(W, X, y, reg)
        same = "W" in kept and kept["W"].shape == W.shape and kept["X"].shape == X.shape and np.array_equal(kept["X"], X)
        if not (same and np.allclose(kept["W"], W, rtol=0, atol=1e-3)):
            kept.update(W=W.copy(), X=X.copy(), loss=loss)
        return kept["loss"], gradient

    return g


def _blocked(f: Implementation) -> Implementation:
    """Example by example, last to first, in float64 where the data is float32."""

    def g(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        wide = W.astype(np.float64)
        parts = [f(wide, X[i : i + 1].astype(np.float64), y[i : i + 1], 0.0) for i in reversed(range(len(X)))]
        loss = sum(p[0] for p in parts) / len(X) + reg * (wide * wide).sum()
        return loss, (sum(p[1] for p in parts) / len(X) + 2 * reg * wide).astype(W.dtype)

    return g


def _minus_log_probability(W: Array, X: Array, y: Array, reg: float) -> Any:
    S = X @ W.T
    P = normalised(np.exp(S - S.max(1, keepdims=True)))
    return -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()


def _log_sum_exp(function: Callable[[Array], Array], W: Array, X: Array, y: Array, reg: float) -> Any:
    S = X @ W.T
    return (function(S) - S[np.arange(len(X)), y]).mean() + reg * (W * W).sum()


def _hinge_by_loops(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
    """As courses write it first: one margin at a time."""
    loss, dW = 0.0, np.zeros_like(W)
    for x, label in zip(X, y, strict=True):
        scores = W @ x
        for j in range(len(W)):
            margin = scores[j] - scores[label] + 1
            if j != label and margin > 0:
                loss += margin
                dW[j] += x
                dW[label] -= x
    return loss / len(X) + reg * np.sum(W * W), dW / W.dtype.type(len(X)) + W.dtype.type(2 * reg) * W


def _hinge_by_differences(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
    """Margins from differences of rows of W, which are not differences of scores in floating point."""
    loss, dW = 0.0, W.dtype.type(2 * reg) * W
    for x, label in zip(X, y, strict=True):
        margins = (W - W[label]) @ x + 1
        margins[label] = 0
        active = (margins >= 0) & (np.arange(len(W)) != label)
        loss += margins[active].sum() / len(X)
        active = active.astype(W.dtype)
        active[label] = -active.sum()
        dW = dW + np.outer(active, x) / W.dtype.type(len(X))
    return loss + reg * np.sum(W * W), dW


def _onto_the_penalty(example: Callable[[Array, int], tuple[Any, Array]]) -> Implementation:
    """λ‖W‖² and 2λW first, onto which (ℓ, ∂ℓ/∂s) of one example after the other is added."""

    def f(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
        number, N = W.dtype.type, len(X)
        loss, dW = number(reg) * np.sum(W * W), number(2 * reg) * W
        for x, label in zip(X, y, strict=True):
            own, dS = example(W @ x, label)
            loss, dW = loss + own / number(N), dW + np.outer(dS, x) / number(N)
        return loss, dW

    return f


def _hinge_of_one(s: Array, label: int) -> tuple[Any, Array]:
    margins = np.maximum(s - s[label] + s.dtype.type(1), 0)
    margins[label] = 0
    active = (margins > 0).astype(s.dtype)
    active[label] = -active.sum()
    return margins.sum(), active


def _softmax_of_one(s: Array, label: int) -> tuple[Any, Array]:
    """p_y − 1 as minus the sum of the other probabilities."""
    total = np.asarray(logsumexp(s), s.dtype)
    p = np.exp(s - total)
    p[label] = 0
    p[label] = -p.sum()
    return total - s[label], p


RIGHT: dict[str, dict[str, Implementation]] = {
    "multiclass_hinge": {
        "ties as 0 (>)": hinge(),
        "ties as 1 (≥)": hinge(weights=lambda M: M >= 0),
        "ties as a half": hinge(weights=lambda M: (np.sign(M) + 1) / 2),
        "ties by index": hinge(weights=lambda M: (M > 0) | ((M == 0) & (np.arange(M.shape[1]) % 2 == 0))),
        "example by example, backwards": _blocked(hinge()),
        "loops": _hinge_by_loops,
        "differences of rows": _hinge_by_differences,
        "onto the penalty": _onto_the_penalty(_hinge_of_one),
        "(D, C)": lambda W, X, y, reg: (hinge_loss(W.T, X, y, reg), hinge()(W.T, X, y, reg)[1].T),
        "sum, half the penalty": lambda W, X, y, reg: tuple(len(X) * a for a in hinge()(W, X, y, reg / len(X) / 2)),
    },
    "softmax_cross_entropy": {
        "shifted by the maximum": softmax(),
        "through the log of the probability": softmax(loss=_minus_log_probability),
        "log-sum-exp by logaddexp": softmax(loss=lambda *a: _log_sum_exp(lambda S: np.logaddexp.reduce(S, axis=1), *a)),
        "log-sum-exp by scipy": softmax(loss=lambda *a: _log_sum_exp(lambda S: logsumexp(S, axis=1), *a)),
        "probabilities by the difference to log-sum-exp": softmax(
            probabilities=lambda S: np.exp(S - logsumexp(S, axis=1, keepdims=True)).astype(S.dtype)
        ),
        "example by example, backwards": _blocked(softmax()),
        "onto the penalty, the label's entry from the others": _onto_the_penalty(_softmax_of_one),
        "(D, C)": lambda W, X, y, reg: (softmax_loss(W.T, X, y, reg), softmax()(W.T, X, y, reg)[1].T),
        "sum, half the penalty": lambda W, X, y, reg: tuple(len(X) * a for a in softmax()(W, X, y, reg / len(X) / 2)),
    },
}

OVERFLOWS = {
    "exp not shifted": softmax(probabilities=lambda S: normalised(np.exp(S))),
    "log-sum-exp not shifted": softmax(loss=lambda *a: _log_sum_exp(lambda S: np.log(np.exp(S).sum(1)), *a)),
}
"""Right formulas that leave the range of the dtype though the result lies within it."""

AFTER: dict[str, Callable[..., Array]] = {
    "N left out": lambda G, W, X, y, reg: G * len(X) - 2 * reg * W * (len(X) - 1),
    "divided by N twice": lambda G, W, X, y, reg: (G - 2 * reg * W) / len(X) + 2 * reg * W,
    "sign of everything": lambda G, W, X, y, reg: -G,
    "first class left out": _set(0, 0.0),
    "bias column left out": _set((slice(None), -1), 0.0),
    "one entry off by 1e-9": _set((0, -1), 1 + 1e-9),
    "everything off by 1e-10": lambda G, W, X, y, reg: G * (1 + 1e-10),
    "everything off by 1e-3": lambda G, W, X, y, reg: G * (1 + 1e-3),
    "wrong for two classes only": _only_if(lambda W, X, y: len(W) == 2, 2.0),
    "wrong for one example only": _only_if(lambda W, X, y: len(X) == 1, 2.0),
    "wrong for an absent class only": _only_if(lambda W, X, y: len(set(y.tolist())) < len(W), 1.001),
}


def _wrong(make: Callable[..., Implementation]) -> dict[str, Implementation]:
    return {
        "penalty halved": make(penalty=1.0),
        "penalty missing": make(penalty=0.0),
        "penalty subtracted": make(penalty=-2.0),
        "labels off by one": make(label=lambda y: np.maximum(y - 1, 0)),
        "last example left out": _without_last_example(make()),
        "single precision inside": _in_float32(make()),
        **{name: make(after=after) for name, after in AFTER.items()},
    }


WRONG: dict[str, dict[str, Implementation]] = {
    "multiclass_hinge": {
        **_wrong(hinge),
        "ties as 2": hinge(weights=lambda M: np.where(M == 0, 2.0, M > 0)),
        "ties below 0": hinge(weights=lambda M: np.where(M == 0, -0.1, M > 0)),
        "> in one row, ≥ in the other": hinge(own=lambda A: -A.sum(1), after=_touch(lambda G, W, X, y: _add_ties(G, W, X, y))),
        "own class counted once": hinge(own=lambda A: -(A.sum(1) > 0).astype(A.dtype)),
        "own class left out": hinge(own=lambda A: 0 * A.sum(1)),
        "own class with the wrong sign": hinge(own=lambda A: A.sum(1)),
        "margin missing in the indicator": hinge(weights=lambda M: M > 1),
        "margin doubled in the indicator": hinge(weights=lambda M: M > -1),
        "margins instead of indicators": hinge(weights=lambda M: np.maximum(M, 0)),
        "indicator with a tolerance": hinge(weights=lambda M: M > -1e-9),
    },
    "softmax_cross_entropy": {
        **_wrong(softmax),
        "1 not taken from the own class": softmax(own=0.0),
        "1 added to the own class": softmax(own=-1.0),
        "normalised over the examples": softmax(probabilities=lambda S: np.exp(S) / np.exp(S).sum(0, keepdims=True)),
        "not normalised": softmax(probabilities=lambda S: np.exp(S - S.max(1, keepdims=True))),
        "scores instead of probabilities": softmax(probabilities=lambda S: S),
        "temperature of 2": softmax(probabilities=lambda S: np.exp(S / 2) / np.exp(S / 2).sum(1, keepdims=True)),
    },
}

FLOAT64_ONLY = {"one entry off by 1e-9", "everything off by 1e-10", "single precision inside", "indicator with a tolerance"}
"""Smaller than float32 can see."""


def _add_ties(G: Array, W: Array, X: Array, y: Array) -> None:
    """Counts ties in the own class's row only."""
    ties = (margins(W, X, y) == 0).astype(W.dtype)
    for i, label in enumerate(y):
        G[label] -= ties[i].sum() * X[i] / len(X)
