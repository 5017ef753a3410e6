"""Multiclass SVM hinge, Σ_{j≠y} max(0, s_j − s_y + Δ)."""

from numba import njit

from verify.core.batched import together
from verify.core.linear import blocks, plain
from verify.core.objective import objectives
from verify.core.wide import total


@njit(cache=True, error_model="numpy")
def row(s, y, delta, ds):
    """Loss of one example; writes dℓ/ds (C,) to `ds`. On a kink: 0, where [0, 1] is allowed. Without branches, which would be
    unpredictable.
    """
    loss, count = s.dtype.type(0), 0
    for j in range(s.size):
        margin = s[j] - s[y] + delta
        active = (j != y) & (not margin <= 0)  # NaN goes through
        loss += margin if active else s.dtype.type(0)
        count += active
        ds[j] = active
    ds[y] = -count
    return loss


@njit(error_model="numpy")
def row_of_many(s, y, delta):
    """Loss of one example with many classes; dℓ/ds replaces the scores."""
    own, count = s[y], 0
    for j in range(s.size):
        margin = s[j] - own + delta
        s[j] = s.dtype.type(0) if margin <= 0 else margin  # NaN goes through
    s[y] = 0
    loss = total(s)
    for j in range(s.size):
        active = not s[j] <= 0
        count += active
        s[j] = active
    s[y] = -count
    return loss


MIN_VECTORS = 0
"""Vectors of scores from which `row_of_many` is faster: it is with any number of classes."""


@njit(cache=True, error_model="numpy")
def kernel(W, X, y, delta, coefficient, bias, dW):
    """The plain driver with this row."""
    return plain(row, W, X, y, delta, coefficient, bias, dW)


@njit(cache=True, error_model="numpy", nogil=True)
def part(W, panels, X, y, delta, first, last, sums):
    """The blocked driver with this row."""
    return blocks(row, row_of_many, MIN_VECTORS, W, panels, X, y, delta, first, last, sums)


@njit(cache=True, error_model="numpy")
def many(W, X, y, delta, coefficients, bias, dW, values, first, last):
    """The driver for many problems with this row."""
    together(row, W, X, y, delta, coefficients, bias, dW, values, first, last)


@njit(cache=True, error_model="numpy")
def change(s, y, delta, c, d, reach, centred, out):
    """Adds ℓ(s + d_k e_c) − ℓ(s) to out_k, or where `centred` ℓ(s + d_k e_c) − ℓ(s − d_k e_c), `reach` being the greatest |d_k|: a margin
    moves by d, by −d where c is the label.
    """
    steady = 0.0
    for j in range(s.size):
        margin, sign = s[j] - s[y] + delta, 1.0 if j == c else -1.0
        if j == y or (c not in (j, y)) or margin + reach <= 0:
            continue
        if margin - reach > 0:  # no kink within reach
            steady += 2 * sign if centred else sign
            continue
        for k in range(d.size):
            out[k] += _moved(margin, sign * d[k]) - (_moved(margin, -sign * d[k]) if centred else 0.0)
    if steady != 0:
        for k in range(d.size):
            out[k] += steady * d[k]


@njit(error_model="numpy")
def _moved(margin, d):
    """max(0, margin + d) − max(0, margin), without cancellation; NaN goes through."""
    inside = not margin + d <= 0
    if margin > 0:
        return d if inside else -margin
    return margin + d if inside else 0.0


@njit(cache=True, error_model="numpy")
def kinks(s, y, delta, c, at):
    """Writes the moves of s_c at which a margin vanishes; returns how many."""
    found = 0
    for j in range(s.size):
        if j != y and c in (j, y):
            at[found] = (s[j] - s[y] + delta) * (-1.0 if j == c else 1.0)
            found += 1
    return found


none, l2, l2_no_bias, half_l2, half_l2_no_bias = objectives(row, kernel, part, many, parameter=1.0, change=change, kinks=kinks)
