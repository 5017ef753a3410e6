"""A candidate's weights may be one number for each example, or one for each class, as in torch's losses: its answers decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verify.candidates import Misbehaviour

OF_CLASSES = "takes one weight for each class, and is judged without them: the spec knows weights of the examples"


def are_of_classes(ask: Callable[[int], Any], examples: int, classes: int) -> bool:
    """Whether it refuses as many ones as there are examples, and accepts as many as there are classes."""
    return examples != classes and not _answers(ask, examples) and _answers(ask, classes)


def _answers(ask: Callable[[int], Any], count: int) -> bool:
    try:
        ask(count)
    except Misbehaviour:
        return False
    return True
