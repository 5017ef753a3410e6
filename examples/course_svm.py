"""A course-style loss: W (D, C), X (N, D) with a column of ones, mean hinge plus λ‖W‖². Right with `>` and with loops."""

import numpy as np


def svm_loss_naive(W, X, y, reg):
    """Loops over examples and classes."""
    dW, loss = np.zeros_like(W), 0.0
    for x, label in zip(X, y, strict=True):
        scores = x @ W
        for j in range(W.shape[1]):
            margin = scores[j] - scores[label] + 1
            if j != label and margin > 0:
                loss += margin
                dW[:, j] += x
                dW[:, label] -= x
    return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


def svm_loss_vectorized(W, X, y, reg):
    """The same without loops."""
    rows = np.arange(len(X))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    active = (margins > 0).astype(X.dtype)
    active[rows, y] = -active.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ active / len(X) + 2 * reg * W
