"""Losses of several inputs with their gradients, as courses and libraries write them; each takes a `slip` that makes it wrong."""

import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 4)), np.array([0, 2, 1, 1, 0, 2])
SVM = (rng.normal(size=(4, 3)) / 8, X, Y, 0.125)
PARAMS = {"W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 3)), "b2": rng.normal(size=3)}
NORM = {
    "x": rng.normal(size=(3, 4)),
    "gamma": rng.normal(size=4),
    "beta": rng.normal(size=4),
    "upstream": rng.normal(size=(3, 4)),
    "eps": 1e-5,
}
AFFINE = (rng.normal(size=(3, 2, 2)), rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(3, 5)))
SAMPLE = rng.normal(size=8)


def svm_loss_vectorized(W, X, y, reg, slip=False):
    rows = np.arange(X.shape[0])
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    loss = margins.sum() / len(y) + reg * np.sum(W * W)
    active = (margins > 0).astype(float)
    active[rows, y] = -active.sum(axis=1)
    return loss, X.T.dot(active) / len(y) + (1 if slip else 2) * reg * W


def svm_loss_naive(W, X, y, reg):
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
    return loss / X.shape[0] + reg * np.sum(W * W)


def svm_value(W, X, y, reg):
    return svm_loss_vectorized(W, X, y, reg)[0]


def two_layer_net(params, X, y, reg, slip=False):
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    rows = np.arange(X.shape[0])
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, y]).mean() + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    d = p.copy()
    d[rows, y] -= 1
    d /= len(y)
    grads = {"W2": hidden.T.dot(d) + 2 * reg * W2, "b2": d.mean(axis=0) if slip else d.sum(axis=0)}
    back = d.dot(W2.T) * (hidden > 0)
    grads |= {"W1": X.T.dot(back) + 2 * reg * W1, "b1": back.sum(axis=0)}
    return loss, grads


def layer_norm(x, gamma, beta, upstream, eps, slip=False):
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    normed = centred / deviation
    loss = (upstream * (gamma * normed + beta)).sum()
    d = upstream * gamma
    dx = d - d.mean(axis=1, keepdims=True)
    if not slip:
        dx = dx - normed * (d * normed).mean(axis=1, keepdims=True)
    return loss, {"x": dx / deviation, "gamma": (upstream * normed).sum(axis=0), "beta": upstream.sum(axis=0)}


def affine(x, w, b, upstream, slip=False):
    rows = x.reshape(len(x), -1)
    loss = (upstream * (rows.dot(w) + b)).sum()
    return loss, upstream.dot(w.T).reshape(x.shape), rows.T.dot(upstream), upstream.mean(axis=0) if slip else upstream.sum(axis=0)


def negative_log_likelihood(mu, sigma, data, slip=False):
    z = (data - mu) / sigma
    dsigma = (1 if slip else len(data)) / sigma - np.sum(z**2) / sigma
    return 0.5 * np.sum(z**2) + len(data) * np.log(sigma), (-np.sum(z) / sigma, dsigma)


def of_theta(theta, data, slip=False):
    z = (data - theta[0]) * np.exp(-theta[1])
    slope = -(z * np.exp(-theta[1])).sum() * (2 if slip else 1)
    return 0.5 * np.sum(z**2) + len(data) * theta[1], [slope, len(data) - np.sum(z**2)]
