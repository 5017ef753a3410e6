"""The place of errors in a gradient, if they are in one place only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.residuals import Residual

Mask = NDArray[np.bool_]


def _at(j: int, k: int) -> Callable[[Residual], Mask]:
    def mask(residual: Residual) -> Mask:
        found = np.zeros(residual.error.shape, dtype=bool)
        found[j, k] = True
        return found

    return mask


def _row(j: int) -> Callable[[Residual], Mask]:
    return lambda residual: np.arange(len(residual.error))[:, None] == j % max(len(residual.error), 2) * np.ones(residual.error.shape)


def _column(k: int) -> Callable[[Residual], Mask]:
    return lambda residual: np.arange(residual.error.shape[1]) == np.arange(residual.error.shape[1])[k] * np.ones(residual.error.shape)


PATTERNS: dict[str, Callable[[Residual], Mask]] = {
    "entry [0, 0]": _at(0, 0),
    "the last entry of {row} 0": _at(0, -1),
    "the first entry of the last {row}": _at(-1, 0),
    "the last entry of the last {row}": _at(-1, -1),
    "{row} 0": _row(0),
    "{row} 1": _row(1),
    "the last {row}": _row(-1),
    "{column} 0": _column(0),
    "{column} 1": lambda residual: _column(min(1, residual.error.shape[1] - 1))(residual),
    "the last {column}": _column(-1),
}
"""Places that do not depend on the data, the narrowest first, in words with placeholders for the names of the axes."""

FIXED = tuple(PATTERNS)
PATTERNS |= {
    "the diagonal": lambda residual: np.eye(*residual.error.shape, dtype=np.bool_),
    "the {rows} of the classes that have an example": lambda residual: _rows(residual, present=True),
    "the {rows} of the classes without an example": lambda residual: _rows(residual, present=False),
    "all {rows} but the first": lambda residual: ~_row(0)(residual),
    "all {rows} but the last": lambda residual: ~_row(-1)(residual),
    "all {columns} but the last": lambda residual: ~_column(-1)(residual),
}


def _rows(residual: Residual, *, present: bool) -> Mask:
    there = np.isin(np.arange(residual.error.shape[0]), residual.decomposition.y)
    return np.broadcast_to((there == present)[:, None], residual.error.shape)


def pattern(residuals: Sequence[Residual]) -> str | None:
    """The narrowest pattern that contains the errors of all cases, and leaves something out on at least two."""
    wrong = [~(np.abs(residual.error) <= residual.radius) for residual in residuals]
    for words, mask in PATTERNS.items():
        if not all(np.all(mask(residual)[w]) for residual, w in zip(residuals, wrong, strict=True)):  # stops at the first error outside
            continue
        if sum(not np.all(mask(residual)) for residual in residuals) >= FEWEST:
            return words
    return None


FEWEST = 2
"""Cases on which a pattern must leave entries out: on a single one, any place could be chance."""
