"""Right and wrong pairs with kinks of both signs, fine features, roundings of the gradient's own, and answers that are no numbers.

Each is (f, at): f(x) returns loss and gradient, computed in the dtype of x.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logsumexp, softmax

RNG = np.random.default_rng(5)
C4 = np.array([1.0, -2.0, 1.5, -0.5])
U3 = np.array([1.0, -2.0, 0.5])
U6 = np.array([1.0, -0.5, 2.0, -1.5, 0.7, -0.3])
M53 = RNG.normal(size=(5, 3))
HIDDEN, OUT = RNG.normal(size=(8, 4)), RNG.normal(size=8)
TABLE = np.array([0.0, 1.0, -1.0, 2.0, 0.5, 0.5, -1.0])
TOEPLITZ = np.abs(np.subtract.outer(np.arange(6.0), np.arange(6.0)))
Y6 = np.array([0.3, -1.0, 0.8, 0.1, -0.4, 0.9])


def of(x, a):
    return np.asarray(a, dtype=x.dtype)


def relus(x):
    return C4 @ np.maximum(0, 1 - x), -C4 * (x < 1)


def relus_with_equality(x):
    return C4 @ np.maximum(0, 1 - x), -C4 * (x <= 1)


def absolutes(x):
    return C4 @ np.abs(x), C4 * np.sign(x)


def differences_of_absolutes(x):
    d = np.diff(x)
    s = np.sign(d) * np.array([1.0, -1.5, 0.5])
    return np.array([1.0, -1.5, 0.5]) @ np.abs(d), np.append(0, s) - np.append(s, 0)


def max_less_min(x):
    g = np.zeros_like(x)
    g[np.argmax(x)] += 1
    g[np.argmin(x)] -= 1
    return x.max() - x.min(), g


def max_less_max(x):
    def even(p):
        return (p == p.max()) / (p == p.max()).sum()

    return x[:3].max() - x[3:].max(), np.append(even(x[:3]), -even(x[3:]))


def min_of_max(x):
    a, b = x[:2].max(), x[2:].max()
    g = np.zeros_like(x)
    g[np.argmax(x[:2]) if a <= b else 2 + np.argmax(x[2:])] = 1
    return min(a, b), g


def network(at_zero):
    def f(x):
        pre = HIDDEN @ x
        on = (pre > 0) + at_zero * (pre == 0)
        return OUT @ np.maximum(pre, 0), HIDDEN.T @ (OUT * on)

    return f


def leaky(x):
    slope = np.where(x > 0, 1.0, 0.1)
    return C4 @ (slope * x), C4 * slope


def clipped(x):
    return C4 @ np.clip(x, -1, 1), C4 * ((x > -1) & (x < 1))


def clipped_loss(x):
    r = x * x
    return np.minimum(r, 1).sum() - np.minimum(np.abs(x), 2).sum(), np.where(r < 1, 2 * x, 0) - np.where(np.abs(x) < 2, np.sign(x), 0)


def huber(r):
    return np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - 0.5), np.clip(r, -1, 1)


def huber_differences(x):
    d = np.diff(x)
    value, s = huber(d)
    s = s * np.array([1.0, -1.0, 2.0])
    return value @ np.array([1.0, -1.0, 2.0]), np.append(0, s) - np.append(s, 0)


def quantile_of_differences(x):
    w = np.array([1.0, -1.0, 2.0])
    d = np.diff(x)
    s = w * np.where(d > 0, 0.9, -0.1)
    return w @ np.maximum(0.9 * d, -0.1 * d), np.append(0, s) - np.append(s, 0)


def sorted_statistics(x):
    order = np.argsort(x, kind="stable")
    g = np.zeros_like(x)
    g[order] = U6
    return U6 @ x[order], g


def median(x):
    order = np.argsort(x, kind="stable")
    g = np.zeros_like(x)
    g[order[[2, 3]]] = 0.5
    return (x[order[2]] + x[order[3]]) / 2, g


def top_two_less_bottom(x):
    order = np.argsort(x, kind="stable")
    g = np.zeros_like(x)
    g[order[-2:]] = 1
    g[order[:2]] -= 2
    return x[order[-2:]].sum() - 2 * x[order[:2]].sum(), g


def scattered(share, up=(1.0, -2.0, 0.5)):
    groups = np.array([0, 0, 1, 1, 1, 2])
    up = np.array(up)

    def f(x):
        top = np.array([x[groups == k].max() for k in range(3)])
        hit = (x == top[groups]) * 1.0
        if share == "even":
            hit /= np.bincount(groups, hit)[groups]
        elif share == "first":
            hit = np.isin(np.arange(6), [np.flatnonzero((groups == k) & (hit > 0))[0] for k in range(3)]) * 1.0
        return up @ top, hit * up[groups]

    return f


def interpolated(x):
    i = np.clip(np.floor(x).astype(int), 0, 5)
    return np.sum(TABLE[i] + (x - i) * np.diff(TABLE)[i]), np.diff(TABLE)[i]


def margins(x):
    """Triplet: anchor, positive, negative in the plane, by absolute distances."""
    a, p, n = x.reshape(3, 2)
    on = np.abs(a - p).sum() - np.abs(a - n).sum() + 1 > 0
    sp, sn = np.sign(a - p), np.sign(a - n)
    return max(0.0, np.abs(a - p).sum() - np.abs(a - n).sum() + 1), on * np.concatenate([sp - sn, -sp, sn])


def norms(x):
    def unit(v):
        n = np.sqrt((v * v).sum())
        return v / n if n > 0 else 0 * v

    a, b = x[:3], x[3:]
    return np.sqrt((a * a).sum()) - 2 * np.sqrt((b * b).sum()), np.append(unit(a), -2 * unit(b))


def log_sum_exps(x):
    return logsumexp(x[:3]) - logsumexp(x[3:]), np.append(softmax(x[:3]), -softmax(x[3:]))


def smooth_maximum(x):
    p = softmax(x)
    v = p @ x
    return v, p * (1 + x - v)


def layer_norm(x):
    u = of(x, U3)
    c = x - x.mean()
    r = 1 / np.sqrt((c * c).mean() + x.dtype.type(1e-5))
    h = c * r
    return u @ h, r * (u - u.mean() - h * (u * h).mean())


def rms_norm(x):
    u = of(x, U3)
    r = 1 / np.sqrt((x * x).mean() + x.dtype.type(1e-6))
    h = x * r
    return u @ h, r * (u - h * (u * h).mean())


def group_norm(x):
    u, z = of(x, U6).reshape(2, 3), x.reshape(2, 3)
    c = z - z.mean(1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(1, keepdims=True) + x.dtype.type(1e-5))
    h = c * r
    return (u * h).sum(), (r * (u - u.mean(1, keepdims=True) - h * (u * h).mean(1, keepdims=True))).ravel()


def batch_norm(x):
    """Through variance and mean, as a graph is walked back."""
    u, z = of(x, M53), x.reshape(5, 3)
    c = z - z.mean(0)
    i = 1 / np.sqrt(z.var(0) + x.dtype.type(1e-5))
    dvar = (u * c * x.dtype.type(-0.5) * i**3).sum(0)
    return (u * c * i).sum(), (u * i + dvar * 2 * c / 5 - (u * i).sum(0) / 5).ravel()


def cosine(x):
    a, b = x[:3], x[3:]
    na, nb = np.sqrt(a @ a + x.dtype.type(1e-8)), np.sqrt(b @ b + x.dtype.type(1e-8))
    c = a @ b / (na * nb)
    return c, np.append(b / (na * nb) - c * a / na**2, a / (na * nb) - c * b / nb**2)


def variance(x):
    c = x - x.mean()
    return (c * c).sum(), 2 * c


def variance_by_squares(x):
    """E x² − (E x)², which loses digits far from 0, in the loss alone."""
    return (x * x).mean() - x.mean() ** 2, 2 * (x - x.mean()) / x.size


def cubes_of_centred(x):
    c = x - x.mean()
    q = 3 * c * c
    return (c**3).sum(), q - q.mean()


def cumulative_products(x):
    u = of(x, U6)
    g = [sum(u[k] * np.prod(np.delete(x[: k + 1], i)) for k in range(i, x.size)) for i in range(x.size)]
    return u @ np.cumprod(x), np.array(g, x.dtype)


def cumulative_products_by_division(x):
    u, p = of(x, U6), np.cumprod(x)
    return u @ p, np.cumsum((u * p)[::-1])[::-1] / x


def inverse(x):
    A = x.reshape(2, 2) + 3 * np.eye(2, dtype=x.dtype)
    inv = np.linalg.inv(A)
    return np.trace(inv), -(inv @ inv).T.ravel()


def near_singular(x):
    A = np.array([[1, 1], [1, 1]], x.dtype) + x.dtype.type(1e-2) * x.reshape(2, 2)
    inv = np.linalg.inv(A)
    return np.sum(inv), x.dtype.type(-1e-2) * np.outer(inv.sum(0), inv.sum(1)).ravel()


def gaussian_process(x):
    """−log likelihood of a length and a noise, both logarithms; the noise is small and K ill-conditioned."""
    ell, s = np.exp(x)
    t = of(x, TOEPLITZ) / ell
    base = np.exp(-t * t / 2)
    K = base + s * np.eye(6, dtype=x.dtype)
    inv, y = np.linalg.inv(K), of(x, Y6)
    a = inv @ y
    g = [np.sum((inv - np.outer(a, a)) * dK) / 2 for dK in (base * t * t, s * np.eye(6, dtype=x.dtype))]
    return (y @ a + np.linalg.slogdet(K)[1]) / 2, np.array(g, x.dtype)


def xlogx(x):
    a = np.abs(x)
    with np.errstate(all="ignore"):
        return np.sum(np.where(a > 0, a * np.log(a), 0)), np.sign(x) * (np.log(a) + 1)


def roots(x):
    return np.sqrt(np.abs(x)).sum(), np.sign(x) / (2 * np.sqrt(np.abs(x)))


def with_steps(x):
    """A loss that jumps where an entry is whole."""
    return np.sum(np.floor(x) + x * x), 2 * x


def elastic(x):
    return (np.abs(x) - 0.5 * np.abs(x - 1)).sum() + x @ x, np.sign(x) - 0.5 * np.sign(x - 1) + 2 * x


def cross_entropy(x):
    return logsumexp(x) - x[0], softmax(x) - np.eye(x.size)[0]


def counts(x):
    return np.exp(x).sum() - 2 * x.sum(), np.exp(x) - 2


def logarithms(x):
    return -np.log(x).sum(), -1 / x


OFFSET3 = np.array([0.3, -0.7, 1.1])
OFFSET15 = RNG.normal(size=15)
MIXED6 = np.array([0.5, -1.0, 1.25, 2.0, -0.25, 1.0])
F32 = np.float32

RIGHT = {
    "relus of both signs": (relus, [0.9, 1.1, 1.2, 0.8]),
    "relus of both signs on their kinks": (relus, np.ones(4)),
    "relus with ≥": (relus_with_equality, np.ones(4)),
    "absolutes of both signs": (absolutes, [0.0, 0.0, 1.0, 0.0]),
    "absolutes of differences": (differences_of_absolutes, [1.0, 1.0, 2.0, 2.0]),
    "absolutes of differences, float32": (differences_of_absolutes, np.array([1.0, 1.0, 2.0, 2.0], F32)),
    "max less min": (max_less_min, np.ones(5)),
    "max less max": (max_less_max, np.ones(6)),
    "min of max": (min_of_max, [1.0, 1.0, 1.0, 2.0]),
    "network at 0, 0 at the kinks": (network(0), np.zeros(4)),
    "network at 0, 1 at the kinks": (network(1), np.zeros(4)),
    "network at 0, float32": (network(0.5), np.zeros(4, F32)),
    "leaky": (leaky, [1.0, -1.0, 0.0, 0.0]),
    "clipped": (clipped, [1.0, -1.0, 1.0, 0.5]),
    "clipped loss": (clipped_loss, [1.0, -2.0, 0.0, 0.5]),
    "huber of differences": (huber_differences, [0.0, 1.0, 0.0, 0.0]),
    "quantile of differences": (quantile_of_differences, [1.0, 1.0, -1.0, -1.0]),
    "sorted": (sorted_statistics, [1.0, 1.0, 2.0, 2.0, -1.0, 0.0]),
    "median": (median, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]),
    "top and bottom": (top_two_less_bottom, [1.0, 1.0, 1.0, 2.0, 2.0]),
    "scattered, even": (scattered("even"), [1.0, 1.0, 0.5, 0.5, 0.5, 3.0]),
    "scattered, first": (scattered("first"), [1.0, 1.0, 0.5, 0.5, 0.5, 3.0]),
    "interpolated": (interpolated, [1.3, 2.6, 3.0]),
    "triplet, all in one": (margins, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
    "norms of both signs": (norms, [0.0, 0.0, 0.0, 1.0, -1.0, 0.0]),
    "log-sum-exp of both signs": (log_sum_exps, MIXED6 * 100),
    "smooth maximum": (smooth_maximum, MIXED6 * 10),
    "smooth maximum, float32": (smooth_maximum, (MIXED6 * 10).astype(F32)),
    "layer norm near 300, float32": (layer_norm, (300 + OFFSET3).astype(F32)),
    "layer norm near 3000, float32": (layer_norm, (3000 + OFFSET3).astype(F32)),
    "layer norm near 1e4": (layer_norm, 1e4 + OFFSET3),
    "layer norm near 1e6": (layer_norm, 1e6 + OFFSET3),
    "layer norm of equal numbers": (layer_norm, np.full(3, 7.0)),
    "RMS norm of small numbers": (rms_norm, OFFSET3 * 1e-4),
    "RMS norm near 1e6, float32": (rms_norm, (1e6 + OFFSET3).astype(F32)),
    "group norm near 1e5": (group_norm, 1e5 + MIXED6),
    "group norm near 100, float32": (group_norm, (100 + MIXED6).astype(F32)),
    "batch norm near 1e4": (batch_norm, 1e4 + OFFSET15),
    "batch norm near 1e6": (batch_norm, 1e6 + OFFSET15),
    "batch norm near 1e3, float32": (batch_norm, (1e3 + OFFSET15).astype(F32)),
    "cosine of small and large": (cosine, np.append(OFFSET3 * 1e-3, OFFSET3[::-1] * 1e3)),
    "variance near 1e5": (variance, 1e5 + OFFSET3),
    "variance near 1e3, float32": (variance, (1e3 + OFFSET3).astype(F32)),
    "variance by squares near 1e3": (variance_by_squares, 1e3 + OFFSET3),
    "variance by squares near 100, float32": (variance_by_squares, (100 + OFFSET3).astype(F32)),
    "cubes of centred near 1e5": (cubes_of_centred, 1e5 + OFFSET3),
    "cumulative products": (cumulative_products, [1.5, -0.5, 2.0, 1.25, -1.5, 0.75]),
    "cumulative products, float32": (cumulative_products, np.array([1.5, -0.5, 2.0, 1.25, -1.5, 0.75], F32)),
    "inverse": (inverse, [1.0, 0.5, -0.5, 2.0]),
    "near singular": (near_singular, [1.0, 2.0, 0.5, 1.7]),
    "near singular, float32": (near_singular, np.array([1.0, 2.0, 0.5, 1.7], F32)),
    "Gaussian process": (gaussian_process, [0.3, -2.0]),
    "Gaussian process, ill-conditioned": (gaussian_process, [2.5, -16.0]),
    "Gaussian process, float32": (gaussian_process, np.array([0.8, -5.0], F32)),
    "x log x with a 0": (xlogx, [0.0, 1.0, -2.0]),
    "roots with a 0": (roots, [0.0, 1.0, -2.0]),
    "a loss with steps": (with_steps, [1.0, 2.5, -0.5]),
    "elastic": (elastic, [1.0, 0.0, -1.0]),
    "cross-entropy far out": (cross_entropy, [1000.0, -3.0, 2.0]),
    "counts that overflow at one point": (counts, [1000.0, -3.0, 2.0]),
    "logarithm on its border": (logarithms, [0.0, 1.0]),
}  # fmt: skip


def times(f, factor, i=None):
    """The same with the gradient, or its entry i, times a factor."""

    def g(x):
        value, gradient = f(x)
        gradient = np.array(gradient, dtype=np.result_type(gradient, x.dtype))
        if i is None:
            gradient *= factor
        else:
            gradient.flat[i] *= factor
        return value, gradient

    return g


def without_mean(x):
    u = of(x, U3)
    c = x - x.mean()
    r = 1 / np.sqrt((c * c).mean() + x.dtype.type(1e-5))
    h = c * r
    return u @ h, r * (u - h * (u * h).mean())


def naive_lse(x):
    e = np.exp(x)
    return np.log(e.sum()), e / e.sum()


def naive_softmax(x):
    e = np.exp(x)
    return logsumexp(x), e / e.sum()


def log_of_sigmoid(x):
    return -np.log(1 - expit(x)).sum(), expit(x)


def mean_of_active(x):
    on = x > 0
    return np.maximum(x, 0).sum() / on.sum(), on / on.sum()


def norm(x):
    n = np.sqrt((x * x).sum())
    return n, x / n


def at(place, value, f):
    """The same with another entry of the gradient where x is at `place`."""

    def g(x):
        v, gradient = f(x)
        return v, np.where(x == place, value, gradient)

    return g


WRONG = {
    "relus, all 1e-6 too large": (times(relus, 1 + 1e-6), np.ones(4)),
    "relus, one entry left out": (times(relus, 0, 1), [0.9, 1.1, 1.2, 0.8]),
    "absolutes, sign of one": (times(absolutes, -1, 2), [0.0, 0.0, 1.0, 0.0]),
    "differences of absolutes, 1.001 of one": (times(differences_of_absolutes, 1.001, 1), [1.0, 1.0, 2.0, 2.0]),
    "differences, float32, 1.01": (times(differences_of_absolutes, 1.01), np.array([1.0, 1.0, 2.0, 2.0], F32)),
    "network, 1.001": (times(network(0), 1.001), np.zeros(4)),
    "network, 1.01, float32": (times(network(0), 1.01), np.zeros(4, F32)),
    "sorted, 1.001": (times(sorted_statistics, 1.001), [1.0, 1.0, 2.0, 2.0, -1.0, 0.0]),
    "interpolated, 1.001": (times(interpolated, 1.001), [1.3, 2.6, 3.0]),
    "scattered to all": (scattered("all", (1, 1, 1)), [1.0, 1.0, 0.5, 0.25, 0.0, 3.0]),
    "triplet, half": (times(margins, 0.5), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
    "norms, 1.001 of one": (times(norms, 1.001, 4), [0.0, 0.0, 0.0, 1.0, -1.0, 0.0]),
    "layer norm near 300, float32, mean's path left out": (without_mean, (300 + OFFSET3).astype(F32)),
    "layer norm near 1e4, 1.001": (times(layer_norm, 1.001), 1e4 + OFFSET3),
    "batch norm near 1e4, 1.001": (times(batch_norm, 1.001), 1e4 + OFFSET15),
    "batch norm near 1e3, float32, 1.1": (times(batch_norm, 1.1), (1e3 + OFFSET15).astype(F32)),
    "group norm near 1e5, 1.001": (times(group_norm, 1.001), 1e5 + MIXED6),
    "RMS norm of small numbers, one entry": (times(rms_norm, 1.001, 1), OFFSET3 * 1e-4),
    "variance near 1e5, 1.001": (times(variance, 1.001), 1e5 + OFFSET3),
    "near singular, 1.001": (times(near_singular, 1.001), [1.0, 2.0, 0.5, 1.7]),
    "Gaussian process, 1.001": (times(gaussian_process, 1.001), [0.3, -2.0]),
    "Gaussian process, ill-conditioned, 1.01": (times(gaussian_process, 1.01), [2.5, -16.0]),
    "a loss with steps, 1.001": (times(with_steps, 1.001), [1.0, 2.5, -0.5]),
    "clipped, 1.001": (times(clipped, 1.001), [1.0, -1.0, 1.0, 0.5]),
    "2 on a kink of one sign": (at(0, 2.0, lambda x: (np.maximum(x, 0).sum(), (x > 0) * 1.0)), [1.0, -1.0, 0.0]),
    "2 at 0, where it is smooth": (at(0, 2.0, lambda x: ((x * x).sum(), 2 * x)), [1.0, -1.0, 0.0]),
    "−0.1 on a concave kink": (at(0, -0.1, lambda x: (np.minimum(x, 0).sum(), (x < 0) * 1.0)), [1.0, -1.0, 0.0]),
    "not a number": (lambda x: (np.nan * x.sum(), x), [1.0, 2.0]),
    "neither is": (lambda x: (np.nan * x.sum(), np.nan * x), [1.0, 2.0]),
    "a gradient that is none": (lambda x: ((x * x).sum(), np.nan * x), [1.0, 2.0]),
    "an infinite gradient": (lambda x: ((x * x).sum(), np.inf * x), [1.0, 2.0]),
    "naive log-sum-exp": (naive_lse, [1000.0, -3.0, 2.0]),
    "naive log-sum-exp, float32": (naive_lse, np.array([100.0, -3.0, 2.0], F32)),
    "naive softmax": (naive_softmax, [1000.0, -3.0, 2.0]),
    "log of 1 less sigmoid": (log_of_sigmoid, [40.0, 1.0]),
    "mean of no active one": (mean_of_active, [-1.0, -2.0]),
    "norm at 0 alone": (norm, [1.0, -2.0, 3.0]),
    "cumulative products by division": (cumulative_products_by_division, [1.5, -0.5, 2.0, 1.25, -1.5, 0.75]),
    "norm at 0": (norm, [0.0, 0.0, 0.0]),
}  # fmt: skip
