"""A number in the gradient's own code without which it would be right: an ε in a denominator, a factor, a minus sign.

Explanations in the code of the loss come first: this one is about a line of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.lines import Answered, Found
from verify.mistakes import NEUTRAL, is_mean, line_in_words
from verify.tape import floats
from verify.tape.tape import SourceLine, Tape

Floats = NDArray[np.float64]

MOST = 40
"""Numbers to try."""
MOST_INSTRUCTIONS = 20_000
"""Largest gradient code, which is evaluated again for each number."""

MINUS = -1.0
"""The number of a minus sign, which is a factor."""

Key = tuple[str, int, str, float]
"""The file and line of a number, its role, and the number."""


@dataclass(frozen=True, eq=False)
class GradientCode:
    """The code of a gradient at a point: its record, and the inputs of the record, of which the last `tiny`
    are tiny numbers that it adds. What the code of the loss computes, too, by these lines, is none of its own.
    """

    tape: Tape
    inputs: Floats
    tiny: int
    shared: Set[SourceLine] = frozenset()

    @cached_property
    def numbers(self) -> dict[Key, list[tuple[int, int]]]:
        """The operands that are numbers of the code, by instruction and operand."""
        a, added = floats.Floats(), self.tape.inputs.size - self.tiny
        known = {r: float(a.number(value)) for r, value in self.tape.constants.items()}
        known |= dict(zip(self.tape.inputs[added:].tolist(), self.inputs[added:].tolist(), strict=True))
        found: dict[Key, list[tuple[int, int]]] = {}
        for n, i in enumerate(self.tape.instructions):
            if i.line is None or i.line in self.shared or is_mean(i.line):  # a mean's number is not written there
                continue
            if i.op == "neg":
                found.setdefault((i.line.file, i.line.number, i.op, MINUS), []).append((n, 0))
            for slot, r in enumerate(i.ins if i.op in NEUTRAL else ()):
                value = known.get(int(r.flat[0])) if np.all(r == r.flat[0]) else None
                if value not in (None, NEUTRAL[i.op]) and (i.op, slot) != ("div", 0):
                    found.setdefault((i.line.file, i.line.number, i.op, value), []).append((n, slot))
        return found

    def line(self, key: Key) -> SourceLine:
        """The line of a number."""
        line = self.tape.instructions[self.numbers[key][0][0]].line
        assert line is not None
        return line

    def without(self, key: Key) -> Floats:
        """The gradient without a number: an additional register of the tape holds the neutral operand in its place."""
        left_out, tape, nothing = set(self.numbers[key]), self.tape, self.tape.size
        instructions = tuple(
            replace(i, op="mul", ins=(i.ins[0], np.full_like(i.ins[0], nothing)))
            if (n, 0) in left_out and i.op == "neg"
            else replace(i, ins=tuple(np.full_like(r, nothing) if (n, slot) in left_out else r for slot, r in enumerate(i.ins)))
            for n, i in enumerate(tape.instructions)
        )
        neutral = {**tape.constants, nothing: Fraction(NEUTRAL.get(key[2], 1.0))}
        other = replace(tape, instructions=instructions, constants=neutral, size=tape.size + 1)
        made: Floats = floats.run(other, self.inputs[:, None])[tape.outputs.ravel(), 0]
        return made


def left_over(points: Sequence[tuple[Answered, GradientCode]]) -> Found | None:
    """The number without which the gradient is right at all of these points; None if there is none, or several."""
    if not points or any(len(code.tape.instructions) > MOST_INSTRUCTIONS for _, code in points):
        return None
    with np.errstate(all="ignore"):
        found = [key for key in [*points[0][1].numbers][:MOST] if all(_is_right(p, code, key) for p, code in points)]
    lines = {key[:2]: key for key in found}
    if len(found) != 1 and len(lines) != 1:
        return None
    (file, number), key = next(iter(lines.items()))
    line, value = points[0][1].line(key), key[-1]
    what = "the minus sign" if key[2] == "neg" else repr(value).removesuffix(".0")
    told = f"would be right without {what} in {line_in_words(line)}"
    return Found("constant", told, ((file, number),))


def _is_right(p: Answered, code: GradientCode, key: Key) -> bool:
    made = code.without(key) if key in code.numbers else p.given  # code may go another way, without it
    return made.shape == p.given.shape and p.fits(p.given - made)
