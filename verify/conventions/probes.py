"""The first questions: a few fixed points, which someone may hear of before the candidate does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probe = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64], float]
"""W (C, D), X (N, D), y (N,) and λ."""

Question = Probe | Mapping[str, Any]
"""Of linear scores, or of a function of named inputs."""

Watch = Callable[[Question], None]


def unwatched(_: Question) -> None:
    """Nobody hears of it."""
