"""optax: its losses return one number an example, or are named otherwise than f(scores, y)."""

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import optax


def triplet(a, p, q, m):
    return optax.losses.triplet_margin_loss(a, p, q, margin=m).mean()


def crammer_singer(scores, y):
    return optax.losses.multiclass_hinge_loss(scores, y)


def multiclass_perceptron(scores, y):
    return optax.losses.multiclass_perceptron_loss(scores, y)


def integer_labels(scores, y):
    return optax.losses.softmax_cross_entropy_with_integer_labels(scores, y)


def poly_loss(scores, y, epsilon):
    return optax.losses.poly_loss_cross_entropy(scores, jax.nn.one_hot(y, scores.shape[1], dtype=scores.dtype), epsilon=epsilon)


def smooth_labels(scores, y):
    one_hot = jax.nn.one_hot(y, scores.shape[1], dtype=scores.dtype)
    return optax.losses.softmax_cross_entropy(scores, optax.losses.smooth_labels(one_hot, 0.125))


def to_distribution(prediction, target):
    return optax.losses.softmax_cross_entropy(prediction, target)


def safe_to_distribution(prediction, target):
    return optax.losses.safe_softmax_cross_entropy(prediction, target)


def kl(prediction, target):
    return optax.losses.kl_divergence(prediction, target)


def kl_with_log_targets(prediction, target):
    return optax.losses.kl_divergence_with_log_targets(prediction, target)


def sigmoid(scores, y):
    return optax.losses.sigmoid_binary_cross_entropy(scores, y)


def sigmoid_focal(scores, y, gamma, alpha):
    return optax.losses.sigmoid_focal_loss(scores, y, alpha=alpha, gamma=gamma)


def hinge(scores, y):
    return optax.losses.hinge_loss(scores, y)


def perceptron(scores, y):
    return optax.losses.perceptron_loss(scores, y)


def squared(scores, y):
    return optax.losses.squared_error(scores, y)


def half_squared(scores, y):
    return optax.losses.l2_loss(scores, y)


def huber(scores, y, delta):
    return optax.losses.huber_loss(scores, y, delta=delta)


def log_cosh(scores, y):
    return optax.losses.log_cosh(scores, y)


def ranking_softmax(prediction, target):
    return optax.losses.ranking_softmax_loss(prediction, target)


def cosine_distance(a, b, y):
    c = optax.losses.cosine_similarity(a, b)
    return jnp.where(y == 1, 1 - c, jnp.maximum(0, c)).mean()


def log_sigmoid(scores, y):
    return -jax.nn.log_sigmoid(y * scores)


def softplus(scores, y):
    return jax.nn.softplus(-y * scores)


def log_softmax(scores, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1).mean()


def log_ndtr(scores, y):
    return -jsp.special.log_ndtr(y * scores)


def rel_entr(prediction, target):
    return jsp.special.rel_entr(target, prediction).sum()


def poisson_logpmf(scores, y):
    return -jsp.stats.poisson.logpmf(y, jnp.exp(scores))


def laplace_logpdf(s, t, b):
    return -jsp.stats.laplace.logpdf(t, s, b).mean()
