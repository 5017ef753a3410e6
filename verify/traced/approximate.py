"""A record's value and slopes at many points at once, in double precision with error radii.

An answer well within what rounding explains needs no balls.
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
"""Most numbers held at a time: registers times points."""
ADDED = 7
"""Additions charged to the reordering of one sum: see `Point.value`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Approximate:
    """A number is `value` ± `radius`; `careful` bounds the distance of careful code, whose inputs may have been shifted, from it; `size` is
    that of its terms. All are (n,): for a value at n points, or for the entries of one gradient.
    """

    value: Floats
    radius: Floats
    careful: Floats
    size: Floats

    def off(self, answer: Floats) -> Floats:
        """An upper bound of the distance of the answers from the truth."""
        return np.asarray(np.abs(answer - self.value) + self.radius)

    def at(self, points: slice) -> Approximate:
        """These of the numbers."""
        return Approximate(value=self.value[points], radius=self.radius[points], careful=self.careful[points], size=self.size[points])

    def explains(self, answer: Floats) -> bool:
        """Whether careful code may give this answer: certainly, and without any slack."""
        return bool(np.all(self.off(answer) <= self.careful))


@dataclass(frozen=True, kw_only=True, eq=False)
class ApproximateGradient:
    """The gradient at a point; whether the point is on a kink, or so near that careful code may be; and the
    active pieces of all switches.
    """

    gradient: Approximate
    kinked: bool
    pattern: Hashable
    lines: frozenset[tuple[Hashable, int]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Located:
    """A place at which code is recorded: the `inputs` of its record, the share of its size by which careful code may be `off` in each, and
    the unit roundoff `u` of its dtype.
    """

    record: Record
    place: Hashable
    inputs: Floats
    off: Floats
    u: float


def values(record: Record, inputs: Floats, moved: Floats, u: float) -> tuple[Approximate, list[Hashable]]:
    """The values at the points `inputs` (inputs, n), each of which careful code may have `moved` by a share of its size (inputs, n); and
    the active pieces at each point.
    """
    tape, output = record.tape, record.output
    most = max(1, MOST_NUMBERS // (2 * tape.size))
    found, patterns = [], list[Hashable]()
    for first in range(0, inputs.shape[1], most):
        part = inputs[:, first : first + most]
        n, lanes = part.shape[1], _exact_and_careful(tape, part, moved[:, first : first + most], u)
        terms = _terms(tape, output)
        size = np.sum([gross * np.abs(lanes.values[r, :n]) for r, gross in terms], axis=0)
        careful = lanes.radii[output, n:] + gamma(ADDED, u) * size
        found.append((lanes.values[output, :n], lanes.radii[output, :n], careful, size))
        patterns += [_pattern(lanes, n + k) for k in range(n)]
    value, radius, careful, size = map(np.concatenate, zip(*found, strict=True))
    return Approximate(value=value, radius=radius, careful=careful, size=size), patterns


def slopes(record: Record, inputs: Floats, moved: Floats, u: float) -> list[ApproximateGradient]:
    """The slopes at each of the points, (inputs, n)."""
    tape, output, n = record.tape, record.output, inputs.shape[1]
    lanes = _exact_and_careful(tape, inputs, moved, u)
    found, kinked = vectors.slopes(lanes, output)
    value, radius, may_err = found.value[:, :n].T, found.radius[:, :n].T, found.radius[:, n:].T
    size = np.abs(value)
    careful = np.sum(may_err, axis=1, keepdims=True) + gamma(ADDED, u) * size  # an entry may be computed from the others
    return [
        ApproximateGradient(
            gradient=Approximate(value=value[k], radius=radius[k], careful=careful[k], size=size[k]),
            kinked=bool(kinked[n + k]),
            pattern=_pattern(lanes, n + k),
            lines=_taken(tape, lanes, n + k),
        )
        for k in range(n)
    ]


def _exact_and_careful(tape: Tape, inputs: Floats, moved: Floats, u: float) -> vectors.Lanes:
    """All registers at exact inputs (inputs, n), and then at the same n points again, with the radii of careful code in a dtype of unit
    roundoff `u`, which may have `moved` each input by so much of its size, (inputs, n). One run costs half of what two do.
    """
    both, radii = np.concatenate([inputs, inputs], axis=1), np.concatenate([np.zeros_like(inputs), moved * np.abs(inputs)], axis=1)
    return vectors.run(tape, both, radii, np.repeat([vectors.U, u], inputs.shape[1]))


def denoted(tape: Tape, inputs: Floats) -> tuple[Floats, Floats]:
    """The values of a tape's outputs, and their error radii."""
    found = vectors.run(tape, inputs[:, None])
    return found.values[tape.outputs, 0], found.radii[tape.outputs, 0]


def _taken(tape: Tape, lanes: vectors.Lanes, k: int) -> frozenset[tuple[Hashable, int]]:
    """Which pieces are taken at the k-th point on each line of code, whichever of its runs or numbers take them."""
    pieces: dict[int, list[int]] = {}
    for i in lanes.tape.instructions:
        if i.row.form == "switch":
            may = lanes.chosen[int(i.outs[0])][..., k]
            pieces |= {out: np.flatnonzero(may[:, e]).tolist() for e, out in enumerate(i.outs.tolist())}
    lines = ((i.line, i.outs.tolist()) for i in tape.instructions if i.row.form == "switch")
    return frozenset((line, p) for line, outs in lines for out in outs for p in pieces[out])


def _terms(tape: Tape, output: int) -> list[tuple[int, int]]:
    if "terms" not in tape.prepared:
        tape.prepared["terms"] = [(r, gross) for r, _, gross in additive(tape, output)]
    found: list[tuple[int, int]] = tape.prepared["terms"]
    return found


def _pattern(lanes: vectors.Lanes, k: int) -> Hashable:
    return tuple(np.packbits(may[..., k]).tobytes() for may in lanes.chosen.values())
