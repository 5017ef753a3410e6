"""Edges of recorded code, along which a gradient goes backwards, and what slips do to what is carried along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.mistakes.axes import Reduced, Summation
from verify.mistakes.orders import NOWHERE
from verify.mistakes.products import Product
from verify.tape.tape import Instruction

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True)
class Edges:
    """The edges of one instruction, one per entry: the result, the operand's register, the operand's slot, and the partial."""

    outs: Integers
    operands: Integers
    slots: Integers
    partials: Floats


def carry(outs: Integers, operands: Integers, _: Integers, partials: Floats, adjoints: Floats) -> None:
    """Adds what comes to the results of edges, times the partials, to what comes to their operands."""
    there = operands != NOWHERE
    np.add.at(adjoints, operands[there], adjoints[outs[there]] * partials[there])


def take_out(coming: Floats, numbers: Integers, adjoints: Floats) -> None:
    """Moves what has come to these numbers to `coming`."""
    coming[numbers] = adjoints[numbers]
    adjoints[numbers] = 0.0


def put_back(numbers: Integers, carried: Floats, adjoints: Floats) -> None:
    """Sets what comes to these numbers."""
    adjoints[numbers] = carried


def land_sums(coming: Floats, reduced: Reduced, along: Summation, sizes: Floats, adjoints: Floats) -> None:
    """Adds the sums of what has come to a reduction, along the axes of a slip, to what comes to what it is of."""
    sums = along.sums(coming * sizes[:, None])
    if sums is not None:
        np.add.at(adjoints, reduced.rows, (reduced.slopes / sizes)[:, None] * sums)


def multiply_back(of: Instruction, slot: int, how: Product, other: Floats, adjoints: Floats) -> None:
    """Adds what a wrong product of matrices carries back to an operand."""
    found = carried(of, slot, how, other, adjoints[of.outs])
    assert found is not None
    np.add.at(adjoints, of.ins[slot], found)


def fits(of: Instruction, slot: int, how: Product, other: tuple[int, ...]) -> bool:
    """Whether the shapes allow for it that what comes to a product of matrices is so carried back to an operand."""
    coming, due = of.outs.shape, of.ins[slot].shape
    return how.fits(coming[::-1] if slot else coming, other, due[::-1] if slot else due)


def carried(of: Instruction, slot: int, how: Product, other: Floats, coming: Floats) -> Floats | None:
    """What comes to a product of matrices, carried back to an operand; None where the shapes do not allow for it."""
    shape = of.ins[slot].shape
    found = how.of(coming.T if slot else coming, other, shape[::-1] if slot else shape)
    return found.T if slot and found is not None else found


def edge_counts(e: Edges) -> tuple[Integers, Integers]:
    """For each edge the number of edges of its operand in the same slot, and its position among them."""
    pairs = e.operands * (int(e.slots.max(initial=0)) + 1) + e.slots
    _, where, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    order = np.argsort(where, kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(where), np.intp)
    rank[order] = np.arange(len(where)) - np.repeat(starts, counts)
    return counts[where], rank


def is_spread(e: Edges, which: NDArray[np.bool_]) -> bool:
    """Whether a number goes into several results by some of these edges."""
    return bool(np.any(edge_counts(e)[0][which] > 1))


def _only(last: bool) -> Callable[[Edges, Floats, float], Floats]:
    def chosen(e: Edges, p: Floats, _: float) -> Floats:
        counts, rank = edge_counts(e)
        return np.where(rank == (counts - 1 if last else 0), p, 0.0)

    return chosen


CHANGED_PARTIALS: dict[str, Callable[[Edges, Floats, float], Floats]] = {
    "times": lambda _, p, c: c * p,
    "exponent": lambda _, p, c: c * p,
    "bare": lambda _, p, __: np.ones(p.shape),
    "inverted": lambda _, p, __: np.divide(1.0, p, out=np.zeros(p.shape), where=p != 0),
    "squared": lambda _, p, __: p * p,
    "mean": lambda e, p, _: p / edge_counts(e)[0],
    "first": _only(last=False),
    "last": _only(last=True),
}
"""What a slip does to the partials of a place."""
AGAINST: dict[str, Callable[[Floats, Floats], Floats]] = {
    "against": lambda carried, factor: carried * factor,
    "against, divided": lambda carried, factor: np.divide(carried, factor, out=np.zeros(carried.shape), where=factor != 0),
}
"""What goes on along a chain: the second as of a cumulative product, whose terms are divided by what they lack."""
