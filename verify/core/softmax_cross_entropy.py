"""Softmax cross-entropy, log Σ_j exp(s_j) − s_y, shifted by the greatest score so that nothing overflows."""

from math import exp, expm1, log, log1p

from numba import njit

from verify.core.linear import objectives, plain


@njit(cache=True, error_model="numpy")
def row(s, y, _, ds):
    """Loss of one example; adds dℓ/ds = p − e_y (C,) to `ds`, which comes in as zeros. Smooth: there is no choice."""
    top = s.max()
    total = s.dtype.type(0)
    for j in range(s.size):
        ds[j] = exp(s[j] - top)
        total += ds[j]
    for j in range(s.size):
        ds[j] /= total
    ds[y] -= 1
    return log(total) + (top - s[y])


@njit(cache=True, error_model="numpy")
def kernel(W, X, y, unused, coefficient, bias, dW):
    """The plain driver with this row."""
    return plain(row, W, X, y, unused, coefficient, bias, dW)


@njit(cache=True, error_model="numpy")
def change(s, y, _, c, d, reach, out):
    """Adds ℓ(s + d_k e_c) − ℓ(s) to out_k, `reach` being the greatest |d_k|: log(1 + p_c(eᵈ − 1)), and for the label
    log(1 + (1 − p_y)(e⁻ᵈ − 1)).
    """
    top, total, share = s.max(), 0.0, 0.0
    for j in range(s.size):
        part = exp(s[j] - top)
        total += part
        if (j == c) != (c == y):  # the class itself, or all but the label
            share += part
    share /= total
    sign = -1.0 if c == y else 1.0
    if reach <= SHORT:
        for k in range(d.size):
            out[k] += _short(share, sign * d[k])
    else:
        for k in range(d.size):
            out[k] += log1p(share * expm1(sign * d[k]))


SHORT = 2.0**-6
"""|d| up to which the first terms of two series give log1p(p·expm1(d)) to a relative 1e-17; unlike the calls, they vectorise."""


@njit(error_model="numpy")
def _short(p, d):
    e = d * (1 + d / 2 * (1 + d / 3 * (1 + d / 4 * (1 + d / 5 * (1 + d / 6 * (1 + d / 7))))))
    z = p * e
    return z * (1 - z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z * (1 / 6 - z * (1 / 7 - z * (1 / 8 - z / 9))))))))


@njit(cache=True, error_model="numpy")
def kinks(s, y, _, c, at):  # noqa: ARG001
    """There are none."""
    return 0


none, l2, l2_no_bias, half_l2, half_l2_no_bias = objectives(row, kernel, change=change, kinks=kinks)
