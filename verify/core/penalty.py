"""The penalties' part of an objective: c·Σ w² over all columns of W, or all but the last, and its gradient 2cW."""

from numba import njit


@njit(error_model="numpy")
def with_squares(sums, N, W, first, coefficient, bias, dW):
    """Returns c·Σ W², and writes (1/N)·`sums` + 2cW to `dW`, rounded once. `sums` (C, D) float64; W and dW hold
    the C weights' rows from `first` on. Without `bias` the last column is left out.
    """
    (C, D), total = sums.shape, 0.0
    for j in range(C):
        for k in range(D):
            slope = sums[j, k] / N
            if coefficient != 0 and (bias or k + 1 < D):
                total += W[first + j, k] * W[first + j, k]
                slope += 2 * coefficient * W[first + j, k]
            dW[first + j, k] = slope
    return coefficient * total
