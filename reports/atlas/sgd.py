"""scikit-learn's losses of stochastic gradient descent, from their methods for tests: the loss of each example, and its slope."""

import numpy as np
from sklearn.linear_model import _sgd_fast as sgd


def _each(loss, scores, y):
    pairs = [(loss.py_loss(s, t), loss.py_dloss(s, t)) for s, t in zip(scores.tolist(), y.tolist(), strict=True)]
    return tuple(np.array(column) for column in zip(*pairs, strict=True))


def hinge(scores, y):
    return _each(sgd.Hinge(1.0), scores, y)


def perceptron(scores, y):
    return _each(sgd.Hinge(0.0), scores, y)


def squared_hinge(scores, y):
    return _each(sgd.SquaredHinge(1.0), scores, y)


def modified_huber(scores, y):
    return _each(sgd.ModifiedHuber(), scores, y)


def epsilon_insensitive(scores, y, epsilon):
    return _each(sgd.EpsilonInsensitive(epsilon), scores, y)


def squared_epsilon_insensitive(scores, y, epsilon):
    return _each(sgd.SquaredEpsilonInsensitive(epsilon), scores, y)
