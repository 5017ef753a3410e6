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


AT_A_JUMP = {
    "a condition": (lambda x: np.sum(np.where(x > 0, 1 + x, x)), lambda x: np.ones_like(x), [0.0, 0.5, -0.3]),
    "floor": (lambda x: np.sum(np.floor(x) + x**2), lambda x: 2 * x, [1.0, 0.5, -0.3]),
    "round": (lambda x: np.sum(np.round(x) * x), np.round, [0.5, 0.7, -0.3]),
    "sign": (lambda x: np.sum(3 * np.sign(x) + x**2), lambda x: 2 * x, [0.0, 0.5, -0.3]),
    "two that cancel along one line": (lambda x: np.sum(np.where(x > 0, 1 + x, x)), lambda x: np.ones_like(x), [0.0, 0.0]),
    "an if": (lambda x: (x[0] + 1 if x[0] > 0 else x[0]) + x[1] ** 2, lambda x: np.array([1.0, 2 * x[1]]), [0.0, 0.5]),
    "one number": (lambda x: 1 + x if x > 0 else x, lambda x: 1.0, 0.0),
}
NO_JUMP = {
    "beside": (AT_A_JUMP["a condition"][0], AT_A_JUMP["a condition"][1], [0.2, 0.5, -0.3]),
    "a kink": (lambda x: np.sum(np.where(x > 0, x, 0)), lambda x: 1.0 * (x > 0), [0.0, 0.5, -0.3]),
    "pieces that meet": (huber, lambda x: np.clip(2 * x, -1, 1), [0.5, 0.2, -0.7]),
    "pieces that are meant to meet": (
        lambda x: np.sum(np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20))))), lambda x: 1 / (1 + np.exp(-x)), [20.0, 0.2]),
}  # fmt: skip


def told_of_a_jump(report):
    return {line for r in report.results for line in r.limitations if "jumps at the example" in line}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", AT_A_JUMP)
def test_a_jump_at_the_example_is_told_and_not_judged(name, dtype):
    loss, grad, at = AT_A_JUMP[name]
    options = {"at": np.array(at, dtype), "dtypes": (dtype,), "profile": "quick"}
    alone = check(Candidate(loss=loss, grad=grad), at_only=True, laws=("gradient",), **options)
    (result,) = alone.results
    assert (alone.verdict, result.decided, len(result.undecided)) == (Verdict.SILENT, 0, 1), str(alone)
    assert "a point beside the jump would decide it" in next(iter(result.undecided))
    around = check(Candidate(loss=loss, grad=grad), **options)
    assert around.verdict is Verdict.HOLDS, str(around)
    assert len(told_of_a_jump(around)) == 1


@pytest.mark.parametrize("name", [name for name in AT_A_JUMP if "cancel" not in name])
def test_by_differences_a_jump_at_the_example_is_told(name):
    loss, grad, at = AT_A_JUMP[name]
    report = check(Candidate(loss=loss, grad=grad), at=np.array(at), formula="differences", profile="quick", laws=("gradient", "order"))
    assert report.verdict is Verdict.HOLDS, str(report)
    assert len(told_of_a_jump(report)) == 1


@pytest.mark.parametrize("name", NO_JUMP)
def test_where_there_is_none_nothing_is_told(name):
    loss, grad, at = NO_JUMP[name]
    pair = Candidate(loss=loss, grad=grad)
    assert not told_of_a_jump(check(pair, at=np.array(at), profile="quick", laws=("gradient",)))
    assert not told_of_a_jump(check(pair, at=np.array(at), formula="differences", profile="quick", laws=("gradient", "order")))


def test_a_wrong_gradient_is_broken_at_a_jump_too():
    report = check(Candidate(loss=step, grad=lambda x: np.full_like(x, 7.0)), at=np.array([0.3, 0.5]), at_only=True, laws=("gradient",))
    assert report.verdict is Verdict.BROKEN


def test_by_differences_a_small_jump_breaks_nothing():
    """Its quotients grow, as short as steps are, and lie below the slopes at the longer ones."""
    pair = Candidate(loss=lambda x: np.sum(np.where(x > 0, 1e-9 + x, x)), grad=np.ones_like)
    report = check(pair, at=np.array([0.0, 0.5, -0.3]), formula="differences", profile="quick", laws=("order",))
    assert report.verdict is Verdict.HOLDS, str(report)
