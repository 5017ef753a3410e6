"""Each loss that ships as people write it in numpy, with its gradient, in floats: none may be called broken. And how each is made wrong."""

from __future__ import annotations

from functools import wraps
from inspect import signature

import numpy as np
from scipy.special import digamma, erf, expit, gammaln, log_ndtr, logsumexp, softmax, xlogy


def of(value):
    """The mean over the examples of a function that returns the value of each and its slopes, in the dtype of the prediction."""

    @wraps(value)
    def f(s, t, *more, **parameters):
        each, slope = value(s, t, *more, **parameters)
        return np.mean(each, dtype=s.dtype), (slope / s.dtype.type(len(s))).astype(s.dtype)

    f.__signature__ = signature(value)
    return f


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def residual(rho):
    """Of r = s − t."""

    def f(s, t, **parameters):
        return rho(s - t, **parameters)

    own = signature(rho).parameters
    f.__signature__ = signature(lambda s, t: None).replace(
        parameters=[*signature(lambda s, t: None).parameters.values(), *list(own.values())[1:]]
    )
    return of(f)


# Of a real target.


@residual
def squared_difference(r):
    return r**2, 2 * r


@residual
def absolute_error(r):
    return np.abs(r), np.sign(r)


@residual
def huber(r, delta=1.0):
    a = np.abs(r)
    return np.where(a <= delta, r**2 / 2, delta * (a - delta / 2)), np.clip(r, -delta, delta)


@residual
def smooth_l1(r, beta=1.0):
    a = np.abs(r)
    return np.where(a < beta, r**2 / (2 * beta), a - beta / 2), np.clip(r / beta, -1, 1)


@residual
def pseudo_huber(r, delta=1.0):
    root = np.hypot(1, r / delta)
    return r**2 / (1 + root), r / root


@residual
def log_cosh(r):
    return np.abs(r) + np.log1p(np.exp(-2 * np.abs(r))) - np.log(r.dtype.type(2)), np.tanh(r)


@residual
def quantile(r, tau=0.5):
    return np.where(r < 0, -tau * r, (1 - tau) * r), np.where(r < 0, -tau, 1 - tau)


@residual
def expectile(r, tau=0.5):
    w = np.where(r < 0, tau, 1 - tau)
    return w * r**2, 2 * w * r


@residual
def epsilon_insensitive(r, epsilon=0.125):
    return np.maximum(0, np.abs(r) - epsilon), np.sign(r) * (np.abs(r) > epsilon)


@residual
def squared_epsilon_insensitive(r, epsilon=0.125):
    over = np.maximum(0, np.abs(r) - epsilon)
    return over**2, 2 * over * np.sign(r)


@residual
def cauchy(r, c=1.0):
    z = (r / c) ** 2
    return c**2 / 2 * np.log1p(z), r / (1 + z)


@residual
def welsch(r, c=1.0):
    z = (r / c) ** 2
    return -(c**2) / 2 * np.expm1(-z), r * np.exp(-z)


@residual
def geman_mcclure(r, c=1.0):
    z = c**2 + r**2
    return r**2 / z, 2 * r * c**2 / z**2


@residual
def tukey_biweight(r, c=4.685):
    u = 1 - np.minimum(1, (r / c) ** 2)
    return c**2 / 6 * (1 - u**3), r * u**2


@residual
def fair(r, c=1.0):
    a = np.abs(r) / c
    return c**2 * (a - np.log1p(a)), r / (1 + a)


@residual
def barron(r, alpha=1.0, c=1.0):
    b = 2 - alpha
    z = (r / c) ** 2 / b
    return b / alpha * np.expm1(alpha / 2 * np.log1p(z)), r / c**2 * (1 + z) ** (alpha / 2 - 1)


@residual
def linex(r, a=1.0):
    return np.expm1(a * r) - a * r, a * np.expm1(a * r)


@residual
def laplace_scale(r, b=1.0):
    return np.abs(r) / b + np.log(2 * b), np.sign(r) / b


@residual
def student_t(r, nu=4.0, sigma=1.0):
    z = (r / sigma) ** 2 / nu
    return (nu + 1) / 2 * np.log1p(z), (nu + 1) * r / (nu * sigma**2 * (1 + z))


@residual
def gumbel(r, beta=1.0):
    z = -r / beta
    return z + np.exp(-z) + np.log(beta), np.expm1(-z) / beta


@of
def squared_log_error(s, t):
    d = np.log1p(s) - np.log1p(t)
    return d**2, 2 * d / (1 + s)


@of
def percentage_error(s, t):
    return np.abs(s - t) / t, np.sign(s - t) / t


@residual
def squared_error(r):
    return r**2 / 2, r


# One score, two classes.


@of
def binary_logistic(s, t):
    return softplus(s) - t * s, expit(s) - t


soft_logistic = binary_logistic


@of
def soft_margin(s, t):
    return softplus(-t * s), -t * expit(-t * s)


@of
def hinge(s, t):
    return np.maximum(0, 1 - t * s), -t * (t * s < 1)


@of
def squared_hinge(s, t):
    gap = np.maximum(0, 1 - t * s)
    return gap**2, -2 * t * gap


@of
def smoothed_hinge(s, t, gamma=1.0):
    gap = 1 - t * s
    value = np.where(gap <= 0, 0, np.where(gap < gamma, gap**2 / (2 * gamma), gap - gamma / 2))
    return value, -t * np.clip(gap / gamma, 0, 1)


@of
def modified_huber(s, t):
    z = t * s
    return np.where(z >= -1, np.maximum(0, 1 - z) ** 2, -4 * z), np.where(z >= -1, -2 * t * np.maximum(0, 1 - z), -4 * t)


@of
def exponential(s, t):
    return np.exp(-t * s), -t * np.exp(-t * s)


@of
def perceptron(s, t):
    return np.maximum(0, -t * s), -t * (t * s < 0)


@of
def focal(s, t, gamma=2.0, alpha=0.25):
    sign = 2 * t - 1
    q, logp, w = expit(-sign * s), softplus(-sign * s), np.where(t == 1, alpha, 1 - alpha)
    return w * q**gamma * logp, -sign * w * q**gamma * (gamma * expit(sign * s) * logp + q)


@of
def weighted_logistic(s, t, w=2.0):
    return (1 - t) * softplus(s) + w * t * softplus(-s), (1 - t) * expit(s) - w * t * expit(-s)


@of
def probit(s, t):
    z = t * s
    return -log_ndtr(z), -t * np.exp(-(z**2) / 2 - log_ndtr(z)) / np.sqrt(2 * np.pi)


@of
def complementary_log_log(s, t):
    e = np.exp(s)
    return np.where(t == 1, -np.log(-np.expm1(-e)), e), np.where(t == 1, -np.exp(s - e) / -np.expm1(-e), e)


@of
def cauchit(s, t):
    z = t * s
    p = np.where(z > 0, 0.5 + np.arctan(z) / np.pi, np.arctan2(1, -z) / np.pi)
    return -np.log(p), -t / (np.pi * (1 + z**2) * p)


@of
def savage(s, t):
    q = expit(-t * s)
    return q**2, -2 * t * q**2 * expit(t * s)


@of
def tangent(s, t):
    a = 2 * np.arctan(t * s) - 1
    return a**2, 4 * t * a / (1 + s**2)


@of
def ramp(s, t, c=-1.0):
    z = t * s
    return np.maximum(0, 1 - z) - np.maximum(0, c - z), -t * ((z < 1) & (z >= c))


@of
def sigmoid(s, t):
    return expit(-t * s), -t * expit(t * s) * expit(-t * s)


@of
def ordinal_logistic(s, t, a=-1.0, g=2.0):
    low, high = softplus(s - a), softplus(a + g - s)
    value = np.where(t == 0, low, np.where(t == 2, high, softplus(a - s) + softplus(s - a - g) - np.log(-np.expm1(-g))))
    inner = expit(s - a - g) - expit(a - s)
    return value, np.where(t == 0, expit(s - a), np.where(t == 2, -expit(a + g - s), inner))


@of
def ordinal_all_thresholds(s, t, a=-1.0, g=2.0):
    first, second = np.where(t == 0, 1, -1), np.where(t < 2, 1, -1)
    x, z = first * (s - a), second * (s - a - g)
    return softplus(x) + softplus(z), first * expit(x) + second * expit(z)


@of
def hinge_embedding(s, t, m=1.0):
    return np.where(t == 1, s, np.maximum(0, m - s)), np.where(t == 1, 1, -1.0 * (s < m))


# Of counts and positive targets.


@of
def poisson_log_link(s, t):
    return np.exp(s) - t * s, np.exp(s) - t


@of
def poisson_identity(s, t):
    return s - xlogy(t, s), 1 - t / s


@of
def poisson_likelihood(s, t):
    return np.exp(s) - t * s + gammaln(t + 1), np.exp(s) - t


@of
def poisson_deviance(s, t):
    return 2 * (t * np.log(t / s) - t + s), 2 * (1 - t / s)


@of
def gamma_log_link(s, t):
    return s + t * np.exp(-s), 1 - t * np.exp(-s)


@of
def gamma_identity(s, t):
    return np.log(s) + t / s, 1 / s - t / s**2


@of
def inverse_gaussian(s, t):
    return t * np.exp(-2 * s) / 2 - np.exp(-s), np.exp(-s) - t * np.exp(-2 * s)


@of
def tweedie(s, t, p=1.5):
    a, b = np.exp((2 - p) * s), np.exp((1 - p) * s)
    return a / (2 - p) + t * b / (p - 1), a - t * b


@of
def negative_binomial(s, t, alpha=1.0):
    z = s + np.log(alpha)
    return (t + 1 / alpha) * softplus(z) - t * s, (t + 1 / alpha) * expit(z) - t


@of
def beta_mean(s, t, phi=4.0):
    a, b = s * phi, (1 - s) * phi
    logit = np.log(t) - np.log1p(-t)
    return gammaln(a) + gammaln(b) - a * np.log(t) - b * np.log1p(-t), phi * (digamma(a) - digamma(b) - logit)


def gaussian_nll(s, t, v):
    r, n = s - t, s.dtype.type(len(s))
    return (np.log(v) + r**2 / v).mean() / 2, (r / v / n, (1 - r**2 / v) / v / 2 / n)


def laplace_nll(s, t, b):
    r, n = s - t, s.dtype.type(len(s))
    return (np.abs(r) / b + np.log(2 * b)).mean(), (np.sign(r) / b / n, (1 - np.abs(r) / b) / b / n)


def gaussian_crps(mu, t, sigma):
    z, n = (t - mu) / sigma, mu.dtype.type(len(mu))
    density = np.exp(-(z**2) / 2) / np.sqrt(mu.dtype.type(2 * np.pi))
    inner = erf(z / np.sqrt(mu.dtype.type(2)))
    constant = mu.dtype.type(1 / np.sqrt(np.pi))
    return (sigma * (z * inner + 2 * density - constant)).mean(), (-inner / n, (2 * density - constant) / n)


# Of probabilities.


@of
def binary_cross_entropy(s, t):
    return -t * np.log(s) - (1 - t) * np.log1p(-s), (1 - t) / (1 - s) - t / s


@of
def brier(s, t):
    return (s - t) ** 2, 2 * (s - t)


@of
def probability_focal(s, t, gamma=2.0):
    p, q, sign = np.where(t == 1, s, 1 - s), np.where(t == 1, 1 - s, s), np.where(t == 1, 1, -1)
    logp = np.where(t == 1, np.log(s), np.log1p(-s))
    return -(q**gamma) * logp, sign * (gamma * q ** (gamma - 1) * logp - q**gamma / p)


@of
def categorical_cross_entropy(s, t):
    return -(t * np.log(s)).sum(axis=1), -t / s


@of
def kl_divergence(s, t):
    return (t * np.log(t / s)).sum(axis=1), -t / s


@of
def jensen_shannon(s, t):
    m = (s + t) / 2
    return (s * np.log(s / m) + t * np.log(t / m)).sum(axis=1) / 2, np.log(s / m) / 2


@of
def hellinger(s, t):
    d = np.sqrt(s) - np.sqrt(t)
    return (d**2).sum(axis=1) / 2, d / (2 * np.sqrt(s))


def ensemble_crps(x, t):
    n = len(x)
    gaps = x[:, None] - x[None, :]
    return np.abs(x - t).mean() - np.abs(gaps).mean() / 2, np.sign(x - t) / n - np.sign(gaps).sum(axis=1) / n**2


def energy_distance(x, t):
    n, m = len(x), len(t)
    to_t, own, theirs = x[:, None] - t, x[:, None] - x, t[:, None] - t
    value = 2 * np.abs(to_t).mean() - np.abs(own).mean() - np.abs(theirs).mean()
    return value, 2 * np.sign(to_t).sum(axis=1) / (n * m) - 2 * np.sign(own).sum(axis=1) / n**2


# One score a class.


def onehot(s, y):
    found = np.zeros_like(s)
    found[np.arange(len(s)), y] = 1
    return found


def margins(s, y, m):
    gaps = s - s[np.arange(len(s)), y][:, None] + s.dtype.type(m)
    gaps[np.arange(len(s)), y] = 0
    return gaps


def by_margins(weights, y):
    slope = np.array(weights)
    slope[np.arange(len(y)), y] = -weights.sum(axis=1)
    return slope


@of
def multiclass_hinge(s, y, delta=1.0):
    gaps = margins(s, y, delta)
    return np.maximum(0, gaps).sum(axis=1), by_margins((gaps > 0).astype(s.dtype), y)


@of
def squared_multiclass_hinge(s, y, delta=1.0):
    gaps = np.maximum(0, margins(s, y, delta))
    return (gaps**2).sum(axis=1), by_margins(2 * gaps, y)


@of
def crammer_singer_hinge(s, y, delta=1.0):
    gaps = margins(s, y, delta)
    worst = gaps.argmax(axis=1)
    return gaps.max(axis=1), onehot(s, worst) - onehot(s, y)


@of
def multi_margin(s, y, w, m=1.0):
    gaps = margins(s, y, m)
    each = w[y] / s.shape[1]
    return each * np.maximum(0, gaps).sum(axis=1), each[:, None] * by_margins((gaps > 0).astype(s.dtype), y)


@of
def multiclass_perceptron(s, y):
    return s.max(axis=1) - s[np.arange(len(s)), y], onehot(s, s.argmax(axis=1)) - onehot(s, y)


def log_softmax(s):
    return s - logsumexp(s, axis=1, keepdims=True)


@of
def softmax_cross_entropy(s, y):
    return -log_softmax(s)[np.arange(len(s)), y], softmax(s, axis=1) - onehot(s, y)


def weighted_cross_entropy(s, y, w):
    kept = y != -100
    each = np.where(kept, w[np.maximum(y, 0)], 0)
    value = -each * log_softmax(s)[np.arange(len(s)), np.maximum(y, 0)]
    return value.sum() / each.sum(), each[:, None] * (softmax(s, axis=1) - onehot(s, np.maximum(y, 0))) / each.sum()


@of
def label_smoothing(s, y, epsilon=0.125):
    t = (1 - epsilon) * onehot(s, y) + epsilon / s.shape[1]
    return -(t * log_softmax(s)).sum(axis=1), softmax(s, axis=1) - t


@of
def temperature_cross_entropy(s, y, T=1.0):
    return -log_softmax(s / T)[np.arange(len(s)), y], (softmax(s / T, axis=1) - onehot(s, y)) / T


def own_and_rest(s, y):
    """log p_y and 1 − p_y, which is the sum of the others."""
    logp, p = log_softmax(s), softmax(s, axis=1)
    return logp[np.arange(len(s)), y], (p * (1 - onehot(s, y))).sum(axis=1), p


@of
def softmax_focal(s, y, gamma=2.0):
    logp, q, p = own_and_rest(s, y)
    slope = gamma * q ** (gamma - 1) * np.exp(logp) * logp - q**gamma
    return -(q**gamma) * logp, by_own(slope, p, q, y)


def by_own(slope, p, q, y):
    """The chain rule from d/d log p_y: 1 − p_y for the own score, −p_j for the others."""
    found = -p
    found[np.arange(len(y)), y] = q
    return slope[:, None] * found


@of
def poly1(s, y, epsilon=1.0):
    logp, q, p = own_and_rest(s, y)
    return -logp + epsilon * q, by_own(-1 - epsilon * np.exp(logp), p, q, y)


@of
def generalized_cross_entropy(s, y, q=0.75):
    logp, rest, p = own_and_rest(s, y)
    return -np.expm1(q * logp) / q, by_own(-np.exp(q * logp), p, rest, y)


@of
def softmax_absolute_error(s, y):
    logp, q, p = own_and_rest(s, y)
    return 2 * q, by_own(-2 * np.exp(logp), p, q, y)


@of
def softmax_brier(s, y):
    _, q, p = own_and_rest(s, y)
    d = p * (1 - onehot(s, y)) - q[:, None] * onehot(s, y)
    return (d**2).sum(axis=1), 2 * p * (d - (p * d).sum(axis=1, keepdims=True))


@of
def one_vs_all_logistic(s, y):
    t = onehot(s, y)
    return (softplus(s) - t * s).sum(axis=1), expit(s) - t


@of
def pairwise_logistic(s, y):
    gaps, others = margins(s, y, 0), 1 - onehot(s, y)
    return (others * softplus(gaps)).sum(axis=1), by_margins(others * expit(gaps), y)


@of
def multiclass_exponential(s, y):
    e = np.exp(margins(s, y, 0)) * (1 - onehot(s, y))
    return e.sum(axis=1), by_margins(e, y)


@of
def logit_adjusted(s, y, w):
    moved = s + np.log(w)
    return -log_softmax(moved)[np.arange(len(s)), y], softmax(moved, axis=1) - onehot(s, y)


@of
def soft_cross_entropy(s, t):
    return -(t * log_softmax(s)).sum(axis=1), softmax(s, axis=1) - t


@of
def multilabel_logistic(s, t):
    return (softplus(s) - t * s).mean(axis=1), (expit(s) - t) / s.shape[1]


@of
def multilabel_margin(s, t):
    pairs = t[:, :, None] * (1 - t[:, None, :])
    gaps = 1 - s[:, :, None] + s[:, None, :]
    on = pairs * (gaps > 0)
    return (pairs * np.maximum(0, gaps)).sum(axis=(1, 2)) / s.shape[1], (on.sum(axis=1) - on.sum(axis=2)) / s.shape[1]


@of
def kl_log_probabilities(s, t):
    return (t * (np.log(t) - s)).sum(axis=1), -t


@of
def kl_log_targets(s, t):
    return (np.exp(t) * (t - s)).sum(axis=1), -np.exp(t)


@of
def additive_margin_softmax(s, y, a=4.0, m=0.5):
    moved = a * (s - m * onehot(s, y))
    return -log_softmax(moved)[np.arange(len(s)), y], a * (softmax(moved, axis=1) - onehot(s, y))


# Pairs, lists, batches.


def margin_ranking(a, b, t, m=1.0):
    gap = m - t * (a - b)
    on = t * (gap > 0) / a.dtype.type(len(a))
    return np.maximum(0, gap).mean(), (-on, on)


def bradley_terry(a, b):
    p = expit(b - a) / a.dtype.type(len(a))
    return softplus(b - a).mean(), (-p, p)


def dpo(a, b, a0, b0, beta=0.125):
    z = beta * ((a - a0) - (b - b0))
    p = beta * expit(-z) / a.dtype.type(len(a))
    return softplus(-z).mean(), (-p, p)


def ipo(a, b, a0, b0, beta=0.125):
    d = (a - a0) - (b - b0) - 1 / (2 * beta)
    g = 2 * d / a.dtype.type(len(a))
    return (d**2).mean(), (g, -g)


def ranknet(s, y):
    above = y[:, None] > y[None, :]
    gaps = s[None, :] - s[:, None]
    p = above * expit(gaps)
    return (above * softplus(gaps)).sum(), p.sum(axis=0) - p.sum(axis=1)


def pairwise_hinge(s, y, m=1.0):
    above = y[:, None] > y[None, :]
    gaps = m - s[:, None] + s[None, :]
    on = above * (gaps > 0)
    return (above * np.maximum(0, gaps)).sum(), (on.sum(axis=0) - on.sum(axis=1)).astype(s.dtype)


def softmax_ranking(s, t):
    return -(t * (s - logsumexp(s))).sum(), softmax(s) * t.sum() - t


def listnet(s, t):
    q = softmax(t)
    return -(q * (s - logsumexp(s))).sum(), softmax(s) - q


def cox_breslow(s, time, event):
    value, g = 0.0, np.zeros_like(s)
    for i in np.flatnonzero(event):
        risk = time >= time[i]
        value += logsumexp(s[risk]) - s[i]
        g[risk] += softmax(s[risk])
        g[i] -= 1
    return value, g


def cox_efron(s, time, event):
    value, g = 0.0, np.zeros_like(s)
    for now in np.unique(time[event == 1]):
        dead, risk = (time == now) & (event == 1), time >= now
        for k in range(dead.sum()):
            w = np.where(dead, 1 - k / dead.sum(), 1)[risk]
            top = s[risk].max()
            e = w * np.exp(s[risk] - top)
            value += np.log(e.sum()) + top
            g[risk] += e / e.sum()
        value -= s[dead].sum()
        g[dead] -= 1
    return value, g


# Vectors.


def info_nce(a, b, T=0.5):
    n, z = a.dtype.type(len(a)), a @ b.T / T
    p = (softmax(z, axis=1) - np.eye(len(a), dtype=a.dtype)) / T / n
    return (logsumexp(z, axis=1) - np.diag(z)).mean(), (p @ b, p.T @ a)


def clip(a, b, T=0.5):
    n, z = a.dtype.type(len(a)), a @ b.T / T
    p = ((softmax(z, axis=1) + softmax(z, axis=0)) / 2 - np.eye(len(a), dtype=a.dtype)) / T / n
    return ((logsumexp(z, axis=1) + logsumexp(z, axis=0)) / 2 - np.diag(z)).mean(), (p @ b, p.T @ a)


def nt_xent(a, b, T=0.5):
    z, n = np.concatenate([a, b]), len(a)
    similar = z @ z.T / T
    np.fill_diagonal(similar, -np.inf)
    other = np.roll(np.arange(2 * n), n)
    p = softmax(similar, axis=1)
    p[np.arange(2 * n), other] -= 1
    g = (p + p.T) @ z / T / (2 * n)
    return (logsumexp(similar, axis=1) - similar[np.arange(2 * n), other]).mean(), (g[:n], g[n:])


def supervised_contrastive(z, y, T=0.5):
    similar = z @ z.T / T
    np.fill_diagonal(similar, -np.inf)
    like = (y[:, None] == y[None, :]) & ~np.eye(len(y), dtype=bool)
    count = like.sum(axis=1)
    if not count.any():
        return z.dtype.type(0), np.zeros_like(z)
    logp = similar - logsumexp(similar, axis=1, keepdims=True)
    weights = like / np.maximum(count, 1)[:, None].astype(z.dtype)
    p = np.where(count[:, None] > 0, softmax(similar, axis=1), 0) - weights
    return -(np.where(like, logp, 0) * weights).sum(), (p + p.T) @ z / T


def _norm(d):
    return np.sqrt((d**2).sum(axis=1, keepdims=True))


def _unit(d):
    n = _norm(d)
    return np.divide(d, n, out=np.zeros_like(d), where=n > 0)


def contrastive(a, b, y, m=1.0):
    d, y, n = a - b, y[:, None], a.dtype.type(len(a))
    gap = np.maximum(0, m - _norm(d))
    g = (y * d - (1 - y) * gap * _unit(d)) / n
    return (y * _norm(d) ** 2 + (1 - y) * gap**2).mean() / 2, (g, -g)


def triplet(a, p, q, m=1.0):
    to_p, to_q, n = a - p, a - q, a.dtype.type(len(a))
    gap = _norm(to_p) - _norm(to_q) + m
    u, v = (gap > 0) * _unit(to_p) / n, (gap > 0) * _unit(to_q) / n
    return np.maximum(0, gap).mean(), (u - v, -u, v)


def squared_triplet(a, p, q, m=1.0):
    gap = ((a - p) ** 2).sum(axis=1) - ((a - q) ** 2).sum(axis=1) + m
    on = (gap > 0)[:, None]
    return np.maximum(0, gap).sum(), (2 * (q - p) * on, -2 * (a - p) * on, 2 * (a - q) * on)


def cosine_embedding(a, b, y, m=0.0):
    na, nb, n = _norm(a), _norm(b), a.dtype.type(len(a))
    u, v = a / na, b / nb
    c = (u * v).sum(axis=1, keepdims=True)
    sign = np.where(y[:, None] == 1, -1, c > m) / n
    value = np.where(y[:, None] == 1, 1 - c, np.maximum(0, c - m))
    return value.mean(), (sign * (v - c * u) / na, sign * (u - c * v) / nb)


# Overlaps.


def dice(s, t, smooth=1.0):
    top, below = 2 * (s * t).sum() + smooth, s.sum() + t.sum() + smooth
    return 1 - top / below, (top / below - 2 * t) / below


def squared_dice(s, t, smooth=1.0):
    top, below = 2 * (s * t).sum() + smooth, (s**2).sum() + (t**2).sum() + smooth
    return 1 - top / below, (2 * s * (top / below) - 2 * t) / below


def jaccard(s, t, smooth=1.0):
    both = (s * t).sum()
    top, below = both + smooth, s.sum() + t.sum() - both + smooth
    return 1 - top / below, (top / below * (1 - t) - t) / below


def tversky(s, t, alpha=0.5, beta=0.5, smooth=1.0):
    both = (s * t).sum()
    top, below = both + smooth, both + alpha * (s * (1 - t)).sum() + beta * ((1 - s) * t).sum() + smooth
    return 1 - top / below, (top / below * (t + alpha * (1 - t) - beta * t) - t) / below


def focal_tversky(s, t, alpha=0.5, beta=0.5, gamma=0.75, smooth=1.0):
    both, missed = (s * t).sum(), alpha * (s * (1 - t)).sum() + beta * ((1 - s) * t).sum()
    x = missed / (both + missed + smooth)
    slope = ((alpha * (1 - t) - beta * t) * (both + smooth) - missed * t) / (both + missed + smooth) ** 2
    return x**gamma, gamma * x ** (gamma - 1) * slope


def total_variation(x):
    down, right = np.diff(x, axis=0), np.diff(x, axis=1)
    g = np.zeros_like(x)
    g[1:] += np.sign(down)
    g[:-1] -= np.sign(down)
    g[:, 1:] += np.sign(right)
    g[:, :-1] -= np.sign(right)
    return np.abs(down).sum() + np.abs(right).sum(), g


def off(f):
    """The gradient a hundredth too long."""

    @wraps(f)
    def wrong(*given, **named):
        value, g = f(*given, **named)
        return value, tuple(part * part.dtype.type(1.01) for part in g) if isinstance(g, tuple) else g * g.dtype.type(1.01)

    wrong.__signature__ = signature(f)
    return wrong
