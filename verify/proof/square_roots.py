"""Square roots in the field: which points have them, and that they are independent of each other.

Half of all numbers have a square root in the field. Points are drawn until all roots that the code takes exist; the sign of each is
whatever comes out. That says something of the real, positive roots where each root is of degree 2 over the field of rational functions
and the roots before it: then the norm of a function that is not 0 is not 0 either, whatever the signs. It is certified for each root by
a point at which those before it exist and it does not: had it been made of those it would exist there. Roots that depend on each other, as
√(x²) and √x·√y beside √(xy), have no such point, and nothing is said of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.proof.field import Element, Field

MOST = 9
"""Square roots that are followed: all exist at one point of 2^MOST."""


class Missing(BaseException):
    """A point has no root of something, or that is not known to be independent of the others; with the tag of its place."""

    def __init__(self, tag: Any) -> None:
        super().__init__(tag)
        self.tag = tag


@dataclass(eq=False)
class Roots:
    """Those that are taken in one field: of elements whose values are `known` if given, else of all. `degree`: that of all of them together
    over the rational functions.
    """

    known: set[Any] | None = None
    degree: float = 1.0
    count: int = 0
    orders: set[Any] = field(default_factory=set)

    def taken(self, f: Field, x: Element, tag: Any) -> tuple[Any, ...]:
        """A root at each of the points. Raises Missing."""
        found = []
        for a in x.v:
            y = a ** ((f.p + 1) // 4)
            if y * y != a:
                raise Missing(tag)
            found.append(y)
        if self.known is not None and x.v not in self.known:
            raise Missing(tag)
        self.count += 1
        self.degree *= 2
        return tuple(found)

    def odd(self, order: int, key: Any) -> None:
        """A root of an odd order, which is unique."""
        if key not in self.orders:
            self.orders.add(key)
            self.degree *= order
