"""The loss along a line and over a plane, with the kinks of its formula."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.difference import Floats
from verify.laws.line import Line
from verify.oracle import KinkOnSegment, exact, precise
from verify.survey.rounding import short, shorts

REACH = 6.0
"""The distance from x that pictures cover, in unit steps: a few margins, so that kinks are crossed."""

LINE, FINE, COARSE, MAX_KINKS = 121, 25, 13, 40
"""Numbers of points: on the line; on a side of the plane for the loss, and for the switches, which are straight; and the most kinks on a
line.
"""


def profile(line: Line) -> dict[str, Any]:
    """f(x + td), and every t at which a switch changes."""
    ts = np.linspace(-REACH, REACH, LINE)
    values = [line.value((line.case.x + t * line.d).astype(line.case.dtype)) for t in ts]
    ahead, behind = _kinks(line, line.d), _kinks(line, -line.d)
    return {"t": shorts(ts), "loss": shorts(values), "kinks": shorts(sorted([*(-t for t in behind), *ahead]))}


def _kinks(line: Line, d: Floats) -> list[float]:
    try:
        return [float(s.start.mid()) for s in line.truth.path(d, REACH, MAX_KINKS)[1:]]
    except KinkOnSegment:
        return []


def plane(line: Line, across: Floats) -> dict[str, Any]:
    """f(x + a·d + b·d') on a grid, and the gap of each switch of each example: the kink is where it is 0."""
    fine, coarse = np.linspace(-REACH, REACH, FINE), np.linspace(-REACH, REACH, COARSE)
    x, d = line.case.x.astype(np.float64), line.d.astype(np.float64)
    at = [[(x + a * d + b * across).astype(line.case.dtype) for a in fine] for b in fine]
    gaps = _gaps(line, [x + a * d + b * across for b in coarse for a in coarse])
    return {
        "side": shorts(fine),
        "loss": [shorts(line.value(v) for v in row) for row in at],
        "coarse": shorts(coarse),
        "gaps": [[shorts(row) for row in gap.reshape(COARSE, COARSE)] for gap in gaps],
    }


@precise
def _gaps(line: Line, at: list[Floats]) -> list[Floats]:
    """The gaps of every switch, at every W; without those that never change their sign."""
    oracle, case, columns = line.subject.scored, line.case, []
    for W in at:
        column = []
        for scores, label in zip(exact.product(case["X"], W), case["y"], strict=True):
            element = oracle.element(len(W), int(label))
            formula, inputs = element.formula, element.inputs(scores)
            column += [float(formula.gap(inputs, k).mid()) for k in range(len(formula.gaps))]
        columns.append(column)
    return [gap for gap in np.array(columns).T if gap.min() < 0 < gap.max()]


__all__ = ["plane", "profile", "short"]
