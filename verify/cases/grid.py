"""The mixed dyadic grid: bytes that decode to small dyadic numbers.

On it exact ties are common, since sums of products stay exact, and byte strings shrink well: zero bytes are zeros.
"""

from __future__ import annotations

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


def decode(raw: NDArray[np.int8], amplitude: int, scale: float) -> NDArray[np.float64]:
    """int8 folded onto {−amplitude..amplitude}·scale; 0 stays 0."""
    wide = raw.astype(np.int64)
    return np.asarray(np.sign(wide) * (np.abs(wide) % (amplitude + 1)) * scale, dtype=np.float64)


@st.composite
def lattice(
    draw: st.DrawFn, dtype: str, *, family: str = "lattice", examples: Range = (1, 6), features: Range = (1, 5), classes: Range = (2, 6)
) -> Case:
    """Weights and data on the grid, the bias in the last column; N, D and C are drawn from the given ranges."""
    N, D, C = draw(st.integers(*examples)), draw(st.integers(*features)), draw(st.integers(*classes))
    head, body = 7, C * D + N * D
    raw = np.frombuffer(draw(st.binary(min_size=head + body + N, max_size=head + body + N)), np.int8)
    pick = raw[:head].astype(np.uint8)
    numbers = raw[head : head + body]
    W = decode(numbers[: C * D], AMPLITUDES[pick[0] % 4], SCALES[pick[1] % 4]).reshape(C, D)
    X = decode(numbers[C * D :], AMPLITUDES[pick[2] % 4], SCALES[pick[3] % 4]).reshape(N, D)
    X[:, -1] = 1
    return Case(
        W=tamed(W, X).astype(dtype),
        X=X.astype(dtype),
        y=raw[head + body :].astype(np.uint8).astype(np.int64) % C,
        reg=REGULARISATIONS[pick[4] % len(REGULARISATIONS)],
        family=family,
        seed=int(pick[5]) * 256 + int(pick[6]),
    )


def tamed(W: NDArray[np.float64], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """W divided by the power of two that brings every Σ|w||x| below GREATEST_SCORE: still on a dyadic grid."""
    top = float(np.max(np.abs(X) @ np.abs(W).T, initial=0.0))
    return W / 2.0 ** max(0.0, np.ceil(np.log2(top / GREATEST_SCORE))) if top > GREATEST_SCORE else W


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
