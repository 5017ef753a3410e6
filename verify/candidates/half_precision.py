"""Half precision: the format (bfloat16, float16) of a framework's answer, noted when the answer becomes a numpy array.

An answer in bfloat16 or float16 was rounded to that format, and may have been computed in it: it is judged with the unit roundoff of the
format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from verify.rounding import HALVES

_noted: list[set[str]] = []


def note(format_: str) -> None:
    """Notes the format of an answer, if it is one of half precision."""
    if format_ in HALVES:
        for formats in _noted:
            formats.add(format_)


@contextmanager
def noting() -> Iterator[set[str]]:
    """The half-precision formats of the answers given in the block."""
    formats: set[str] = set()
    _noted.append(formats)
    try:
        yield formats
    finally:
        _noted[:] = [other for other in _noted if other is not formats]


def coarsest(formats: Iterable[str]) -> str | None:
    """The half-precision format with the largest unit roundoff among these; None if there is none."""
    return max((f for f in formats if f in HALVES), key=lambda f: HALVES[f][0], default=None)
