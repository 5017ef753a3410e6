"""Multiclass SVM hinge, Σ_{j≠y} max(0, s_j − s_y + Δ)."""

from numba import njit

from verify.core.linear import objectives, plain


@njit(cache=True, error_model="numpy")
def row(s, y, delta, ds):
    """Loss of one example; adds dℓ/ds (C,) to `ds`, which comes in as zeros. On a kink: 0, where [0, 1] is allowed."""
    loss = s.dtype.type(0)
    for j in range(s.size):
        margin = s[j] - s[y] + delta
        if j != y and not margin <= 0:  # NaN goes through
            loss += margin
            ds[j] += 1
            ds[y] -= 1
    return loss


@njit(cache=True, error_model="numpy")
def kernel(W, X, y, delta, coefficient, bias, dW):
    """The plain driver with this row."""
    return plain(row, W, X, y, delta, coefficient, bias, dW)


none, l2, l2_no_bias, half_l2, half_l2_no_bias = objectives(row, kernel, parameter=1.0)
