"""How the operand of a product of matrices is carried back otherwise than is due: with something transposed, or with another matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """What is transposed of the product that goes back, as g Bᵀ to A of A B: what comes to it (g), the `other` operand, its `result`."""

    coming: bool = False
    other: bool = False
    result: bool = False

    def of(self, coming: Floats, other: Floats, due: tuple[int, ...]) -> Floats | None:
        """The product, where the shapes allow for it."""
        if not self.fits(coming.shape, other.shape, due):
            return None
        a, b = coming.T if self.coming else coming, other.T if self.other else other
        found: Floats = (a @ b).T if self.result else a @ b
        return found

    def fits(self, coming: tuple[int, ...], other: tuple[int, ...], due: tuple[int, ...]) -> bool:
        """Whether matrices of these shapes have the product, and it the shape that is `due`."""
        a, b = coming[::-1] if self.coming else coming, other[::-1] if self.other else other
        return a[1] == b[0] and (a[0], b[1]) == (due[::-1] if self.result else due)

    def written(self, slot: int, other: str) -> str:
        """As code, g being what comes to the product; the `other` operand, behind the one in this slot or before it, as written."""
        factors = [("g", self.coming != (slot == 1)), (other, self.other != (slot == 0))]
        if self.result != (slot == 1):
            factors = [(text, not turned) for text, turned in reversed(factors)]
        return " @ ".join(_transposed(text) if turned else _bound(text) for text, turned in factors)


def turned() -> Iterator[Product]:
    """All that is not due, what is done least first."""
    yield from sorted((Product(*which) for which in product((False, True), repeat=3) if any(which)), key=lambda p: sum(vars(p).values()))


def _bound(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+(\[[^][]*\]|\([^()]*\))?(\.T)?", text) else f"({text})"


def _transposed(text: str) -> str:
    return text.removesuffix(".T") if text.endswith(".T") and _bound(text) == text else f"{_bound(text)}.T"
