"""How far losses and gradients are off, ours and the peers', against the oracle's balls."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from verify.benchmarks.peers import LOSSES, REG, batch, contestants

from verify.bench.table import Setup, Table
from verify.oracle import Oracle, Subdifferential
from verify.oracle.exact import distance
from verify.spec.catalogue import find_loss, find_penalty
from verify.spec.objective import Objective

SHAPE, SMOKE = (100, 3073, 10), (20, 33, 4)
ALLOWED = {"float64": 1e-12, "float32": 1e-4}


def setups(smoke: bool) -> Iterator[Setup]:
    """The gradient's error in units of its greatest entry, the loss's in units of the loss."""
    N, D, C = SMOKE if smoke else SHAPE
    for dtype in ("float64", "float32"):
        W, X, y = batch(N, D, C, dtype)
        for loss, name in LOSSES.items():
            works = contestants(loss, W, X, y)
            objective = Objective(loss=find_loss(name), penalty=find_penalty("l2"))
            truth = Oracle(objective, dtype).at(W, X, y, REG)
            errors: dict[str, Callable[[Any], float]] = {
                "gradient": lambda answer, g=truth.gradient: _of_gradient(g, answer[1]),
                "loss": lambda answer, v=truth.value: distance(float(answer[0]), v.exact) / abs(float(v.exact)),
            }
            for what, error in errors.items():
                label = f"{dtype} {loss}, error of the {what}, {N} × {D}, {C} classes"
                yield Setup(label=label, contestants=works, error=error, allowed=ALLOWED[dtype])


def _of_gradient(truth: Subdifferential, g: Any) -> float:
    """From the nearest allowed gradient: where a margin may be on either side by rounding, there are several."""
    greatest = max(abs(float(x)) for row in truth.center for x in row)
    return truth.distance(np.asarray(g)).residual / greatest


TABLE = Table(name="accuracy", title="Errors of losses and gradients", setups=setups)
