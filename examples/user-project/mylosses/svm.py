"""The multiclass hinge (Weston and Watkins) of a linear classifier."""

import numpy as np


def svm_loss(W, X, y, reg):
    """Loss and its gradient: W is (D, C), X is (N, D) with a last column of ones, y is (N,); the penalty is reg * ‖W‖²."""
    rows = np.arange(len(X))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    active = (margins > 0).astype(X.dtype)
    active[rows, y] = -active.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ active / len(X) + 2 * reg * W
