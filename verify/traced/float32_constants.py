"""Constants rounded to single precision, whatever digits they are written with: a gap caused only by that is no mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from verify.tape.primitives import Number

Floats = NDArray[np.float64]

ROUNDINGS = 2
"""Roundings of a constant: its own, and that of a constant that it was computed from."""
MOST = 24
"""Most constants to move: for each, both codes are evaluated once more."""
FAR = 1e-2
"""Relative to the size of a gradient, a gap that no such rounding explains where single precision keeps any digits."""
LEFT = 1e-4
"""Share of a gap that may remain: changes by 1e-7 are linear up to a ten-millionth, or a thousand times that at sharp bends."""


def has_digits(number: float, bits: int) -> bool:
    """Whether a number needs more than `bits` bits in single precision, too: 1.0000000001 is written to mean the digits that this would
    drop.
    """
    mantissa, _ = np.frexp(np.float32(number))
    return bool(float(mantissa) * 2.0**bits % 1 != 0)


def explained(apart: Callable[[Mapping[Number, float]], Floats | None], constants: Sequence[Number], unit: float, size: float) -> bool:
    """Whether a gap vanishes for values that the constants may have had before each was rounded. `apart` gives the gaps (n,) of all entries
    with these constants moved, by relative amounts; `unit` is the roundoff of the format that the code computes in.

    The same moves must explain all entries: with more entries than constants that differ between the codes, a wrong constant is noticed.
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
