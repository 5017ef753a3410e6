"""Numbers rounded for pictures."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

DIGITS = 6
"""Significant digits: a pixel is a thousandth of a picture."""


def short(x: float) -> float | None:
    """The number at DIGITS digits; None where it is not finite, which a picture leaves out."""
    return float(f"{x:.{DIGITS - 1}e}") if isfinite(x) else None


def shorts(xs: Iterable[float]) -> list[float | None]:
    """The numbers at DIGITS digits, as `short` rounds them."""
    return [short(float(x)) for x in xs]
