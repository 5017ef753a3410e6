"""Where the floats of a record first go wrong: the operation that leaves their range, or loses their digits, with its line.

A record in balls has no limit of the exponent and no rounding. The same record is also run in the floats of a dtype; from a wrong number
the search goes back through its operands, as long as one of them is wrong, too.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.rounding import smallest_normal, unit_roundoff
from verify.tape import enclose, floats
from verify.tape.balls import precision
from verify.tape.enclose import Run
from verify.tape.reverse import adjoints
from verify.tape.tape import SourceLine
from verify.traced.gap import arithmetic
from verify.traced.record import Record

SHARE = 0.25
"""Share of a number's error that an operand must account for to count as its origin."""
NEAR = 1e-3
"""Two numbers with a smaller relative difference are shown by their difference."""


@dataclass(frozen=True)
class Origin:
    """The operation that goes wrong, in a sentence; `code` is that of a diagnosis, `overflow` or `precision`."""

    code: str
    sentence: str
    line: SourceLine | None

    def __str__(self) -> str:
        return self.sentence


def origin(record: Record, inputs: Sequence[arb], dtype: str, register: int) -> Origin | None:
    """The first operation on the way to a register that leaves the range of the dtype, or loses half of its digits. None where there is
    none, or where it cannot be determined.
    """
    with precision():
        return _Backtrack(record, inputs, dtype, register).origin()


class _Backtrack:
    """The search backwards from one register."""

    def __init__(self, record: Record, inputs: Sequence[arb], dtype: str, register: int) -> None:
        self.tape, self.dtype, self.start = record.tape, dtype, register
        self.exact: Run = enclose.run(self.tape, inputs, arithmetic=arithmetic(record))
        self.floats: NDArray[np.floating] = floats.run(self.tape, [[float(x)] for x in inputs], dtype)[:, 0]
        self.least = unit_roundoff(dtype) ** 0.5

    def origin(self) -> Origin | None:
        """See `origin`."""
        if not self._is_wrong(self.start):
            return None
        k, weights = self.start, self._weights()
        while (behind := self._behind(k, weights)) is not None:
            k = behind
        place = self.tape.places.get(k)
        return None if place is None else self._origin_at(k, place.instruction.line)

    def _weights(self) -> dict[int, float]:
        """The contribution of each number's error to that of the starting register, to first order."""
        found = adjoints(self.exact, self.exact.possible, self.start)
        return {r: self._off(r) * _size(found.at(r)) for r in found.parts if isinstance(self.exact.values[r], arb)}

    def _is_wrong(self, k: int) -> bool:
        x, value = self.exact.values[k], float(self.floats[k])
        if not isinstance(x, arb) or not x.is_finite():
            return False
        return not np.isfinite(value) or bool(abs(x - arb(value)) > arb(self.least) * abs(x))

    def _off(self, k: int) -> float:
        value = float(self.floats[k])
        return _size(self.exact.values[k] - arb(value)) if np.isfinite(value) else np.inf

    def _behind(self, k: int, weights: dict[int, float]) -> int | None:
        """The operand that a wrong number comes from; None if it comes from none. A number that is not finite comes from the first operand
        that is not, or that has become 0.
        """
        wrong = [r for r in self._operands(k) if self._is_wrong(r) and r in self.tape.places]
        if not wrong:
            return None
        if not np.isfinite(self.floats[k]):
            lost = [r for r in wrong if not np.isfinite(self.floats[r])]
            return min(lost or wrong)
        heaviest = max(wrong, key=lambda r: weights.get(r, 0.0))
        enough = not np.isfinite(self.floats[heaviest]) or weights.get(heaviest, 0.0) >= SHARE * weights.get(k, np.inf)
        return heaviest if enough else None

    def _operands(self, k: int) -> list[int]:
        """The operands of a number: for a switch, the active piece."""
        place = self.tape.places.get(k)
        if place is None or place.instruction.row.form != "switch":
            return self.tape.operands(k)
        pieces = place.instruction.pieces(place.element)
        return [pieces[p][0] for p in self.exact.possible.get(k, range(len(pieces)))]

    def _origin_at(self, k: int, line: SourceLine | None) -> Origin:
        value, x = float(self.floats[k]), self.exact.values[k]
        code = "what it computes" if line is None else f"`{line.part or line.code}`"
        where = "" if line is None else f" ({os.path.basename(line.file)}:{line.number})"
        operands = [self.exact.values[r] for r in self.tape.operands(k)]
        at = f" at {_near(operands[0], arb(1))}" if len(operands) == 1 else ""
        i, _ = self.tape.places[k]
        if i.op == "round_to":
            return Origin("precision", f"{code} keeps the digits of {i.parameter} alone{where}", line)
        if not np.isfinite(value):
            return Origin("overflow", f"{code} overflows{at or f': it is {_short(x)}'}{where}", line)
        if 0 < abs(x) < smallest_normal(self.dtype):
            return Origin("overflow", f"{code} underflows{at or f': it is {_short(x)}'}{where}", line)
        lost = self._off(k) / _size(x) if _size(x) else np.inf
        left = int(-log10(lost)) if 0 < lost < 1 else 0
        digits = f"all but {left} digit{'s' if left > 1 else ''}" if left else "all digits"
        shown = self._difference(k, line) or at or f": it is {_short(arb(value))}, exactly {_short(x)}"
        return Origin("precision", f"{code} loses {digits}{shown}{where}", line)

    def _difference(self, k: int, line: SourceLine | None) -> str | None:
        """For a difference of two numbers, one of which has a name in the code: that number in words, relative to the other."""
        i, _ = self.tape.places[k]
        written = _parsed(line)
        if i.op not in ("sub", "add") or not isinstance(written, ast.BinOp):
            return None
        x, y = (self.exact.values[r] for r in self.tape.operands(k))
        sign = -1 if i.op == "sub" else 1
        for side, mine, other in ((written.right, y, -sign * x), (written.left, x, -sign * y)):
            if not isinstance(side, ast.Constant) and len(told := ast.unparse(side)) <= LONGEST:
                return f" at {told} = {_near(mine, other)}"
        return None


LONGEST = 30
"""Most characters shown of an operand."""


def _parsed(line: SourceLine | None) -> ast.AST | None:
    try:
        return None if line is None or not line.part else ast.parse(line.part, mode="eval").body
    except SyntaxError:
        return None


def _size(x: arb) -> float:
    found = float(x.abs_upper())
    return found if found == found else np.inf


def _near(x: arb, other: arb) -> str:
    """A number as text, by its difference from another that it is close to."""
    apart = x - other
    if not apart.is_zero() and _size(apart) <= NEAR * _size(other):
        return f"{_short(other)} {'+' if apart > 0 else '−'} {_short(abs(apart))}"
    return _short(x)


def _short(x: arb) -> str:
    value = float(x)
    if np.isfinite(value) and (value or x.is_zero()):
        return f"{value:.4g}"
    return str(arb(x.mid()).str(3, radius=False))
