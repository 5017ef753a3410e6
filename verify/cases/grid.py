"""The mixed dyadic grid: bytes that decode to small dyadic numbers.

On it exact ties are common, since sums of products stay exact, and byte strings shrink well: zero bytes are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case

Range = tuple[int, int]

AMPLITUDES = (1, 2, 4, 127)
SCALES = (1.0, 0.5, 0.25, 0.0625)
REGULARISATIONS = (0.0, 0.5, 1.0, 0.125, 2.0**-10, 3.0)
GREATEST_SCORE = 32.0
"""Σ|w||x| of every example stays below this: the range in which exp needs no shift in float32 either."""


def decode(raw: NDArray[np.int8], amplitude: NDArray[Any] | int, scale: NDArray[Any] | float) -> NDArray[np.float64]:
    """int8 folded onto {−amplitude..amplitude}·scale; 0 stays 0."""
    return np.asarray(np.fmod(raw.astype(np.int64), np.asarray(amplitude) + 1) * scale, dtype=np.float64)


HEAD = 7
"""Bytes that pick the grids of W and X, λ and the seed."""


def length(N: int, D: int, C: int) -> int:
    """How many bytes a problem of this size takes: the head, C·D weights, N·D features, N labels."""
    return HEAD + C * D + N * D + N


@dataclass(frozen=True)
class Decoded:
    """B problems of one size: W (B, C, D) and X (B, N, D) in float64, y (B, N), reg (B,), seed (B,)."""

    W: NDArray[np.float64]
    X: NDArray[np.float64]
    y: NDArray[np.int64]
    reg: NDArray[np.float64]
    seed: NDArray[np.int64]


def decoded(raw: NDArray[np.uint8], N: int, D: int, C: int) -> Decoded:
    """What B strings of `length(N, D, C)` bytes, (B, length), stand for."""
    B, pick, body = len(raw), raw[:, :HEAD].astype(np.int64), HEAD + C * D + N * D
    numbers = raw.view(np.int8)

    def on_grid(part: NDArray[np.int8], kind: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        amplitude, scale = (np.array(known)[pick[:, kind + i] % 4, None] for i, known in enumerate((AMPLITUDES, SCALES)))
        return decode(part, amplitude, scale).reshape(shape)

    W = on_grid(numbers[:, HEAD : HEAD + C * D], 0, (B, C, D))
    X = on_grid(numbers[:, HEAD + C * D : body], 2, (B, N, D))
    X[:, :, -1] = 1
    y = raw[:, body:].astype(np.int64) % C
    return Decoded(tamed(W, X), X, y, np.array(REGULARISATIONS)[pick[:, 4] % len(REGULARISATIONS)], pick[:, 5] * 256 + pick[:, 6])


@st.composite
def lattice(
    draw: st.DrawFn, dtype: str, *, family: str = "lattice", examples: Range = (1, 6), features: Range = (1, 5), classes: Range = (2, 6)
) -> Case:
    """Weights and data on the grid, the bias in the last column; N, D and C are drawn from the given ranges."""
    N, D, C = draw(st.integers(*examples)), draw(st.integers(*features)), draw(st.integers(*classes))
    size = length(N, D, C)
    return case_of(draw(st.binary(min_size=size, max_size=size)), N, D, C, dtype=dtype, family=family)


def case_of(raw: bytes, N: int, D: int, C: int, *, dtype: str, family: str) -> Case:
    """The problem that one string of bytes stands for."""
    d = decoded(np.frombuffer(raw, np.uint8)[None], N, D, C)
    return Case(W=d.W[0].astype(dtype), X=d.X[0].astype(dtype), y=d.y[0], reg=float(d.reg[0]), family=family, seed=int(d.seed[0]))


def tamed(W: NDArray[np.float64], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """W divided by the power of two that brings every Σ|w||x| below GREATEST_SCORE: still on a dyadic grid. W (…, C, D), X (…, N, D)."""
    top = np.max(np.abs(X) @ np.abs(W).swapaxes(-1, -2), axis=(-2, -1), initial=GREATEST_SCORE, keepdims=True)
    tamed: NDArray[np.float64] = W / 2.0 ** np.ceil(np.log2(top / GREATEST_SCORE))
    return tamed


@st.composite
def generic(draw: st.DrawFn, dtype: str) -> Case:
    """Full mantissas: a lattice point whose nonzero entries are moved off the grid by a seed. Seed 0 leaves it there."""
    case = draw(lattice(dtype, family="generic"))
    seed = draw(st.integers(0, 2**16))
    if seed == 0:
        return case
    rng = np.random.default_rng(seed)
    W = case.W * (1 + rng.uniform(-0.25, 0.25, case.W.shape))
    X = case.X * (1 + rng.uniform(-0.25, 0.25, case.X.shape))
    X[:, -1] = 1
    return Case(W=W.astype(dtype), X=X.astype(dtype), y=case.y, reg=case.reg, family="generic", seed=case.seed)
