"""A loss may jump: what its values do across a jump no slope tells of, and right code is not called broken for it."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Candidate, Verdict, check
from verify.oracle.instance import InstanceOracle
from verify.problem import Instance
from verify.traced.problem import Code, code_problem

EDGES, WEIGHTS = np.array([-1.0, 0.0, 1.0]), np.array([0.5, 1.0, 2.0, 3.0])
AT = np.array([0.3, -0.7, 1.4, 0.9])


def by_bins(x):
    return np.sum(WEIGHTS[np.digitize(x, EDGES)] * np.exp(x))


def step(x):
    return np.sum(np.where(x > 0.3, 2 * x, x**2))


def huber(x):
    return np.sum(np.where(np.abs(x) < 0.5, x**2, np.abs(x) - 0.25))


SLOPES = {
    by_bins: lambda x: WEIGHTS[np.digitize(x, EDGES)] * np.exp(x),
    step: lambda x: np.where(x > 0.3, 2.0, 2 * x),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", SLOPES, ids=["bins", "step"])
def test_who_differentiates_each_piece_holds(loss, dtype):
    candidate = Candidate(loss=loss, grad=SLOPES[loss])
    report = check(candidate, at=AT.astype(dtype), dtypes=(dtype,), profile="quick", laws=("gradient", "enclosure", "crossing"))
    assert report.verdict is Verdict.HOLDS, str(report)


def test_a_wrong_piece_is_broken_beside_a_jump():
    report = check(Candidate(loss=step, grad=lambda x: np.where(x > 0.3, 2.0, 3 * x)), at=AT, profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN


def jumps(f, x, low, high):
    x = np.array(x)
    problem = code_problem("f", Code(f, ("x",)), {"x": x}, convex=False)
    return InstanceOracle(Instance(problem=problem), "float64").at(x=x).jumps(np.ones(x.shape), low, high)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 0.25), (-1.0, 0.25)], ids=["within", "at the end", "from behind"])
def test_a_jump_on_a_segment_is_found(low, high):
    assert jumps(lambda x: np.sum(np.where(x > 0.75, 2 * x, x)), [0.5], low, high)


def test_a_jump_at_the_start_is_found():
    assert jumps(lambda x: np.sum(np.where(x > 0.5, 2 * x, x)), [0.5], 0.0, 0.125)


@pytest.mark.parametrize("f", [huber, lambda x: np.sum(np.maximum(0.5, np.abs(x))), lambda x: np.sum(np.exp(x))])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.0, 0.0), (-1.0, 0.25)])
def test_what_has_none_is_not_said_to_jump(f, low, high):
    assert not jumps(f, [0.25, 0.125], low, high)


def test_a_jump_that_is_not_reached_is_none():
    assert not jumps(lambda x: np.sum(np.where(x > 0.75, 2 * x, x)), [0.5], -1.0, 0.125)
