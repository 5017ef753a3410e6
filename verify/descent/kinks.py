"""The kinks of the loss along a line and in a plane: exactly, by the oracle, from the weights' true bits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from verify.descent.optimisers import Floats
from verify.oracle import Point, precise
from verify.tape.series import sides

MAX_KINKS = 100_000
"""Kinks of one example along one line: more than any loss here has, so that none is left out."""


@dataclass(frozen=True, kw_only=True)
class Kink:
    """At `t` along a line the slope jumps from `before` to `after`; each is the float nearest to the truth."""

    t: float
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class KinkLine:
    """constant + along_a·a + along_b·b = 0: a straight line of kinks in the plane W + aW₁ + bW₂."""

    constant: float
    along_a: float
    along_b: float


@precise
def kinks_along(truth: Point, d: Floats, length: float) -> list[Kink]:
    """The kinks of t → f(W + td) for 0 < t < length, in order.

    Raises KinkOnSegment where a switch does not depend on t by a straight line.
    """
    found = []
    for left, right in pairwise(truth.path(d, length, MAX_KINKS)):
        before = left.slope + left.curvature * (left.end - left.start)
        found.append(Kink(t=float(left.end.mid()), before=float(before.mid()), after=float(right.slope.mid())))
    return found


@precise
def kink_lines(at: Point, ahead_a: Point, ahead_b: Point) -> list[KinkLine]:
    """The lines on which a switch of one example changes, from its truth at W, W + W₁ and W + W₂.

    For switches between two pieces that are affine in the scores, as those of the hinge: three points fix the line.
    """
    lines = []
    for element, *inputs in zip(at.data.elements, *(p.data.map.inputs for p in (at, ahead_a, ahead_b)), strict=True):
        formula = element.formula
        runs = [formula.follow(element.inputs(x)).values for x in inputs]
        between_two = [k for k, pieces in zip(formula.switches, formula.piece_slopes, strict=True) if len(pieces) == 2]
        for gap in dict.fromkeys(gap for k in between_two for gap in sides(formula.value_tape, k)):
            here, a, b = map(gap.of, runs)
            lines.append(KinkLine(constant=float(here), along_a=float(a - here), along_b=float(b - here)))
    return lines
