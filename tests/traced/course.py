"""Losses as people write them, with gradients by hand: right, and with one slip."""

import numpy as np
from scipy import linalg, special

RNG = np.random.default_rng(7)
X, LABELS = RNG.normal(size=(6, 4)), np.array([0, 2, 1, 1, 0, 2])
ROWS = np.arange(6)
KEYS, VALUES, UPSTREAM = RNG.normal(size=(3, 4, 3))
PLACES = np.linspace(-1, 1, 5)[:, None]
HEIGHTS = np.sin(3 * PLACES[:, 0])
SCORES = np.empty((6, 3))
EDGES, TERMS = np.array([-0.5, 0.5]), np.array([0.5, 0.0, 2.0])


def svm_by_loops(W, slip=False):
    dW, loss = np.zeros(W.shape), 0.0
    for x, y in zip(X, LABELS, strict=True):
        scores = x.dot(W)
        for j in range(3):
            margin = scores[j] - scores[y] + 1
            if j != y and margin > 0:
                loss += margin
                dW[:, j] += x
                dW[:, y] -= 0 if slip else x
    return loss / 6, dW / 6


def svm_by_masks(W, slip=False):
    margins = X @ W
    margins = margins - margins[ROWS, LABELS][:, None] + 1
    over = margins > 0
    over[ROWS, LABELS] = False
    d = over.astype(float)
    d[ROWS, LABELS] = -over.sum(axis=1) / (2 if slip else 1)
    return margins[over].sum() / 6, X.T @ d / 6


def softmax_that_prints(W, slip=False):
    np.dot(X, W, out=SCORES)
    p = np.exp(SCORES - SCORES.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[ROWS, LABELS]).mean()
    print("loss %.4f" % loss, f"surest {np.max(p):.2f}")  # noqa: UP031
    p[ROWS, LABELS] -= 1
    return loss, X.T @ p / (5 if slip else 6)


def causal_attention(q, slip=False):
    s = q @ KEYS.T / np.sqrt(3)
    s[np.triu(np.ones((4, 4), dtype=bool), k=1)] = -np.inf
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    a = e / e.sum(axis=-1, keepdims=True)
    da = UPSTREAM @ VALUES.T
    ds = a * (da - (0 if slip else np.sum(da * a, axis=-1, keepdims=True)))
    return np.sum(a @ VALUES * UPSTREAM), ds @ KEYS / np.sqrt(3)


def gaussian_process(theta, slip=False):
    length, scale, noise = np.exp(theta)
    squares = (PLACES - PLACES.T) ** 2
    K = scale**2 * np.exp(-0.5 * squares / length**2)
    lower = linalg.cholesky(K + noise**2 * np.eye(5), lower=True)
    alpha = linalg.cho_solve((lower, True), HEIGHTS)
    loss = 0.5 * HEIGHTS @ alpha + np.log(np.diag(lower)).sum()
    inverse = linalg.cho_solve((lower, True), np.eye(5))
    slopes = [K * squares / length**2, 2 * K, 2 * noise * (1 if slip else noise) * np.eye(5)]
    return loss, np.array([0.5 * np.sum((inverse - np.outer(alpha, alpha)) * k) for k in slopes])


def noise_contrastive(z, slip=False):
    pairs, n = np.array([1, 0, 3, 2]), np.arange(4)
    s = z @ z.T
    np.fill_diagonal(s, -np.inf)
    sums = special.logsumexp(s, axis=1)
    d = np.exp(s - sums[:, None])
    d[n, pairs] -= 1
    return np.sum(sums - s[n, pairs]), (d + (0 if slip else d.T)) @ z


def of_pieces(x, slip=False):
    a = TERMS[np.digitize(x, EDGES)]
    return np.sum(a * x**2), (1 if slip else 2) * a * x


COURSE = {
    svm_by_loops: RNG.normal(size=(4, 3)),
    svm_by_masks: RNG.normal(size=(4, 3)),
    softmax_that_prints: RNG.normal(size=(4, 3)),
    causal_attention: RNG.normal(size=(4, 3)),
    gaussian_process: np.array([-0.5, 0.1, -1.5]),
    noise_contrastive: RNG.normal(size=(4, 3)),
    of_pieces: np.array([-1.3, -0.2, 0.8, 2.0]),
}
