"""The first questions: a few fixed points, which someone may hear of before the candidate does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Probe = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64], float]
"""W (C, D), X (N, D), y (N,) and λ."""

Watch = Callable[[Probe], None]


def unwatched(_: Probe) -> None:
    """Nobody hears of it."""
