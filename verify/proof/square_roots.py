"""Square roots in the field: points at which they exist, and a certificate that they are independent.

Half of all numbers have a square root in the field. Points are drawn until all roots that the code takes exist; the sign of each is
arbitrary. This is conclusive for the real, positive roots if each root has degree 2 over the field of rational functions and the roots
before it: then the norm of a function that is not 0 is not 0 either, whatever the signs. It is certified for each root by a point at which
those before it exist and it does not: if it were composed of them it would exist there. Dependent roots, such as √(x²), or √x·√y beside
√(xy), have no such point, and nothing is claimed for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.proof.field import Element, Field

MAX_ROOTS = 9
"""Most square roots: all exist at one point in 2^MAX_ROOTS."""


class Missing(BaseException):
    """A root does not exist at a point, or is not known to be independent of the others; with the tag of its place."""

    def __init__(self, tag: Any) -> None:
        super().__init__(tag)
        self.tag = tag


@dataclass(eq=False)
class Roots:
    """The roots taken in one field: of elements whose values are `known` if given, else of all. `degree` is that of all roots together over
    the rational functions.
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
        """Notes a root of odd order, which is unique."""
        if key not in self.orders:
            self.orders.add(key)
            self.degree *= order
