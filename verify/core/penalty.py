"""The penalties' kernels: c·Σ w² over the first columns of W, and its gradient."""

from numba import njit


@njit(cache=True, error_model="numpy")
def add_squares(W, coefficient, columns, dW):
    """Returns coefficient·Σ W[:, :columns]², and adds its gradient 2·coefficient·W to `dW`. W, dW: (C, D)."""
    total = W.dtype.type(0)
    for j in range(W.shape[0]):
        for k in range(columns):
            total += W[j, k] * W[j, k]
            dW[j, k] += 2 * coefficient * W[j, k]
    return coefficient * total
