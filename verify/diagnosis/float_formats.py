"""Coarser formats that hold numbers meant for a finer one: float16, bfloat16 or float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BITS = {"bfloat16": 8, "float16": 11, "float32": 24}
"""Significant binary digits."""


def holding(numbers: Sequence[NDArray[np.floating]], dtype: str) -> str | None:
    """The format with the fewest digits, coarser than `dtype`, that holds every one of the numbers; None where none does.

    >>> holding([np.array([1 / 3]).astype(np.float16).astype(float)], "float64"), holding([np.array([1 / 3])], "float64")
    ('float16', None)
    """
    needed = max((digits(a) for a in numbers), default=0)
    return next((name for name, bits in BITS.items() if name != dtype and 0 < needed <= bits), None)


def digits(numbers: NDArray[np.floating]) -> int:
    """The largest number of significant binary digits among the numbers; 0 if all are 0 or not finite.

    >>> digits(np.array([0.5, 6.0, 0.0])), digits(np.array([0.1]))
    (2, 52)
    """
    wanted = np.asarray(numbers, dtype=np.float64)
    mantissas = np.frexp(wanted[np.isfinite(wanted)])[0] * 2.0**53
    whole = np.abs(mantissas).astype(np.int64)
    lowest = (whole & -whole)[whole != 0]
    return 53 - int(np.log2(lowest.min())) if len(lowest) else 0
