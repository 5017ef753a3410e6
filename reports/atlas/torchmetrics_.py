"""torchmetrics: functions of tensors that autograd differentiates."""

import without_cuda  # noqa: F401

import torch
import torchmetrics.functional as metrics


def mean_squared_error(scores, y):
    return metrics.mean_squared_error(scores, y)


def mean_absolute_error(scores, y):
    return metrics.mean_absolute_error(scores, y)


def log_cosh(scores, y):
    return metrics.log_cosh_error(scores, y)


def mean_squared_log_error(prediction, target):
    return metrics.mean_squared_log_error(prediction, target)


def mean_absolute_percentage_error(scores, y):
    return metrics.mean_absolute_percentage_error(scores, y)


def poisson_deviance(prediction, target):
    return metrics.tweedie_deviance_score(prediction, target, power=1.0)


def kl_divergence(prediction, target):
    return metrics.kl_divergence(torch.log(target), torch.log(prediction), log_prob=True, reduction="sum")
