"""Arrays as documents hold them: numbers in nested lists, floats as hexadecimal text with all their bits, whole numbers plain."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any


def hexadecimal(told: Any) -> Any:
    """The same with floats as text.

    >>> hexadecimal([[1.5], [2]])
    [['0x1.8000000000000p+0'], [2]]
    """
    return [hexadecimal(x) for x in told] if isinstance(told, list) else told.hex() if isinstance(told, float) else told


def decimal(told: Any) -> Any:
    """The same with numbers in place of text.

    >>> decimal([["0x1.8p+0"], [2]])
    [[1.5], [2]]
    """
    return [decimal(x) for x in told] if isinstance(told, list) else float.fromhex(told) if isinstance(told, str) else told


def leaves(told: Any) -> list[Any]:
    """All numbers in a row."""
    return [x for row in told for x in leaves(row)] if isinstance(told, list) else [told]


def sizes(told: Any) -> tuple[int, ...]:
    """The shape, () of a number.

    >>> sizes([["0x0.0p+0", "0x1.0p+0"]])
    (1, 2)
    """
    return (len(told), *(sizes(told[0]) if told else ())) if isinstance(told, list) else ()


def nested(row: Sequence[Any], shape: Sequence[int]) -> Any:
    """Numbers in a row as an array of this shape. Raises ValueError where it has another number of them.

    >>> nested([1, 2, 3, 4], [2, 2]), nested([1], [])
    ([[1, 2], [3, 4]], 1)
    """
    if prod(shape) != len(row):
        raise ValueError(f"{len(row)} numbers are no array of shape {tuple(shape)}")
    if not shape:
        return row[0]
    n = prod(shape[1:])
    return [nested(row[i * n : (i + 1) * n], shape[1:]) for i in range(shape[0])]
