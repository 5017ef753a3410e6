"""Replays a tape on recorded arrays: its operations are appended to those of the code, on the same builder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.tape import floats
from verify.tape.tape import Registers, Tape
from verify.traced.array import Recorded, Traced, lifted


def played(tape: Tape, inputs: Sequence[Any], *, written: bool = False) -> Any:
    """The outputs of a tape in a row, for its inputs, single numbers, recorded or not, in the order of `tape.inputs`. For a tape `written`
    by code, constants that are floats count as the code's, which may have been rounded before.
    """
    numbers = np.array([x.values if isinstance(x, Recorded) else float(x) for x in inputs], np.float64)
    values = floats.run(tape, numbers[:, None])[tape.outputs.ravel(), 0]
    recorder = next((x.recorder for x in inputs if isinstance(x, Recorded)), None)
    if recorder is None:
        return values
    b = recorder.b
    found: Registers = np.zeros(tape.size, np.intp)
    found[tape.inputs] = [int(lifted(recorder, x).registers) for x in inputs]
    for r, number in tape.constants.items():
        rounded = written and not isinstance(number, str) and float(number) == number
        found[r] = recorder.constants(float(number)) if rounded else b.constants(number)
    b.line = None  # no line of code wrote this
    for i in tape.instructions:
        found[i.outs] = b.apply(i.row, [found[r] for r in i.ins], i.parameter)
    return Traced(recorder, values, found[tape.outputs.ravel()])


def entries_of(a: Any) -> list[Any]:
    """The single numbers of an array, recorded or not."""
    flat = a.reshape(-1) if np.ndim(a) else [a]
    return [flat[k] for k in range(np.size(a))]
