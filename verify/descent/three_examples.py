"""The notes' smallest data set: three one-dimensional examples of three classes, without a bias. W is three numbers.

L = (1/3) Σ_i Σ_{j≠y_i} max(0, w_j x_i − w_{y_i} x_i + 1). Seen as a function of one weight, each of the six terms is a line
that is clamped at zero, or constant; L is their sum over three. Everything is rational and computed as such. The notes give
no numbers; these are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction as Q
from typing import Any

EXAMPLES = (Q(-1), Q(1, 2), Q(3, 2))
LABELS = (0, 1, 2)
WEIGHTS = (Q(1, 2), Q(1, 4), Q(1))
MARGIN = Q(1)
REACH = 4
"""Weights are drawn from −REACH to REACH."""


@dataclass(frozen=True, kw_only=True)
class HingeTerm:
    """max(0, slope·w + constant): one term as a function of one weight w, the others being fixed."""

    example: int
    against: int
    slope: Q
    constant: Q

    def __call__(self, w: Q) -> Q:
        """The term's value."""
        return max(Q(0), self.slope * w + self.constant)

    @property
    def kink(self) -> Q | None:
        """Where the clamp begins; None for a term that does not depend on w."""
        return -self.constant / self.slope if self.slope else None

    @property
    def formula(self) -> str:
        """The term as the notes write it."""
        i, j, y = self.example, self.against, LABELS[self.example]
        return f"max(0, w{j}·x{i} − w{y}·x{i} + 1)"


def terms(weight: int, weights: Sequence[Q] = WEIGHTS) -> list[HingeTerm]:
    """The six terms as functions of w_weight."""
    found = []
    for i, (x, y) in enumerate(zip(EXAMPLES, LABELS, strict=True)):
        for j in (j for j in range(len(weights)) if j != y):
            slope = x * ((weight == j) - (weight == y))
            constant = x * (weights[j] - weights[y]) + MARGIN - slope * weights[weight]
            found.append(HingeTerm(example=i, against=j, slope=slope, constant=constant))
    return found


def loss(weight: int, w: Q, weights: Sequence[Q] = WEIGHTS) -> Q:
    """L as a function of w_weight."""
    return sum((t(w) for t in terms(weight, weights)), Q(0)) / len(EXAMPLES)


def document() -> dict[str, Any]:
    """The data set, its terms by weight, and L at every kink and at the ends: it is linear between them."""
    return {
        "x": [float(x) for x in EXAMPLES],
        "y": list(LABELS),
        "w": [float(w) for w in WEIGHTS],
        "loss": float(loss(0, WEIGHTS[0])),
        "weights": [_of_weight(c) for c in range(len(WEIGHTS))],
    }


def _of_weight(c: int) -> dict[str, Any]:
    found = terms(c)
    kinks = sorted({t.kink for t in found if t.kink is not None and abs(t.kink) < REACH})
    corners = [Q(-REACH), *kinks, Q(REACH)]
    return {
        "terms": [
            {"formula": t.formula, "slope": float(t.slope), "constant": float(t.constant), "kink": None if t.kink is None else str(t.kink)}
            for t in found
        ],
        "w": [str(w) for w in corners],
        "loss": [str(loss(c, w)) for w in corners],
    }
