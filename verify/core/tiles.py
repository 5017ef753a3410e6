"""The two products of the fused pass, S = X Wᵀ and dW += Gᵀ X, on one block of rows that stays in the cache.

Both are walked in register tiles whose loops are written out, since LLVM vectorises the innermost loop only: ROWS × CLASSES
sums that run side by side use each loaded number several times. Rows and classes come in padded to whole tiles.
"""

import numpy as np
from numba import njit

CLASSES = 5
"""Classes of one tile; W and G are padded to a multiple."""

CHUNK = 1024
"""Columns that `accumulate` takes at once: its rows of X and dW then stay in the first-level cache."""


@njit(error_model="numpy")
def scores(W, X, S):
    """S = X Wᵀ. W (C, D), X (R, D), S (R, C), with R a multiple of 4 and C of CLASSES."""
    for i in range(0, X.shape[0], 4):
        for c in range(0, W.shape[0], CLASSES):
            _dot_tile(W, X, S, i, c)


@njit(error_model="numpy", cache=True)
def product(W, X):
    """X Wᵀ (N, C) of any W (C, D) and X (N, D). On one thread: those of a BLAS go on spinning and slow down whoever comes next."""
    N, (C, D) = X.shape[0], W.shape
    whole, rows, classes = N // 4 * 4, (N + 3) // 4 * 4, -(-C // CLASSES) * CLASSES
    S, padded, rest = np.empty((rows, classes), W.dtype), np.zeros((classes, D), W.dtype), np.zeros((4, D), W.dtype)
    padded[:C] = W
    rest[: N - whole] = X[whole:]
    scores(padded, X[:whole], S[:whole])
    if whole < N:
        scores(padded, rest, S[whole:])
    return S[:N, :C].copy()


@njit(error_model="numpy")
def accumulate(G, X, dW):
    """Adds Gᵀ X to dW. G (R, C), X (R, D), dW (C, D), with R a multiple of 8 and C of CLASSES."""
    for k in range(0, X.shape[1], CHUNK):
        for i in range(0, X.shape[0], 8):
            for c in range(0, dW.shape[0], CLASSES):
                _axpy_tile(G, X, dW, i, c, k, min(k + CHUNK, X.shape[1]))


@njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _dot_tile(W, X, S, i, c):
    """4 × 5 scores. The one place where sums may be reordered: without that no sum of products vectorises."""
    x0, x1, x2, x3 = X[i], X[i + 1], X[i + 2], X[i + 3]
    w0, w1, w2, w3, w4 = W[c], W[c + 1], W[c + 2], W[c + 3], W[c + 4]
    zero = S.dtype.type(0)
    s00 = s01 = s02 = s03 = s04 = zero
    s10 = s11 = s12 = s13 = s14 = zero
    s20 = s21 = s22 = s23 = s24 = zero
    s30 = s31 = s32 = s33 = s34 = zero
    for k in range(x0.size):
        s00 += x0[k] * w0[k]
        s01 += x0[k] * w1[k]
        s02 += x0[k] * w2[k]
        s03 += x0[k] * w3[k]
        s04 += x0[k] * w4[k]
        s10 += x1[k] * w0[k]
        s11 += x1[k] * w1[k]
        s12 += x1[k] * w2[k]
        s13 += x1[k] * w3[k]
        s14 += x1[k] * w4[k]
        s20 += x2[k] * w0[k]
        s21 += x2[k] * w1[k]
        s22 += x2[k] * w2[k]
        s23 += x2[k] * w3[k]
        s24 += x2[k] * w4[k]
        s30 += x3[k] * w0[k]
        s31 += x3[k] * w1[k]
        s32 += x3[k] * w2[k]
        s33 += x3[k] * w3[k]
        s34 += x3[k] * w4[k]
    S[i, c], S[i, c + 1], S[i, c + 2], S[i, c + 3], S[i, c + 4] = s00, s01, s02, s03, s04
    S[i + 1, c], S[i + 1, c + 1], S[i + 1, c + 2], S[i + 1, c + 3], S[i + 1, c + 4] = s10, s11, s12, s13, s14
    S[i + 2, c], S[i + 2, c + 1], S[i + 2, c + 2], S[i + 2, c + 3], S[i + 2, c + 4] = s20, s21, s22, s23, s24
    S[i + 3, c], S[i + 3, c + 1], S[i + 3, c + 2], S[i + 3, c + 3], S[i + 3, c + 4] = s30, s31, s32, s33, s34


@njit(error_model="numpy", fastmath={"contract"})
def _axpy_tile(G, X, dW, i, c, begin, end):
    """5 classes × 8 rows over the columns begin..end. The rows are added up before they meet dW, which is rounded once in eight."""
    x0, x1, x2, x3 = X[i, begin:end], X[i + 1, begin:end], X[i + 2, begin:end], X[i + 3, begin:end]
    x4, x5, x6, x7 = X[i + 4, begin:end], X[i + 5, begin:end], X[i + 6, begin:end], X[i + 7, begin:end]
    d0, d1, d2, d3, d4 = dW[c, begin:end], dW[c + 1, begin:end], dW[c + 2, begin:end], dW[c + 3, begin:end], dW[c + 4, begin:end]
    a0, a1, a2, a3, a4, a5, a6, a7 = _column(G, i, c)
    b0, b1, b2, b3, b4, b5, b6, b7 = _column(G, i, c + 1)
    c0, c1, c2, c3, c4, c5, c6, c7 = _column(G, i, c + 2)
    e0, e1, e2, e3, e4, e5, e6, e7 = _column(G, i, c + 3)
    f0, f1, f2, f3, f4, f5, f6, f7 = _column(G, i, c + 4)
    for k in range(x0.size):
        p0, p1, p2, p3, p4, p5, p6, p7 = x0[k], x1[k], x2[k], x3[k], x4[k], x5[k], x6[k], x7[k]
        d0[k] += a0 * p0 + a1 * p1 + a2 * p2 + a3 * p3 + a4 * p4 + a5 * p5 + a6 * p6 + a7 * p7
        d1[k] += b0 * p0 + b1 * p1 + b2 * p2 + b3 * p3 + b4 * p4 + b5 * p5 + b6 * p6 + b7 * p7
        d2[k] += c0 * p0 + c1 * p1 + c2 * p2 + c3 * p3 + c4 * p4 + c5 * p5 + c6 * p6 + c7 * p7
        d3[k] += e0 * p0 + e1 * p1 + e2 * p2 + e3 * p3 + e4 * p4 + e5 * p5 + e6 * p6 + e7 * p7
        d4[k] += f0 * p0 + f1 * p1 + f2 * p2 + f3 * p3 + f4 * p4 + f5 * p5 + f6 * p6 + f7 * p7


@njit(error_model="numpy")
def _column(G, i, c):
    return G[i, c], G[i + 1, c], G[i + 2, c], G[i + 3, c], G[i + 4, c], G[i + 5, c], G[i + 6, c], G[i + 7, c]
