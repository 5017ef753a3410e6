"""Data of two plots over the step size: errors of difference quotients, and the loss after a descent step, each with the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.difference import centred, forward, moved
from verify.laws.descent import is_certain
from verify.laws.line import Line
from verify.oracle import KinkOnSegment
from verify.survey.rounding import short, shorts

EXPONENTS = {"float64": range(52), "float32": range(23)}
"""Steps h = 2^-k down to where x + hd equals x."""

ETAS = [10.0 ** (k / 2) for k in range(-20, 3)]
"""The step sizes 1e-10..1e-1 of the course notes, and somewhat beyond."""

LENGTHS = [2.0**k for k in range(4, -12, -1)]


def curve(line: Line) -> dict[str, Any]:
    """|D(h) − f'(x; d)| forward and centred, the rounding 2ε/h, and truncation plus rounding where no kink is crossed."""
    x, d = line.case.x, line.d
    slopes = line.truth.slopes(d, 0.0, 0.0)
    slope = float(slopes.mid())
    rows: list[tuple[float, ...]] = []
    for h in (2.0**-k for k in EXPONENTS[line.case.dtype]):
        ahead, behind = moved(x, d, h), moved(x, d, -h)
        if ahead is None or behind is None:
            continue
        f_ahead, f_behind, noise = line.value(ahead), line.value(behind), line.noise / h
        errors = abs(forward(f_ahead, line.here.value, h) - slope), abs(centred(f_ahead, f_behind, h) - slope)
        rows.append((h, *errors, *_bounds(line, h, noise), 2 * noise, noise))
    names = ("h", "forward", "centred", "forward bound", "centred bound", "forward rounding", "centred rounding")
    table: dict[str, Any] = {name: shorts(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    best = {m: min((b, h) for h, b in zip(table["h"], table[f"{m} bound"], strict=True) if b is not None) for m in ("forward", "centred")}
    return table | {"best": {m: h for m, (_, h) in best.items()}}


def _bounds(line: Line, h: float, noise: float) -> tuple[float, float]:
    try:
        taylor = line.truth.along(line.d, -h, h)
    except KinkOnSegment:
        return np.inf, np.inf
    return float((h * taylor[2]).abs_upper()) + 2 * noise, float((h * h * taylor[3]).abs_upper()) + noise


def sweep(line: Line) -> dict[str, Any] | None:
    """f(x − ηg) − f(x) for every η, and the longest step 2^k below 1/L that crosses no kink: there descent is certain."""
    x, g = line.case.x.astype(np.float64), line.here.gradient.astype(np.float64)
    if not np.all(np.isfinite(g)) or not np.any(g):
        return None
    changes = [line.value((x - eta * g).astype(line.case.dtype)) - line.here.value for eta in ETAS]
    return {"eta": shorts(ETAS), "change": shorts(changes), "safe": _safe(line, -g), "noise": short(2 * line.noise)}


def _safe(line: Line, downhill: Any) -> float | None:
    for length in LENGTHS:
        try:
            path = line.truth.path(downhill.astype(line.case.dtype), length, 2)
        except KinkOnSegment:
            return None
        if is_certain(path, length, float(path[0].slope.mid())):
            return length
    return None
