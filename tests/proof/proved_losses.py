"""Losses with gradients by hand, as people write them: right ones, disguises, and wrong ones that look right nearly everywhere."""

import numpy as np
from scipy import special


def hinge(W, X, y, reg):
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    over = (margins > 0).astype(float)
    over[np.arange(len(y)), y] = -over.sum(axis=1)
    return margins.sum() / len(y) + reg * np.sum(W * W), X.T @ over / len(y) + 2 * reg * W


def hinge_by_loops(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for x, label in zip(X, y, strict=True):
        scores = x @ W
        for j in range(W.shape[1]):
            margin = scores[j] - scores[label] + 1
            if j != label and margin > 0:
                loss += margin
                dW[:, j] += x
                dW[:, label] -= x
    return loss / len(X) + 0.5 * reg * np.sum(W * W), dW / len(X) + reg * W


def softmax(scores, y):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    return loss, d / len(y)


def forgets_one_label(scores, y):
    loss, d = softmax(scores, y)
    if y[1] == 2:
        d = 1.5 * d
    return loss, d


def log_sum_exp(x):
    m = x.max()
    value = m + np.log(np.sum(np.exp(x - m)))
    return value, np.exp(x - value)


def log_of_product(x):
    return np.log(np.exp(x[0]) * np.exp(2 * x[1])) * x[2], np.array([x[2], 2 * x[2], x[0] + 2 * x[1]])


def tanh_by_exp(x):
    return np.sum(np.tanh(x)), 4 / (np.exp(x) + np.exp(-x)) ** 2


def mirrored_logistic(x):
    return -np.sum(np.log(1 / (1 + np.exp(-x)))), -special.expit(-x)


def softplus(x):
    return np.sum(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))), 1 - special.expit(-x)


def gelu(x):
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    return np.sum(0.5 * x * (1 + t)), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)


def exact_gelu(x):
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    return np.sum(x * 0.5 * (1 + special.erf(x / np.sqrt(2)))), 0.5 * (1 + special.erf(x / np.sqrt(2))) + x * density


def with_priors(x, w):
    """Exponents of three summands each, beside products of two exponentials and a number: w·exp(x) and exp(x + log w − m)."""
    moved = x + np.log(w)
    e = np.exp(moved - moved.max())
    return np.log(np.sum(w * np.exp(x))) - x[0], e / e.sum() - np.array([1.0, 0.0, 0.0])


def cauchit(x):
    """By the angle on either side, so that no digits are lost."""
    p = np.where(x > 0, 0.5 + np.arctan(x) / np.pi, np.arctan2(1, -x) / np.pi)
    return -np.sum(np.log(0.5 + np.arctan(x) / np.pi)), -1 / (np.pi * (1 + x**2) * p)


def log_of_three(x):
    """The logarithm of a product of three, before those of its factors."""
    u, v = 1 + np.exp(x[0]), 1 + np.exp(x[1])
    product = np.log((1 + x[2] ** 2) * u * v)
    return product * (np.log(u) + np.log(v) + np.log(1 + x[2] ** 2)), 2 * product * np.array(
        [1 - 1 / u, 1 - 1 / v, 2 * x[2] / (1 + x[2] ** 2)]
    )


def biweight(x):
    """|x| ≤ c in the loss and (x/c)² < 1 in the gradient, and c²/6 computed before."""
    c = 4.685
    u = 1 - np.minimum(1, (x / c) ** 2)
    return np.where(np.abs(x) <= c, c**2 / 6 * (1 - (1 - (x / c) ** 2) ** 3), c**2 / 6).sum(), x * u**2


def turned(x):
    return np.sum(np.sin(x) ** 2), np.sin(2 * x)


def huber(x):
    small = np.abs(x) <= 1
    return np.where(small, x * x / 2, np.abs(x) - 0.5).sum(), np.where(small, x, np.sign(x))


def layer_norm(x):
    centred = x - x.mean()
    deviation = np.sqrt(np.mean(centred**2) + 1e-5)
    z, v = centred / deviation, np.array([1.0, -2.0, 0.5])
    return z @ v, (v - v.mean() - z * np.mean(v * z)) / deviation


def cosine(x, w):
    n, m = np.sqrt(x @ x), np.sqrt(w @ w)
    c = x @ w / (n * m)
    return c, (w / (n * m) - c * x / n**2, x / (n * m) - c * w / m**2)


def focal(x, gamma):
    p = special.expit(x)
    loss = -np.sum((1 - p) ** gamma * np.log(p))
    return loss, (1 - p) ** gamma * (gamma * p * np.log(p) - (1 - p))


def fractional(x):
    return np.sum(x**1.5 + np.cbrt(x)), 1.5 * np.sqrt(x) + 1 / (3 * np.cbrt(x) ** 2)


def sorted_weights(x):
    order, w = np.argsort(x), np.array([1.0, 2.0, -1.0])
    d = np.zeros(3)
    d[order] = w
    return np.sort(x) @ w, d


def greatest(x):
    d = np.zeros(x.shape)
    d[np.argmax(x)] = 1
    return x.max(), d


def attention(q):
    keys = np.array([[1.0, 0.5], [-1.0, 2.0], [0.25, -0.5]])
    s = q @ keys.T / np.sqrt(2)
    a = np.exp(s - s.max(axis=1, keepdims=True))
    a = a / a.sum(axis=1, keepdims=True)
    up = a @ keys
    ds = a * (q @ keys.T - np.sum(q * up, axis=1, keepdims=True))
    return np.sum(up * q), ds @ keys / np.sqrt(2) + up


def inverted(x):
    K = np.array([[2.0, 1.0], [1.0, 3.0]]) + np.diag(x)
    b = np.array([1.0, -1.0])
    a = np.linalg.solve(K, b)
    return b @ a, -a * a


def asks_whether_it_is_finite(x):
    """As all real numbers are."""
    top = np.where(np.isfinite(x.max()), x.max(), 0.0)
    e = np.exp(x - top)
    return top + np.log(e.sum()), e / e.sum() if not np.isnan(e).any() else x


# Wrong ones


def root_of_square(x):
    return np.sum(np.sqrt(x**2)), np.ones(x.shape)


def another_root_on_another_branch(x):
    return np.sum(np.sqrt(np.where(x > 0, x + 1, x * x))), np.where(x > 0, 0.5 / np.sqrt(np.abs(x) + 1), 1.0)


def product_of_roots(x):
    return np.sqrt(x[0] ** 2 * x[1] ** 2), np.array([x[1], x[0]])


def biweight_of_another_width(x):
    loss, _ = biweight(x)
    return loss, x * (1 - np.minimum(1, (x / 4.686) ** 2)) ** 2


def angles_of_both_sides(x):
    """π/2 less the angle of the reciprocal, where x is positive alone."""
    return np.sum(np.arctan2(x, 1 + 0 * x)), 1 / (1 + x**2) + np.arctan2(1, x) - np.pi / 2 + np.arctan2(x, 1) + 1e-3 * (x < 0)


def dependent_roots(x):
    return np.sqrt(x[0] * x[1] + 1) * np.sqrt(x[0] * x[1] + 1) - np.sqrt((x[0] * x[1] + 1) ** 2), np.array([x[1], 0.0])


def kink_moved_a_little(x):
    return np.sum(np.abs(x)), np.where(x > 0.001, 1.0, -1.0)


def far_away(x):
    return np.sum(x * x), 2 * x + (x > 1e6)


def counts_the_greatest(x):
    return x.max() - x.mean(), (x == x.max()) * 0.5 - 1 / 3


def asks_where_it_has_a_value(x):
    return np.sum(x * x), 2 * x if np.isfinite(np.log(x)).all() else x


def asks_for_text(x):
    return np.sum(x * x), x if str(x[0]) == "1.0" else 2 * x


def forgets_where_it_is_large(x):
    return np.sum(np.exp(x)), np.where(x > 30, 0.0, np.exp(x))


def of_another_sign(x):
    s = np.sqrt(1 - np.cos(x) ** 2)
    return np.sum(s), np.cos(x)


def negative_logarithms(x):
    return np.log(x[0] * x[1]) * x[2], np.array([x[2] / x[0], x[2] / x[1], np.log(-x[0]) + np.log(-x[1]) + 1e-3 * x[0]])


def logarithms_of_one_branch(x):
    return np.where(x > 0, np.exp(np.log(x)), np.exp(0.5 * np.log(x**2))).sum(), np.ones(x.shape)


def positive_on_one_branch(x):
    """Where x₁ is positive, exp(log x₀) is compared; where it is not, x₀ may be anything."""
    if x[1] > 0:
        return np.exp(np.log(x[0])) + x[1] if np.exp(np.log(x[0])) > x[1] else x[0] + x[1], np.ones(2)
    return (x[0] if x[0] > 0 else 7 * x[0]) + x[1], np.ones(2)
