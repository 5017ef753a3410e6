"""One place where a law is put to the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """W (C, D), X (N, D) with a last column of ones, y (N,) in 0..C−1, and λ = reg.

    `family` is the strategy that built it; `seed` gives laws that need directions something to draw them from.
    """

    W: NDArray[np.floating]
    X: NDArray[np.floating]
    y: NDArray[np.int64]
    reg: float
    family: str
    seed: int = 0

    @property
    def dtype(self) -> str:
        """The name of W's dtype: float64 or float32."""
        return self.W.dtype.name

    def to_dict(self) -> dict[str, Any]:
        """Exact: floats as hexadecimal text, so that the same bits come back."""
        hexadecimal = {name: [[float(x).hex() for x in row] for row in getattr(self, name)] for name in ("W", "X")}
        return hexadecimal | {"y": [int(i) for i in self.y], "reg": float(self.reg).hex(), "family": self.family, "seed": self.seed}
