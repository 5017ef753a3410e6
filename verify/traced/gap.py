"""How far a gradient's code is from the gradient of a loss's code, both in real arithmetic: no rounding enters, so there is no tolerance.

What the language has rounded before the code got it (1/N, √(2/π), data that was computed) carries what that may be off by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import MOST_VERTICES, NARROW, VAGUE, smallest_normal, unit_roundoff
from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.enclose import Balls
from verify.tape.primitives import Number, Primitive
from verify.tape.reverse import adjoints
from verify.tape.tape import SourceLine, Tape
from verify.traced.record import Record

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blurred(Balls):
    """Balls that are exact but for constants that were rounded before the code got them, and those that are `moved` by some part."""

    blur: Mapping[Number, float] = field(default_factory=dict)
    moved: Mapping[Number, float] = field(default_factory=dict)

    def number(self, value: Number) -> arb:
        """With what it may be off by."""
        found = super().number(value) * (1 + arb(self.moved.get(value, 0.0)))
        radius = self.blur.get(value)
        return found if radius is None else found + arb(0, radius)


class Careful(Balls):
    """Balls for floats that never go to another format: a cast to a lower one is a choice, and no rounding that is owed."""

    def _unit(self, row: Primitive, parameter: Any) -> arb | None:
        return super()._unit(row, "float64" if row.name == "round_to" else parameter)


@lru_cache(maxsize=4)
def careful(u: float) -> Careful:
    """One for all runs with a unit roundoff."""
    return Careful(arb(u))


def arithmetic(record: Record, tape: Tape | None = None) -> Blurred:
    """That of a record, or of another tape of its builder; one for all runs of a tape."""
    tape = tape or record.tape
    if "blurred" not in tape.prepared:
        tape.prepared["blurred"] = _blurred(record, tape.constants)
    found: Blurred = tape.prepared["blurred"]
    return found


def _blurred(record: Record, constants: Mapping[int, Number]) -> Blurred:
    return Blurred(None, blur={constants[r]: radius for r, radius in record.blurred.items() if r in constants})


class Written(NamedTuple):
    """An entry of a gradient as its code has it: what it denotes, how far careful floats may be from that, and its line."""

    exact: arb
    radius: float
    line: SourceLine | None


def tape_of(records: Sequence[Record]) -> Tape:
    """All arrays of a gradient, which are recorded on one builder, in a row."""
    return records[0].b.tape(np.concatenate([r.outputs.ravel() for r in records]))


def written(record: Record, tape: Tape, inputs: Sequence[arb], dtype: str) -> list[Written]:
    """The entries of a gradient, `record` being of one of its arrays, in C order."""
    with precision():
        thin = enclose.run(tape, inputs, arithmetic=arithmetic(record, tape))
        fat = enclose.run(tape, inputs, arithmetic=careful(unit_roundoff(dtype)))
        return [Written(thin.values[r], _apart(fat.values[r], thin.values[r]), _line(tape, r)) for r in tape.outputs.ravel().tolist()]


def _apart(wide: arb, exact: arb) -> float:
    bound = float((wide - exact).abs_upper())
    return bound if bound == bound else np.inf


def _line(tape: Any, register: int) -> SourceLine | None:
    place = tape.places.get(register)
    return None if place is None else place.instruction.line


def strayed(record: Record, inputs: Sequence[arb], returned: Sequence[float], dtype: str) -> tuple[int, float] | None:
    """The first of the numbers `returned` by running code that is not what the code had while it was recorded with these inputs, but for
    what floats may make of the same operations: its place in C order, and what it was. None where there is none.
    """
    u, tiny = unit_roundoff(dtype), smallest_normal(dtype)
    with precision():
        run = enclose.run(record.tape, inputs, arb(u))
        for k, (r, x, was) in enumerate(zip(record.outputs.ravel().tolist(), returned, np.ravel(record.values).tolist(), strict=True)):
            far = 2 * float(run.values[r].rad()) + tiny
            if abs(x - was) > far:  # nothing is said of what is not finite
                return k, float(was)
    return None


def slopes(record: Record, inputs: Sequence[arb], other: Blurred | None = None) -> list[arb] | None:
    """The gradient of the one output of a record by its variables, in an `other` arithmetic if one is given; None on a kink, or where
    nothing is known. Pieces that meet with one slope are no kink.
    """
    tape, output = record.tape, record.output
    with precision():
        run = enclose.run(tape, inputs, arithmetic=other or arithmetic(record))
        if run.is_unknown(output):
            return None
        met = set(enclose.reached(run, [output]))
        open_ = {k: run.possible[k] for k in run.open if k in met}
        if prod(map(len, open_.values())) > MOST_VERTICES:
            return None
        first, *rest = product(*open_.values())
        found = _of_pieces(run, output, dict(zip(open_, first, strict=True)))
        size = max((s.abs_upper() for s in found), default=arb(0)) if rest else arb(0)
        for sides in rest:
            others = _of_pieces(run, output, dict(zip(open_, sides, strict=True)))
            if not all((a - b).abs_upper() <= NARROW * size for a, b in zip(found, others, strict=True)):  # nothing is known of NaN
                return None
        return found


def _of_pieces(run: enclose.Run, output: int, pieces: Mapping[int, int]) -> list[arb]:
    """The gradient of an output where these pieces of open switches are the chosen ones."""
    found = adjoints(run, run.possible | {k: [p] for k, p in pieces.items()}, output)
    return [found.at(int(r)) for r in run.tape.variables]


def apart(record: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], moved: Mapping[Number, float]) -> Floats | None:
    """The gaps (n,) between the entries of a gradient, of `tape` at the inputs `others`, and those that are due, with some constants of
    both codes `moved` by a part of theirs. None where they are not all finite.
    """
    found = _differences(record, inputs, tape, others, Blurred(None, moved=moved))
    return None if found is None else np.array([float(d) for d in found])


def agree(record: Record, first: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], size: float) -> bool:
    """Whether no entry of a gradient, of `tape` with the record of its `first` array, is apart from what is due with all constants as they
    stand, but for what double precision has rounded.
    """
    both: dict[Number, float] = {**arithmetic(record).blur, **arithmetic(first, tape).blur}
    fine: dict[Number, float] = {c: radius for c, radius in both.items() if radius <= FINE * abs(float(c))}
    found = _differences(record, inputs, tape, others, Blurred(None, blur=fine))
    return found is not None and all(d.abs_lower() <= NARROW * size and d.abs_upper() <= VAGUE * size for d in found)


FINE = 2.0**-32
"""Part of a constant that what it may be off by is less than where double precision has rounded it, and more where single has."""


def _differences(record: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], a: Blurred) -> list[arb] | None:
    """Between the entries of a gradient and what is due, in an arithmetic that nobody asks in again; None where they are not all finite."""
    try:
        due = slopes(record, inputs, a)
        with precision():
            run = enclose.run(tape, others, arithmetic=a)
            found = None if due is None else [run.values[r] - t for r, t in zip(tape.outputs.ravel().tolist(), due, strict=True)]
    finally:
        for known in (record.tape.prepared, tape.prepared):
            for key in [key for key in known if isinstance(key, tuple) and key[0] is a]:
                del known[key]
    return found if found is not None and all(d.is_finite() for d in found) else None
