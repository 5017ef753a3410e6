"""scipy's special functions and distributions: judged by the value, and by both where scipy has the slope too."""

import numpy as np
from scipy import special, stats
from scipy.spatial import distance


def huber(scores, y, delta):
    return special.huber(delta, scores - y)


def pseudo_huber(scores, y, delta):
    return special.pseudo_huber(delta, scores - y)


def log_expit(scores, y):
    return -special.log_expit(y * scores), -y * special.expit(-y * scores)


def softmax(scores, y):
    loss = -special.log_softmax(scores, axis=1)[np.arange(len(y)), y]
    return loss, special.softmax(scores, axis=1) - np.eye(scores.shape[1], dtype=scores.dtype)[y]


def logsumexp(scores, y):
    return special.logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]


def log_ndtr(scores, y):
    return -special.log_ndtr(y * scores)


def rel_entr(prediction, target):
    return special.rel_entr(target, prediction).sum()


def kl_div(prediction, target):
    return 2 * special.kl_div(target, prediction).mean()


def xlogy(prediction, target):
    return np.mean(-special.xlogy(target, prediction) - special.xlog1py(1 - target, -prediction))


def poisson(scores, y):
    return -stats.poisson.logpmf(y, np.exp(scores))


def laplace(scores, y, b):
    return -stats.laplace.logpdf(y, scores, b)


def gumbel(scores, y, beta):
    return -stats.gumbel_r.logpdf(y, scores, beta)


def jensen_shannon(prediction, target):
    p, q = (a / a.sum(axis=1, keepdims=True) for a in (prediction, target))
    return np.sum(distance.jensenshannon(p, q, axis=1) ** 2)
