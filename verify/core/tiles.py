"""The two products of the fused pass, S = X Wᵀ and dW += Gᵀ X, on one block of rows that stays in the cache, in register tiles.

Scores use vectors along the features, whose lanes are added up at the end: good for long rows. For short rows or many classes, they use
vectors along the classes, of W in `panels`. Gradients use vectors along the features, without adding up lanes.
"""

import numpy as np
from numba import njit

from verify.core.vectors import BYTES, ROWS, VECTORS, dots, outers

TALL_ROWS = 8
"""Rows of a tile of one vector: as many sums as two units of four cycles keep going."""

FEATURES_PER_CHUNK = 256
"""Features whose part of a panel stays in the first-level cache; their sums are added to the scores one by one, which rounds less."""

LANE_SUM_COST = 8
"""Multiply-adds of vectors that take as long as adding up the lanes of one."""

MIN_PANEL_ROWS = 16
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
        for k in range(0, D, FEATURES_PER_CHUNK):
            at, terms = p * D + k, min(FEATURES_PER_CHUNK, D - k)
            if vectors == VECTORS:
                _panel_scores(4, VECTORS, X, first, k, panels, at, terms, rows, S, column)
            elif vectors == 3:
                _panel_scores(4, 3, X, first, k, panels, at, terms, rows, S, column)
            elif vectors == 2:
                _panel_scores(4, 2, X, first, k, panels, at, terms, rows, S, column)
            else:
                _panel_scores(TALL_ROWS, 1, X, first, k, panels, at, terms, rows, S, column)


@njit(error_model="numpy", inline="always")
def _panel_scores(tall, vectors, X, first, k, panels, at, terms, rows, S, column):
    """Adds what the terms from feature `k` on give, in tiles of `tall` rows and so many `vectors`, which are literals."""
    for i in range(0, rows - tall + 1, tall):
        outers(tall, vectors, X, first + i, k, False, panels, at, 0, terms, S, i, column)
    for i in range(rows // tall * tall, rows):
        outers(1, vectors, X, first + i, k, False, panels, at, 0, terms, S, i, column)


@njit(error_model="numpy")
def _long_scores(W, X, first, rows, S):
    C = W.shape[0]
    fives, twos = C // 5 * 5, (C - C % 5 % 2)
    for c in range(0, fives, 5):
        _scores_of(5, W, c, X, first, rows, S)
    for c in range(fives, twos, 2):
        _scores_of(2, W, c, X, first, rows, S)
    for c in range(twos, C):
        _scores_of(1, W, c, X, first, rows, S)


@njit(error_model="numpy", inline="always")
def _scores_of(classes, W, c, X, first, rows, S):
    """The scores of so many classes, which is a literal."""
    for i in range(0, rows - ROWS + 1, ROWS):
        dots(ROWS, classes, X, first + i, W, c, S, i)
    for i in range(rows // ROWS * ROWS, rows):
        dots(1, classes, X, first + i, W, c, S, i)


@njit(error_model="numpy", cache=True)
def panels_of(W, rows):
    """W (C, D) with vectors along its classes, D rows a panel, where `scores` of so many rows take less time with it; else of no size."""
    (C, D), lanes = W.shape, BYTES // W.itemsize
    width = VECTORS * lanes
    if rows < MIN_PANEL_ROWS or -(-C // lanes) * D >= C * (D // lanes + LANE_SUM_COST):
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
    fives, twos = C // 5 * 5, C - C % 5 % 2
    for c in range(0, fives, 5):
        _accumulate_of(5, G, c, X, first, rows, sums)
    for c in range(fives, twos, 2):
        _accumulate_of(2, G, c, X, first, rows, sums)
    for c in range(twos, C):
        _accumulate_of(1, G, c, X, first, rows, sums)


@njit(error_model="numpy", inline="always")
def _accumulate_of(classes, G, c, X, first, rows, sums):
    """The gradients of so many classes, which is a literal."""
    D, lanes = X.shape[1], BYTES // X.itemsize
    width = VECTORS * lanes
    for k in range(0, D - width + 1, width):
        outers(classes, VECTORS, G, 0, c, True, X, first, k, rows, sums, c, k)
    for k in range(D // width * width, D - lanes + 1, lanes):
        outers(classes, 1, G, 0, c, True, X, first, k, rows, sums, c, k)
    for k in range(D // lanes * lanes, D):
        outers(classes, 0, G, 0, c, True, X, first, k, rows, sums, c, k)
