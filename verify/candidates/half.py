"""Half precision: in which format (bfloat16, float16) a framework's candidate answered, noted where that becomes an array of numpy.

Who answers in bfloat16 or float16 has rounded there, and may have computed there, too: it is judged with the unit roundoff of that format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from verify.rounding import HALVES

_listening: list[set[str]] = []


def note(format_: str) -> None:
    """Says in which format an answer came; of those that are no half precision nothing is kept."""
    if format_ in HALVES:
        for heard in _listening:
            heard.add(format_)


@contextmanager
def hearing() -> Iterator[set[str]]:
    """The formats of half precision in which answers come meanwhile."""
    heard: set[str] = set()
    _listening.append(heard)
    try:
        yield heard
    finally:
        _listening[:] = [other for other in _listening if other is not heard]


def coarsest(formats: Iterable[str]) -> str | None:
    """Of formats the one of half precision with the largest unit roundoff; None where none is of half precision."""
    return max((f for f in formats if f in HALVES), key=lambda f: HALVES[f][0], default=None)
