"""The quick look at a record: its value and slopes at many points at once, in double precision with radii.

An answer that is far within what rounding explains needs no balls.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.rounding import gamma
from verify.tape import vectors
from verify.tape.tape import Tape, additive
from verify.traced.record import Record

Floats = NDArray[np.float64]

MOST_NUMBERS = 1 << 24
"""Numbers that are held at a time: registers at points."""
ADDED = 7
"""Additions that are charged to what one sum is: see `Point.value`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Approximate:
    """A number is `value` ± `radius`, and `careful` code, with its inputs as it may have shifted them, is no farther from it than that;
    `size` is that of its terms. All are (n,), of a value at n points or of the entries of one gradient.
    """

    value: Floats
    radius: Floats
    careful: Floats
    size: Floats

    def off(self, answer: Floats) -> Floats:
        """At most how far the answers are from the truth."""
        return np.asarray(np.abs(answer - self.value) + self.radius)

    def explains(self, answer: Floats) -> bool:
        """Whether careful code may well answer that: certainly, and without any slack."""
        return bool(np.all(self.off(answer) <= self.careful))


@dataclass(frozen=True, kw_only=True, eq=False)
class ApproximateGradient:
    """The gradient at a point; whether it is on a kink, or so near to one that careful code may be, and the pieces of all switches."""

    gradient: Approximate
    kinked: bool
    pattern: Hashable
    lines: frozenset[tuple[Hashable, int]]


def values(record: Record, inputs: Floats, moved: Floats, u: float) -> tuple[Approximate, list[Hashable]]:
    """Of inputs (inputs, n), each of which careful code may have `moved` by so much; and which pieces are taken at each point."""
    tape, output = record.tape, record.output
    most = max(1, MOST_NUMBERS // tape.size)
    found, patterns = [], list[Hashable]()
    for first in range(0, inputs.shape[1], most):
        part = inputs[:, first : first + most]
        thin, fat = vectors.run(tape, part), vectors.run(tape, part, moved[:, None] * np.abs(part), u)
        terms = _terms(tape, output)
        size = np.sum([gross * np.abs(thin.values[r]) for r, gross in terms], axis=0)
        careful = fat.radii[output] + gamma(ADDED, u) * size
        found.append((thin.values[output], thin.radii[output], careful, size))
        patterns += [_pattern(fat, k) for k in range(part.shape[1])]
    value, radius, careful, size = map(np.concatenate, zip(*found, strict=True))
    return Approximate(value=value, radius=radius, careful=careful, size=size), patterns


def slopes(record: Record, inputs: Floats, moved: Floats, u: float) -> ApproximateGradient:
    """Of one point, inputs (inputs,)."""
    tape, output, x = record.tape, record.output, inputs[:, None]
    thin, fat = vectors.run(tape, x), vectors.run(tape, x, moved[:, None] * np.abs(x), u)
    near, _ = vectors.slopes(thin, output)
    far, kinked = vectors.slopes(fat, output)
    size = np.abs(near.value[:, 0])
    careful = np.sum(far.radius[:, 0]) + gamma(ADDED, u) * size  # an entry may be computed from the others
    gradient = Approximate(value=near.value[:, 0], radius=near.radius[:, 0], careful=careful, size=size)
    return ApproximateGradient(gradient=gradient, kinked=bool(kinked[0]), pattern=_pattern(fat, 0), lines=_taken(tape, fat))


def denoted(tape: Tape, inputs: Floats) -> tuple[Floats, Floats]:
    """What the outputs of a tape are, and within which radii."""
    found = vectors.run(tape, inputs[:, None])
    return found.values[tape.outputs, 0], found.radii[tape.outputs, 0]


def _taken(tape: Tape, lanes: vectors.Lanes) -> frozenset[tuple[Hashable, int]]:
    """Which pieces are taken on each line of code, whichever of its runs or numbers take them."""
    pieces: dict[int, list[int]] = {}
    for i in lanes.tape.instructions:
        if i.row.form == "switch":
            may = lanes.chosen[int(i.outs[0])][..., 0]
            pieces |= {int(k): np.flatnonzero(may[:, e]).tolist() for e, k in enumerate(i.outs.tolist())}
    lines = ((i.line, i.outs.tolist()) for i in tape.instructions if i.row.form == "switch")
    return frozenset((line, p) for line, outs in lines for k in outs for p in pieces[k])


def _terms(tape: Tape, output: int) -> list[tuple[int, int]]:
    if "terms" not in tape.prepared:
        tape.prepared["terms"] = [(r, gross) for r, _, gross in additive(tape, output)]
    found: list[tuple[int, int]] = tape.prepared["terms"]
    return found


def _pattern(lanes: vectors.Lanes, k: int) -> Hashable:
    return tuple(np.packbits(may[..., k]).tobytes() for may in lanes.chosen.values())
