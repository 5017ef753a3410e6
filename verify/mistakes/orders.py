"""What is carried back to an operand lands elsewhere: in reverse order, moved on, or at windows that lie otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.intp]

NOWHERE = -1
"""The register of what falls off an end."""
SHIFTS = (1, -1, 2, -2, 3, -3, 4, -4)
"""Places by which numbers are moved: by as many as a shift where it is forgotten, by twice as many where it has the wrong direction."""
STRIDES = (1, 2, 3, 4)
"""Distances of windows."""
MOST_PARTS = 24
"""Ways to cut an axis of several, as of a matrix whose entries are in a row, that are looked at."""


@dataclass(frozen=True)
class Order:
    """Along the `axis` of registers (runs, …): this axis may be several, of which `before` numbers lie before the one that is meant, and
    `behind` behind it. It is reversed; or moved `by` so many places, where what falls off one end comes in at the other (`around`) or is
    lost; or windows, the rows of the last axis, lie at a `stride` from one to the next.
    """

    axis: int
    before: int = 1
    behind: int = 1
    by: int = 0
    around: bool = False
    stride: int = 0

    def of(self, registers: Integers) -> Integers | None:
        """The registers (runs, …) in this order, NOWHERE where there is none; None where they do not fit, or nothing changes."""
        moved = self._strided(registers) if self.stride else self._along(registers)
        return None if moved is None or np.array_equal(moved, registers) else moved

    def _along(self, registers: Integers) -> Integers | None:
        size = registers.shape[self.axis]
        if size % (self.before * self.behind):
            return None
        rows = np.moveaxis(registers, self.axis, -1)
        blocks = rows.reshape(-1, self.before, size // (self.before * self.behind), self.behind)
        found = np.roll(blocks, self.by, axis=2) if self.by else blocks[:, :, ::-1]
        if (1 if self.around else 2) * abs(self.by) >= blocks.shape[2]:  # most would fall off: that is no shift
            return None
        if self.by and not self.around:
            found[:, :, slice(self.by) if self.by > 0 else slice(self.by, None)] = NOWHERE
        return np.moveaxis(found.reshape(rows.shape), -1, self.axis)

    def _strided(self, registers: Integers) -> Integers | None:
        windows = registers.reshape(-1, registers.shape[-1])
        if len(windows) < 2 or len({*np.diff(windows[:, 0]).tolist()}) > 1:
            return None
        own = int(windows[1, 0] - windows[0, 0])
        found = windows + (self.stride - own) * np.arange(len(windows))[:, None]
        inside = (found >= windows.min()) & (found <= windows.max())
        return np.where(inside, found, NOWHERE).reshape(registers.shape)

    @property
    def words(self) -> str:
        """How it is carried back, after `carries … back`."""
        whole = self.before == self.behind == 1
        if self.stride:
            return f"to places {self.stride} apart from one window to the next"
        if not self.by:
            return f"in reverse order{'' if whole else ' along one axis'}: a flip is missing there, or one too many"
        far = f"{abs(self.by)} place{'s' if abs(self.by) > 1 else ''} off"
        return f"{far}{'' if whole else ' along one axis'}{', around the end' if self.around else ''}"


def orders(registers: Integers) -> Iterator[Order]:
    """The other orders of registers (runs, …), those that reverse them first."""
    axes = [axis for axis in range(registers.ndim - 1, -1, -1) if registers.shape[axis] > 1]
    cuts = [(axis, *cut) for axis in axes for cut in _cuts(registers.shape[axis])]
    yield from (Order(*cut) for cut in cuts)
    ends = [cut for cut in cuts if 1 in cut[1:]]
    yield from (Order(*cut, by=by, around=around) for cut in ends for around in (True, False) for by in SHIFTS)
    if registers.ndim > 2 and prod(registers.shape[:-1]) > 1 < registers.shape[-1]:
        yield from (Order(registers.ndim - 1, stride=stride) for stride in STRIDES)


def _cuts(size: int) -> list[tuple[int, int]]:
    """The numbers before and behind one of the axes that an axis of this size may be, the fewest first."""
    pairs = ((b, c) for b in range(1, size) if size % b == 0 for c in range(1, size // b) if (size // b) % c == 0)
    return sorted(pairs, key=prod)[:MOST_PARTS]
