"""Constants that single precision rounds, whatever digits they are written with: a gap that comes of that alone is no mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from verify.tape.primitives import Number

Floats = NDArray[np.float64]

ROUNDINGS = 2
"""Of a constant, and of one that it was computed from."""
MOST = 24
"""Constants that are moved: each has both codes read once more."""
FAR = 1e-2
"""Part of the size of a gradient that no such rounding explains where single precision leaves digits."""
LEFT = 1e-4
"""Part of a gap that may be left: moves by 1e-7 are lines but for a ten-millionth, or a thousand times that where they bend sharply."""


def has_digits(number: float, bits: int) -> bool:
    """Whether a number is more than `bits` long in single precision, too: who writes 1.0000000001 means what that would leave out."""
    mantissa, _ = np.frexp(np.float32(number))
    return bool(float(mantissa) * 2.0**bits % 1 != 0)


def explained(apart: Callable[[Mapping[Number, float]], Floats | None], constants: Sequence[Number], unit: float, size: float) -> bool:
    """Whether a gap vanishes where the constants are what they may have been before each was rounded. `apart` gives the gaps (n,) of all
    entries with these constants moved, by their parts; `unit` is the roundoff of the format that the code computes in.

    The same moves must explain all entries: with more entries than constants that the two codes do not share, a mistake in one is seen.
    """
    gaps = apart({})
    if gaps is None or not 0 < len(constants) <= MOST or np.max(np.abs(gaps)) > FAR * size:
        return False
    columns = [(moved - gaps) / unit for c in constants if (moved := apart({c: unit})) is not None]
    if len(columns) < len(constants):
        return False
    slopes = np.stack(columns, axis=1)
    moves = -np.linalg.lstsq(slopes, gaps, rcond=None)[0]
    if np.max(np.abs(moves)) > ROUNDINGS * unit:
        return False
    left = apart(dict(zip(constants, moves.tolist(), strict=True)))
    return left is not None and bool(np.max(np.abs(left)) <= LEFT * np.max(np.abs(gaps)))
