"""Without a spec there are no terms: a wrong gradient is explained by what may be done to a matrix of numbers.

The truth is known from differences of the loss, entry by entry, with an estimated error. It shows a factor, a sign, rows or columns that
are left out, moved or transposed, a division by a norm, single entries, and rounding; it does not show what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.change import Change, DesignMatrix
from verify.diagnosis.decomposition import Floats
from verify.diagnosis.float_formats import BITS, holding
from verify.diagnosis.regression import ErrorSystem, Observation, simplest
from verify.diagnosis.transformations import done, message_of
from verify.diagnosis.wording import Axes, Coefficient, Diagnosis, Message, number, times
from verify.rounding import unit_roundoff


@dataclass(frozen=True, eq=False)
class Numbers:
    """The candidate's gradient at one point, the true one and its estimated error, all of x's shape. `grain` is how far its entries jump
    where x hardly moves.
    """

    gradient: Floats
    truth: Floats
    error: Floats
    grain: Floats

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which entries are off by more than the error of the truth."""
        return ~(np.abs(self.gradient - self.truth) <= self.error)


def of_numbers(seen: Sequence[Numbers], dtype: str) -> Diagnosis | None:
    """The bug behind gradients that are wrong at several points; None if nothing explains all of them."""
    usable = [s for s in seen if np.all(np.isfinite(s.gradient)) and np.all(np.isfinite(s.error))]
    if sum(s.truth.size for s in usable) < ENOUGH or not any(np.any(s.wrong) for s in usable):
        return None
    system = ErrorSystem([_observation(s) for s in usable])
    found = simplest(system)
    if found is not None and len(found.terms) == 1:
        ((change, c),) = found.terms
        message = _message(change, c, of_matrices=usable[0].truth.ndim == 2)
        return Diagnosis(message.code, message.sentence, message.entries)
    places = np.any([s.wrong for s in usable], axis=0)
    if np.all([s.wrong[places] for s in usable]) and 2 * np.sum(places) <= places.size:
        entries = [[int(i) for i in at] for at in np.argwhere(places)]
        return Diagnosis("entries", f"{len(entries)} of {places.size} entries are wrong, the same ones everywhere", entries)
    return _rounded(usable, system, dtype)


def of_inputs(seen: Sequence[Mapping[str, Numbers]], dtype: str) -> Diagnosis | None:
    """The bugs behind gradients for several inputs by name, each possibly another; None if a wrong one is not explained."""
    wrong = [name for name in seen[0] if any(np.any(s[name].wrong) for s in seen)] if seen else []
    found = {name: of_numbers([s[name] for s in seen], dtype) for name in wrong}
    diagnoses = [(name, d) for name, d in found.items() if d is not None]
    if not diagnoses or len(diagnoses) < len(wrong):
        return None
    same = {d.message for _, d in diagnoses}
    sentences = [d.message.replace(GRADIENT, f"{GRADIENT} for {name}", 1) for name, d in diagnoses]
    if len(same) == 1:
        sentences = [diagnoses[0][1].message.replace(GRADIENT, f"{GRADIENT} for {' and '.join(wrong)}", 1)]
    places = [_place(name, d.entries) for name, d in diagnoses]
    codes = {d.code for _, d in diagnoses}
    return Diagnosis(codes.pop() if len(codes) == 1 else "unknown", "; ".join(sentences), ", ".join(places), kind=diagnoses[0][1].kind)


def _place(name: str, entries: str | list[list[int]]) -> str:
    """Entries of an input, in words."""
    if isinstance(entries, str):
        return name if entries == "all" else f"{name}, {entries}"
    return ", ".join(f"{name}{at}" for at in entries)


def _observation(s: Numbers) -> Observation:
    radius, size = max(float(np.max(s.error)), LEAST), float(np.max(np.abs(s.truth)))
    matrix = _matrix(s.truth)
    found = {Change("counted", "whole", free=True): matrix}
    for place, j in (("first", 0), ("last", -1)):
        row, column = np.zeros(matrix.shape), np.zeros(matrix.shape)
        row[j], column[:, j] = matrix[j], matrix[:, j]
        if s.truth.ndim == 2:
            found |= {Change("row", "whole", place, free=True): row, Change("column", "whole", place, free=True): column}
    with np.errstate(all="ignore"):
        found |= dict(done("whole", matrix))
    return Observation(_matrix(s.gradient - s.truth), radius, radius / max(size, radius), DesignMatrix.of(found))


def _matrix(a: Floats) -> Floats:
    return a if a.ndim == 2 else a.reshape(1, -1)


def _message(change: Change, c: Coefficient, *, of_matrices: bool) -> Message:
    name, factor = GRADIENT, 1 + c
    if change.kind == "counted":
        if factor in (0, -1):
            return Message("term-missing", f"{name} is 0") if factor == 0 else Message("sign", f"{name} has the wrong sign")
        return Message("scaled", f"{name} is {times(factor)} what it must be")
    if change.kind in ("row", "column"):
        place = {"first": f"{change.kind} 0", "last": f"the last {change.kind}"}[change.how]
        return Message("entries", f"{name} is {number(factor)} × what it must be in {place}", place)
    message = message_of(Axes(columns="columns" if of_matrices else "entries"), name, change)
    return replace(message, code="entries") if change.kind == "permuted" else message  # its rows are no classes


GRADIENT = "the gradient"

SMALLEST = 2.0**-1000
"""Replaces a size of 0 as a divisor."""


def _rounded(seen: Sequence[Numbers], system: ErrorSystem, dtype: str) -> Diagnosis | None:
    """The diagnosis of rounding: a format holds every number of the gradient, or errors are as small as those of single precision and jump
    as rounding errors do.
    """
    if not system.is_noise():
        return None
    most = max(float(np.max(np.abs(s.gradient - s.truth)) / max(float(np.max(np.abs(s.truth))), SMALLEST)) for s in seen)
    held = holding([s.gradient for s in seen], dtype)
    if held is not None and most <= SINGLE * 2.0 ** -BITS[held]:
        sentence = f"every number of the gradient is one of {held}: it is rounded to that, or computed in it"
    elif dtype == "float64" and most <= SINGLE * unit_roundoff("float32") and all(map(_is_rough, seen)):
        sentence = "the gradient is as accurate as single precision: something inside is computed in float32, or rounded to as few digits"
    else:
        return None
    return Diagnosis("precision", sentence, kind="precision")


def _is_rough(s: Numbers) -> bool:
    return bool(np.max(s.grain) >= ROUGH * np.max(np.abs(s.gradient - s.truth)))


ENOUGH = 6
"""Entries needed over all points: on fewer, many changes look alike."""
LEAST = 1e-30
SINGLE = 16.0
"""Roundings of single precision that an entry may have, relative to the greatest."""
ROUGH = 0.125
"""Share of the error by which the gradient jumps."""
