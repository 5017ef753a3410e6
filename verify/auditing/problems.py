"""Problems of full size, like a batch of CIFAR-10, for audits without data."""

from __future__ import annotations

import numpy as np

from verify.cases import Case, has_kinks
from verify.cases.kinks import tie
from verify.oracle import Oracle

SHAPE = (50, 3073, 10)
"""N, D, C: a mini-batch of photographs of 32 × 32 × 3 and the bias."""

PIXEL, WEIGHT = 2.0**-8, 2.0**-11
"""Units of X and W: all scores are exact, so that a kink can be met exactly."""

REG = 2.0**-10


def batches(dtype: str, oracle: Oracle, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> list[Case]:
    """A generic problem and, where the loss has kinks, one on some of them."""
    return [large(dtype, seed, shape), *([large(dtype, seed, shape, kinks=oracle)] if has_kinks(oracle) else [])]


def large(dtype: str, seed: int = 0, shape: tuple[int, int, int] = SHAPE, kinks: Oracle | None = None) -> Case:
    """A batch of noise images with small weights. With `kinks`, an oracle whose loss has switches, the biases are moved one after the other
    so that some example lies exactly on a kink.
    """
    (N, D, C), rng = shape, np.random.default_rng(seed)
    X = rng.integers(0, 256, (N, D)) * PIXEL
    X[:, -1] = 1
    W, y = rng.integers(-32, 33, (C, D)) * WEIGHT, rng.integers(0, C, N)
    W, X = W.astype(dtype), X.astype(dtype)
    if kinks is not None:
        tie(kinks, W, X, y, rng.permutation(N)[: C - 1], rng)
    family = "a large batch" if kinks is None else "a large batch on kinks"
    return Case(values={"W": W, "X": X, "y": y.astype(np.int64), "reg": REG}, family=family, seed=seed)
