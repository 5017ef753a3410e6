"""The penalties' part of an objective: c·Σ w² over all columns of W, or all but the last, and its gradient 2cW."""

from numba import njit


@njit(error_model="numpy")
def with_squares(sums, N, W, coefficient, bias, dW):
    """Returns c·Σ W², and writes (1/N)·`sums` + 2cW to `dW`, rounded once. W, `sums` (float64), dW: (C, D); without `bias` the
    last column is left out.
    """
    total = 0.0
    for j in range(W.shape[0]):
        for k in range(W.shape[1]):
            slope = sums[j, k] / N
            if coefficient != 0 and (bias or k + 1 < W.shape[1]):
                total += W[j, k] * W[j, k]
                slope += 2 * coefficient * W[j, k]
            dW[j, k] = slope
    return coefficient * total
