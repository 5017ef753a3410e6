"""f(W + td) along a line: Taylor coefficients at a point, enclosures on a segment, and no word about segments with kinks."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from sympy import Abs, And, Max, Or, Piecewise, Rational, exp, sqrt

from verify.laws.crossing import mean_slope
from verify.oracle import KinkOnSegment, Oracle
from verify.oracle.point import _interval
from verify.spec import Claims, LossSpec, Objective, Penalty, positive
from verify.spec.catalogue import find_loss, find_penalty
from verify.tape.balls import precision

ZERO = Fraction(0)
CUBIC = Penalty(name="cubic", per_weight=lambda w: w**3 + w, bias=False)
PENALTIES = {  # ρ(w), and whether the bias counts
    "none": (lambda w: 0 * w, True),
    "l2": (lambda w: w * w, True),
    "l2-no-bias": (lambda w: w * w, False),
    "half-l2": (lambda w: w * w / 2, True),
    "half-l2-no-bias": (lambda w: w * w / 2, False),
    "cubic": (lambda w: w**3 + w, False),
}


def at(loss, W, X, y, reg=0.0, penalty="none", dtype="float64", reduction="mean"):
    R = penalty if isinstance(penalty, Penalty) else CUBIC if penalty == "cubic" else find_penalty(penalty)
    oracle = Oracle(Objective(loss=find_loss(loss), penalty=R, reduction=reduction), dtype)
    return oracle.at(W=np.asarray(W, dtype), X=np.asarray(X, dtype), y=np.asarray(y), reg=reg)


def random(seed, dtype="float64", N=3, D=3, C=3):
    rng = np.random.default_rng(seed)
    W, X, d = rng.normal(size=(C, D)), rng.normal(size=(N, D)), rng.normal(size=(C, D))
    X[:, -1] = 1
    return W.astype(dtype), X.astype(dtype), rng.integers(0, C, N), d.astype(dtype)


def softmax_line(W, X, y, d, reg, penalty, reduction):
    """t → f(W + td) by the book, in mpmath."""
    rho, bias = PENALTIES[penalty]
    W, X, d = ([[mpf(float(v)) for v in row] for row in A] for A in (W, X, d))

    def f(t):
        moved = [[w + t * v for w, v in zip(ws, vs, strict=True)] for ws, vs in zip(W, d, strict=True)]
        S = [[mpmath.fdot(w, x) for w in moved] for x in X]
        data = sum(mpmath.log(sum(map(mpmath.exp, s))) - s[label] for s, label in zip(S, y, strict=True))
        weights = sum(rho(w) for row in moved for w in (row if bias else row[:-1]))
        return (data / len(X) if reduction == "mean" else data) + mpf(reg) * weights

    return f


def contains(b, truth, slack=1e-25):
    with precision(200):
        return b.overlaps(arb(mpmath.nstr(truth, 50)) + arb(0, slack))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_at_a_point_the_coefficients_are_the_derivatives(penalty, reduction):
    for seed, dtype in ((0, "float64"), (1, "float32")):
        W, X, y, d = random(seed, dtype)
        found = at("softmax_cross_entropy", W, X, y, 0.375, penalty, dtype, reduction).along(d, 0.0, 0.0)
        with mp.workdps(60):
            truth = mp.taylor(softmax_line(W, X, y, d, 0.375, penalty, reduction), 0, 3)
        assert all(contains(b, c) for b, c in zip(found, truth, strict=True))
        assert max(float(b.rad()) for b in found) < 1e-30
        assert not any(contains(b, c * (1 + mpf(10) ** -20)) for b, c in zip(found, truth, strict=True))


@pytest.mark.parametrize("penalty", ["none", "l2", "half-l2-no-bias", "cubic"])
@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.5), (0.0, 0.25), (-0.125, 0.0), (0.5, 0.5)])
def test_on_a_segment_the_coefficients_enclose_the_derivatives_inside(penalty, low, high):
    W, X, y, d = random(2)
    found = at("softmax_cross_entropy", W, X, y, 0.375, penalty).along(d, low, high)
    with mp.workdps(50):
        f = softmax_line(W, X, y, d, 0.375, penalty, "mean")
        for t in np.linspace(low, high, 5):
            assert all(contains(b, c) for b, c in zip(found, mp.taylor(f, mpf(float(t)), 3), strict=True))


def test_a_shorter_segment_has_a_narrower_enclosure():
    W, X, y, d = random(3)
    point = at("softmax_cross_entropy", W, X, y, 0.375, "l2")
    wide, narrow = (point.along(d, -h, h) for h in (0.25, 0.0625))
    assert all(a.contains(b) and float(b.rad()) < 0.5 * float(a.rad()) for a, b in zip(wide, narrow, strict=True))


@pytest.mark.parametrize(
    ("low", "high"),
    [(-0.25, 0.5), (0.1, 0.3), (-(2.0**-60), 1.0)],
    ids=["dyadic", "decimal", "an end far below the other's last place"],
)
def test_an_interval_contains_its_ends(low, high):
    interval = _interval(low, high)
    assert all(interval.contains(arb(end)) for end in (low, high))
    assert not interval.contains(arb(high + 1e-6))


def margins(W, X, y):
    """(value, label) of every s_j − s_y + 1 with j ≠ y, in fractions, by example."""
    W, X = ([[Fraction(float(v)) for v in row] for row in A] for A in (W, X))
    S = [[sum((a * b for a, b in zip(w, x, strict=True)), ZERO) for w in W] for x in X]
    return [s[j] - s[label] + 1 for s, label in zip(S, y, strict=True) for j in range(len(s)) if j != label]


def touched(W, X, y, d, low, high):
    """Whether a margin is 0 for some t in [low, high]: a margin is linear in t."""
    ends = [margins(W + t * d, X, y) for t in (low, high)]
    return any(a == 0 or b == 0 or (a > 0) != (b > 0) for a, b in zip(*ends, strict=True))


@st.composite
def lattices(draw):
    """Eighths for W and d, quarters for X, a segment of sixteenths: every point of it is exact in float64."""
    N, D, C = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    numbers = draw(st.lists(st.integers(-12, 12), min_size=2 * C * D + N * D, max_size=2 * C * D + N * D))
    W, d, X = np.split(np.array(numbers) / 8, [C * D, 2 * C * D])
    X = 2 * X.reshape(N, D)
    X[:, -1] = 1
    y = np.array(draw(st.lists(st.integers(0, C - 1), min_size=N, max_size=N)))
    low = draw(st.integers(-8, 8))
    return W.reshape(C, D), X, y, d.reshape(C, D), low / 16, (low + draw(st.integers(0, 12))) / 16


def refused(point, d, low, high):
    try:
        point.along(d, low, high)
    except KinkOnSegment:
        return True
    return False


@settings(deadline=None, max_examples=60, database=None)
@given(lattices())
def test_a_segment_that_touches_a_kink_of_the_hinge_is_refused(line):
    W, X, y, d, low, high = line
    if touched(W, X, y, d, low, high):
        assert refused(at("multiclass_hinge", W, X, y), d, low, high)


@settings(deadline=None, max_examples=60, database=None)
@given(lattices(), st.data())
def test_along_one_row_a_segment_is_refused_exactly_if_it_touches_a_kink(line, data):
    """Along several rows a ball cannot see that two scores move together, and refuses more."""
    W, X, y, d, low, high = line
    row = data.draw(st.integers(0, len(W) - 1))
    d = d * (np.arange(len(W)) == row)[:, None]
    assert refused(at("multiclass_hinge", W, X, y), d, low, high) == touched(W, X, y, d, low, high)


@pytest.mark.parametrize(
    ("d", "low", "high", "kink"),
    [
        ([[1.0], [0.0]], 0.0, 0.0, False),
        ([[1.0], [0.0]], 0.5, 0.5, True),
        ([[1.0], [0.0]], 0.0, 0.499, False),
        ([[1.0], [0.0]], 0.0, 0.5, True),
        ([[1.0], [0.0]], 0.501, 3.0, False),
        ([[1.0], [0.0]], 0.0, 3.0, True),
        ([[0.0], [-1.0]], 0.0, 0.75, True),
        ([[-1.0], [0.0]], 0.0, 9.0, False),
    ],
    ids=["beside", "on it", "short of it", "up to it", "behind it", "across", "across by the label's row", "away"],
)
def test_a_kink_at_one_half(d, low, high, kink):
    point = at("multiclass_hinge", [[-1.0], [0.5]], [[1.0]], [1])
    assert refused(point, np.array(d), low, high) == kink


@settings(deadline=None, max_examples=40, database=None)
@given(lattices(), st.sampled_from(["none", "l2", "half-l2-no-bias"]))
def test_off_kinks_the_hinge_is_a_line_and_its_penalty_a_parabola(line, penalty):
    W, X, y, d, low, high = line
    point = at("multiclass_hinge", W, X, y, 0.375, penalty)
    if refused(point, d, low, high):
        return
    value, slope, second, third = point.along(d, low, high)
    assert third == 0
    counted = d if penalty != "half-l2-no-bias" else d[:, :-1]
    factor = {"none": ZERO, "l2": Fraction(3, 8), "half-l2-no-bias": Fraction(3, 16)}[penalty]
    assert second == arb(float(factor * sum((Fraction(v) ** 2 for v in counted.ravel()), ZERO)))
    for t in (low, high):
        moved = W + t * d
        active = sum((max(ZERO, m) for m in margins(moved, X, y)), ZERO) / len(X)
        weights = moved if penalty != "half-l2-no-bias" else moved[:, :-1]
        truth = active + factor * sum((Fraction(v) ** 2 for v in weights.ravel()), ZERO)
        with precision():
            assert abs(value - arb(truth.numerator) / truth.denominator).contains(0)
    if penalty == "none":
        assert float(slope.rad()) < 1e-30


def test_a_penalty_with_a_kink_refuses_segments_over_a_weight_that_is_zero():
    W, X, y = [[0.25, 1.0], [0.5, 3.0]], [[0.0, 1.0]], [1]
    point = at("multiclass_hinge", W, X, y, 0.5, Penalty(name="l1", per_weight=Abs))
    d = np.array([[-1.0, 0.0], [0.0, 0.0]])
    assert not refused(point, d, -1.0, 0.249)
    assert refused(point, d, 0.0, 0.25)
    assert [float(c) for c in point.along(d, 0.0, 0.0)] == [0.5 * 4.75, -0.5, 0.0, 0.0]


def test_over_a_kink_the_slopes_are_enclosed_from_both_sides():
    point = at("multiclass_hinge", [[-1.0], [0.0]], [[1.0]], [1])
    d = np.array([[1.0], [0.0]])
    assert [float(point.slopes(d, *segment)) for segment in ((-2.0, -0.5), (0.5, 2.0))] == [0.0, 1.0]
    across = point.slopes(d, -0.5, 0.5)
    assert across.contains(arb(0))
    assert across.contains(arb(1))
    assert not across.contains(arb(1.01))


def test_a_path_ends_its_stretches_on_the_kinks():
    point = at("multiclass_hinge", [[-1.25], [0.0], [-3.0]], [[1.0]], [1], 0.5, "l2")
    d = np.array([[1.0], [0.0], [1.0]])
    stretches = point.path(d, 4.0, 10)
    assert [float(s.start) for s in stretches] == [0.0, 0.25, 2.0]
    assert [float(s.end) for s in stretches] == [0.25, 2.0, 4.0]
    penalty = [(-1.25 + t) + (-3.0 + t) for t in (0.0, 0.25, 2.0)]
    assert [float(s.slope) for s in stretches] == [0 + penalty[0], 1 + penalty[1], 2 + penalty[2]]
    assert all(s.curvature == 2 for s in stretches)
    assert len(point.path(d, 4.0, 2)) == 2


HALF = Rational(1, 2)
CURVED = {  # formulas of s, t and δ, and the kinks ahead of s = 0 for t = 0, δ = 1, on [0, 4]
    "huber": (lambda s, t, d: Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= d), (d * (Abs(s - t) - HALF * d), True)), [1.0]),
    "strictly": (lambda s, t, d: Piecewise((HALF * (s - t) ** 2, Abs(s - t) < d), (d * (Abs(s - t) - HALF * d), True)), [1.0]),
    "asked by squares": (lambda s, t, d: Piecewise((HALF * s**2, s**2 < d**2), (d * (Abs(s) - HALF * d), True)), [1.0]),
    "and": (lambda s, t, d: Piecewise((HALF * s**2, And(s <= d, s >= -d)), (d * (Abs(s) - HALF * d), True)), [1.0]),
    "or": (lambda s, t, d: Piecewise((d * (Abs(s) - HALF * d), Or(s > d, s < -d)), (HALF * s**2, True)), [1.0]),
    "exponential": (lambda s, t, d: Max(exp(s) - 3, 0), [mp.log(3)]),
    "square root": (lambda s, t, d: Max(sqrt(1 + s**2) - 2, s / 100), [None]),
    "fourth power": (lambda s, t, d: Max(d - s**4, 0), [1.0]),
    "within another": (lambda s, t, d: Max(0, Max(s, s**2 / 2) - 3), [2.0, mp.sqrt(6)]),
    "two of a square": (lambda s, t, d: Max(0, (s - 1) * (s - 3)), [1.0, 3.0]),
}


def curved(name, at=0.0):
    loss = LossSpec(
        name="curved",
        per_example=lambda s, t, delta: CURVED[name][0](s, t, delta),
        parameters={"delta": positive(default=1)},
        targets=(0, 1),
        claims=Claims(convex=None),
        source="a test",
    )
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64")
    return oracle.at(W=np.full((1, 1), at), X=np.ones((1, 1)), y=np.array([0]), reg=0.0)


@pytest.mark.parametrize("name", CURVED)
def test_kinks_of_curved_and_conditional_switches_are_found(name):
    path = curved(name).path(np.ones((1, 1)), 4.0, 10)
    kinks = [float(s.start) for s in path[1:] if abs(float(s.start)) > 0]
    assert all(expected is None or min(abs(k - float(expected)) for k in kinks) < 1e-15 for expected in CURVED[name][1])
    assert all(float(s.start.rad()) < 1e-30 for s in path)


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("length", [0.5, 2.5, 4.0])
def test_slopes_and_curvatures_of_a_path_add_up_to_the_difference(name, length):
    """(f(W + hd) − f(W))/h by values alone, against the mean slope over the stretches."""
    point, end, d = curved(name), curved(name, length), np.ones((1, 1))
    with precision():
        quotient = (end.value.exact - point.value.exact) / length
        found = mean_slope(point.path(d, length, 10), length)
        assert found.overlaps(quotient)
    if name not in ("exponential", "square root", "fourth power"):  # over long stretches of which curvature is enclosed widely
        assert float(found.rad()) < 1e-25


def test_where_a_switch_only_touches_its_kink_nothing_is_said():
    loss = LossSpec(
        name="touching",
        per_example=lambda s, t: Piecewise((0, (s - 1) ** 2 <= 0), ((s - 1) ** 2, True)),
        targets=(0,),
        claims=Claims(convex=True),
        source="a test",
    )
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64")
    with pytest.raises(KinkOnSegment):
        oracle.at(W=np.zeros((1, 1)), X=np.ones((1, 1)), y=np.array([0]), reg=0.0).path(np.ones((1, 1)), 4.0, 10)
