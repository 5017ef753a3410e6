"""A constant that a gradient has otherwise is looked for by counted work, and no longer."""

from __future__ import annotations

import numpy as np
import pytest

from verify.diagnosis import lines
from verify.mistakes import Lines
from verify.traced.record import as_run

X = np.array([0.5, -1.25, 0.75, 2.0])


def looped(x, of=0.3):
    total = 0.0
    for k in range(4):
        for j in range(4):
            total = total + np.tanh(of * x[k] * x[j]) * 1.5 + 0.25 * x[k] ** 3
    return total


def answered(of):
    code = Lines(as_run(looped, [X]), X)
    h = 1e-6
    given = np.array([(looped(X + h * e, of) - looped(X - h * e, of)) / (2 * h) for e in np.eye(4)])
    return lines.Answered(code, given, code.gradient(), np.full(4, 1e-7), np.full(4, "x"), np.ones(4, bool))


@pytest.fixture
def asked(monkeypatch):
    """How often the code is derived anew."""
    found, having = [], Lines.having

    def counted(self, place, number):
        found.append(self.cost)
        return having(self, place, number)

    monkeypatch.setattr(Lines, "having", counted)
    return found


def test_it_is_found(asked):
    found = lines._Inquiry([answered(0.37)]).constant()
    assert asked
    assert found is not None
    assert found.code == "constant"
    assert "0.37" in found.sentence


@pytest.mark.parametrize("most", [0, 2000, 20000])
def test_it_ends_by_the_work_that_was_done(monkeypatch, asked, most):
    monkeypatch.setattr(lines, "MOST_WORK", most)
    point = answered(0.37)
    inquiry = lines._Inquiry([replaced(point)])
    inquiry.constant()
    done = lines.ANEW * sum(asked)
    assert done == most - inquiry.left
    assert done <= most + lines.ANEW * point.lines.cost * (lines.STEPS + 1 + len(lines.DIGITS) + 1)


def replaced(point):
    """An answer that no constant explains."""
    return lines.Answered(point.lines, point.given + np.array([1.0, 0.0, -0.5, 0.25]), point.due, point.radius, point.inputs, point.which)
