"""f(W) against exact fractions and 50 digits; scores are exact whatever the exponents."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq
from mpmath import mp, mpf
from scipy.special import logsumexp

from verify.oracle import Oracle, exact
from verify.oracle.exact import distance, product
from verify.spec import Objective, Penalty
from verify.spec.catalogue import find_loss, find_penalty
from verify.tape.balls import precision

PENALTIES = {  # ρ(w), and whether the bias counts
    "none": (lambda w: w * 0, True),
    "l2": (lambda w: w * w, True),
    "l2-no-bias": (lambda w: w * w, False),
    "half-l2": (lambda w: w * w / 2, True),
    "half-l2-no-bias": (lambda w: w * w / 2, False),
}


def objective(loss, penalty="none", reduction="mean", **parameters):
    return Objective(loss=find_loss(loss), penalty=find_penalty(penalty), reduction=reduction, parameters=parameters)


def point(seed, dtype="float64", N=3, D=3, C=4, scale=1.0):
    rng = np.random.default_rng(seed)
    W, X = scale * rng.normal(size=(C, D)), rng.normal(size=(N, D))
    X[:, -1] = 1
    return W.astype(dtype), X.astype(dtype), rng.integers(0, C, N)


def plain(loss, W, X, y, reg, penalty, reduction, number):
    """f(W) by the book, with numbers of one exact or long type."""
    rho, bias = PENALTIES[penalty]
    W, X = ([[number(float(v)) for v in row] for row in A] for A in (W, X))
    scores = [[sum((a * b for a, b in zip(w, x, strict=True)), number(0)) for w in W] for x in X]
    data = sum((loss(s, int(label)) for s, label in zip(scores, y, strict=True)), number(0))
    weights = sum((rho(v) for row in W for v in (row if bias else row[:-1])), number(0))
    return (data / len(X) if reduction == "mean" else data) + number(reg) * weights


def hinge(delta):
    return lambda s, y: sum((max(Fraction(0), s[j] - s[y] + Fraction(delta)) for j in range(len(s)) if j != y), Fraction(0))


def softmax(s, y):
    return mpmath.log(sum(mpmath.exp(v) for v in s)) - s[y]


def fraction(b):
    """An exact ball as a fraction."""
    assert b.is_exact()
    man, exp = b.man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def is_(b, truth):
    with precision(400):
        return b.overlaps(arb(fmpq(truth.numerator, truth.denominator))) and float(b.rad()) < 1e-30


def named(W, X, y, reg):
    return {"W": W, "X": X, "y": y, "reg": reg}


@pytest.mark.parametrize("delta", [1.0, 0.5, 0.1, 7.25])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_hinge_is_what_fractions_say(penalty, reduction, delta):
    for seed, dtype in enumerate(("float64", "float32")):
        at = (*point(seed, dtype), 0.3)
        value = Oracle(objective("multiclass_hinge", penalty, reduction, delta=delta), dtype).at(**named(*at)).value
        truth = plain(hinge(delta), *at, penalty, reduction, Fraction)
        assert is_(value.exact, truth)
        assert not is_(value.exact, truth + Fraction(1, 10**25))
        assert abs(truth) <= value.magnitude * (1 + 1e-12)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1000.0], ids=["zero", "moderate", "large", "beyond exp's range"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("penalty", ["none", "l2", "half-l2-no-bias"])
def test_the_softmax_is_what_fifty_digits_say(penalty, reduction, scale):
    at = (*point(5, scale=scale), 0.3)
    value = Oracle(objective("softmax_cross_entropy", penalty, reduction), "float64").at(**named(*at)).value
    with mp.workdps(50), precision(200):
        truth = plain(softmax, *at, penalty, reduction, mpf)
        error = abs(value.exact - arb(mpmath.nstr(truth, 45)))
    assert float(error.abs_upper()) <= 1e-33 * max(1, value.magnitude)


@pytest.mark.parametrize("name", ["multiclass_hinge", "softmax_cross_entropy"])
def test_one_example_and_one_class_less_than_two_make_sense(name):
    W, X, y = point(2, N=1, D=1, C=1)
    assert float(Oracle(objective(name), "float64").at(W=W, X=X, y=y, reg=0.0).value.exact) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["multiclass_hinge", "softmax_cross_entropy"])
def test_a_plain_numpy_loss_lies_well_inside_the_radius_and_a_wrong_one_outside(name, dtype):
    W, X, y = point(8, dtype, N=5)
    value = Oracle(objective(name), dtype).at(W=W, X=X, y=y, reg=0.0).value
    S = X @ W.T
    own = S[np.arange(5), y]
    one = W.dtype.type(1)
    rows = np.log(np.exp(S).sum(1)) - own if name == "softmax_cross_entropy" else np.maximum(S - own[:, None] + one, 0).sum(1) - one
    v = float(rows.mean())
    assert distance(v, value.exact) <= 0.3 * value.radius
    assert distance(v * (1 + 1000 * float(np.finfo(dtype).eps)), value.exact) > value.radius


def test_distance_is_rounded_once_and_not_a_number_where_it_makes_no_sense():
    third = arb(fmpq(1, 3))
    with precision():
        third = arb(fmpq(1, 3))
    assert distance(1 / 3, third) == pytest.approx(float(abs(Fraction(1 / 3) - Fraction(1, 3))), rel=1e-12)
    assert np.isnan(distance(float("inf"), third))
    assert np.isnan(distance(float("nan"), third))


HUGE = {
    "ordinary": ([[0.1, -0.7, 3.0]], [[1.5, 0.3, -0.9]]),
    "from the smallest to the largest": ([[1.7e308, 5e-324, 1.0]], [[1.7e308, 5e-324, 0.1]]),
    "cancellation": ([[1e300, 1.0, -1e300]], [[1e300, 2.0**-1074, 1e300]]),
    "zeros": ([[0.0, 0.0, 0.0]], [[-0.0, 1.0, 5.0]]),
    "several rows": ([[1e-200, 2.0, 3.0], [1e200, 0.1, 0.2]], [[1e-200, 0.7, 0.1], [3.0, 1e100, 1e-100], [0.0, 0.0, 5e-324]]),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("bits", [53, 2], ids=["ordinary precision", "two bits"])
def test_products_are_exact_whatever_the_exponents_and_the_precision(name, bits):
    A, B = map(np.array, HUGE[name])
    with precision(bits):
        found = product(A, B)
    assert [[fraction(b) for b in row] for row in found] == [
        [sum((Fraction(p) * Fraction(q) for p, q in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0)) for b in B] for a in A
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_products_of_what_is_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        product(np.array([[1.0, bad]]), np.array([[1.0, 2.0]]))


def test_an_empty_product_is_zero():
    assert [[float(b) for b in row] for row in product(np.zeros((2, 0)), np.zeros((3, 0)))] == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    ("dtype", "delta", "holds"),
    [("float64", 0.1, True), ("float32", 0.5, True), ("float32", 0.1, False)],
    ids=["tenth in float64", "half in float32", "tenth in float32"],
)
def test_a_parameter_that_the_dtype_cannot_hold_is_a_ball_around_both_of_its_values(dtype, delta, holds):
    oracle = Oracle(objective("multiclass_hinge", delta=delta), dtype)
    element = oracle.element(2, 0)
    (seen,), (true,) = element.seen([], np.zeros(0)), element.inputs([])
    assert fraction(true) == Fraction(delta)
    assert seen.is_exact() == holds
    assert seen.contains(arb(delta))
    assert seen.contains(arb(float(np.dtype(dtype).type(delta))))
    assert float(seen.rad()) < 1e-8


def test_a_loss_with_a_rounded_parameter_is_right():
    W, X, y = np.zeros((5, 2), "f4"), np.array([[0, 1]], "f4"), np.array([0])
    value = Oracle(objective("multiclass_hinge", delta=0.1), "float32").at(W=W, X=X, y=y, reg=0.0).value
    assert is_(value.exact, 4 * Fraction(0.1))
    rounded = float(4 * np.float32(0.1))
    assert 0 < distance(rounded, value.exact) < value.radius
    assert distance(rounded * (1 + 1e-5), value.exact) > value.radius


def test_a_penalty_that_is_no_parabola_counts_every_weight_but_the_bias():
    cubic = Penalty(name="cubic", per_weight=lambda w: w**3 + 1, bias=False)
    W, X, y = point(3)
    value = Oracle(Objective(loss=find_loss("multiclass_hinge"), penalty=cubic), "float64").at(W=W, X=X, y=y, reg=0.3).value
    truth = plain(hinge(1), W, X, y, 0.0, "none", "mean", Fraction)
    truth += Fraction(0.3) * sum(Fraction(float(v)) ** 3 + 1 for v in W[:, :-1].ravel())
    assert is_(value.exact, truth)


def test_scores_are_the_exact_products():
    W, X, y = point(4)
    scores = Oracle(objective("softmax_cross_entropy"), "float64").at(W=W, X=X, y=y, reg=0.0).data.map.inputs
    assert [[fraction(b) for b in row] for row in scores] == [[fraction(b) for b in row] for row in exact.product(X, W)]
    assert len(scores) == len(X)
    assert len(scores[0]) == len(W)


def test_what_is_true_at_a_point_does_not_depend_on_the_order_of_the_questions():
    """Whoever asks first, outside of the balls' precision, for what is shared leaves no wider balls behind."""
    W, X, y = point(4)
    oracle, there = Oracle(objective("softmax_cross_entropy", "l2"), "float64"), named(W, X, y, 0.5)
    asked, fresh = oracle.at(**there), oracle.at(**there)
    assert asked.pattern == fresh.pattern
    assert asked.out_of_range(slopes=False).tolist() == [False] * len(X)
    assert asked.value.radius == oracle.at(**there).value.radius
    assert asked.value.exact.rad() < 2.0**-110


def test_slopes_and_values_of_a_point_may_be_asked_in_any_order():
    oracle, there = Oracle(objective("multiclass_hinge", "l2"), "float64"), named(*point(5), 0.5)
    first, second = oracle.at(**there), oracle.at(**there)
    found = first.gradient, first.value, second.value, second.gradient
    assert (found[0].radius == found[3].radius).all()
    assert found[1].radius == found[2].radius
    assert found[1].exact.mid() == found[2].exact.mid()
    assert found[1].exact.rad() == found[2].exact.rad() < 2.0**-110


def one_after_the_other(dtype, terms):
    total = np.zeros_like(terms[0])
    for term in terms:
        total = (total + term).astype(dtype)
    return total


def test_a_sum_that_begins_with_a_large_penalty_is_right():
    """2,000 small terms on a large one: each addition rounds at the size of the large one, and all of them the same way."""
    N, reg = 2000, 30.0
    W, X, y = np.float32([[14.3, 9.6], [4.5, 2.9]]), np.tile(np.float32([[-0.7, 1.0]]), (N, 1)), np.zeros(N, dtype=int)
    at = Oracle(objective("multiclass_hinge", "l2"), "float32").at(W=W, X=X, y=y, reg=reg)
    share = np.float32(1) / np.float32(N)
    margin = ((W[1] - W[0]) @ X[0] + 1).astype(np.float32)
    assert margin > 0
    loss = one_after_the_other(np.float32, [np.float32(reg) * np.sum(W * W), *[margin * share] * N])
    W_by_W = one_after_the_other(np.float32, [margin, *np.float32(reg) * (W * W).ravel()])
    gradient = one_after_the_other(np.float32, [np.float32(2 * reg) * W, *[np.outer([-1, 1], X[0]).astype(np.float32) * share] * N])
    assert 0.05 < distance(float(loss), at.value.exact) / at.value.radius < 0.26
    assert distance(float(W_by_W), at.value.exact) < 0.26 * at.value.radius
    assert 0.05 < at.gradient.distance(gradient).strain < 0.26
    assert at.gradient.distance(gradient * np.float32(1.01)).strain > 1


def test_the_label_s_entry_may_be_minus_the_sum_of_the_others():
    """Far off, log-sum-exp rounds at the size of the scores: 8e-13 of every probability, which p_y − 1 loses and the others keep."""
    W, X, y = np.array([[10000.0], [9996.0]]), np.ones((1, 1)), np.array([1])
    truth = Oracle(objective("softmax_cross_entropy"), "float64").at(W=W, X=X, y=y, reg=0.0).gradient
    S = X @ W.T
    P = np.exp(S - logsumexp(S, axis=1, keepdims=True))
    rest = P[:, :1]
    assert abs(rest.item() - np.exp(4) / (1 + np.exp(4))) > 8e-13
    for own in (P[:, 1:] - 1, -rest):
        gradient = np.vstack([rest, own])
        assert truth.distance(gradient).strain < 0.26
        assert truth.distance(gradient + np.array([[0], [1e-9]])).strain > 1


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("score", [-32.0, 32.0, -20.5, 3.25])
def test_a_logistic_loss_may_subtract_the_score_from_the_log_of_the_sigmoid_or_the_other_way_round(score, target):
    """At −32 the loss is 1.3e-14, and s − log σ(s) is a multiple of 3.6e-15: so computes torch."""
    W, X, y = np.array([[score]]), np.ones((1, 1)), np.array([target])
    value = Oracle(objective("binary_logistic"), "float64").at(W=W, X=X, y=y, reg=0.0).value
    log_sigmoid = min(score, 0) - np.log1p(np.exp(-abs(score)))
    for v in ((1 - target) * score - log_sigmoid, np.logaddexp(0, score) - target * score):
        assert distance(float(v), value.exact) <= 0.3 * value.radius
        assert distance(float(v) + 1e-12, value.exact) > value.radius


@pytest.mark.parametrize("delta", [1.0, 8.0])
def test_a_hinge_may_count_the_label_too_and_take_its_margin_away_again(delta):
    """Where all margins are kept the loss is the penalty alone, 5e-5 here, and Δ + Σ − Δ is off by more than its unit roundoff."""
    W, X, y, reg = np.array([[0.0], [-17.0]]), np.ones((3, 1)), np.zeros(3, int), 1.7e-7
    value = Oracle(objective("multiclass_hinge", "l2", delta=delta), "float64").at(W=W, X=X, y=y, reg=reg).value
    margins = np.maximum(0, X @ W.T - (X @ W.T)[range(3), y][:, None] + delta)
    loss = margins.sum() / 3 + (reg * (W * W).sum() - delta)
    assert 1e-17 < distance(float(loss), value.exact) < 0.3 * value.radius
    assert distance(float(loss) + 1e-13, value.exact) > value.radius
