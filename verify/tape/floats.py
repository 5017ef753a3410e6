"""Evaluates a tape in floats: many points at once, in float64 or float32, without error bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.primitives import Primitive, given, nearest
from verify.tape.tape import Tape


@dataclass(frozen=True)
class Floats(Arithmetic):
    """Columns are arrays with the points along the last axis."""

    dtype: str = "float64"

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Column:
        """The column of one primitive; truth values are 0 and 1."""
        columns = [x if isinstance(x, np.ndarray) else self.number(x) for x in ins]
        return np.asarray(row.floats(*columns, *given(parameter)), self.dtype)

    def number(self, value: Any) -> Any:
        """A number rounded to this dtype."""
        return np.dtype(self.dtype).type(nearest(value))


def run(tape: Tape, inputs: Any, dtype: str = "float64") -> NDArray[np.floating]:
    """All registers (size, points) for inputs (inputs, points)."""
    a = Floats(dtype)
    points = np.asarray(inputs, dtype)
    registers = np.zeros((tape.size, points.shape[1]), dtype)
    registers[tape.inputs] = points
    for k, value in tape.constants.items():
        registers[k] = a.number(value)
    with np.errstate(all="ignore"):
        for i in tape.instructions:
            registers[i.outs] = a.apply(i.row, [registers[r] for r in i.ins], i.parameter)
    return registers
