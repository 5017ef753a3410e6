"""Half precision: in which format (bfloat16, float16) a framework's candidate answered, noted where that becomes an array of numpy.

Who answers in bfloat16 or float16 has rounded there, and may have computed there, too: it is judged with the unit roundoff of that format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from verify.rounding import HALVES

_noted: list[set[str]] = []


def note(format_: str) -> None:
    """Says in which format an answer came; of those that are no half precision nothing is kept."""
    if format_ in HALVES:
        for formats in _noted:
            formats.add(format_)


@contextmanager
def noting() -> Iterator[set[str]]:
    """The formats of half precision in which answers come meanwhile."""
    formats: set[str] = set()
    _noted.append(formats)
    try:
        yield formats
    finally:
        _noted[:] = [other for other in _noted if other is not formats]


def coarsest(formats: Iterable[str]) -> str | None:
    """Of formats the one of half precision with the largest unit roundoff; None where none is of half precision."""
    return max((f for f in formats if f in HALVES), key=lambda f: HALVES[f][0], default=None)
