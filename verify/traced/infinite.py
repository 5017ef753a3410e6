"""±∞ and NaN on a record: constants, as in masks, whose results are known; otherwise recording fails.

They are no numbers of a tape: each has a register without a value, and no operation is recorded on it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify.tape.primitives import PRIMITIVES, given
from verify.tape.tape import Registers

if TYPE_CHECKING:
    from verify.traced.recorder import Recorder

FEW = 16
"""Registers to look up one by one, as in loops over numbers: that is faster than sorting."""
WHAT = "it computes with infinity, or with what is no number, in a way that is not followed"


def register(recorder: Recorder, value: float) -> int:
    """The register of a constant that is not finite."""
    found = int(recorder.b.div(0 if isnan(value) else 1 if value > 0 else -1, 0))
    recorder.infinite[found] = nan if isnan(value) else value
    return found


def among(recorder: Recorder, registers: Any) -> NDArray[np.bool_]:
    """Which of these registers are not finite."""
    found = np.asarray(registers)
    if not recorder.infinite:
        return np.zeros(found.shape, bool)
    if found.size <= FEW:
        return np.array([r in recorder.infinite for r in found.ravel().tolist()], bool).reshape(found.shape)
    return np.asarray(np.isin(found, [*recorder.infinite]))


def nans(recorder: Recorder, registers: Any) -> NDArray[np.bool_]:
    """Which of these registers are NaN."""
    return np.asarray(np.isin(registers, [r for r, v in recorder.infinite.items() if isnan(v)]))


def applied(recorder: Recorder, name: str, operands: tuple[Any, ...], parameter: Any) -> Registers | None:
    """The result of a primitive with an operand that is not finite; None if all are finite."""
    columns = [recorder.b.column(x) for x in operands]
    if not any(among(recorder, c).any() for c in columns):
        return None
    form = PRIMITIVES[name].form
    if name in ("max", "min", "sum"):
        rows = columns[0].reshape(-1, columns[0].shape[-1])
        return np.array([_row(recorder, name, row) for row in rows], np.intp).reshape(columns[0].shape[:-1])
    if form in ("row", "matrix", "composite") or name == "where":
        recorder.fail(WHAT)
    columns = list(np.broadcast_arrays(*columns))
    special = np.any([among(recorder, c) for c in columns], axis=0)
    found = np.empty(special.shape, np.intp)
    if not special.all():
        found[~special] = getattr(recorder.b, name)(*(c[~special] for c in columns), parameter=parameter)
    found[special] = [_one(recorder, name, parameter, rs) for rs in zip(*(c[special].tolist() for c in columns), strict=True)]
    return found


def _number(recorder: Recorder, r: int) -> float | None:
    """The value of a constant; None for a register that is no constant, or a named one."""
    if r in recorder.infinite:
        return recorder.infinite[r]
    known = recorder.b.number(np.intp(r))
    return None if known is None or isinstance(known, str) else float(known)


def _one(recorder: Recorder, name: str, parameter: Any, rs: tuple[int, ...]) -> int:
    numbers = [_number(recorder, r) for r in rs]
    if any(x is not None and isnan(x) for x in numbers):
        return register(recorder, nan)
    if name == "logaddexp" and -inf in numbers:
        return rs[1 - numbers.index(-inf)]
    if name in ("add", "sub") or (name == "div" and numbers[0] is None):  # whatever the other one is, it is finite
        numbers = [0.0 if x is None else x for x in numbers]
    if None in numbers:
        recorder.fail(WHAT)
    with np.errstate(all="ignore"):
        value = float(PRIMITIVES[name].floats(*map(np.float64, numbers), *given(parameter)))
    if isfinite(value) and value not in (-1, 0, 1):
        recorder.fail(WHAT)
    return int(recorder.b.constants(value)) if isfinite(value) else register(recorder, value)


def _row(recorder: Recorder, name: str, row: Registers) -> int:
    known = [recorder.infinite[r] for r in row.tolist() if r in recorder.infinite]
    if not known:
        return int(getattr(recorder.b, name)(row))
    if name == "sum":
        return register(recorder, sum(known))
    greatest: Callable[[Any], float] = max if name == "max" else min
    left = row[~among(recorder, row)]
    value = nan if any(map(isnan, known)) else greatest(known)
    if isnan(value) or not left.size or value == greatest((inf, -inf)):
        return register(recorder, value)
    return int(getattr(recorder.b, name)(left)) if left.size > 1 else int(left[0])
