"""A number in the gradient's own code without which it would be right: an ε in a denominator, a factor.

What the code of the loss explains is told before: this is about the line of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.lines import Answered, Found
from verify.mistakes import line_in_words
from verify.tape import floats
from verify.tape.tape import SourceLine, Tape

Floats = NDArray[np.float64]

NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}
"""What changes nothing as an operand."""
MOST = 40
"""Numbers that are tried."""
MOST_INSTRUCTIONS = 20_000
"""Of a gradient that is gone through again for each."""

Key = tuple[str, int, str, float]
"""The file and the line in which a number stands, as what, and the number."""


@dataclass(frozen=True, eq=False)
class GradientCode:
    """The code of a gradient at a point: its record, and the inputs of that, of which the last so many are tiny numbers that it adds."""

    tape: Tape
    inputs: Floats
    tiny: int

    @cached_property
    def numbers(self) -> dict[Key, list[tuple[int, int]]]:
        """Where numbers of the code are operands, by instruction and operand."""
        a, added = floats.Floats(), self.tape.inputs.size - self.tiny
        known = {r: float(a.number(value)) for r, value in self.tape.constants.items()}
        known |= dict(zip(self.tape.inputs[added:].tolist(), self.inputs[added:].tolist(), strict=True))
        found: dict[Key, list[tuple[int, int]]] = {}
        for n, i in enumerate(self.tape.instructions):
            for slot, r in enumerate(i.ins if i.op in NEUTRAL else ()):
                value = known.get(int(r.flat[0])) if np.all(r == r.flat[0]) else None
                if value not in (None, NEUTRAL[i.op]) and i.line is not None and (i.op, slot) != ("div", 0):
                    found.setdefault((i.line.file, i.line.number, i.op, value), []).append((n, slot))
        return found

    def line(self, key: Key) -> SourceLine:
        """The line of a number."""
        line = self.tape.instructions[self.numbers[key][0][0]].line
        assert line is not None
        return line

    def without(self, key: Key) -> Floats:
        """What the gradient would be without a number: where it stands, one more register of the tape holds what changes nothing."""
        left_out, tape = set(self.numbers[key]), self.tape
        instructions = tuple(
            replace(i, ins=tuple(np.full_like(r, tape.size) if (n, slot) in left_out else r for slot, r in enumerate(i.ins)))
            for n, i in enumerate(tape.instructions)
        )
        neutral = {**tape.constants, tape.size: Fraction(NEUTRAL[key[2]])}
        other = replace(tape, instructions=instructions, constants=neutral, size=tape.size + 1)
        made: Floats = floats.run(other, self.inputs[:, None])[tape.outputs.ravel(), 0]
        return made


def left_over(points: Sequence[tuple[Answered, GradientCode]]) -> Found | None:
    """The number without which the gradient is right at all of these points; None where there is none, or several."""
    if not points or any(len(code.tape.instructions) > MOST_INSTRUCTIONS for _, code in points):
        return None
    with np.errstate(all="ignore"):
        found = [key for key in [*points[0][1].numbers][:MOST] if all(_is_right(p, code, key) for p, code in points)]
    lines = {key[:2]: key for key in found}
    if len(found) != 1 and len(lines) != 1:
        return None
    (file, number), key = next(iter(lines.items()))
    line, value = points[0][1].line(key), key[-1]
    told = f"would be right without {repr(value).removesuffix('.0')} in {line_in_words(line)}"
    return Found("constant", told, ((file, number),))


def _is_right(p: Answered, code: GradientCode, key: Key) -> bool:
    made = code.without(key) if key in code.numbers else p.given  # code may go another way, without it
    return made.shape == p.given.shape and p.fits(p.given - made)
