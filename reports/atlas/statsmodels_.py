"""statsmodels: robust norms and their slope psi; log-likelihoods of its models and their scores, of a constant for each example."""

import numpy as np
import statsmodels.api as sm
from statsmodels.robust import norms

ONE = np.ones((1, 1))


def _norm(norm, scores, y):
    return norm.rho(scores - y), norm.psi(scores - y)


def _of(model, scores, **how):
    return -model.loglike(scores, **how), -np.atleast_1d(model.score(scores, **how))


def _each(make, scores, y, **how):
    pairs = [_of(make(y[i : i + 1]), scores[i : i + 1], **how) for i in range(len(y))]
    return np.array([loss for loss, _ in pairs]), np.concatenate([slope for _, slope in pairs])


def _glm(family, scores, y):
    return _each(lambda t: sm.GLM(t, ONE, family), scores, y, scale=1.0)


def huber_norm(scores, y, delta):
    return _norm(norms.HuberT(delta), scores, y)


def tukey_norm(scores, y, c):
    return _norm(norms.TukeyBiweight(c), scores, y)


def least_squares_norm(scores, y):
    return _norm(norms.LeastSquares(), scores, y)


def logit(scores, y):
    return _each(lambda t: sm.Logit(t, ONE), scores, y)


def probit(scores, y):
    return _each(lambda t: sm.Probit((t + 1) / 2, ONE), scores, y)


def poisson(scores, y):
    return _each(lambda t: sm.Poisson(t, ONE), scores, y)


def glm_poisson(scores, y):
    return _glm(sm.families.Poisson(), scores, y)


def glm_logistic(scores, y):
    return _glm(sm.families.Binomial(), scores, y)


def glm_cauchit(scores, y):
    return _glm(sm.families.Binomial(sm.families.links.Cauchy()), scores, (y + 1) / 2)


def glm_cloglog(scores, y):
    return _glm(sm.families.Binomial(sm.families.links.CLogLog()), scores, y)


def glm_probit(scores, y):
    return _glm(sm.families.Binomial(sm.families.links.Probit()), scores, (y + 1) / 2)


def cox_breslow(prediction, time, event):
    return _of_times(prediction, time, event, "breslow")


def cox_efron(prediction, time, event):
    return _of_times(prediction, time, event, "efron")


def _of_times(prediction, time, event, ties):
    if not event.any():  # then it drops all of them, and has no gradient
        return 0.0, np.zeros_like(prediction)
    return _of(sm.PHReg(time, np.eye(len(time)), status=event, ties=ties), prediction)
