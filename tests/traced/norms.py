"""Layers and losses with their gradients by hand, right and wrong, judged by their own code."""

import numpy as np

V = np.array([[1.0, 2, -1, 0.5], [3, 1, 0, -2]])
X = np.array([[0.5, -1, 2, 0.3], [1, 1.5, -0.7, 0.2]])


def layer_norm(x):
    mu = x.mean(-1, keepdims=True)
    var = ((x - mu) ** 2).mean(-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return (xhat * V).sum()


def _parts(x):
    mu = x.mean(-1, keepdims=True)
    inv = 1 / np.sqrt(((x - mu) ** 2).mean(-1, keepdims=True) + 1e-5)
    return inv, (x - mu) * inv


def right(x):
    loss, (inv, xhat) = layer_norm(x), _parts(x)
    return loss, inv * (V - V.mean(-1, keepdims=True) - xhat * (V * xhat).mean(-1, keepdims=True))


def without_the_variance(x):
    loss, (inv, _) = layer_norm(x), _parts(x)
    return loss, inv * (V - V.mean(-1, keepdims=True))


def without_the_mean(x):
    loss, (inv, xhat) = layer_norm(x), _parts(x)
    return loss, inv * (V - xhat * (V * xhat).mean(-1, keepdims=True))


def off_by_little(x):
    loss, gradient = right(x)
    gradient = gradient.copy()
    gradient[0, 1] *= 1 + 1e-10
    return loss, gradient
