"""Loss and gradient at the size of CIFAR-10, beside what the machine can do at best."""

from collections.abc import Iterator

import numpy as np
from verify.benchmarks.peers import ALLOWED, batch, contestants, error_of, exact

from verify.bench.table import Setup, Table

SHAPE, SMOKE = (50_000, 3073, 10), (200, 33, 4)


def setups(smoke: bool) -> Iterator[Setup]:
    """Both losses at both dtypes."""
    N, D, C = SMOKE if smoke else SHAPE
    for dtype in ("float64", "float32"):
        W, X, y = batch(N, D, C, dtype)
        G = np.ones((N, C), dtype)
        limits = {"two matrix products": lambda X=X, W=W, G=G: (X @ W.T, G.T @ X), "one read of X": lambda X=X: X.sum()}
        for loss in ("hinge", "softmax"):
            few = slice(0, min(N, 2_000))  # extended precision is slow
            yield Setup(
                label=f"{dtype} {loss}, {N:,} × {D}, {C} classes",
                contestants=contestants(loss, W, X, y),
                limits=limits,
            )
            yield Setup(
                label=f"{dtype} {loss}, errors on {len(X[few]):,} × {D}, {C} classes",
                contestants=contestants(loss, W, X[few], y[few]),
                error=error_of(exact(loss, W, X[few], y[few])),
                # a hinge's margin may change its side by rounding, once in many thousand: that moves an entry by 1/N
                allowed=ALLOWED[dtype] + (1 / len(X[few]) if dtype == "float32" and loss == "hinge" else 0),
            )


TABLE = Table(name="gradient", title="Loss and gradient, one call", setups=setups)
