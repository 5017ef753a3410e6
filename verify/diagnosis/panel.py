"""The cases that tell explanations apart: fixed ones, whatever broke the law, so that one candidate always gets one name.

Sizes differ from each other in every case, so that a factor of N is not one of C or D; labels come unsorted and with repetitions, the
penalty counts in all but one. On the few small cases of a search most wrong gradients look alike.
"""

from __future__ import annotations

import numpy as np

from verify.cases import Case
from verify.cases.kinks import has_kinks, solve
from verify.oracle import Oracle

ORDINARY = (
    # N, C, D, λ
    (3, 4, 2, 0.5),
    (4, 3, 5, 0.75),
    (5, 3, 2, 0.3125),
    (2, 5, 3, 1.5),
    (6, 4, 3, 0.375),
    (7, 5, 4, 0.625),
    (4, 6, 3, 2.0),
    (5, 4, 2, 0.0),
    (3, 5, 4, 1.25),
    (8, 3, 4, 0.875),
)
"""Sizes and λ of cases without anything special."""

ON_KINKS = ((1, 3, 2, 0.5), (2, 4, 3, 0.75), (3, 5, 2, 0.25), (4, 4, 2, 0.0), (2, 2, 3, 1.5))
MOST_TIES = 3


def ordinary(dtype: str) -> list[Case]:
    """Full mantissas, scores of about one margin, no kink near."""
    return [_drawn(seed, *sizes, dtype) for seed, sizes in enumerate(ORDINARY)]


def on_kinks(oracle: Oracle) -> list[Case]:
    """Points with one to MOST_TIES switches exactly at 0, on a dyadic grid; none where the loss has no switches."""
    return [_tied(oracle, seed, *sizes) for seed, sizes in enumerate(ON_KINKS)] if has_kinks(oracle) else []


def _drawn(seed: int, N: int, C: int, D: int, reg: float, dtype: str) -> Case:
    rng = np.random.default_rng(seed)
    W, X = rng.normal(size=(C, D)), rng.normal(size=(N, D))
    X[:, -1] = 1
    y = rng.permutation(np.concatenate([np.arange(min(N, C)), rng.integers(0, C, max(0, N - C))]))
    return Case(W=W.astype(dtype), X=X.astype(dtype), y=y.astype(np.int64), reg=reg, family="panel", seed=seed)


def _tied(oracle: Oracle, seed: int, N: int, C: int, D: int, reg: float) -> Case:
    rng = np.random.default_rng(seed)
    W, X = rng.integers(-8, 9, (C, D)) / 8, rng.integers(-8, 9, (N, D)) / 8
    X[:, -1] = 1
    W, X, y = W.astype(oracle.dtype), X.astype(oracle.dtype), rng.integers(0, C, N)
    solved: list[int] = []
    for k in range(MOST_TIES):
        i = k % N
        switches = len(oracle.formula(C, int(y[i])).lifted.switches)
        j = solve(oracle, W, X[i], int(y[i]), int(rng.integers(switches)), solved) if switches else None
        solved += [] if j is None else [j]
    return Case(W=W, X=X, y=y.astype(np.int64), reg=reg, family="panel", seed=seed)
