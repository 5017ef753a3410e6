"""Losses and gradients whose formula is right, and that lose digits or the range of floats; and some beside them that do not."""

import numpy as np


def softmax(s):
    e = np.exp(s)
    p = e / e.sum()
    return -np.log(p[0]), p - np.array([1.0, 0.0, 0.0])


def shifted_softmax(s):
    e = np.exp(s - s.max())
    p = e / e.sum()
    return np.log(e.sum()) + s.max() - s[0], p - np.array([1.0, 0.0, 0.0])


def forgetful_softmax(s):
    e = np.exp(s)
    p = e / e.sum()
    return -np.log(p[0]), p


def lse(x):
    return np.log(np.sum(np.exp(x))), np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def softplus(x):
    return np.sum(np.log(1 + np.exp(x))), 1 / (1 + np.exp(-x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_sigmoid(x):
    return -np.sum(np.log(sigmoid(x))), sigmoid(x) - 1


def certain(x):
    p = sigmoid(x)
    return -np.sum(np.log(1 - p)), p


def norm(x):
    n = np.sqrt(np.sum(x**2))
    return n, x / n


def product(x):
    return np.log(np.prod(x)), 1 / x


def variance(x):
    m = np.mean(x)
    return np.mean(x**2) - m**2, 2 * (x - m) / x.size


def cosine(x):
    return np.sum(1 - np.cos(x)), np.sin(x)


def mean_log(x):
    return np.sum(np.log1p(x)), (1 - 1 / (1 + x)) / x


def rounded(x):
    return np.sum(x**2), 2 * x.astype(np.float32).astype(x.dtype)
