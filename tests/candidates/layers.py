"""Layers of numpy, right ones and wrong ones, in the forms that people write them in."""

import numpy as np

from verify import Verdict, check

EPS = 1e-5
rng = np.random.default_rng(0)
X, GAMMA, BETA, W = rng.normal(size=(4, 3)), rng.uniform(0.5, 1.5, 3), rng.normal(size=3), rng.normal(size=(3, 2))
B = rng.normal(size=2)


def norm(x, gamma, beta):
    mean, inv = x.mean(0), 1 / np.sqrt(x.var(0) + EPS)
    centred = (x - mean) * inv
    return gamma * centred + beta, (centred, inv, gamma)


def norm_back(upstream, cache):
    centred, inv, gamma = cache
    d = upstream * gamma
    return (d - d.mean(0) - centred * (d * centred).mean(0)) * inv, (upstream * centred).sum(0), upstream.sum(0)


def forgets_the_variance(upstream, cache):
    dx, dgamma, dbeta = norm_back(upstream, cache)
    centred, inv, gamma = cache
    return dx + centred * (upstream * gamma * centred).mean(0) * inv, dgamma, dbeta


def gamma_off(upstream, cache):
    dx, dgamma, dbeta = norm_back(upstream, cache)
    return dx, dgamma * (1 + 1e-9), dbeta


def averages(upstream, cache):
    return (*norm_back(upstream, cache)[:2], upstream.mean(0))


def rectify(x):
    return np.maximum(0, x), x


def rectify_back(upstream, cache):
    return np.where(cache > 0, upstream, 0)


def rectify_in_place(upstream, cache):
    upstream *= cache > 0
    return upstream


def rectify_deaf(upstream, cache):
    return (cache > 0) * np.ones_like(upstream)


def several(x, w):
    return np.sin(x) * w, (x * x).sum(), x > 0


def several_back(x, w, dy, dz):
    return dy * np.cos(x) * w + dz * 2 * x, (dy * np.sin(x)).sum(0)


def several_halved(x, w, dy, dz):
    return dy * np.cos(x) * w + dz * x, (dy * np.sin(x)).sum(0)


def squared(x):
    return x * x


def squared_back(x, up):
    return 2 * x * up


def residuals(x):
    return np.array([x[0] ** 2 - x[1], np.exp(x[1]) * x[0], x[0] + 3 * x[1]])


def jacobian(x):
    return np.array([[2 * x[0], -1], [np.exp(x[1]), np.exp(x[1]) * x[0]], [1, 3]])


def jacobian_off(x):
    return np.array([[2 * x[0], -1], [np.exp(x[1]), np.exp(x[1])], [1, 3]])


def buffered(x, gamma, beta, bn_param):
    bn_param["running_mean"] *= 0.9
    bn_param["running_mean"] += 0.1 * x.mean(0)
    return norm(x, gamma, beta)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW = self.db = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, upstream):
        self.dW, self.db = self.x.T @ upstream, upstream.sum(0)
        return upstream @ self.W.T


class Averages(Affine):
    def backward(self, upstream):
        back = super().backward(upstream)
        self.db = upstream.mean(0)
        return back


class Lists:
    """Parameters and gradients in lists that are written into."""

    def __init__(self):
        self.params, self.grads = [W.copy(), B.copy()], [np.zeros_like(W), np.zeros_like(B)]

    def forward(self, x):
        weights, bias = self.params
        self.x = x
        return np.dot(x, weights) + bias

    def backward(self, dout):
        self.grads[0][...] = np.dot(self.x.T, dout)
        self.grads[1] += np.sum(dout, axis=0)
        return np.dot(dout, self.params[0].T)


class Cell:
    """Two inputs, parameters in a dict, gradients in another."""

    def __init__(self, n=3, h=2):
        self.params = {"Wx": rng.normal(size=(n, h)), "Wh": rng.normal(size=(h, h)), "b": np.zeros(h)}
        self.grads = {}

    def forward(self, x, h):
        self.x, self.h = x, h
        self.out = np.tanh(x @ self.params["Wx"] + h @ self.params["Wh"] + self.params["b"])
        return self.out

    def backward(self, dout):
        d = dout * (1 - self.out**2)
        self.grads = {"Wx": self.x.T @ d, "Wh": self.h.T @ d, "b": d.sum(0)}
        return d @ self.params["Wx"].T, d @ self.params["Wh"].T


class Transposed(Cell):
    def backward(self, dout):
        back = super().backward(dout)
        self.grads["Wh"] = self.grads["Wh"].T
        return back


class Running:
    """Keeps running means, and its gradients as attributes."""

    def __init__(self, gamma, beta):
        self.gamma, self.beta, self.running_mean = gamma, beta, np.zeros_like(gamma)

    def forward(self, x):
        self.running_mean = 0.9 * self.running_mean + 0.1 * x.mean(0)
        y, self.cache = norm(x, self.gamma, self.beta)
        return y

    def backward(self, dout):
        dx, self.dgamma, self.dbeta = norm_back(dout, self.cache)
        return dx


class Number:
    def __init__(self, data):
        self.data, self.grad = data, None


class Held:
    """Parameters are objects, the layer is called, and another one is inside."""

    def __init__(self):
        self.weight, self.inner = Number(W.copy()), Affine(np.eye(2), B.copy())

    def __call__(self, x):
        self.x = x
        return self.inner.forward(np.tanh(x @ self.weight.data))

    def backward(self, dout):
        d = self.inner.backward(dout) * (1 - np.tanh(self.x @ self.weight.data) ** 2)
        self.weight.grad = self.x.T @ d
        return d @ self.weight.data.T


EXAMPLE = {"W": W, "b": B, "x": X}
BUFFERED = (X, GAMMA, BETA, {"mode": "train", "running_mean": np.zeros(3)})


def holds(f, at, framework, **how):
    """A layer of several inputs does, in its framework."""
    report = check(f, at=at, profile="quick", laws=("gradient", "purity"), **how)
    assert report.verdict is Verdict.HOLDS, str(report)
    (told,) = report.conventions.values()
    assert told["framework"] == framework
    assert len(told["wrt"]) > 1


def is_broken_for(f, at, due):
    """A wrong layer is, by the name of the input."""
    report = check(f, at=at, profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN
    assert f": {due}[" in str(report)


def dropped(x, param):
    """Drops numbers at random, as course layers do: from the seed that it is given."""
    if "seed" in param:
        np.random.seed(param["seed"])  # noqa: NPY002
    mask = (np.random.rand(*x.shape) < param["p"]) / param["p"]  # noqa: NPY002
    return x * mask, (param, mask)


def dropped_back(upstream, cache):
    """Lets through what was kept."""
    return upstream * cache[1]
