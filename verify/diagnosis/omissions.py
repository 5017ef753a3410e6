"""Omissions: an entry, a class, a feature or some examples that are left out of a gradient, or counted differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from verify.cases.shapes import BLOCK
from verify.diagnosis.change import Added, Change, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.parts import part_counted
from verify.diagnosis.penalties import of_bias
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, counted, times
from verify.terms import Reference

ROWS = {"first": "{row} 0", "second": "{row} 1", "last": "the last {row}"}
COLUMNS = {"first": "{column} 0", "last": "the last {column}"}
CLASSES = {"first": "class 0", "second": "class 1", "last": "the last class"}
ENTRIES = {
    "[0, 0]": "entry [0, 0]",
    "[0, -1]": "the last entry of {row} 0",
    "[-1, 0]": "the first entry of the last {row}",
    "[-1, -1]": "the last entry of the last {row}",
}
"""Places in terms of the names of the axes."""


def _entry(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    place = v.axes.filled(ENTRIES[change.how])
    if c in (-1, -2):
        return Message("entries", f"{place} is 0" if c == -1 else f"{place} has the wrong sign", place)
    return Message("entries", f"{place} is {times(1 + c)} what it must be", place)


@with_sentences({"entry": _entry})
def entries(decomposition: Decomposition) -> Added:
    """Omissions of an entry in a corner."""
    for place, j, k in (("[0, 0]", 0, 0), ("[0, -1]", 0, -1), ("[-1, 0]", -1, 0), ("[-1, -1]", -1, -1)):
        entry = np.zeros(decomposition.shape)
        entry[j, k] = decomposition.whole[j, k]
        yield Change("entry", "whole", place, free=True), entry


def _row(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    if change.how in ("own row", "other rows"):
        return part_counted(v, Change("counted", "label" if change.how == "own row" else "others", free=True), c)
    return _in(v, change, c, _place(v, ROWS, "{row}", change.how), "class-missing")


def _column(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    if change.part == "penalty" and change.how == "last":
        return of_bias(v, c * (v.rate or 1))
    return _in(v, change, c, _place(v, COLUMNS, "{column}", change.how), "entries")


def _in(v: Vocabulary, change: Change, c: Coefficient, place: str, missing: str) -> Message:
    """The message on a part that is missing in a place, or counted differently."""
    name = v.names[change.part]
    if c == -1:
        return Message(missing, f"{name} is missing in {place}", place)
    if c == -2:
        return Message("entries", f"{name} has the wrong sign in {place}", place)
    return Message("entries", f"{name} is {times(1 + c)} what it must be in {place}", place)


def _place(v: Vocabulary, known: Mapping[str, str], what: str, which: str) -> str:
    return v.axes.filled(known.get(which) or which.format(what))


def _class(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    what = f"the {'margins' if change.part == 'switch' else 'examples'} of {CLASSES[change.how]}"
    return Message("class-missing", f"{what} are left out") if c == -1 else Message("scaled", f"{what} are {counted(1 + c)}")


def _mutated_classes(reference: Reference) -> Iterator[Mutation]:
    if reference.has_classes:
        yield Mutation("the first class left out", "structure", Change("row", "whole", "first", free=True), -1.0)


@with_sentences({"row": _row, "class": _class}, _mutated_classes)
def classes(decomposition: Decomposition) -> Added:
    """Omissions of a class: of its row only, or of everything from its switch."""
    for place, j in (("first", 0), ("second", 1), ("last", decomposition.C - 1)):
        row = np.arange(decomposition.C) == j
        for name, matrix in decomposition.parts.items():
            yield Change("row", name, place, free=True), matrix * row[:, None]
        yield Change("class", "switch", place, free=True), decomposition.sum_of(decomposition.by_class[j])
        mine = (decomposition.y == j)[:, None]
        yield Change("class", "label", place, free=True), decomposition.sum_of(decomposition.all_slopes * mine)
    for place, some in _blocks(decomposition.C, ROWS_AT_ONCE):
        rows = np.zeros((decomposition.C, 1))
        rows[some] = 1
        for name in ("whole", "data"):
            yield Change("row", name, place, free=True), decomposition.parts[name] * rows
    for place, end in (("own row", True), ("other rows", False)):
        rows = (np.arange(decomposition.C) == decomposition.y[:, None]) == end
        yield Change("row", "data", place, free=True), decomposition.sum_of(decomposition.all_slopes * rows)


def _mutated_columns(reference: Reference) -> Iterator[Mutation]:
    yield Mutation("the bias column left out", "structure", Change("column", "whole", "last", free=True), -1.0)
    if reference.is_penalised and reference.oracle.objective.penalty.bias:
        yield Mutation("the bias not penalised in the gradient", "penalty", Change("column", "penalty", "last", free=True), -1.0)


@with_sentences({"column": _column}, _mutated_columns)
def columns(decomposition: Decomposition) -> Added:
    """Omissions of a feature, of those beyond a number, or of the remainder left by blocks."""
    for place, some in (("first", slice(0, 1)), ("last", slice(-1, None)), *_blocks(decomposition.D, COLUMNS_AT_ONCE)):
        column = np.zeros(decomposition.D)
        column[some] = 1
        for name, matrix in decomposition.parts.items():
            yield Change("column", name, place, free=True), matrix * column


OF_A_TARGET = "of one target"
ALONE = {
    "alone": "only {} counts: the others' gradients are overwritten",
    "alone, not divided": "only {} counts, and it is not divided by N",
    "left out of the mean": "{} is left out, and the rest averaged",
}


def example(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    """The message on examples that are left out, counted differently, or used alone."""
    examples = which(change.how)
    if change.part in ALONE:
        return Message("example-missing", ALONE[change.part].format(examples))
    if c == -1:
        return Message("example-missing", f"{examples} is left out")
    return Message("scaled" if change.part == OF_A_TARGET else "example-missing", f"{examples} is {counted(1 + c)}")


def _mutated_examples(_: Reference) -> Iterator[Mutation]:
    yield Mutation("the last example left out", "structure", Change("example", "left out", "last", free=True), -1.0)
    tail = Change("example", "left out", _beyond(BLOCK), free=True)
    yield Mutation(f"the tail beyond {BLOCK} examples left out", "structure", tail, -1.0)


@with_sentences({"example": example}, _mutated_examples)
def examples(decomposition: Decomposition) -> Added:
    """Omissions of an example, of some of them, or of all but one."""
    N, share = decomposition.N, decomposition.share
    odd, even = ("odd", slice(1, None, 2)), ("even", slice(0, None, 2))
    for place, some in (("first", slice(0, 1)), ("last", slice(-1, None)), odd, even, *_blocks(N, EXAMPLES_AT_ONCE)):
        kept = np.zeros(N, dtype=bool)
        kept[some] = True
        part = decomposition.sum_of(decomposition.all_slopes * kept[:, None])
        yield Change("example", "left out", place, free=True), part
        left = N - int(kept.sum())
        mean = N / left if left and share != 1 else 1.0
        yield Change("example", "left out of the mean", place), mean * (decomposition.data - part) - decomposition.data
        if place in ("first", "last"):
            yield Change("example", "alone", place, free=False), part - decomposition.data
            yield Change("example", "alone, not divided", place, free=False), part / share - decomposition.data


def _blocks(size: int, widths: Sequence[int]) -> Iterator[tuple[str, slice]]:
    """What code leaves out that has room for a fixed number, or works in blocks and forgets the remainder. Less than one large block counts
    as complete: code handles it separately, or leaves out everything, which has its own name.
    """
    for width in widths:
        yield _beyond(width), slice(width, None)
        yield (
            f"every {{}} after the last full block of {width}",
            slice(size // width * width, None) if size >= width or width <= SMALL_BLOCK else slice(0, 0),
        )


def _beyond(width: int) -> str:
    return f"every {{}} beyond the first {width}"


SMALL_BLOCK = 4
"""Largest block size for which N, C and D of the ordinary cases leave all possible remainders."""
EXAMPLES_AT_ONCE = (2, 4, 8, 16, 32, BLOCK)
COLUMNS_AT_ONCE = (2, 4, 8)
ROWS_AT_ONCE = (2, 4, 8)


def which(examples: str) -> str:
    """Examples in words."""
    return EXAMPLES.get(examples) or examples.format("example")


EXAMPLES = {
    "first": "the first example",
    "last": "the last example",
    "odd": "every second example",
    "even": "every second example (the first, the third, …)",
}
