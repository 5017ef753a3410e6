"""Losses of other predictions and targets than scores with labels, losses of a batch, and functions of several arrays, each with right
implementations as people write them, and wrong ones.
"""

import numpy as np
from scipy.special import expit, logsumexp
from sympy import Add, exp, log

from verify import Candidate
from verify.spec import (
    Array,
    Binary,
    Censored,
    Claims,
    Count,
    FunctionSpec,
    Label,
    LossSpec,
    Parameter,
    Positive,
    Probability,
    Real,
    Simplex,
    positive,
)

CONVEX, NOTHING = Claims(convex=True), Claims(convex=None)
EPS = 1e-5


def loss(name, claims=CONVEX, **fields):
    return LossSpec(name=name, claims=claims, source="a textbook", **fields)


BCE = loss("bce", per_example=lambda p, t: -t * log(p) - (1 - t) * log(1 - p), prediction=Probability(), target=Real(0, 1))


def bce(p, t):
    return np.mean(-t * np.log(p) - (1 - t) * np.log1p(-p)), (-t / p + (1 - t) / (1 - p)) / len(p)


def bce_as_a_quotient(p, t):
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)), (p - t) / (p * (1 - p)) / len(p)


def bce_of_each(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)), (p - t) / (p * (1 - p))


def bce_weighted(p, t, sample_weight):
    value, g = bce_of_each(p, t)
    return (sample_weight * value).sum() / sample_weight.sum(), sample_weight * g / sample_weight.sum()


def bce_weighted_over_all(p, t, *, sample_weight=None):
    value, g = bce_of_each(p, t)
    w = np.ones_like(p) if sample_weight is None else sample_weight
    return np.mean(w * value), w * g / len(p)


def bce_weighted_twice(p, t, sample_weight):
    value, g = bce_weighted(p, t, sample_weight)
    return value, g * sample_weight


def bce_weighted_in_the_loss(p, t, sample_weight):
    return bce_weighted(p, t, sample_weight)[0], bce(p, t)[1]


def bce_clipped(p, t):
    return bce_as_a_quotient(np.clip(p, 1e-7, 1 - 1e-7), t)


def bce_sign(p, t):
    value, g = bce(p, t)
    return value, -g


POISSON = loss("poisson_identity", per_example=lambda m, k: m - k * log(m), prediction=Positive(), target=Count())


def poisson(m, k):
    return np.mean(m - k * np.log(m)), (1 - k / m) / len(m)


def poisson_with_an_epsilon(m, k):
    return poisson(m, k)[0], (1 - k / (m + m.dtype.type(1e-3))) / len(m)


SOFT = loss(
    "soft_targets",
    per_example=lambda s, t: Add(*(-b * (a - log(Add(*map(exp, s)))) for a, b in zip(s, t, strict=True))),
    target=Simplex(),
)


def soft(s, t):
    logp = s - logsumexp(s, axis=1, keepdims=True)
    return -(t * logp).sum() / len(s), (np.exp(logp) - t) / len(s)


def soft_by_the_greatest(s, t):
    value, _ = soft(s, t)
    return value, soft(s, np.eye(s.shape[1], dtype=s.dtype)[t.argmax(axis=1)])[1]


def soft_of_target_first(y_true, logits):
    return soft(logits, y_true)


LABELS = loss(
    "several_labels",
    per_example=lambda s, t: Add(*(log(1 + exp(a)) - b * a for a, b in zip(s, t, strict=True))),
    target=Binary("C"),
)


def labels(s, t):
    return np.mean((np.maximum(s, 0) - t * s + np.log1p(np.exp(-np.abs(s)))).sum(axis=1)), (expit(s) - t) / len(s)


def labels_over_classes(s, t):
    value, g = labels(s, t)
    return value, g / s.shape[1]


def at_risk(y, t):
    return [j for j, (time, _) in enumerate(y) if time >= t]


IGNORED = loss(
    "ignored_labels",
    per_example=lambda s, y: 0 if y == -100 else log(Add(*map(exp, s))) - s[y],
    target=Label(ignored=-100),
)


def ignored(s, y):
    logp, kept = s - logsumexp(s, axis=1, keepdims=True), y != -100
    g = np.exp(logp) * kept[:, None]
    g[kept, y[kept]] -= 1
    return -logp[kept, y[kept]].sum() / kept.sum(), g / kept.sum()


def ignored_over_all(s, y):
    value, g = ignored(s, y)
    share = s.dtype.type((y != -100).sum() / len(y))
    return value * share, g * share


def ignored_with_weights(s, y, sample_weight):
    logp, w = s - logsumexp(s, axis=1, keepdims=True), sample_weight * (y != -100)
    g = np.exp(logp)
    g[np.arange(len(s)), np.maximum(y, 0)] -= 1
    return -(w * logp[np.arange(len(s)), np.maximum(y, 0)]).sum() / w.sum(), g * w[:, None] / w.sum()


def ignored_in_the_mean(s, y):
    value, g = ignored(s, y)
    return value, g * (y != -100).sum() / len(y)


def ignored_in_the_loss(s, y):
    value, g = ignored(s, y)
    n = (y != -100).sum()
    return value, g + np.exp(s - logsumexp(s, axis=1, keepdims=True)) * (y == -100)[:, None] / n


def cross_entropy_by_class_weights(s, y, w):
    losses = (w[k] * (log(Add(*map(exp, row))) - row[k]) for row, k in zip(s, y, strict=True))
    return Add(*losses) / Add(*(w[k] for k in y))


WEIGHED = FunctionSpec(
    name="class_weights",
    inputs={"s": Array("n c"), "y": Array("n", Label("c")), "w": Array("c", Positive(), differentiated=False)},
    formula=cross_entropy_by_class_weights,
    source="torch.nn.functional.cross_entropy",
)


def weighed(s, y, w):
    logp, v = s - logsumexp(s, axis=1, keepdims=True), w[y]
    g = np.exp(logp)
    g[np.arange(len(s)), y] -= 1
    return -(v * logp[np.arange(len(s)), y]).sum() / v.sum(), g * v[:, None] / v.sum()


def weighed_over_all(s, y, w):
    value, g = weighed(s, y, w)
    return value, g * w[y].sum() / len(y)


COX = loss(
    "cox",
    per_batch=lambda s, y: Add(*(log(Add(*(exp(s[j]) for j in at_risk(y, t)))) - s[i] for i, (t, event) in enumerate(y) if event)),
    target=Censored(),
)


def cox(s, time, event, *, ties=np.greater_equal):
    value, g = 0.0, np.zeros_like(s)
    for i in np.flatnonzero(event):
        risk = ties(time, time[i]) | (np.arange(len(s)) == i)
        top = s[risk].max()
        e = np.exp(s[risk] - top)
        value += np.log(e.sum()) + top - s[i]
        g[risk] += e / e.sum()
        g[i] -= 1
    return value, g


def cox_without_ties(s, time, event):
    return cox(s, time, event, ties=np.greater)


def cox_of_the_censored(s, time, event):
    value, g = cox(s, time, event)
    return value, g - (1 - event)


NCE = loss("nce", per_batch=lambda s, y: Add(*(log(Add(*map(exp, row))) - row[y[i]] for i, row in enumerate(s))) / len(s), target=Label())


def nce(s, y):
    logp, n = s - logsumexp(s, axis=1, keepdims=True), len(s)
    g = np.exp(logp)
    g[np.arange(n), y] -= 1
    return -logp[np.arange(n), y].mean(), g / n


def nce_over_columns(s, y):
    value, _ = nce(s, y)
    p = np.exp(s - logsumexp(s, axis=0, keepdims=True))
    p[np.arange(len(s)), y] -= 1
    return value, p / len(s)


DICE = loss(
    "dice",
    NOTHING,
    per_batch=lambda p, t, smooth: 1 - (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth),
    prediction=Probability(),
    target=Real(0, 1),
    parameters={"smooth": positive(default=1)},
)


def dice(p, t, smooth=1.0):
    a, b = 2 * (p * t).sum() + smooth, p.sum() + t.sum() + smooth
    return 1 - a / b, -(2 * t * b - a) / b**2


def dice_of_the_numerator(p, t, smooth=1.0):
    return dice(p, t, smooth)[0], -2 * t / (p.sum() + t.sum() + smooth)


TRIPLET = FunctionSpec(
    name="triplet",
    inputs={"a": Array("n e"), "p": Array("n e"), "q": Array("n e")},
    formula=lambda a, p, q: np.maximum(((a - p) ** 2).sum(axis=1) - ((a - q) ** 2).sum(axis=1) + 1, 0).sum(),
    source="a textbook",
)


def triplet(a, p, q, *, active=np.greater):
    d = ((a - p) ** 2).sum(axis=1) - ((a - q) ** 2).sum(axis=1) + 1
    on = active(d, 0)[:, None]
    return np.maximum(d, 0).sum(), (2 * (q - p) * on, -2 * (a - p) * on, 2 * (a - q) * on)


def triplet_from_zero_on(a, p, q):
    value, g = triplet(a, p, q, active=np.greater_equal)
    return value, *g


def triplet_always(a, p, q):
    value, g = triplet(a, p, q)
    return value, (2 * (q - p), *g[1:])


def triplet_sign(a, p, q):
    value, g = triplet(a, p, q)
    return value, {"a": g[0], "p": g[1], "q": -g[2]}


NORM = FunctionSpec(
    name="layer_norm",
    inputs={"x": Array("n d"), "gamma": Array("d"), "beta": Array("d")},
    output="n d",
    formula=lambda x, gamma, beta: gamma * (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + EPS) + beta,
    source="J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, arXiv:1607.06450",
)


def norm(x, gamma, beta):
    return norm_and_what_is_saved(x, gamma, beta)[0]


def norm_and_what_is_saved(x, gamma, beta):
    centred = x - x.mean(axis=1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(EPS))
    return gamma * centred * inverse + beta, (centred * inverse, inverse, gamma)


def backward_from_saved(dout, cache):
    scaled, inverse, gamma = cache
    d = dout * gamma
    dx = inverse * (d - d.mean(axis=1, keepdims=True) - scaled * (d * scaled).mean(axis=1, keepdims=True))
    return dx, (dout * scaled).sum(axis=0), dout.sum(axis=0)


def backward(dy, x, gamma, beta):
    return backward_from_saved(dy, norm_and_what_is_saved(x, gamma, beta)[1])


def backward_in_stages(x, gamma, beta, dout):
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(EPS))
    d = dout * gamma
    variance = np.sum(d * centred * (-0.5) * std**-3, axis=1, keepdims=True)
    mean = np.sum(-d / std, axis=1, keepdims=True) + variance * np.mean(-2 * centred, axis=1, keepdims=True)
    dx = d / std + variance * 2 * centred / x.shape[1] + mean / x.shape[1]
    return dx, (dout * centred / std).sum(axis=0), dout.sum(axis=0)


def backward_of_ones(dy, x, gamma, beta):
    return backward(np.ones_like(dy), x, gamma, beta)


def backward_with_a_mean(dy, x, gamma, beta):
    dx, dgamma, dbeta = backward(dy, x, gamma, beta)
    return dx, dgamma / len(x), dbeta


def backward_without_the_variance(dy, x, gamma, beta):
    _, dgamma, dbeta = backward(dy, x, gamma, beta)
    inverse = 1 / np.sqrt(x.var(axis=1, keepdims=True) + EPS)
    d = dy * gamma
    return inverse * (d - d.mean(axis=1, keepdims=True)), dgamma, dbeta


def pair(backward, forward=norm):
    return Candidate(forward=forward, backward=backward)


RIGHT = [
    ("BCE", bce),
    ("BCE", bce_as_a_quotient),
    ("BCE", bce_of_each),
    ("BCE", bce_weighted),
    ("BCE", bce_weighted_over_all),
    ("POISSON", poisson),
    ("SOFT", soft),
    ("SOFT", soft_of_target_first),
    ("LABELS", labels),
    ("IGNORED", ignored),
    ("IGNORED", ignored_over_all),
    ("IGNORED", ignored_with_weights),
    ("WEIGHED", weighed),
    ("COX", cox),
    ("NCE", nce),
    ("DICE", dice),
    ("TRIPLET", triplet),
    ("TRIPLET", triplet_from_zero_on),
    ("NORM", pair(backward)),
    ("NORM", pair(backward_in_stages)),
    ("NORM", pair(backward_from_saved, norm_and_what_is_saved)),
]
WRONG = [
    ("BCE", bce_clipped, "clipped", "an ε, or a clip, is no part of it"),
    ("BCE", bce_sign, "sign", "the gradient has the wrong sign"),
    ("BCE", bce_weighted_twice, "weights", "squared"),
    ("BCE", bce_weighted_in_the_loss, "weights", "does not follow the weights"),
    ("POISSON", poisson_with_an_epsilon, "unknown", None),
    ("SOFT", soft_by_the_greatest, "unknown", None),
    ("LABELS", labels_over_classes, "reduction", "the gradient is divided by the size of c"),
    ("IGNORED", ignored_in_the_mean, "reduction", "that of the mean, where the loss is the mean of what is kept"),
    ("IGNORED", ignored_in_the_loss, "unknown", None),
    ("WEIGHED", weighed_over_all, "unknown", None),
    ("COX", cox_without_ties, "value", None),
    ("COX", cox_of_the_censored, "unknown", None),
    ("NCE", nce_over_columns, "unknown", None),
    ("DICE", dice_of_the_numerator, "unknown", None),
    ("TRIPLET", triplet_always, "unknown", "the gradient for a is wrong"),
    ("TRIPLET", triplet_sign, "sign", "the gradient for q has the wrong sign"),
    ("NORM", pair(backward_of_ones), "upstream-ignored", "does not follow its upstream gradient"),
    ("NORM", pair(backward_with_a_mean), "reduction", "the gradient for gamma is divided by the size of n"),
    ("NORM", pair(backward_without_the_variance), "path-missing", "the gradient for x lacks what comes through 1/sqrt(a sum of x)"),
]


SCALED = FunctionSpec(
    name="scaled",
    inputs={"x": Array("n")},
    output="n",
    formula=lambda x, scale: scale * x**2,
    parameters={"scale": Parameter(default=2.0)},
    source="y = scale · x²",
)
