"""Where in the gradient the errors are, when they are in one place only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.looks import Look

Mask = NDArray[np.bool_]


def _at(j: int, k: int) -> Callable[[Look], Mask]:
    def mask(look: Look) -> Mask:
        found = np.zeros(look.error.shape, dtype=bool)
        found[j, k] = True
        return found

    return mask


def _row(j: int) -> Callable[[Look], Mask]:
    return lambda look: np.arange(len(look.error))[:, None] == j % max(len(look.error), 2) * np.ones(look.error.shape)


def _column(k: int) -> Callable[[Look], Mask]:
    return lambda look: np.arange(look.error.shape[1]) == np.arange(look.error.shape[1])[k] * np.ones(look.error.shape)


PATTERNS: dict[str, Callable[[Look], Mask]] = {
    "entry [0, 0]": _at(0, 0),
    "the last entry of {row} 0": _at(0, -1),
    "the first entry of the last {row}": _at(-1, 0),
    "the last entry of the last {row}": _at(-1, -1),
    "{row} 0": _row(0),
    "{row} 1": _row(1),
    "the last {row}": _row(-1),
    "{column} 0": _column(0),
    "{column} 1": lambda look: _column(min(1, look.error.shape[1] - 1))(look),
    "the last {column}": _column(-1),
}
"""Places that do not depend on the data, the narrowest first, in words with places for the names of the axes."""

FIXED = tuple(PATTERNS)
PATTERNS |= {
    "the diagonal": lambda look: np.eye(*look.error.shape, dtype=np.bool_),
    "the {rows} of the classes that have an example": lambda look: _rows(look, present=True),
    "the {rows} of the classes without an example": lambda look: _rows(look, present=False),
    "all {rows} but the first": lambda look: ~_row(0)(look),
    "all {rows} but the last": lambda look: ~_row(-1)(look),
    "all {columns} but the last": lambda look: ~_column(-1)(look),
}


def _rows(look: Look, *, present: bool) -> Mask:
    there = np.isin(np.arange(look.error.shape[0]), look.scene.y)
    return np.broadcast_to((there == present)[:, None], look.error.shape)


def pattern(looks: Sequence[Look]) -> str | None:
    """The narrowest pattern that contains the errors of all cases, and leaves something out on two at least."""
    wrong = [~(np.abs(look.error) <= look.radius) for look in looks]
    for words, mask in PATTERNS.items():
        if not all(np.all(mask(look)[w]) for look, w in zip(looks, wrong, strict=True)):  # the first that lies elsewhere ends it
            continue
        if sum(not np.all(mask(look)) for look in looks) >= FEWEST:
            return words
    return None


FEWEST = 2
"""Cases on which a pattern must leave entries out: on one, any place could be chance."""
