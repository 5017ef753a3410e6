"""The distance between a gradient's code and the gradient of a loss's code, both in real arithmetic: no rounding enters, so there is no
tolerance.

Values that the language rounded before the code got them (1/N, √(2/π), computed data) carry their rounding error.
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

from verify.rounding import MOST_VERTICES, SAME_NUMBER, VAGUE_UNCERTAINTY, smallest_normal, unit_roundoff
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
    """Exact balls, except for constants that were rounded before the code got them, and constants that are `moved` by a relative amount."""

    blur: Mapping[Number, float] = field(default_factory=dict)
    moved: Mapping[Number, float] = field(default_factory=dict)

    def number(self, value: Number) -> arb:
        """The constant with its possible error."""
        found = super().number(value) * (1 + arb(self.moved.get(value, 0.0)))
        radius = self.blur.get(value)
        return found if radius is None else found + arb(0, radius)


class Careful(Balls):
    """Balls for floats that never change format: a cast to a lower precision is a choice, and not a rounding error that is allowed for."""

    def _unit(self, row: Primitive, parameter: Any) -> arb | None:
        return super()._unit(row, "float64" if row.name == "round_to" else parameter)


@lru_cache(maxsize=4)
def careful(u: float) -> Careful:
    """The shared arithmetic for a unit roundoff."""
    return Careful(arb(u))


def arithmetic(record: Record, tape: Tape | None = None) -> Blurred:
    """The arithmetic of a record, or of another tape of its builder; shared by all runs of a tape."""
    tape = tape or record.tape
    if "blurred" not in tape.prepared:
        tape.prepared["blurred"] = _blurred(record, tape.constants)
    found: Blurred = tape.prepared["blurred"]
    return found


def _blurred(record: Record, constants: Mapping[int, Number]) -> Blurred:
    return Blurred(None, blur={constants[r]: radius for r, radius in record.blurred.items() if r in constants})


class Written(NamedTuple):
    """An entry of a gradient as its code computes it: the value that it denotes, the error of careful floats, and its line."""

    exact: arb
    radius: float
    line: SourceLine | None


def tape_of(records: Sequence[Record]) -> Tape:
    """One tape with all arrays of a gradient, which are recorded on one builder, in a row."""
    return records[0].b.tape(np.concatenate([r.outputs.ravel() for r in records]))


def written(record: Record, tape: Tape, inputs: Sequence[arb], dtype: str) -> list[Written]:
    """The entries of a gradient in C order; `record` is that of one of its arrays."""
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
    """The first of the numbers `returned` by running code that differs, beyond rounding, from the recorded one at these inputs: its
    position in C order, and the recorded value. None if there is none.
    """
    u, tiny = unit_roundoff(dtype), smallest_normal(dtype)
    with precision():
        run = enclose.run(record.tape, inputs, arb(u))
        for k, (r, x, was) in enumerate(zip(record.outputs.ravel().tolist(), returned, np.ravel(record.values).tolist(), strict=True)):
            far = 2 * float(run.values[r].rad()) + tiny
            if abs(x - was) > far:  # values that are not finite are skipped
                return k, float(was)
    return None


def slopes(record: Record, inputs: Sequence[arb], other: Blurred | None = None) -> list[arb] | None:
    """The gradient of a record's single output in its variables, in another arithmetic `other` if given; None on a kink, or where it is
    unknown. Pieces that meet with one slope are no kink.
    """
    tape, output = record.tape, record.output
    a = other or arithmetic(record)
    with precision():
        run = enclose.run(tape, inputs, arithmetic=a)
        if run.is_unknown(output):
            return None
        met = set(enclose.reached(run, [output]))
        open_ = {k: run.possible[k] for k in sorted(run.open) if k in met}
        chosen = {k: pieces[0] for k, pieces in open_.items()}
        found = _of_pieces(run, output, chosen)
        if not open_:
            return found
        sharp = enclose.run(tape, inputs, arithmetic=Blurred(None, moved=a.moved)) if a.blur else run  # they are compared without blur
        if all(_is_smooth(sharp, k, pieces, chosen) for k, pieces in open_.items()):  # then each is for any choice of those before it
            return found
        if prod(map(len, open_.values())) > MOST_VERTICES:
            return None
        own, *others = (_of_pieces(sharp, output, dict(zip(open_, sides, strict=True))) for sides in product(*open_.values()))
        return found if all(_are_one(own, o) for o in others) else None


def _is_smooth(run: enclose.Run, k: int, pieces: Sequence[int], chosen: Mapping[int, int]) -> bool:
    """Whether the pieces of an open switch have one slope by themselves, with those that are `chosen` of the others."""
    instruction, element = run.tape.places[k]
    signed = [instruction.pieces(element)[p] for p in pieces]
    own, *others = ([sign * s for s in _of_pieces(run, register, chosen)] for register, sign in signed)
    return all(_are_one(own, o) for o in others)


def _are_one(one: Sequence[arb], two: Sequence[arb]) -> bool:
    """Whether two gradients are equal; nothing is known of NaN."""
    size = max((s.abs_upper() for s in one), default=arb(0))
    return all((a - b).abs_upper() <= SAME_NUMBER * size for a, b in zip(one, two, strict=True))


def _of_pieces(run: enclose.Run, output: int, pieces: Mapping[int, int]) -> list[arb]:
    """The gradient of an output with these pieces of the open switches."""
    found = adjoints(run, run.possible | {k: [p] for k, p in pieces.items()}, output)
    return [found.at(int(r)) for r in run.tape.variables]


def apart(record: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], moved: Mapping[Number, float]) -> Floats | None:
    """The gaps (n,) between the entries of a gradient, of `tape` at the inputs `others`, and the true ones, with some constants of both
    codes `moved` by a relative amount. None where some are not finite.
    """
    found = _differences(record, inputs, tape, others, Blurred(None, moved=moved))
    return None if found is None else np.array([float(d) for d in found])


def agree(record: Record, first: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], size: float) -> bool:
    """Whether every entry of a gradient, of `tape` with the record of its `first` array, agrees with the true one for the constants as
    written, up to rounding in double precision.
    """
    both: dict[Number, float] = {**arithmetic(record).blur, **arithmetic(first, tape).blur}
    fine: dict[Number, float] = {c: radius for c, radius in both.items() if radius <= FINE * abs(float(c))}
    found = _differences(record, inputs, tape, others, Blurred(None, blur=fine))
    return found is not None and all(d.abs_lower() <= SAME_NUMBER * size and d.abs_upper() <= VAGUE_UNCERTAINTY * size for d in found)


FINE = 2.0**-32
"""Bound, relative to a constant, between rounding errors of double precision and those of single."""


def _differences(record: Record, inputs: Sequence[arb], tape: Tape, others: Sequence[arb], a: Blurred) -> list[arb] | None:
    """The differences between the entries of a gradient and the true ones, in an arithmetic used only once;
    None where some are not finite.
    """
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
