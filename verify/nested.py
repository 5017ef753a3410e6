"""Arrays as documents hold them: numbers in nested lists, floats as hexadecimal text with all their bits, whole numbers plain."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any


def hexadecimal(data: Any) -> Any:
    """Nested lists with floats as hexadecimal text.

    >>> hexadecimal([[1.5], [2]])
    [['0x1.8000000000000p+0'], [2]]
    """
    return [hexadecimal(x) for x in data] if isinstance(data, list) else data.hex() if isinstance(data, float) else data


def decimal(data: Any) -> Any:
    """Nested lists with hexadecimal text as floats: the inverse of `hexadecimal`.

    >>> decimal([["0x1.8p+0"], [2]])
    [[1.5], [2]]
    """
    return [decimal(x) for x in data] if isinstance(data, list) else float.fromhex(data) if isinstance(data, str) else data


def leaves(data: Any) -> list[Any]:
    """All numbers of nested lists, in one row."""
    return [x for row in data for x in leaves(row)] if isinstance(data, list) else [data]


def sizes(data: Any) -> tuple[int, ...]:
    """The shape of nested lists; () for a number.

    >>> sizes([["0x0.0p+0", "0x1.0p+0"]])
    (1, 2)
    """
    return (len(data), *(sizes(data[0]) if data else ())) if isinstance(data, list) else ()


def nested(row: Sequence[Any], shape: Sequence[int]) -> Any:
    """The numbers of a row as nested lists of this shape. Raises ValueError where their number does not fit.

    >>> nested([1, 2, 3, 4], [2, 2]), nested([1], [])
    ([[1, 2], [3, 4]], 1)
    """
    if prod(shape) != len(row):
        raise ValueError(f"{len(row)} numbers are no array of shape {tuple(shape)}")
    if not shape:
        return row[0]
    n = prod(shape[1:])
    return [nested(row[i * n : (i + 1) * n], shape[1:]) for i in range(shape[0])]
