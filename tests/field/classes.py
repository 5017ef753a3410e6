"""Losses with parameters that have a number for each class, each with right implementations as people write them, and wrong ones."""

import numpy as np
from numba import njit
from scipy.special import expit, logsumexp
from sympy import Add, Max, exp, log

from verify import Candidate
from verify.spec import Binary, Claims, Label, LossSpec, Parameter, others, positive

CONVEX, NOTHING = Claims(convex=True), Claims(convex=None)


def loss(name, claims=CONVEX, **fields):
    return LossSpec(name=name, claims=claims, source="a textbook", **fields)


WEIGHED = loss(
    "weighed",
    per_example=lambda s, y, w: 0 if y == -100 else w[y] * (log(Add(*map(exp, s))) - s[y]),
    target=Label(ignored=-100),
    parameters={"w": positive(default=1, dims="C")},
)


def taken_apart(s, y, w):
    """(the losses and their slopes, the weights), without the labels that are ignored."""
    kept = y != -100
    k = np.where(kept, y, 0)
    v = np.where(kept, w[k], 0).astype(s.dtype)
    logp = s - logsumexp(s, axis=1, keepdims=True)
    g = np.exp(logp)
    g[np.arange(len(s)), k] -= 1
    return -v * logp[np.arange(len(s)), k], v[:, None] * g, v


def weighed(s, y, w):
    losses, g, v = taken_apart(s, y, w)
    return losses.sum() / v.sum(), g / v.sum()


def weighed_over_the_kept(s, y, w):
    losses, g, _ = taken_apart(s, y, w)
    n = (y != -100).sum(dtype=s.dtype)
    return losses.sum() / n, g / n


def weighed_over_all(s, y, w):
    losses, g, _ = taken_apart(s, y, w)
    return losses.mean(), g / s.dtype.type(len(y))


def weighed_sum(y_true, logits, *, w=None):
    losses, g, _ = taken_apart(logits, y_true, np.ones(logits.shape[1]) if w is None else w)
    return losses.sum(), g


def weighed_by_examples_too(s, y, w, sample_weight):
    losses, g, v = taken_apart(s, y, w)
    total = (v * sample_weight).sum()
    return (losses * sample_weight).sum() / total, g * sample_weight[:, None] / total


def unweighed(s, y):
    return weighed(s, y, np.ones(s.shape[1], s.dtype))


def weighed_by_its_own(s, y):
    return weighed(s, y, np.array([1, 2, 0.3]).astype(s.dtype))


def weighed_by_others(s, y):
    return weighed(s, y, np.array([1, 2, 0.5]).astype(s.dtype))


def forgotten(s, y, w):
    return weighed(s, y, w)[0], weighed(s, y, np.ones_like(w))[1]


def forgotten_by_examples(s, y, w):
    return weighed_over_all(s, y, w)[0], weighed_over_all(s, y, np.ones_like(w))[1]


def over_the_kept_in_the_gradient(s, y, w):
    return weighed(s, y, w)[0], weighed_over_the_kept(s, y, w)[1]


def squared(s, y, w):
    losses, g, v = taken_apart(s, y, w)
    return losses.sum() / v.sum(), g * v[:, None] / v.sum()


def of_another_class(s, y, w):
    return weighed(s, y, w)[0], weighed(s, y, np.roll(w, 1))[1]


def of_classes_alone(s, y, w):
    """Knows of no label that is ignored, and ends with an error there."""
    logp = s - logsumexp(s, axis=1, keepdims=True)
    rows, v, g = np.arange(len(s)), w[y], np.exp(logp)
    g[rows, y] -= 1
    return -(v * logp[rows, y]).sum() / v.sum(), v[:, None] * g / v.sum()


def of_clipped_labels(s, y, w):
    """The same, which takes it for a class."""
    return of_classes_alone(s, np.clip(y, 0, s.shape[1] - 1), w)


@njit
def of_classes_compiled(s, y, w):
    """The same, which reads and writes outside its arrays."""
    g, weight, total = np.empty_like(s), 0.0, 0.0
    for k in y:
        weight += w[k]
    for i, k in enumerate(y):
        top = s[i].max()
        g[i] = np.exp(s[i] - top)
        v, z = w[k] / weight, g[i].sum()
        total += v * (np.log(z) + top - s[i, k])
        g[i] *= v / z
        g[i, k] -= v
    return total, g


def of_classes_too_long(s, y, w):
    value, g = of_classes_alone(s, y, w)
    return value, g * s.dtype.type(1.01)


def ignored_in_the_loss(s, y, w):
    """What is ignored counts in the gradient."""
    value, g = weighed(s, y, w)
    return value, g + np.where(y == -100, 0.125, 0).astype(s.dtype)[:, None]


LDAM = loss(
    "margins",
    per_example=lambda s, y, margins: Add(*(Max(0, s[j] - s[y] + margins[y]) for j in others(s, y))),
    parameters={"margins": positive(default=0.5, dims="c")},
)


def ldam(s, y, margins):
    rows = np.arange(len(s))
    d = s - s[rows, y][:, None] + margins[y][:, None]
    d[rows, y] = 0
    g = (d > 0).astype(s.dtype)
    g[rows, y] = -g.sum(axis=1)
    return np.maximum(d, 0).sum() / len(s), g / len(s)


def ldam_of_all(s, y, margins):
    """The margin of each class that is compared with, in the gradient."""
    rows = np.arange(len(s))
    d = s - s[rows, y][:, None] + margins
    g = (d > 0).astype(s.dtype)
    g[rows, y] = 0
    g[rows, y] = -g.sum(axis=1)
    return ldam(s, y, margins)[0], g / len(s)


FOCAL = loss(
    "focal",
    NOTHING,
    per_example=lambda s, y, gamma, alpha: alpha[y] * (1 - exp(s[y]) / Add(*map(exp, s))) ** gamma * log(Add(*map(exp, s)) / exp(s[y])),
    parameters={"gamma": Parameter(default=2, low=1), "alpha": Parameter(default=0.25, low=0, high=1, dims="C")},
)


def focal(s, y, gamma=2.0, alpha=None, scale=1.0):
    rows, a = np.arange(len(s)), (alpha if alpha is not None else np.full(s.shape[1], 0.25))[y].astype(s.dtype)
    logp = s - logsumexp(s, axis=1, keepdims=True)
    p, lp = np.exp(logp), logp[rows, y]
    others_ = p.copy()
    others_[rows, y] = 0
    q = others_.sum(axis=1)
    slope = a * (gamma * q ** (gamma - 1) * p[rows, y] * lp - q**gamma)
    g = slope[:, None] * -p
    g[rows, y] = slope * q
    return (-a * q**gamma * lp).mean(), scale * g / len(s)


def focal_of_one_alpha(s, y, gamma, alpha):
    return focal(s, y, gamma, alpha)[0], focal(s, y, gamma, np.full_like(alpha, alpha[0]))[1]


SEVERAL = loss(
    "several",
    per_example=lambda s, t, pos_weight: Add(
        *(w * b * log(1 + exp(-a)) + (1 - b) * log(1 + exp(a)) for a, b, w in zip(s, t, pos_weight, strict=True))
    ),
    target=Binary("C"),
    parameters={"pos_weight": positive(default=1, dims="C")},
)


def several(s, t, pos_weight):
    losses = pos_weight * t * np.logaddexp(0, -s) + (1 - t) * np.logaddexp(0, s)
    return losses.sum(axis=1).mean(), ((1 - t) * expit(s) - pos_weight * t * expit(-s)) / len(s)


def several_of_the_negative_too(s, t, pos_weight):
    return several(s, t, pos_weight)[0], pos_weight * (expit(s) - t) / len(s)


COUPLED = loss(
    "coupled",
    per_batch=lambda s, y, w: (
        Add(*(w[k] * (log(Add(*map(exp, row))) - row[k]) for row, k in zip(s, y, strict=True))) / Add(*(w[k] for k in y))
    ),
    target=Label(),
    parameters={"w": positive(default=1, dims="C")},
)


def coupled_loss(s, y, w):
    return weighed(s, y, w)[0]


def coupled_grad(s, y, w):
    return weighed(s, y, w)[1]


RIGHT = [
    ("WEIGHED", weighed),
    ("WEIGHED", weighed_over_the_kept),
    ("WEIGHED", weighed_over_all),
    ("WEIGHED", weighed_sum),
    ("WEIGHED", weighed_by_examples_too),
    ("WEIGHED", unweighed),
    ("WEIGHED", of_classes_alone),
    ("WEIGHED", of_clipped_labels),
    ("WEIGHED", of_classes_compiled),
    ("LDAM", ldam),
    ("FOCAL", focal),
    ("SEVERAL", several),
    ("COUPLED", Candidate(loss=coupled_loss, grad=coupled_grad)),
]
WRONG = [
    ("WEIGHED", forgotten, "weights", "does not follow w: it is that for w = 1"),
    ("WEIGHED", forgotten_by_examples, "weights", "does not follow w: it is that for w = 1"),
    ("WEIGHED", over_the_kept_in_the_gradient, "reduction", "that of the mean of what is kept, where the loss is the mean by w"),
    ("WEIGHED", squared, "weights", "has w squared"),
    ("WEIGHED", of_another_class, "unknown", None),
    ("WEIGHED", of_classes_too_long, "scaled", None),
    ("WEIGHED", ignored_in_the_loss, "unknown", None),
    ("LDAM", ldam_of_all, "unknown", None),
    ("FOCAL", focal_of_one_alpha, "unknown", None),
    ("SEVERAL", several_of_the_negative_too, "unknown", None),
    ("COUPLED", forgotten, "weights", "does not follow w: it is that for w = 1"),
]
