"""The two products of the fused pass, S = X Wᵀ and dW += Gᵀ X, on one block of rows that stays in the cache, in register tiles.

Scores have vectors along the features, whose lanes are added up in the end: good for long rows. Where rows are short or classes many,
they have vectors along the classes, of W in `panels`. Gradients have vectors along the features, and no end.
"""

import numpy as np
from numba import njit

from verify.core.vectors import BYTES, ROWS, VECTORS, dots, outers

TALL = 8
"""Rows of a tile of one vector: as many sums as two units of four cycles keep going."""

CHUNK = 256
"""Features whose part of a panel stays in the first-level cache; their sums meet the scores one by one, which rounds less."""

ENDING = 8
"""Multiply-adds of vectors that take as long as adding up the lanes of one."""

FEW = 16
"""Rows below which W is not worth being laid out in panels."""


@njit(error_model="numpy", cache=True)
def scores(W, panels, X, first, rows, S):
    """S[:rows] = X[first : first + rows] Wᵀ. W (C, D), `panels` of it or none, X (N, D), S with as many columns as they have at least."""
    D, lanes = X.shape[1], BYTES // X.itemsize
    if panels.size == 0:
        _long_scores(W, X, first, rows, S)
        return
    S[:rows] = 0
    for p in range(panels.shape[0] // D):
        column = p * VECTORS * lanes
        vectors = min(VECTORS, -(-(W.shape[0] - column) // lanes))
        for k in range(0, D, CHUNK):
            at, terms = p * D + k, min(CHUNK, D - k)
            if vectors == VECTORS:
                for i in range(0, rows - 3, 4):
                    outers(4, VECTORS, X, first + i, k, False, panels, at, 0, terms, S, i, column)
                for i in range(rows // 4 * 4, rows):
                    outers(1, VECTORS, X, first + i, k, False, panels, at, 0, terms, S, i, column)
            else:
                for v in range(0, vectors * lanes, lanes):
                    for i in range(0, rows - TALL + 1, TALL):
                        outers(TALL, 1, X, first + i, k, False, panels, at, v, terms, S, i, column + v)
                    for i in range(rows // TALL * TALL, rows):
                        outers(1, 1, X, first + i, k, False, panels, at, v, terms, S, i, column + v)


@njit(error_model="numpy")
def _long_scores(W, X, first, rows, S):
    for c in range(0, W.shape[0] - 4, 5):
        for i in range(0, rows - ROWS + 1, ROWS):
            dots(ROWS, 5, X, first + i, W, c, S, i)
        for i in range(rows // ROWS * ROWS, rows):
            dots(1, 5, X, first + i, W, c, S, i)
    for c in range(W.shape[0] // 5 * 5, W.shape[0]):
        for i in range(0, rows - ROWS + 1, ROWS):
            dots(ROWS, 1, X, first + i, W, c, S, i)
        for i in range(rows // ROWS * ROWS, rows):
            dots(1, 1, X, first + i, W, c, S, i)


@njit(error_model="numpy", cache=True)
def panels_of(W, rows):
    """W (C, D) with vectors along its classes, D rows a panel, where `scores` of so many rows take less time with it; else of no size."""
    (C, D), lanes = W.shape, BYTES // W.itemsize
    width = VECTORS * lanes
    if rows < FEW or -(-C // lanes) * D >= C * (D // lanes + ENDING):
        return np.empty((0, width), W.dtype)
    panels = np.zeros((-(-C // width) * D, width), W.dtype)
    for c in range(C):
        for k in range(D):
            panels[c // width * D + k, c % width] = W[c, k]
    return panels


@njit(error_model="numpy", cache=True)
def product(W, X):
    """X Wᵀ (N, C) of any W (C, D) and X (N, D). On one thread: those of a BLAS go on spinning and slow down whoever comes next."""
    S = np.empty((X.shape[0], W.shape[0]), W.dtype)
    _long_scores(W, X, 0, X.shape[0], S)
    return S


@njit(error_model="numpy", cache=True)
def accumulate(G, C, X, first, rows, sums):
    """Adds Gᵀ X[first : first + rows] to `sums` (C, D), each entry's rows in the dtype of X first. G (rows, C or more), X (N, D)."""
    D, lanes = X.shape[1], BYTES // X.itemsize
    width = VECTORS * lanes
    for c in range(0, C - 4, 5):
        for k in range(0, D - width + 1, width):
            outers(5, VECTORS, G, 0, c, True, X, first, k, rows, sums, c, k)
        for k in range(D // width * width, D - lanes + 1, lanes):
            outers(5, 1, G, 0, c, True, X, first, k, rows, sums, c, k)
        for k in range(D // lanes * lanes, D):
            outers(5, 0, G, 0, c, True, X, first, k, rows, sums, c, k)
    for c in range(C // 5 * 5, C):
        for k in range(0, D - width + 1, width):
            outers(1, VECTORS, G, 0, c, True, X, first, k, rows, sums, c, k)
        for k in range(D // width * width, D - lanes + 1, lanes):
            outers(1, 1, G, 0, c, True, X, first, k, rows, sums, c, k)
        for k in range(D // lanes * lanes, D):
            outers(1, 0, G, 0, c, True, X, first, k, rows, sums, c, k)
