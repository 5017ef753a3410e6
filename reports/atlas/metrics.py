"""scikit-learn's metrics, which have no gradient: they take the truth first, and labels that may lack a class."""

import numpy as np
from sklearn import metrics


def log_loss(prediction, target):
    return metrics.log_loss(target, prediction, labels=[0, 1])


def brier(prediction, target):
    return metrics.brier_score_loss(target, prediction)


def hinge(scores, y):
    both = metrics.hinge_loss(np.append(y, [-1, 1]), np.append(scores, [-1, 1]))  # which its documentation asks for; their loss is 0
    return both * (len(y) + 2) / len(y)


def multiclass_hinge(scores, y):
    return metrics.hinge_loss(y, scores, labels=np.arange(scores.shape[1]))


def mean_squared_error(scores, y):
    return metrics.mean_squared_error(y, scores)


def mean_absolute_error(scores, y):
    return metrics.mean_absolute_error(y, scores)


def mean_pinball(scores, y, tau):
    return metrics.mean_pinball_loss(y, scores, alpha=tau)


def mean_squared_log_error(prediction, target):
    return metrics.mean_squared_log_error(target, prediction)


def mean_absolute_percentage_error(scores, y):
    return metrics.mean_absolute_percentage_error(y, scores)


def mean_poisson_deviance(prediction, target):
    return metrics.mean_poisson_deviance(target, prediction)


def half_gamma_deviance(prediction, target):
    return metrics.mean_gamma_deviance(target, prediction) / 2 + np.mean(np.log(target) + 1)
