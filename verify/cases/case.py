"""One place where a law is put to the test."""

from __future__ import annotations

from collections.abc import Mapping
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

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], dtype: str) -> Case:
        """The case that `to_dict` told, with the same bits; plain numbers are read as well.

        Raises ValueError where the numbers are none, are not finite, or do not fit each other.
        """
        W, X = (np.array([[_number(x) for x in row] for row in found[name]], dtype=dtype) for name in ("W", "X"))
        y = np.array([_label(i) for i in found["y"]], dtype=np.int64)
        if W.ndim != 2 or X.ndim != 2 or W.shape[1] != X.shape[1] or y.shape != (len(X),) or not W.size or not X.size:
            raise ValueError(f"W {W.shape}, X {X.shape} and y {y.shape} do not fit each other")
        if y.min() < 0 or (y.max() >= len(W) > 1):  # a loss of one score has as many labels as it has targets
            raise ValueError(f"y holds labels outside 0..{len(W) - 1}")
        return cls(W=W, X=X, y=y, reg=_number(found["reg"]), family=str(found.get("family", "stored")), seed=_label(found.get("seed", 0)))


def _number(x: object) -> float:
    if isinstance(x, bool) or not isinstance(x, (int, float, str)):
        raise ValueError(f"{x!r} is no number")
    value = float.fromhex(x) if isinstance(x, str) else float(x)
    if not np.isfinite(value):
        raise ValueError(f"{x!r} is not finite")
    return value


def _label(i: object) -> int:
    if isinstance(i, bool) or not isinstance(i, int):
        raise ValueError(f"{i!r} is no whole number")
    return i
