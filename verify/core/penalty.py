"""The penalties' part of an objective: c·Σ w² over all columns of W, or all but the last, and its gradient 2cW."""

import numpy as np
from numba import njit


@njit(error_model="numpy")
def with_squares(sums, N, W, first, coefficient, bias, dW):
    """Returns c·Σ W², and writes (1/N)·`sums` + 2cW to `dW`, rounded once. `sums` (C, D) float64; W and dW hold
    the C weights' rows from `first` on. Without `bias` the last column is left out.
    """
    (C, D), total = sums.shape, 0.0
    penalised = D - (not bias) if coefficient != 0 else 0
    for j in range(C):
        total += _squares(W[first + j, :penalised])
        for k in range(penalised):
            dW[first + j, k] = sums[j, k] / N + 2 * coefficient * W[first + j, k]
        for k in range(penalised, D):
            dW[first + j, k] = sums[j, k] / N
    return coefficient * total


@njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _squares(w):
    """Σ w² in float64, in an order that can be vectorised."""
    total = 0.0
    for k in range(w.size):
        total += np.float64(w[k]) * np.float64(w[k])
    return total
