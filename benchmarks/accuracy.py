"""How far losses and gradients are off, ours and the peers', against the oracle's balls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from verify.benchmarks.peers import ALLOWED, LOSSES, REG, Work, batch, contestants

from verify.bench.table import Setup, Table
from verify.oracle import Oracle, Point
from verify.oracle.exact import distance
from verify.spec.catalogue import find_loss, find_penalty
from verify.spec.objective import Objective

SHAPE, SMOKE = (100, 3073, 10), (20, 33, 4)
BATCHES = 5
"""Whose errors are told by their root mean square: how one loss is rounded is luck."""


def setups(smoke: bool) -> Iterator[Setup]:
    """The gradient's error in units of its greatest entry, the loss's in units of the loss."""
    N, D, C = SMOKE if smoke else SHAPE
    for dtype in ("float64", "float32"):
        batches = [batch(N, D, C, dtype, seed) for seed in range(BATCHES)]
        for loss, name in LOSSES.items():
            objective = Objective(loss=find_loss(name), penalty=find_penalty("l2"))
            truths = [Oracle(objective, dtype).at(W=W, X=X, y=y, reg=REG) for W, X, y in batches]
            for what, error in {"gradient": _of_gradient, "loss": _of_loss}.items():
                yield Setup(
                    label=f"{dtype} {loss}, error of the {what}, {N} × {D}, {C} classes",
                    contestants=_in_turn([contestants(loss, *one) for one in batches]),
                    problems=BATCHES,
                    error=lambda answers, truths=truths, error=error: root_mean_square(map(error, truths, answers)),
                    allowed=ALLOWED[dtype],
                )


def _in_turn(works: Sequence[Mapping[str, Work]]) -> dict[str, Work]:
    """Each contestant's answers to all batches."""
    return {name: lambda name=name: [(value, np.array(dW)) for value, dW in (one[name]() for one in works)] for name in works[0]}


def root_mean_square(errors: Iterable[float]) -> float:
    """Of some errors."""
    return float(np.sqrt(np.mean(np.square(list(errors)))))


def _of_loss(truth: Point, answer: tuple[float, Any]) -> float:
    return distance(float(answer[0]), truth.value.exact) / abs(float(truth.value.exact))


def _of_gradient(truth: Point, answer: tuple[float, Any]) -> float:
    """From the nearest allowed gradient: where a margin may be on either side by rounding, there are several."""
    greatest = max(abs(float(x)) for row in truth.gradient.center for x in row)
    return truth.gradient.distance(np.asarray(answer[1])).residual / greatest


TABLE = Table(name="accuracy", title="Errors of losses and gradients", setups=setups)
