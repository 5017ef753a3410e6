"""Losses of one array with the gradients that someone wrote by hand, right and wrong, each at a point where it was checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, gammaln, log_softmax, softmax

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """`f(x)` → (loss, gradient), an example of x, whether it is `right`, and what others stumble over."""

    f: Callable[[Floats], tuple[Any, Floats]]
    x: Floats
    right: bool
    because: str


ROWS = np.arange(5)
X = np.array([[1.0, 2.0, 1.0], [-1.0, 0.5, 1.0], [0.5, -3.0, 1.0], [2.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
Y = np.array([0, 1, 2, 0, 1])
W = np.array([[0.5, -0.25, 0.125], [0.25, 0.5, -1.0], [-1.0, 0.75, 0.5]])
PADDED = np.array([[0.5, -1.0, 0.25, 1.0], [0.0, 0.0, 0.0, 1.0], [1.5, 0.75, -0.5, 1.0]])
UPSTREAM = np.array([[1.25, 0.0, 1.5], [1.0, 1.0, 0.5], [0.5, 1.75, 2.5]])


def hinge(w: Floats) -> tuple[Any, Floats]:
    """Multiclass SVM, as in the course; W (C, D), with the biases last. Biases that differ by 1 are a tie."""
    scores = X @ w.T
    margins = np.maximum(0, scores - scores[ROWS, Y][:, None] + 1)
    margins[ROWS, Y] = 0
    active = (margins > 0).astype(w.dtype)
    active[ROWS, Y] = -active.sum(axis=1)
    return margins.sum() / len(X), active.T @ X / len(X)


def relu_net(w: Floats) -> tuple[Any, Floats]:
    """A hidden layer whose biases, the last row of w, are 0, as they are at first: of an input of zeros all units stand on their kink."""
    z = PADDED @ w
    r = np.maximum(z, 0).sum(axis=1) - 1
    return (r * r).sum() / 2, PADDED.T @ (r[:, None] * (z > 0))


def lasso(w: Floats) -> tuple[Any, Floats]:
    """Least squares with 0.1·‖w‖₁ at weights of which some are 0, as they are where it has done its work."""
    r = X @ w - Y
    return (r * r).sum() / 2 + 0.1 * np.abs(w).sum(), X.T @ r + 0.1 * np.where(w >= 0, 1.0, -1.0)


def huber(w: Floats) -> tuple[Any, Floats]:
    """A Huber loss with δ = 1e-7: narrower than the step of a difference."""
    r, delta = w - 0.5, 1e-7
    inside = np.abs(r) <= delta
    return np.where(inside, r * r / 2, delta * (np.abs(r) - delta / 2)).sum() / delta, np.where(inside, r, delta * np.sign(r)) / delta


COUNTS = np.array([250_000.0, 1_000_000.0, 640_000.0])


def poisson(w: Floats) -> tuple[Any, Floats]:
    """−log likelihood of large counts, with its constant: some 20 beside sums of 10⁷."""
    return (np.exp(w) - COUNTS * w + gammaln(COUNTS + 1)).sum(), np.exp(w) - COUNTS


def cross_entropy(w: Floats) -> tuple[Any, Floats]:
    """Softmax and cross-entropy; W (C, D)."""
    scores = X.astype(w.dtype) @ w.T
    slopes = softmax(scores, axis=1)
    slopes[ROWS, Y] -= 1
    return -log_softmax(scores, axis=1)[ROWS, Y].sum() / len(X), slopes.T @ X.astype(w.dtype) / len(X)


def penalised(w: Floats) -> tuple[Any, Floats]:
    """The same with 1e-6·‖W‖², whose gradient lacks its 2."""
    value, gradient = cross_entropy(w)
    return value + 1e-6 * (w * w).sum(), gradient + 1e-6 * w


def one_of_many(w: Floats) -> tuple[Any, Floats]:
    """A logistic loss of 300 margins, one of whose slopes is wrong by 1e-4 of itself."""
    slopes = -1 / (1 + np.exp(w))
    slopes[217] *= 1.0001
    return np.log1p(np.exp(-w)).sum(), slopes


def layer_norm(w: Floats) -> tuple[Any, Floats]:
    """A layer norm whose backward pass forgets the ε under the root."""
    centred = w - w.mean(axis=1, keepdims=True)
    var = (centred * centred).mean(axis=1, keepdims=True)
    h = centred / np.sqrt(var + 1e-4)
    d, g = UPSTREAM, centred / np.sqrt(var)
    return (d * h).sum(), (d - d.mean(axis=1, keepdims=True) - g * (d * g).mean(axis=1, keepdims=True)) / np.sqrt(var)


def gelu(w: Floats) -> tuple[Any, Floats]:
    """GELU by erf, with the slope of its approximation by tanh."""
    t = np.tanh(np.sqrt(2 / np.pi) * (w + 0.044715 * w**3))
    slope = (1 + t) / 2 + w * (1 - t * t) / 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * w * w)
    return (w * (1 + erf(w / np.sqrt(2))) / 2).sum(), slope


def softplus(w: Floats) -> tuple[Any, Floats]:
    """Log(1 + exp(x)), whose slope is cut off at 1 − 1e-6, as a guard against log(0) elsewhere."""
    return np.logaddexp(0, w).sum(), np.clip(1 / (1 + np.exp(-w)), 1e-6, 1 - 1e-6)


def leaky(w: Floats) -> tuple[Any, Floats]:
    """A leaky ReLU whose slope at 0 is the sum of both sides."""
    return np.where(w > 0, w, 0.1 * w).sum(), np.where(w > 0, 1.0, 0.0) + np.where(w < 0, 0.1, 0.0) + np.where(w == 0, 1.1, 0.0)


def _spread(*shape: int) -> Floats:
    return np.random.default_rng(0).normal(size=shape)


FUNCTIONS = {
    "hinge": Checked(f=hinge, x=np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), right=True, because="a tie of two classes"),
    "ReLU net": Checked(f=relu_net, x=np.vstack([_spread(3, 4), np.zeros(4)]), right=True, because="units on their kink"),
    "lasso": Checked(f=lasso, x=np.array([0.5, 0.0, 1.0]), right=True, because="a weight of 0"),
    "Huber, δ = 1e-7": Checked(f=huber, x=np.array([0.5, 0.5 + 5e-8, 1.0]), right=True, because="narrower than the step"),
    "Poisson": Checked(f=poisson, x=np.log(COUNTS) + 1e-9, right=True, because="next to its least value, of size 10⁷ before its constant"),
    "softmax, float32": Checked(f=cross_entropy, x=W.astype(np.float32), right=True, because="rounding"),
    "penalty": Checked(f=penalised, x=W, right=False, because="λW for 2λW, with λ = 1e-6"),
    "one of 300": Checked(f=one_of_many, x=_spread(300), right=False, because="one slope is off by 1e-4"),
    "layer norm": Checked(f=layer_norm, x=_spread(3, 3), right=False, because="no ε in backward"),
    "GELU": Checked(f=gelu, x=np.linspace(-2, 2, 9), right=False, because="the slope of another formula"),
    "softplus": Checked(f=softplus, x=np.array([-1.0, 0.5, 3.0, 20.0]), right=False, because="a slope that is cut off"),
    "leaky ReLU": Checked(f=leaky, x=np.array([0.5, -1.0, 2.0]), right=False, because="too much at 0, where no sample lies"),
}
