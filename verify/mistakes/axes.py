"""Sums that a gradient takes along other axes than the loss's code does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

Kind = tuple[str, int, str, bool]
"""A reduction in code, wherever a loop comes by it: the file, the line, the expression, and whether it is used within that alone, as the
mean in a variance is.
"""
MOST_PARTS = 4
"""Sizes of parts that rows, or columns, are cut into."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows of a matrix of numbers, each reduced to one by an instruction of which `slopes` go back to the row, and used for each column
    again, as these registers: in these instructions, at these of its edges, each for the row and the column that stand there.
    """

    at: int
    rows: Integers
    slopes: Floats
    registers: Integers
    used: tuple[tuple[int, NDArray[np.bool_], Integers, Integers], ...]


@dataclass(frozen=True)
class Summation:
    """What comes to a matrix of rows that are reduced is summed along other axes. Rows lie in blocks of so many, and so do columns (None:
    all of them are one); it goes `over` the blocks of rows, the rows of a block, the blocks of columns, the columns of a block. As a `mean`
    it is divided by how many these are. What is summed is multiplied, and the sums divided, by a `power` of the numbers that rows
    are reduced to `by` some reduction: as 1/σ stands before a sum along the rows as well as behind it. Over none, each entry has its own
    alone. The reduction may be one that is used `inside` its expression alone, and it may be `cut`: nothing comes back.
    """

    over: tuple[bool, bool, bool, bool]
    mean: bool = False
    rows: int | None = None
    columns: int | None = None
    power: int = 0
    by: Kind | None = None
    inside: bool = False
    cut: bool = False

    def sums(self, g: Floats) -> Floats | None:
        """Of what comes to each entry, in its shape; None where the blocks do not fit."""
        many, width = g.shape
        r, c = self.rows or many, self.columns or width
        if many % r or width % c:
            return None
        blocks = g.reshape(many // r, r, width // c, c)
        axes = tuple(k for k, yes in enumerate(self.over) if yes)
        if self.cut:
            return np.zeros(g.shape)
        sums = np.broadcast_to(blocks.sum(axes, keepdims=True), blocks.shape).reshape(g.shape)
        return sums * (width / np.prod([blocks.shape[k] for k in axes])) if self.mean else sums

    @property
    def words(self) -> str:
        """How it is summed, after `has what comes through …`."""
        return f"summed along {self._axes}" if any(self.over) else "for each entry alone, where it must be summed"

    @property
    def _axes(self) -> str:
        rows, columns = self.over[:2] if self.rows else self.over[1:2], self.over[2:] if self.columns else self.over[3:]
        if not any(rows):
            return "part of the axes alone"
        if all(columns):
            return "all axes" if all(rows) else "more axes"
        return "other axes" if any(columns) else "another axis"


ALL_WAYS = [(a, b, c, d) for a, b, c, d in product((False, True), repeat=4)]
DUE = Summation((False, False, True, True))
CUT = Summation((False, False, False, False), cut=True)


def simple() -> Iterator[Summation]:
    """Summation the other axis of a matrix, or along both, or not at all."""
    for over in ((True, True, False, False), (True, True, True, True), (False, False, False, False)):
        yield from (Summation(over, mean) for mean in (False, True))


def cut(many: int, width: int) -> Iterator[Summation]:
    """Where the rows of such a matrix, or its columns, lie in blocks: along other axes than is due."""
    met: set[tuple[tuple[tuple[int, bool], ...], ...]] = {(((many, False),), ((width, True),))}
    for r, c in product(_parts(many), _parts(width)):
        for over in ALL_WAYS:
            rows, columns = _joined(many, r, over[:2]), _joined(width, c, over[2:])
            if (rows, columns) not in met:
                met.add((rows, columns))
                yield from (Summation(over, mean, r, c) for mean in (False, True))


def _parts(n: int) -> list[int | None]:
    return [None, *[k for k in range(2, n // 2 + 1) if n % k == 0][:MOST_PARTS]]


def _joined(n: int, block: int | None, over: tuple[bool, ...]) -> tuple[tuple[int, bool], ...]:
    """The axes that it comes to: of several numbers, and told apart."""
    axes = [(size, yes) for size, yes in zip((n // (block or n), block or n), over, strict=True) if size > 1]
    return ((n, axes[0][1]),) if len({yes for _, yes in axes}) == 1 else tuple(axes)
