"""A line knows how far rounding may carry every value that is asked on it."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import exp

from verify.cases import Case
from verify.difference import ladder
from verify.laws import Subject
from verify.laws.line import Line
from verify.oracle import Oracle
from verify.spec import Chord, Claims, LossSpec, Objective
from verify.spec.catalogue import find_loss, find_penalty

PEAK = LossSpec(
    name="peak",
    per_example=lambda s, y: 10**6 * exp(-100 * (s[y] - s[1 - y] - 1) ** 2 / 4),
    claims=Claims(convex=False, chord=Chord(start=(0.75, 0.0), end=(1.25, 0.0))),
    source="a test: all of it within a step, nothing at the ends",
)


@pytest.mark.parametrize("loss", [PEAK, find_loss("softmax_cross_entropy")], ids=lambda loss: loss.name)
def test_no_rung_has_a_greater_rounding_bound_than_the_line(loss):
    subject = Subject(candidate=None, oracle=Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64"))
    case = Case(values={"W": np.zeros((2, 1)), "X": np.ones((1, 1)), "y": np.zeros(1, np.int64), "reg": 0.0}, family="test")
    line = Line(subject, case, np.array([[1.0], [-1.0]]))
    rungs = [subject.truth(case.at(x)).value.radius for _, *ends in ladder(case.x, line.d) for x in ends]
    assert line.noise >= max(rungs) > 0
    steps = [h for h, _, _ in ladder(case.x, line.d)]
    for h, ahead, behind in zip(steps, rungs[::2], rungs[1::2], strict=True):
        assert line.noise >= line.noise_at(h, -h) >= max(ahead, behind, line.truth.value.radius)
