"""The mixed dyadic grid: bytes that decode to small dyadic numbers.

Exact ties are common on it, since sums of products are exact, and byte strings shrink well: zero bytes are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify.cases.case import Case

if TYPE_CHECKING:
    from hypothesis import strategies as st

Range = tuple[int, int]

AMPLITUDES = (1, 2, 4, 127)
SCALES = (1.0, 0.5, 0.25, 0.0625)
REGULARISATIONS = (0.0, 0.5, 1.0, 0.125, 2.0**-10, 3.0)
CLASSES = (2, 6)
"""Range of classes of a case, unless a candidate supports only one number."""
GREATEST_SCORE = 32.0
"""Bound of Σ|w||x| for every example: the range in which exp needs no shift in float32 either."""


def decode(raw: NDArray[np.int8], amplitude: NDArray[Any] | int, scale: NDArray[Any] | float) -> NDArray[np.float64]:
    """int8 folded onto {−amplitude..amplitude}·scale; 0 stays 0."""
    return np.asarray(np.fmod(raw.astype(np.int64), np.asarray(amplitude) + 1) * scale, dtype=np.float64)


@dataclass(frozen=True)
class Decoded:
    """B problems of one size: W (B, C, D) and X (B, N, D) in float64, y (B, N), reg (B,), seed (B,)."""

    W: NDArray[np.float64]
    X: NDArray[np.float64]
    y: NDArray[np.int64]
    reg: NDArray[np.float64]
    seed: NDArray[np.int64]


HEADER_BYTES = 10
"""Bytes before the numbers: N, D, C, two for the grid of W and two for that of X, one for λ, two for the seed."""


@dataclass(frozen=True, kw_only=True)
class GridBytes:
    """The layout of a byte string for problems whose sizes lie in these ranges.

    It is one string, with each number at the same position for all sizes: for the engine that is a single choice, three times as fast as
    several, and it can shrink a size without changing the numbers.
    """

    examples: Range
    features: Range
    classes: Range

    @property
    def length(self) -> int:
        """The length of a string: the head, the weights, the features and the labels of the largest problem."""
        N, D, C = self.examples[1], self.features[1], self.classes[1]
        return HEADER_BYTES + C * D + N * D + N

    def up_to(self, N: int, D: int, C: int) -> GridBytes:
        """The layout of problems no larger than this."""
        return GridBytes(examples=(self.examples[0], N), features=(self.features[0], D), classes=(self.classes[0], C))

    def of_largest(self, raw: NDArray[np.uint8], other: GridBytes) -> bytes:
        """The string in this layout for the problem of a string (length,) in the `other` layout, if it has the largest size here."""
        N, D, C = self.examples[1], self.features[1], self.classes[1]
        split = np.split(raw, np.cumsum([HEADER_BYTES, other.classes[1] * other.features[1], other.examples[1] * other.features[1]]))
        numbers = (part.reshape(-1, other.features[1])[:rows, :D] for part, rows in zip(split[1:3], (C, N), strict=True))
        own = np.concatenate([split[0], *(part.ravel() for part in numbers), split[3][:N]])
        return self.with_sizes(own[None], N, D, C).tobytes()

    def with_sizes(self, raw: NDArray[np.uint8], N: int, D: int, C: int) -> NDArray[np.uint8]:
        """Strings (B, length) of problems of this size."""
        raw[:, :3] = [n - low for n, (low, _) in zip((N, D, C), (self.examples, self.features, self.classes), strict=True)]
        return raw

    def decoded(self, raw: NDArray[np.uint8]) -> Decoded:
        """The problems of B strings with the same sizes, (B, length)."""
        ranges = self.examples, self.features, self.classes
        N, D, C = (low + int(byte) % (high - low + 1) for byte, (low, high) in zip(raw[0, :3], ranges, strict=True))
        most, pick, numbers = self.features[1], raw[:, :HEADER_BYTES].astype(np.int64), raw.view(np.int8)
        features = HEADER_BYTES + self.classes[1] * most
        labels = features + self.examples[1] * most

        def on_grid(first: int, last: int, rows: int, kind: int) -> NDArray[np.float64]:
            amplitude, scale = (np.array(known)[pick[:, kind + i] % 4, None, None] for i, known in enumerate((AMPLITUDES, SCALES)))
            return decode(numbers[:, first:last].reshape(len(raw), -1, most)[:, :rows, :D], amplitude, scale)

        W, X = on_grid(HEADER_BYTES, features, C, 3), on_grid(features, labels, N, 5)
        X[:, :, -1] = 1
        y = raw[:, labels : labels + N].astype(np.int64) % C
        return Decoded(tamed(W, X), X, y, np.array(REGULARISATIONS)[pick[:, 7] % len(REGULARISATIONS)], pick[:, 8] * 256 + pick[:, 9])

    def case(self, raw: bytes, *, dtype: str, family: str) -> Case:
        """The problem of one string as a case."""
        d = self.decoded(np.frombuffer(raw, np.uint8)[None])
        values = {"W": d.W[0].astype(dtype), "X": d.X[0].astype(dtype), "y": d.y[0], "reg": float(d.reg[0])}
        return Case(values=values, family=family, seed=int(d.seed[0]))


def lattice(
    dtype: str, *, family: str = "lattice", examples: Range = (1, 6), features: Range = (1, 5), classes: Range = CLASSES
) -> st.SearchStrategy[Case]:
    """Weights and data on the grid, the bias in the last column; N, D and C in the given ranges."""
    from hypothesis import strategies as st

    layout = GridBytes(examples=examples, features=features, classes=classes)
    return st.binary(min_size=layout.length, max_size=layout.length).map(lambda raw: layout.case(raw, dtype=dtype, family=family))


def tamed(W: NDArray[np.float64], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """W divided by the power of two that brings every Σ|w||x| below GREATEST_SCORE: still on a dyadic grid. W (…, C, D), X (…, N, D)."""
    top = np.max(np.abs(X) @ np.abs(W).swapaxes(-1, -2), axis=(-2, -1), initial=GREATEST_SCORE, keepdims=True)
    tamed: NDArray[np.float64] = W / 2.0 ** np.ceil(np.log2(top / GREATEST_SCORE))
    return tamed


def generic(dtype: str, classes: Range = CLASSES) -> st.SearchStrategy[Case]:
    """Full mantissas: a lattice point whose nonzero entries are moved off the grid by its seed, which 0 does not."""
    return lattice(dtype, family="generic", classes=classes).map(_off_the_grid)


def _off_the_grid(case: Case) -> Case:
    if case.seed == 0:
        return case
    rng = np.random.default_rng(case.seed)
    W = case["W"] * (1 + rng.uniform(-0.25, 0.25, case["W"].shape))
    X = case["X"] * (1 + rng.uniform(-0.25, 0.25, case["X"].shape))
    X[:, -1] = 1
    return case.but(W=W.astype(case.dtype), X=X.astype(case.dtype))
