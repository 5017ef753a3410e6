"""Loss and gradient at the size of CIFAR-10, beside what the machine can do at best."""

from collections.abc import Iterator

import numpy as np
from verify.benchmarks.peers import ALLOWED, batch, contestants, error_of, exact

from verify.bench.table import Setup, Table

SHAPE, SMOKE = (50_000, 3073, 10), (200, 33, 4)


SQUARE = 1024
"""Rows of the square product whose rate of multiply-adds bounds what anybody can do without reading X twice."""


def setups(smoke: bool) -> Iterator[Setup]:
    """Both losses at both dtypes: the errors first, then the times."""
    N, D, C = SMOKE if smoke else SHAPE
    for dtype in ("float64", "float32"):
        W, X, y = batch(N, D, C, dtype)
        few = slice(0, min(N, 2_000))  # extended precision is slow
        G, A = np.ones((N, C), dtype), np.ones((SQUARE, SQUARE), dtype)
        for loss in ("hinge", "softmax"):
            yield Setup(
                label=f"{dtype} {loss}, errors on {len(X[few]):,} × {D}, {C} classes",
                contestants=contestants(loss, W, X[few], y[few]),
                error=error_of(exact(loss, W, X[few], y[few])),
                # a hinge's margin may change its side by rounding, once in many thousand: that moves an entry by 1/N
                allowed=ALLOWED[dtype] + (1 / len(X[few]) if dtype == "float32" and loss == "hinge" else 0),
            )
            both = {"numpy, its two products alone": lambda X=X, W=W, G=G: (X @ W.T, G.T @ X)}
            yield Setup(
                label=f"{dtype} {loss}, {N:,} × {D}, {C} classes",
                contestants={**contestants(loss, W, X, y), **both},
                limits={"as many multiply-adds in a square product": lambda A=A: A @ A, "one read of X": lambda X=X: X.sum()},
                parts={"as many multiply-adds in a square product": SQUARE**3 / (2 * N * D * C)},
            )
            del both
        del W, X, y, G  # before the next ones are made


TABLE = Table(name="gradient", title="Loss and gradient, one call", setups=setups)
