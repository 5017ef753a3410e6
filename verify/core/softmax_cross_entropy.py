"""Softmax cross-entropy, log Σ_j exp(s_j) − s_y, shifted by the greatest score so that nothing overflows."""

from math import exp, expm1, inf, log, log1p

from numba import njit

from verify.core.batched import together
from verify.core.linear import blocks, plain
from verify.core.objective import objectives
from verify.core.wide import exponential, greatest, total


@njit(cache=True, error_model="numpy")
def row(s, y, _, ds):
    """Loss of one example; writes dℓ/ds = p − e_y (C,) to `ds`. It is smooth."""
    top = _greatest(s)
    total = s.dtype.type(0)
    for j in range(s.size):
        ds[j] = exp(s[j] - top)
        total += ds[j]
    for j in range(s.size):
        ds[j] /= total
    ds[y] -= 1
    return log(total) + (top - s[y])


@njit(error_model="numpy")
def row_of_many(s, y, _):
    """Loss of one example with many classes; dℓ/ds replaces the scores."""
    top, own = greatest(s), s[y]
    for j in range(s.size):
        s[j] = exponential(s[j] - top)
    whole = total(s)
    for j in range(s.size):
        s[j] /= whole
    s[y] -= 1
    return log(whole) + (top - own)


MIN_VECTORS = 1
"""Vectors of scores from which `row_of_many` is faster."""


@njit(error_model="numpy")
def _greatest(s):
    """The greatest score, or any if one is NaN: all that follows is NaN then. (`s.max()` takes as long as three exponentials.)"""
    top = s[0]
    for j in range(1, s.size):
        if s[j] > top:
            top = s[j]
    return top


@njit(cache=True, error_model="numpy")
def kernel(W, X, y, unused, coefficient, bias, dW):
    """The plain driver with this row."""
    return plain(row, W, X, y, unused, coefficient, bias, dW)


@njit(cache=True, error_model="numpy", nogil=True)
def part(W, panels, X, y, unused, first, last, sums):
    """The blocked driver with this row."""
    return blocks(row, row_of_many, MIN_VECTORS, W, panels, X, y, unused, first, last, sums)


@njit(cache=True, error_model="numpy")
def many(W, X, y, unused, coefficients, bias, dW, values, first, last):
    """The driver for many problems with this row."""
    together(row, W, X, y, unused, coefficients, bias, dW, values, first, last)


@njit(cache=True, error_model="numpy")
def change(s, y, _, c, d, reach, centred, out):
    """Adds ℓ(s + d_k e_c) − ℓ(s) to out_k, or where `centred` ℓ(s + d_k e_c) − ℓ(s − d_k e_c), `reach` being the greatest |d_k|: the first
    is log(1 + p_c(eᵈ − 1)), and for the label log(1 + (1 − p_y)(e⁻ᵈ − 1)).
    """
    top, mine, others = _greatest(s), 0.0, 0.0
    for j in range(s.size):
        if (j == c) != (c == y):  # the class itself, or all but the label
            mine += exp(s[j] - top)
        else:
            others += exp(s[j] - top)
    share, sign = mine / (mine + others), -1.0 if c == y else 1.0
    if reach <= SERIES_RANGE:
        k1, k2, k3, k4, k5, k6, k7 = _taylor(share, others / (mine + others), sign)
        if centred:  # even powers cancel
            k1, k3, k5, k7 = 2 * k1, 2 * k3, 2 * k5, 2 * k7
            for k in range(d.size):
                t = d[k] * d[k]
                out[k] += d[k] * (k1 + t * (k3 + t * (k5 + t * k7)))
        else:
            for k in range(d.size):
                t = d[k]
                out[k] += t * (k1 + t * (k2 + t * (k3 + t * (k4 + t * (k5 + t * (k6 + t * k7))))))
    else:
        a, b = _log_share(s, y, c, True), _log_share(s, y, c, False)
        for k in range(d.size):
            out[k] += _moved(share, a, b, sign * d[k]) - (_moved(share, a, b, -sign * d[k]) if centred else 0.0)


SERIES_RANGE = 2.0**-6
"""|d| up to which seven terms of a power series give log(1 + p(eᵈ − 1)) to a relative 1e-17; unlike the calls, they vectorise."""


@njit(error_model="numpy")
def _log_share(s, y, c, own):
    """The logarithm of p of the class c, for the label of 1 − p; or, if not `own`, of the rest. Relative to the greatest score among them,
    so that it is finite where p underflows.
    """
    top, total, most, part = _greatest(s), 0.0, -inf, 0.0
    for j in range(s.size):
        if ((j == c) != (c == y)) == own:
            most = max(most, s[j])
    for j in range(s.size):
        total += exp(s[j] - top)
        if ((j == c) != (c == y)) == own:
            part += exp(s[j] - most)
    return (most - top) + (log(part) - log(total))


@njit(error_model="numpy")
def _moved(p, a, b, t):
    """log(1 + p(eᵗ − 1)), a = log p and b = log(1 − p): without cancellation, and without overflow, at any t."""
    if (t > 1 and a + t > 40) or (t < -1 and p > 0.5):
        return max(b, a + t) + log1p(exp(-abs(b - (a + t))))
    if t > 1:
        return log1p(exp(a + t) - p)
    return log1p(p * expm1(t))


@njit(error_model="numpy")
def _taylor(p, q, sign):
    """The coefficients of d, d², … d⁷ in log(1 + p(e^±ᵈ − 1)), p + q = 1: the cumulants of a coin over the factorials."""
    v, w = p * q, q - p  # the variance; the third cumulant is v·w
    return (
        sign * p,
        v / 2,
        sign * v * w / 6,
        v * (1 - 6 * v) / 24,
        sign * v * w * (1 - 12 * v) / 120,
        v * (1 - v * (30 - 120 * v)) / 720,
        sign * v * w * (1 - v * (60 - 360 * v)) / 5040,
    )


@njit(cache=True, error_model="numpy")
def kinks(s, y, _, c, at):  # noqa: ARG001
    """None: the loss is smooth."""
    return 0


none, l2, l2_no_bias, half_l2, half_l2_no_bias = objectives(row, kernel, part, many, change=change, kinks=kinks)
