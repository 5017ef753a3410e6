"""A slip in a gradient of code: the place that is differentiated wrongly, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from verify.mistakes.axes import Summation
from verify.mistakes.orders import Order
from verify.mistakes.products import Product

T = TypeVar("T")
Steps = str | int | tuple[int, int]
Key = tuple[str, int, str]
"""A place in code, for all runs of a loop: the file, the line and the expression, or `ALL_NAMES` of the line."""
ALL_NAMES = "*"


@dataclass(frozen=True)
class Site:
    """The result of an expression, or (with a `slot`) what reaches it from one of its operands. `steps` are "all" of its runs, the
    "earlier" ones, one by its number, or (k, m): from the k-th on every m-th, as of a function that is called m times in a loop.
    """

    key: Key
    slot: int | None = None
    steps: Steps = "all"


@dataclass(frozen=True)
class Slip:
    """A change of the edges of a place. `code` is that of a diagnosis."""

    code: str
    how: str
    place: Site
    factor: float = 1.0
    other: Site | None = None
    """The place that has its part, and it the other's, where two are exchanged."""
    product: Product | None = None
    along: Summation | None = None
    order: Order | None = None
    parts: tuple[tuple[Site, int], ...] = ()
    """Where a constant that the place adds is lacking: in the partials of these, so often as a factor."""


def chosen(runs: list[T], steps: Steps) -> list[T]:
    """Those of all runs of a place that its `steps` stand for."""
    if isinstance(steps, tuple):
        return runs[steps[0] :: steps[1]]
    return runs if steps == "all" else runs[:-1] if steps == "earlier" else runs[int(steps) : int(steps) + 1]
