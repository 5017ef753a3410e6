"""The first questions: a few fixed points, which someone may hear of before the candidate does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer, Linear, Scores

Probe = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64], float]
"""W (C, D), X (N, D), y (N,) and λ."""

Watch = Callable[[Probe], None]


def unwatched(_: Probe) -> None:
    """Nobody hears of it."""


def answers(candidate: Linear | Scores, probes: Sequence[Probe], watch: Watch) -> Iterator[Answer]:
    """What the candidate answers to each. Raises Misbehaviour where it does not."""
    for probe in probes:
        watch(probe)
        yield candidate(*probe)
