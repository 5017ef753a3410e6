"""A second set of wrong implementations, written after the diagnosis had been improved on the first: other styles, other slips.

Again each names the codes that a teacher would accept, and nothing in the diagnosis was changed for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Implementation = Callable[..., Any]
AGAIN: dict[str, tuple[Implementation, str, set[str]]] = {}


def _wrong(name: str, loss: str, codes: str) -> Callable[[Implementation], Implementation]:
    def keep(f: Implementation) -> Implementation:
        AGAIN[name] = (f, loss, set(codes.split()))
        return f

    return keep


def _hinge(name: str, codes: str) -> Callable[[Implementation], Implementation]:
    return _wrong(name, "multiclass_hinge", codes)


def _softmax(name: str, codes: str) -> Callable[[Implementation], Implementation]:
    return _wrong(name, "softmax_cross_entropy", codes)


def _margins(W, X, y):
    S = X @ W
    M = np.maximum(0, S - np.choose(y, S.T)[:, None] + 1) if W.shape[1] < 32 else np.maximum(0, S - S[np.arange(len(y)), y][:, None] + 1)
    M[np.arange(len(y)), y] = 0
    return M


def _hinge_loss(W, X, y, reg):
    return _margins(W, X, y).sum(1).mean() + 0.5 * reg * (W * W).sum()


def _active(W, X, y):
    A = (_margins(W, X, y) > 0).astype(float)
    A[np.arange(len(y)), y] = -A.sum(1)
    return A


@_hinge("einsum with the labels' part averaged over classes", "label-term")
def _(W, X, y, reg):
    A = _active(W, X, y)
    A[np.arange(len(y)), y] /= W.shape[1]
    return _hinge_loss(W, X, y, reg), np.einsum("nd,nc->dc", X, A) / len(y) + reg * W


@_hinge("the active count clipped at one", "label-term")
def _(W, X, y, reg):
    A = _active(W, X, y)
    A[np.arange(len(y)), y] = np.maximum(A[np.arange(len(y)), y], -1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("gradient accumulated over the examples before it is cleared", "example-missing")
def _(W, X, y, reg):
    A = _active(W, X, y)
    for i in range(len(y)):
        G = np.zeros_like(W)
        G += np.outer(X[i], A[i])
    return _hinge_loss(W, X, y, reg), G / len(y) + reg * W


@_hinge("penalty added in every example", "reduction")
def _(W, X, y, reg):
    A, G = _active(W, X, y), np.zeros_like(W)
    for i in range(len(y)):
        G += np.outer(X[i], A[i]) / len(y) + reg * W
    return _hinge_loss(W, X, y, reg), G


@_hinge("penalty of the wrong power", "penalty-factor")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), X.T @ _active(W, X, y) / len(y) + reg * W**3


@_hinge("reg forgotten in the gradient", "penalty-factor term-extra")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), X.T @ _active(W, X, y) / len(y) + W


@_hinge("the features' bias column left out of the product", "entries")
def _(W, X, y, reg):
    G = np.zeros_like(W)
    G[:-1] = X[:, :-1].T @ _active(W, X, y) / len(y)
    return _hinge_loss(W, X, y, reg), G + reg * W


@_hinge("mean over the features as well", "reduction")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), X.T @ _active(W, X, y) / X.size + reg * W


@_hinge("the sign of the label's row", "sign label-term")
def _(W, X, y, reg):
    A = _active(W, X, y)
    A[np.arange(len(y)), y] *= -1
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("sorted labels", "unknown label-term")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), X.T @ _active(W, X, np.sort(y)) / len(y) + reg * W


@_hinge("integer features", "unknown")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), np.trunc(X).T @ _active(W, X, y) / len(y) + reg * W


@_hinge("rows swapped in the last step", "class-swapped")
def _(W, X, y, reg):
    G = X.T @ _active(W, X, y) / len(y) + reg * W
    G[:, [0, 1]] = G[:, [1, 0]]
    return _hinge_loss(W, X, y, reg), G


@_hinge("two for ties in the label's row", "kink-inconsistent kink-outside")
def _(W, X, y, reg):
    S = X @ W
    T = S - S[np.arange(len(y)), y][:, None] + 1
    A = (T > 0).astype(float)
    ties = T == 0
    A[np.arange(len(y)), y] = 0
    ties[np.arange(len(y)), y] = False
    A[np.arange(len(y)), y] = -A.sum(1) - 2 * ties.sum(1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("margin of a half", "margin")
def _(W, X, y, reg):
    S = X @ W
    A = (S - S[np.arange(len(y)), y][:, None] + 0.5 > 0).astype(float)
    A[np.arange(len(y)), y] = 0
    A[np.arange(len(y)), y] = -A.sum(1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("margin of 0.9", "margin")
def _(W, X, y, reg):
    S = X @ W
    A = (S - S[np.arange(len(y)), y][:, None] + 0.9 > 0).astype(float)
    A[np.arange(len(y)), y] = 0
    A[np.arange(len(y)), y] = -A.sum(1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("a momentum term of a tenth of the weights", "penalty-factor term-extra")
def _(W, X, y, reg):
    return _hinge_loss(W, X, y, reg), X.T @ _active(W, X, y) / len(y) + reg * W + 0.1 * W


@_hinge("a smooth step in place of the indicator", "unknown")
def _(W, X, y, reg):
    S = X @ W
    A = 1 / (1 + np.exp(-8 * (S - S[np.arange(len(y)), y][:, None] + 1)))
    A[np.arange(len(y)), y] = 0
    A[np.arange(len(y)), y] = -A.sum(1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("gradient of the squared hinge", "scaled")
def _(W, X, y, reg):
    A = 2 * _margins(W, X, y)
    A[np.arange(len(y)), y] = -A.sum(1)
    return _hinge_loss(W, X, y, reg), X.T @ A / len(y) + reg * W


@_hinge("batches of 50, the rest dropped", "example-missing unknown scaled")
def _(W, X, y, reg):
    n = len(y) if len(y) < 50 else len(y) - len(y) % 50
    return _hinge_loss(W, X, y, reg), X[:n].T @ _active(W, X, y)[:n] / n + reg * W


@_hinge("wrong where a class is absent", "scaled")
def _(W, X, y, reg):
    G = X.T @ _active(W, X, y) / len(y)
    return _hinge_loss(W, X, y, reg), G * (1.5 if len(np.unique(y)) < W.shape[1] else 1) + reg * W


@_hinge("divided by the active examples", "unknown reduction")
def _(W, X, y, reg):
    A = _active(W, X, y)
    return _hinge_loss(W, X, y, reg), X.T @ A / max(1, (A != 0).any(1).sum()) + reg * W


def _probabilities(W, X):
    S = X @ W
    E = np.exp(S - S.max(1, keepdims=True))
    return E / E.sum(1, keepdims=True)


def _softmax_loss(W, X, y, reg):
    S = X @ W
    top = S.max(1)
    return (np.log(np.exp(S - top[:, None]).sum(1)) + top - S[np.arange(len(y)), y]).mean() + reg * (W * W).sum()


def _residual(W, X, y):
    P = _probabilities(W, X)
    P[np.arange(len(y)), y] -= 1
    return P


@_softmax("target minus prediction", "sign")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), -X.T @ _residual(W, X, y) / len(y) + 2 * reg * W


@_softmax("one half taken from the label", "label-term")
def _(W, X, y, reg):
    P = _probabilities(W, X)
    P[np.arange(len(y)), y] -= 0.5
    return _softmax_loss(W, X, y, reg), X.T @ P / len(y) + 2 * reg * W


@_softmax("the label's probability zero", "label-term")
def _(W, X, y, reg):
    P = _probabilities(W, X)
    P[np.arange(len(y)), y] = -1
    return _softmax_loss(W, X, y, reg), X.T @ P / len(y) + 2 * reg * W


@_softmax("squared error of the probabilities", "unknown term-extra")
def _(W, X, y, reg):
    P, R = _probabilities(W, X), _residual(W, X, y)
    return _softmax_loss(W, X, y, reg), X.T @ (P * (R - (P * R).sum(1, keepdims=True))) / len(y) + 2 * reg * W


@_softmax("the last class as reference", "class-missing")
def _(W, X, y, reg):
    R = _residual(W, X, y)
    R[:, -1] = 0
    return _softmax_loss(W, X, y, reg), X.T @ R / len(y) + 2 * reg * W


@_softmax("the penalty divided as well", "reduction")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), (X.T @ _residual(W, X, y) + 2 * reg * W) / len(y)


@_softmax("nothing divided, penalty halved", "reduction penalty-factor")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), X.T @ _residual(W, X, y) + reg * W


@_softmax("labels from one", "label-term")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), X.T @ _residual(W, X, np.minimum(y + 1, W.shape[1] - 1)) / len(y) + 2 * reg * W


@_softmax("Fortran order read as C order", "transposed")
def _(W, X, y, reg):
    G = X.T @ _residual(W, X, y) / len(y) + 2 * reg * W
    return _softmax_loss(W, X, y, reg), G.ravel(order="F").reshape(G.shape)


@_softmax("probabilities rounded to single precision", "precision")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), X.T @ _residual(W, X, y).astype(np.float32) / len(y) + 2 * reg * W


@_softmax("probabilities clipped below at 1e-3", "unknown")
def _(W, X, y, reg):
    P = np.clip(_probabilities(W, X), 1e-3, 1)
    P[np.arange(len(y)), y] -= 1
    return _softmax_loss(W, X, y, reg), X.T @ P / len(y) + 2 * reg * W


@_softmax("the score in place of its exponential", "unknown term-extra")
def _(W, X, y, reg):
    S = X @ W
    P = np.maximum(S, 0) + 1e-3
    P /= P.sum(1, keepdims=True)
    P[np.arange(len(y)), y] -= 1
    return _softmax_loss(W, X, y, reg), X.T @ P / len(y) + 2 * reg * W


@_softmax("gradient scaled by its own norm when large", "unknown entries scaled")
def _(W, X, y, reg):
    G = X.T @ _residual(W, X, y) / len(y) + 2 * reg * W
    return _softmax_loss(W, X, y, reg), G / max(1.0, float(np.linalg.norm(G)) / 2)


@_softmax("the first example counted twice", "example-missing")
def _(W, X, y, reg):
    R = _residual(W, X, y)
    R[0] *= 2
    return _softmax_loss(W, X, y, reg), X.T @ R / len(y) + 2 * reg * W


@_softmax("one over N plus one", "reduction")
def _(W, X, y, reg):
    return _softmax_loss(W, X, y, reg), X.T @ _residual(W, X, y) / (len(y) + 1) + 2 * reg * W


@_softmax("exp of the raw scores", "overflow")
def _(W, X, y, reg):
    E = np.exp(X @ W)
    P = E / E.sum(1, keepdims=True)
    P[np.arange(len(y)), y] -= 1
    return _softmax_loss(W, X, y, reg), X.T @ P / len(y) + 2 * reg * W


@_softmax("a central difference with h = 1e-5", "precision unknown")
def _(W, X, y, reg):
    G, h = np.zeros_like(W), 1e-5
    for at in np.ndindex(*W.shape):
        step = np.zeros_like(W)
        step[at] = h
        G[at] = (_softmax_loss(W + step, X, y, reg) - _softmax_loss(W - step, X, y, reg)) / (2 * h)
    return _softmax_loss(W, X, y, reg), G


@_softmax("the penalty's gradient from the bias row too much", "penalty-bias")
def _(W, X, y, reg):
    G = X.T @ _residual(W, X, y) / len(y) + 2 * reg * W
    G[-1] += 2 * reg * W[-1]
    return _softmax_loss(W, X, y, reg), G


@_softmax("wrong from nine classes on", "scaled")
def _(W, X, y, reg):
    G = X.T @ _residual(W, X, y) / len(y) + 2 * reg * W
    return _softmax_loss(W, X, y, reg), G * (2 if W.shape[1] >= 9 else 1)


@_softmax("dropout left on", "unknown nondeterministic")
def _(W, X, y, reg):
    R = _residual(W, X, y) * (np.random.default_rng(int(1e6 * abs(W.sum())) % 7).random((len(y), W.shape[1])) < 0.8)
    return _softmax_loss(W, X, y, reg), X.T @ R / len(y) + 2 * reg * W


def implementation(name: str) -> tuple[Implementation, str]:
    """The wrong function and the loss that it claims to be."""
    f, loss, _ = AGAIN[name]
    return f, loss


def codes(name: str) -> set[str]:
    """The codes that a teacher would accept."""
    return AGAIN[name][2]
