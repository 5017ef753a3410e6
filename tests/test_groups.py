"""Penalties over groups of weights: a norm at 0 has a ball of subgradients; each of them is right, and what lies outside is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field import groups as field
from flint import arb
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_penalties import softmax, without_bias

from verify import UsageError, Verdict, check
from verify.conventions.pins import Pins
from verify.oracle import Oracle
from verify.oracle.loss_claims import examine_penalty
from verify.spec import Objective, Penalty
from verify.spec.catalogue import find_loss
from verify.spec.convexity import convex_penalty

FILE = Path(__file__).parent / "field" / "groups.py"
BOTH = ("float64", "float32")


def columns(W):
    return np.linalg.norm(W, axis=0)


def unit(W, at_zero=0.0):
    """W/‖W‖ of each column, where that is 0 a vector of this length."""
    n = columns(W)
    g = W / np.where(n > 0, n, 1)
    g[:1, n == 0] = at_zero
    return g


def rows(f):
    return lambda W: f(W.T).T


def elastic(W):
    w = W[:, :-1]
    return np.abs(w).sum() / 2 + (w * w).sum() / 4


def largest(W):
    """A greatest |w| of each column, the first."""
    g, k = np.zeros_like(W), np.argmax(np.abs(W), axis=0)
    at = k, np.arange(W.shape[1])
    g[at] = np.sign(W[at])
    return g


def with_epsilon(W):
    return W / (columns(W) + W.dtype.type(1e-4))


def not_a_number(W):
    with np.errstate(all="ignore"):
        return W / columns(W)


def root(W):
    return W.dtype.type(np.sqrt(len(W)))


def smooth(W):
    return np.sqrt((W * W).sum(1) + 1)


VALUES = {
    "FEATURES": lambda W: columns(W).sum(),
    "CLASSES": lambda W: columns(W[:, :-1].T).sum(),
    "ROOTED": lambda W: root(W) * columns(W[:, :-1]).sum(),
    "ELASTIC": elastic,
    "SPARSE": lambda W: columns(W).sum() / 2 + np.abs(W).sum() / 4,
    "LARGEST": lambda W: np.abs(W).max(0).sum(),
    "SMOOTH": lambda W: smooth(W).sum(),
}
RIGHT = {
    "features, 0 at 0": ("FEATURES", unit),
    "features, a unit vector at 0": ("FEATURES", lambda W: unit(W, -1)),
    "features, half of one at 0": ("FEATURES", lambda W: unit(W, 0.5)),
    "classes without the bias": ("CLASSES", without_bias(rows(unit))),
    "√m times the norm": ("ROOTED", without_bias(lambda w: root(w) * unit(w))),
    "elastic net": ("ELASTIC", without_bias(lambda w: (np.sign(w) + w) / 2)),
    "sparse group lasso": ("SPARSE", lambda W: unit(W) / 2 + np.sign(W) / 4),
    "sparse, ends at 0": ("SPARSE", lambda W: unit(W, 1) / 2 + np.where(W >= 0, W.dtype.type(1), W.dtype.type(-1)) / 4),
    "the greatest": ("LARGEST", largest),
    "a norm that is nowhere 0": ("SMOOTH", lambda W: W / smooth(W)[:, None]),
}
WRONG = {
    "half": ("FEATURES", lambda W: unit(W) / 2, "penalty-factor"),
    "none": ("FEATURES", np.zeros_like, "penalty-missing"),
    "minus": ("FEATURES", lambda W: -unit(W), None),
    "an ε": ("FEATURES", with_epsilon, None),
    "0/0": ("FEATURES", not_a_number, "overflow"),
    "too long at 0": ("FEATURES", lambda W: unit(W, 1.25), None),
    "rows for columns": ("FEATURES", rows(unit), None),
    "the norm of all": ("FEATURES", lambda W: W / max(np.linalg.norm(W), W.dtype.type(1e-3)), None),
    "the bias too": ("CLASSES", rows(unit), None),
    "without √m": ("ROOTED", without_bias(unit), None),
    "half of the square": ("ELASTIC", without_bias(lambda w: np.sign(w) / 2 + w / 4), None),
    "without the sparse part": ("SPARSE", lambda W: unit(W) / 2, None),
    "all for the greatest": ("LARGEST", np.sign, None),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    penalty, slope = RIGHT[name]
    laws = ("value", "gradient", "bracket", "order", "convexity", "descent")
    f = softmax(VALUES[penalty], slope)
    report = check(f, loss="softmax_cross_entropy", penalty=f"{FILE}:{penalty}", laws=laws, dtypes=BOTH, profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert max(r.strain for r in report.results) < 0.3


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_broken(name):
    penalty, slope, code = WRONG[name]
    f = softmax(VALUES[penalty], slope)
    report = check(f, loss="softmax_cross_entropy", penalty=f"{FILE}:{penalty}", laws=("gradient",), dtypes=BOTH, profile="quick")
    assert [r.verdict for r in report.results] == [Verdict.BROKEN] * 2
    assert code in (None, report.to_dict()["findings"][0]["code"])


@pytest.mark.parametrize("law", ["bracket", "order", "best-step", "convexity"])
def test_each_law_that_can_catches_it(law):
    f = softmax(VALUES["FEATURES"], lambda W: unit(W) / 2)
    report = check(f, loss="softmax_cross_entropy", penalty=f"{FILE}:FEATURES", laws=(law,), dtypes=BOTH, profile="quick")
    assert [r.verdict for r in report.results] == [Verdict.BROKEN] * 2


def test_a_wrong_value_is_broken():
    f = softmax(lambda W: np.linalg.norm(W), unit)
    assert check(f, loss="softmax_cross_entropy", penalty=f"{FILE}:FEATURES", laws=("value",)).verdict is Verdict.BROKEN


def hinge(penalty, slope, tie=0.0):
    def loss(W, X, y, reg):
        S, r = X @ W.T, np.arange(len(y))
        M = S - S[r, y][:, None] + 1
        M[r, y] = 0
        on = (M > 0) + W.dtype.type(tie) * (M == 0)
        on[r, y] = 0
        on[r, y] = -on.sum(1)
        return M[M > 0].sum() / len(y) + reg * penalty(W), on.astype(W.dtype).T @ X / W.dtype.type(len(y)) + reg * slope(W)

    return loss


@pytest.mark.parametrize("tie", [0.0, 1.0])
def test_kinks_of_the_loss_and_of_the_penalty_meet(tie):
    asked = {"loss": "multiclass_hinge", "penalty": f"{FILE}:SPARSE", "dtypes": BOTH, "profile": "quick"}
    value, slope = VALUES["SPARSE"], RIGHT["sparse, ends at 0"][1]
    laws = ("value", "gradient", "membership", "bracket", "crossing", "one-sided", "descent", "symmetry")
    report = check(hinge(value, slope, tie), **asked, laws=laws)
    assert report.verdict is Verdict.HOLDS, str(report)
    assert check(hinge(value, lambda W: slope(W) * 2, tie), **asked, laws=("gradient",)).verdict is Verdict.BROKEN


def point(penalty, W, d=None, loss="softmax_cross_entropy", dtype="float64", reg=1.0):
    W = np.array(W, dtype)
    objective = Objective(loss=find_loss(loss), penalty=penalty)
    X, y = np.zeros((1, W.shape[1]), dtype), np.array([0])
    return Oracle(objective, dtype).at(W=W, X=X, y=y, reg=reg)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.floats(0, 1), st.sampled_from(BOTH))
def test_all_of_the_ball_is_right_and_nothing_outside(v, length, dtype):
    v = np.array(v)
    if np.linalg.norm(v) < 0.25:
        v = np.array([1.0, 0.0, 0.0])
    truth = point(field.FEATURES, [[0.0], [0.0], [0.0]], dtype=dtype).gradient
    inside = (length * v / np.linalg.norm(v))[:, None].astype(dtype)
    assert truth.distance(inside).strain <= 1
    outside = ((1 + 1e-3 * (1 + length)) * v / np.linalg.norm(v))[:, None].astype(dtype)
    assert truth.distance(outside).certified > 1
    assert truth.support(v[:, None]) == pytest.approx(np.linalg.norm(v))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
@example(1169)  # where the parts of g nearly cancel, and three times g is in the set, too
def test_all_of_a_sparse_groups_set_is_right(seed):
    rng = np.random.default_rng(seed)
    truth = point(field.SPARSE, np.zeros((3, 2))).gradient
    b = rng.normal(size=(3, 2))
    g = b / np.linalg.norm(b, axis=0) / 2 + rng.choice([-1, 1, 0.5], (3, 2)) / 4
    found = truth.distance(g)
    assert found.strain <= 1
    assert truth.distance(4 * b / np.linalg.norm(b, axis=0)).certified > 1  # the columns of the set are no longer than 1/2 + √3/4


def test_the_element_of_least_norm_is_the_projection():
    truth = point(field.FEATURES, np.zeros((2, 1))).gradient
    assert np.allclose(truth.least_norm(), 0, atol=1e-8)
    X, y = np.array([[4.0]]), np.array([0])
    objective = Objective(loss=find_loss("softmax_cross_entropy"), penalty=field.FEATURES)
    steep = Oracle(objective, "float64").at(W=np.zeros((2, 1)), X=X, y=y, reg=1.0).gradient  # (−2, 2), less a vector of length 1 along it
    assert np.allclose(steep.least_norm(), np.array([[-2], [2]]) * (1 - 1 / np.sqrt(8)))


def test_a_line_through_0_has_a_kink_there_and_is_known_on_both_sides():
    truth = point(field.FEATURES, [[3.0, 0.0], [4.0, 0.0]])
    d = np.array([[-1.5, 3.0], [-2.0, 4.0]])
    first, second = truth.path(d, 4.0, 9)
    assert float(first.end) == 2
    assert float(first.slope) == pytest.approx(2.5)
    assert float(second.slope) == pytest.approx(7.5)
    assert truth.slopes(d, 0.0, 4.0).contains(arb(2.5))


@pytest.mark.parametrize(("w", "dtype"), [(1e-25, "float32"), (3e-170, "float64"), (1e25, "float32"), (1e200, "float64")])
def test_where_squares_leave_the_range_nothing_is_decided(w, dtype):
    there = point(field.FEATURES, [[w, 1.0], [w, 1.0]], dtype=dtype)
    wrong = np.array([[5.0, 0.5**0.5], [-5.0, 0.5**0.5]], dtype)
    assert there.gradient.distance(wrong).strain <= 1
    assert there.excuses(0.0, np.full((2, 2), np.nan))
    wrong[0, 1] = 0
    assert there.gradient.distance(wrong).certified > 1
    assert not point(field.FEATURES, [[1e-3, 0.0], [1e-3, 0.0]], dtype=dtype).excuses(0.0, np.full((2, 2), np.nan))


def test_what_is_more_than_a_sum_of_norms_is_undecided_at_0():
    assert not np.isfinite(point(field.CURVED, np.zeros((2, 2))).gradient.radius).any()
    assert np.isfinite(point(field.CURVED, np.ones((2, 2))).gradient.radius).all()


def test_a_single_weight_is_its_own_group():
    truth = point(field.FEATURES, [[0.0, 2.0]], loss="binary_logistic")
    assert len(truth.gradient.groups) == 1
    assert not truth.gradient.rounds


@pytest.mark.parametrize("name", ["FEATURES", "CLASSES", "ROOTED", "ELASTIC", "SPARSE", "LARGEST", "SMOOTH"])
def test_they_are_proved_convex(name):
    examine_penalty(getattr(field, name))
    assert convex_penalty(getattr(field, name))
    assert Pins(penalty=f"{FILE}:{name}").penalty


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("JUMPS", "as a function of a group of 2 weights, its value is 1 on one side and 0 on the other"),
        ("ORDERED", "ordered depends on the order of the weights in a group"),
    ],
)
def test_what_is_none_is_refused(name, told):
    with pytest.raises(UsageError, match=told):
        examine_penalty(getattr(field, name))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"per_group": 3, "group": "class"}, "per_group of x is 3; give a function of a list of weights: lambda w: sqrt"),
        ({"per_group": max, "per_weight": abs, "group": "class"}, "x has both per_weight and per_group"),
        ({"per_group": max}, "x has no group; give group='feature', a column of W, or group='class', a row"),
        ({"per_group": max, "group": "features"}, "group 'features'. Did you mean 'feature'"),
        ({"per_weight": abs, "group": "class"}, "x has group='class' and a per_weight"),
    ],
)
def test_slips_are_told(fields, told):
    with pytest.raises(UsageError, match=told):
        Penalty(**{"name": "x"} | fields)
