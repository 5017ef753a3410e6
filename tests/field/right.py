"""Right implementations of the field's losses in plain numpy, linear in the weights with the penalty λ‖w‖²."""

import numpy as np


def linear(loss, slope):
    """One score: w (D,)."""

    def f(w, X, y, reg):
        s = X @ w
        return loss(s, y).mean() + reg * (w * w).sum(), X.T @ slope(s, y) / w.dtype.type(len(y)) + 2 * w.dtype.type(reg) * w

    return f


def linear_many(loss, slope):
    """Many scores: W (C, D)."""

    def f(W, X, y, reg):
        s = X @ W.T
        return loss(s, y).mean() + reg * (W * W).sum(), slope(s, y).T @ X / W.dtype.type(len(y)) + 2 * W.dtype.type(reg) * W

    return f


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def onehot(s, y):
    t = np.zeros_like(s)
    t[np.arange(len(y)), y] = 1
    return t


def focal(gamma):
    def loss(s, t):
        m = np.where(t == 1, s, -s)
        return sigmoid(-m) ** s.dtype.type(gamma) * softplus(-m) / 2

    def slope(s, t):
        sign, m = np.where(t == 1, s.dtype.type(1), s.dtype.type(-1)), np.where(t == 1, s, -s)
        q = sigmoid(-m)
        return -sign * q ** s.dtype.type(gamma) * (s.dtype.type(gamma) * sigmoid(m) * softplus(-m) + q) / 2

    return linear(loss, slope)


def _exponential_loss(s, y):
    margins = np.exp(s - s[np.arange(len(y)), y][:, None])
    return margins.sum(1) - 1


def _exponential_slope(s, y):
    margins = np.exp(s - s[np.arange(len(y)), y][:, None])
    margins[np.arange(len(y)), y] = 0
    margins[np.arange(len(y)), y] = -margins.sum(1)
    return margins


def _ordinal_loss(s, t):
    between = softplus(s - 1) + softplus(-s - 1) - np.log1p(-np.exp(s.dtype.type(-2)))
    return np.where(t == 0, softplus(s + 1), np.where(t == 2, softplus(1 - s), between))


def _ordinal_slope(s, t):
    return np.where(t == 0, sigmoid(s + 1), np.where(t == 2, sigmoid(s - 1) - 1, sigmoid(s - 1) + sigmoid(s + 1) - 1))


RIGHT = {
    "POISSON": linear(lambda s, t: np.exp(s) - t * s, lambda s, t: np.exp(s) - t),
    "EXPONENTIAL": linear(lambda s, t: np.exp(-t * s), lambda s, t: -t * np.exp(-t * s)),
    "GAMMA": linear(lambda s, t: s + t * np.exp(-s), lambda s, t: 1 - t * np.exp(-s)),
    "TWEEDIE": linear(lambda s, t: 2 * np.exp(s / 2) + 2 * t * np.exp(-s / 2), lambda s, t: np.exp(s / 2) - t * np.exp(-s / 2)),
    "FOCAL": focal(2),
    "FOCAL_HALF": focal(0.5),
    "LOGISTIC": linear(lambda s, t: softplus(-t * s), lambda s, t: sigmoid(s) - (t + 1) / 2),
    "POS_WEIGHT": linear(
        lambda s, t: (1 - t) * s + (1 + 2 * t) * (np.log1p(np.exp(-np.abs(s))) + np.maximum(-s, 0)),
        lambda s, t: (1 - t) - (1 + 2 * t) * sigmoid(-s),
    ),
    "POS_WEIGHT_SHIFTED": linear(
        lambda s, t: np.where(t == 1, 3 * softplus(-s), softplus(s)), lambda s, t: np.where(t == 1, 3 * (sigmoid(s) - 1), sigmoid(s))
    ),
    "HUBER": linear(lambda s, t: np.where(np.abs(s - t) <= 1, (s - t) ** 2 / 2, np.abs(s - t) - 0.5), lambda s, t: np.clip(s - t, -1, 1)),
    "HUBER_MAX": linear(
        lambda s, t: np.where(np.abs(s - t) < 1, (s - t) ** 2 / 2, np.abs(s - t) - 0.5), lambda s, t: np.clip(s - t, -1, 1)
    ),
    "GEMAN_MCCLURE": linear(lambda s, t: (s - t) ** 2 / (1 + (s - t) ** 2), lambda s, t: 2 * (s - t) / (1 + (s - t) ** 2) ** 2),
    "PINBALL": linear(
        lambda s, t: np.where(t >= s, (t - s) / 4, 3 * (s - t) / 4), lambda s, t: np.where(t > s, -0.25, 0.75).astype(s.dtype)
    ),
    "ORDINAL": linear(_ordinal_loss, _ordinal_slope),
    "ONE_VS_ALL": linear_many(lambda s, y: softplus(np.where(onehot(s, y) > 0, -s, s)).sum(1), lambda s, y: sigmoid(s) - onehot(s, y)),
    "EXPONENTIAL_CLASSES": linear_many(_exponential_loss, _exponential_slope),
}
