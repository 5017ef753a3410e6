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


def clipped_ratio(w, slip=None):
    """min(rA, clip(r)A), as a policy's ratio is clipped: within the bounds both are one."""
    A = np.array([0.5, -1.0, 2.0, -0.25])
    r = np.exp(w)
    c = np.clip(r, 0.8, 1.2)
    used = (r * A <= c * A) | ((r >= 0.8) & (r <= 1.2))
    if slip == "clip":
        used = np.ones_like(used)
    return -np.minimum(r * A, c * A).sum(), -(used * A * (r if slip != "ratio" else 1))


RATIO = np.array([0.05, -0.1, 0.7, -0.6])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_pieces_that_meet_with_one_slope_are_no_kink(dtype):
    report = check(clipped_ratio, at=RATIO.astype(dtype), dtypes=(dtype,), profile="quick", laws=("gradient", "formula", "membership"))
    decided = {r.law: r.decided for r in report.results}
    assert report.verdict is Verdict.HOLDS, str(report)
    assert decided["formula"] > 0


@pytest.mark.parametrize("slip", ["clip", "ratio"])
def test_a_slip_beside_such_pieces_is_named_with_its_line(slip):
    report = check(lambda w: clipped_ratio(w, slip), at=RATIO, profile="quick", laws=("formula",))
    (result,) = report.results
    assert result.verdict is Verdict.BROKEN
    assert {"clip": "np.clip(r, 0.8, 1.2)", "ratio": "r = np.exp(w)"}[slip] in result.diagnosis["message"]


def test_pieces_that_meet_with_two_slopes_are_a_kink():
    """|x| at 0, and min(2x, x): any slope between is right, and the law of formulas asks elsewhere."""
    report = check(lambda x: (np.abs(x).sum() + np.minimum(2 * x, x).sum(), np.sign(x) + 2 * (x < 0) + (x >= 0)), at=np.zeros(3),
        at_only=True, profile="quick", laws=("gradient", "formula"))  # fmt: skip
    assert report.verdict is Verdict.HOLDS, str(report)
    assert all(r.law != "formula" for r in report.results)
