"""What may have been left out of a gradient, or counted otherwise: an entry, a class, a feature, some examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from verify.cases.shapes import BLOCK
from verify.diagnosis.change import Added, Change
from verify.diagnosis.scene import Scene


def entries(scene: Scene) -> Added:
    """An entry in a corner."""
    for place, j, k in (("[0, 0]", 0, 0), ("[0, -1]", 0, -1), ("[-1, 0]", -1, 0), ("[-1, -1]", -1, -1)):
        entry = np.zeros(scene.shape)
        entry[j, k] = scene.whole[j, k]
        yield Change("entry", "whole", place, free=True), entry


def classes(scene: Scene) -> Added:
    """A class left out: its row alone, or all that comes from its switch."""
    for place, j in (("first", 0), ("second", 1), ("last", scene.C - 1)):
        row = np.arange(scene.C) == j
        for name, matrix in scene.parts.items():
            yield Change("row", name, place, free=True), matrix * row[:, None]
        yield Change("class", "switch", place, free=True), scene.sum_of(scene.by_class[j])
        mine = (scene.y == j)[:, None]
        yield Change("class", "label", place, free=True), scene.sum_of(scene.all_slopes * mine)
    for place, some in _blocks(scene.C, ROWS_AT_ONCE):
        rows = np.zeros((scene.C, 1))
        rows[some] = 1
        for name in ("whole", "data"):
            yield Change("row", name, place, free=True), scene.parts[name] * rows
    for place, end in (("own row", True), ("other rows", False)):
        rows = (np.arange(scene.C) == scene.y[:, None]) == end
        yield Change("row", "data", place, free=True), scene.sum_of(scene.all_slopes * rows)


def columns(scene: Scene) -> Added:
    """A feature left out, those beyond so many, or the rest that blocks of so many leave."""
    for place, some in (("first", slice(0, 1)), ("last", slice(-1, None)), *_blocks(scene.D, COLUMNS_AT_ONCE)):
        column = np.zeros(scene.D)
        column[some] = 1
        for name, matrix in scene.parts.items():
            yield Change("column", name, place, free=True), matrix * column


def examples(scene: Scene) -> Added:
    """An example left out, or some of them, or nothing but one."""
    N, share = scene.N, scene.share
    odd, even = ("odd", slice(1, None, 2)), ("even", slice(0, None, 2))
    for place, some in (("first", slice(0, 1)), ("last", slice(-1, None)), odd, even, *_blocks(N, EXAMPLES_AT_ONCE)):
        kept = np.zeros(N, dtype=bool)
        kept[some] = True
        part = scene.sum_of(scene.all_slopes * kept[:, None])
        yield Change("example", "left out", place, free=True), part
        left = N - int(kept.sum())
        mean = N / left if left and share != 1 else 1.0
        yield Change("example", "left out of the mean", place), mean * (scene.data - part) - scene.data
        if place in ("first", "last"):
            yield Change("example", "alone", place, free=False), part - scene.data
            yield Change("example", "alone, not divided", place, free=False), part / share - scene.data


def _blocks(size: int, widths: Sequence[int]) -> Iterator[tuple[str, slice]]:
    """What code leaves out that has room for so many, or goes by blocks of so many and forgets the rest. Less than one large block is
    left to it: code has another way for that, or leaves out everything, which has its own name.
    """
    for width in widths:
        yield f"beyond {width}", slice(width, None)
        yield f"rest of {width}", slice(size // width * width, None) if size >= width or width <= SMALL_BLOCK else slice(0, 0)


SMALL_BLOCK = 4
"""Of so few, N, C or D of the ordinary cases leave all sorts of rests."""
EXAMPLES_AT_ONCE = (2, 4, 8, 16, 32, BLOCK)
COLUMNS_AT_ONCE = (2, 4, 8)
ROWS_AT_ONCE = (2, 4, 8)
