"""A third set of wrong implementations, written last: two slips at once, odd slips, and slips that have no name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Implementation = Callable[..., Any]
THIRD: dict[str, tuple[Implementation, str, set[str]]] = {}


def loss_of(loss: str, W, X, y, reg):
    S = X @ W.T
    rows = np.arange(len(y))
    if loss == "multiclass_hinge":
        M = np.maximum(0, S - S[rows, y][:, None] + 1)
        M[rows, y] = 0
        return M.sum() / len(y) + reg * (W * W).sum()
    top = S.max(1)
    return (np.log(np.exp(S - top[:, None]).sum(1)) + top - S[rows, y]).sum() / len(y) + reg * (W * W).sum()


def slopes_of(loss: str, W, X, y):
    S, rows = X @ W.T, np.arange(len(y))
    if loss == "multiclass_hinge":
        A = (S - S[rows, y][:, None] + 1 > 0).astype(float)
        A[rows, y] = 0
        A[rows, y] = -A.sum(1)
        return A
    E = np.exp(S - S.max(1)[:, None])
    P = E / E.sum(1)[:, None]
    P[rows, y] -= 1
    return P


Gradient = Callable[..., Any]


def _wrong(name: str, codes: str, *losses: str) -> Callable[[Gradient], Gradient]:
    """Registers a gradient g(A, W, X, y, reg), made from the right score gradients A (N, C)."""

    def keep(g: Gradient) -> Gradient:
        for loss in losses or ("multiclass_hinge", "softmax_cross_entropy"):

            def f(W, X, y, reg, loss=loss):
                return loss_of(loss, W, X, y, reg), g(slopes_of(loss, W, X, y), W, X, y, reg)

            THIRD[f"{name} ({loss.split('_')[0]})"] = (f, loss, set(codes.split()))
        return g

    return keep


@_wrong("no 1/N, and the penalty missing", "reduction penalty-missing")
def _(A, W, X, y, reg):
    return A.T @ X


@_wrong("sign of the data, penalty halved", "sign penalty-factor")
def _(A, W, X, y, reg):
    return -A.T @ X / len(y) + reg * W


@_wrong("last example dropped, penalty doubled", "example-missing penalty-factor")
def _(A, W, X, y, reg):
    return A[:-1].T @ X[:-1] / len(y) + 4 * reg * W


@_wrong("class 1 left out of the whole", "class-missing")
def _(A, W, X, y, reg):
    G = A.T @ X / len(y) + 2 * reg * W
    G[1] = 0
    return G


@_wrong("the last two classes swapped", "class-swapped unknown")
def _(A, W, X, y, reg):
    G = A.T @ X / len(y) + 2 * reg * W
    G[[-1, -2]] = G[[-2, -1]]
    return G


@_wrong("the bias doubled in the data term", "entries")
def _(A, W, X, y, reg):
    G = A.T @ X / len(y)
    G[:, -1] *= 2
    return G + 2 * reg * W


@_wrong("mean of the absolute gradient", "entries scaled unknown")
def _(A, W, X, y, reg):
    return np.abs(A.T @ X / len(y) + 2 * reg * W)


@_wrong("penalty on the transposed weights", "transposed penalty-factor")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) + 2 * reg * W.T.reshape(W.shape)


@_wrong("learning rate left in", "scaled")
def _(A, W, X, y, reg):
    return 1e-3 * (A.T @ X / len(y) + 2 * reg * W)


@_wrong("weights centred before the penalty", "unknown penalty-factor term-extra")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) + 2 * reg * (W - W.mean())


@_wrong("examples of class 0 left out", "class-missing example-missing")
def _(A, W, X, y, reg):
    return (A * (y != 0)[:, None]).T @ X / len(y) + 2 * reg * W


@_wrong("examples weighted by their place", "unknown example-missing")
def _(A, W, X, y, reg):
    return (A * (1 + 0.1 * np.arange(len(y)))[:, None]).T @ X / len(y) + 2 * reg * W


@_wrong("divided by C as well when C > 4", "reduction scaled")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) / (len(W) if len(W) > 4 else 1) + 2 * reg * W


@_wrong("no penalty when the batch is large", "penalty-missing")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) + (2 * reg * W if len(y) <= 40 else 0)


@_wrong("float16 weights in the penalty", "precision unknown")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) + 2 * reg * W.astype(np.float16).astype(W.dtype)


@_wrong("noise of 1e-6", "unknown")
def _(A, W, X, y, reg):
    G = A.T @ X / len(y) + 2 * reg * W
    return G * (1 + 1e-6 * np.sin(1e3 * G))


@_wrong("tanh of the gradient", "unknown")
def _(A, W, X, y, reg):
    return np.tanh(A.T @ X / len(y) + 2 * reg * W)


@_wrong("a feature's square in place of it", "entries unknown")
def _(A, W, X, y, reg):
    return A.T @ (X * X) / len(y) + 2 * reg * W


@_wrong("gradient of the sum over classes", "unknown term-missing")
def _(A, W, X, y, reg):
    return np.repeat((A**2).T.sum(0)[None, :] @ X, len(W), axis=0) / len(y) + 2 * reg * W


@_wrong("λ squared in the penalty and no two", "penalty-factor")
def _(A, W, X, y, reg):
    return A.T @ X / len(y) + reg**2 * W


@_wrong("the labels' row added once more", "label-term")
def _(A, W, X, y, reg):
    A = A.copy()
    A[np.arange(len(y)), y] *= 2
    return A.T @ X / len(y) + 2 * reg * W


@_wrong("columns of the features reversed", "entries")
def _(A, W, X, y, reg):
    return A.T @ X[:, ::-1] / len(y) + 2 * reg * W


@_wrong("shuffled labels", "unknown label-term")
def _(A, W, X, y, reg):
    order = np.random.default_rng(0).permutation(len(y))
    return A[order].T @ X / len(y) + 2 * reg * W


def implementation(name: str) -> tuple[Implementation, str]:
    """The wrong function and the loss that it claims to be."""
    f, loss, _ = THIRD[name]
    return f, loss


def codes(name: str) -> set[str]:
    """The codes that a teacher would accept."""
    return THIRD[name][2]
