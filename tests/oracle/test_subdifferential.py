"""dist(g, ∂f): every selection on a kink is allowed, what no single choice of multipliers explains is not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.optimize import linprog
from sympy import Abs, Add, Max, Piecewise, Rational

from verify.oracle import Oracle, Subdifferential
from verify.oracle.subdifferential import RankOne
from verify.spec import Claims, LossSpec, Objective, Penalty, others
from verify.spec.catalogue import find_loss, find_penalty

ZERO, HALF, ONE = Fraction(0), Fraction(1, 2), Fraction(1)
WELL_INSIDE = 0.1
few = settings(deadline=None, max_examples=40, database=None)


def subdifferential(loss, W, X, y, reg=0.0, penalty="none", dtype="float64", reduction="mean"):
    spec = find_loss(loss) if isinstance(loss, str) else loss
    R = find_penalty(penalty) if isinstance(penalty, str) else penalty
    oracle = Oracle(Objective(loss=spec, penalty=R, reduction=reduction), dtype)
    return oracle.at(W=np.asarray(W, dtype), X=np.asarray(X, dtype), y=np.asarray(y), reg=reg).gradient


def fractions(A):
    return [[Fraction(float(v)) for v in row] for row in A]


def scores(W, X):
    return [[sum((a * b for a, b in zip(w, x, strict=True)), ZERO) for w in fractions(W)] for x in fractions(X)]


def hinge_gradient(W, X, y, reg=0.0, *, tie, own=None, dtype="float64", reduction="mean"):
    """∇(hinge + reg·‖W‖²), rounded once. `tie()` is the weight on each tie; `own` the one that the label's row uses, if another."""
    C, share = len(W), Fraction(1, len(X)) if reduction == "mean" else ONE
    G = [[2 * Fraction(reg) * w for w in row] for row in fractions(W)]
    for s, x, label in zip(scores(W, X), fractions(X), y, strict=True):
        for j in (j for j in range(C) if j != label):
            margin = s[j] - s[label] + 1
            weight = ONE if margin > 0 else tie() if margin == 0 else ZERO
            against = weight if own is None or margin != 0 else own
            for k, v in enumerate(x):
                G[j][k] += share * weight * v
                G[label][k] -= share * against * v
    return np.array([[float(v) for v in row] for row in G]).astype(dtype)


def ties(W, X, y):
    return [
        (i, j)
        for i, (s, label) in enumerate(zip(scores(W, X), y, strict=True))
        for j in range(len(W))
        if j != label and s[j] - s[label] == -1
    ]


@st.composite
def tied(draw, examples=3):
    """Quarter-integer W and X, with class biases solved so that one example's margins of up to two classes are exactly 0."""
    N, D, C = draw(st.integers(1, examples)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    quarters = st.integers(-6, 6).map(lambda n: n / 4)
    W = np.array(draw(st.lists(quarters, min_size=C * D, max_size=C * D))).reshape(C, D)
    X = np.array(draw(st.lists(quarters, min_size=N * D, max_size=N * D))).reshape(N, D)
    X[:, -1] = 1
    y = np.array(draw(st.lists(st.integers(0, C - 1), min_size=N, max_size=N)))
    for j in draw(st.sets(st.sampled_from([j for j in range(C) if j != y[0]]), min_size=1, max_size=2)):
        W[j, -1] -= float(W[j] @ X[0] - W[y[0]] @ X[0] + 1)  # exact: all are multiples of 1/16
    return W, X, y


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_off_kinks_the_hinge_has_the_one_gradient_that_fractions_give(dtype, reduction):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        W, X, y = rng.normal(size=(4, 3)).astype(dtype), rng.normal(size=(5, 3)).astype(dtype), rng.integers(0, 4, 5)
        truth = subdifferential("multiclass_hinge", W, X, y, 0.25, "l2", dtype, reduction)
        g = hinge_gradient(W, X, y, 0.25, tie=lambda: pytest.fail("a tie"), dtype=dtype, reduction=reduction)
        assert truth.is_single
        assert truth.distance(g).strain <= WELL_INSIDE
        worse = g.copy()
        worse[1, 2] += 1000 * np.spacing(worse[1, 2])
        found = truth.distance(worse)
        assert min(found.strain, found.certified) > 1
        assert found.entry == (1, 2)
        assert found.residual == pytest.approx(abs(float(worse[1, 2]) - float(g[1, 2])), rel=0.01)
        assert found.nearest == pytest.approx(float(g[1, 2]), rel=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1.0, 20.0], ids=["moderate", "tails"])
def test_the_softmax_has_the_one_gradient_that_fifty_digits_give(dtype, scale):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        W, X, y = (scale * rng.normal(size=(4, 3))).astype(dtype), rng.normal(size=(5, 3)).astype(dtype), rng.integers(0, 4, 5)
        with mp.workdps(50):
            G = [[mpf(0.25) * float(w) for w in row] for row in W]
            for s, x, label in zip(scores(W, X), X, y, strict=True):
                E = [mpmath.exp(mpf(v.numerator) / v.denominator) for v in s]
                for j in range(4):
                    for k in range(3):
                        G[j][k] += (E[j] / sum(E) - (j == label)) * float(x[k]) / 5
            g = np.array([[float(v) for v in row] for row in G]).astype(dtype)
        truth = subdifferential("softmax_cross_entropy", W, X, y, 0.25, "half-l2", dtype)
        assert truth.is_single
        assert truth.distance(g).strain <= WELL_INSIDE
        assert truth.distance(g * (1 + 1000 * np.finfo(dtype).eps)).certified > 1


@few
@given(tied(), st.sampled_from(["0", "1/2", "1", "random"]), st.integers(0, 2**16), st.sampled_from(["float64", "float32"]))
def test_on_exact_kinks_every_selection_is_allowed(at, choice, seed, dtype):
    W, X, y = at
    rng = np.random.default_rng(seed)
    tie = (lambda: Fraction(float(rng.uniform()))) if choice == "random" else (lambda: Fraction(choice))
    truth = subdifferential("multiclass_hinge", W, X, y, 0.5, "l2", dtype)
    assert len(truth.groups) >= len({(tuple(X[i]), y[i], j) for i, j in ties(W, X, y)}) >= 1
    found = truth.distance(hinge_gradient(W, X, y, 0.5, tie=tie, dtype=dtype))
    assert found.strain <= WELL_INSIDE
    assert found.certified <= found.strain + WELL_INSIDE  # both carry rounding of that order


@few
@given(tied(examples=1), st.sampled_from([Fraction(2), Fraction(-1, 10), Fraction(1001, 1000), Fraction(-1, 1000)]), st.booleans())
def test_on_exact_kinks_a_weight_outside_its_range_is_refused(at, weight, only_one):
    W, X, y = at
    outside = iter([weight])
    tie = (lambda: next(outside, ONE)) if only_one else (lambda: weight)
    found = subdifferential("multiclass_hinge", W, X, y).distance(hinge_gradient(W, X, y, tie=tie))
    assert 1 < found.certified <= found.strain * (1 + 1e-9)


@few
@given(tied(examples=1), st.sampled_from([(ONE, ZERO), (ZERO, ONE), (HALF, ONE)]))
def test_rows_that_no_single_choice_explains_are_refused(at, weights):
    """Each entry for itself lies within its interval; the row of the class and that of the label use another multiplier."""
    (W, X, y), (row, own) = at, weights
    low, high = (hinge_gradient(W, X, y, tie=lambda t=t: t) for t in (ZERO, ONE))
    g = hinge_gradient(W, X, y, tie=lambda: row, own=own)
    assert np.all((np.minimum(low, high) <= g) & (g <= np.maximum(low, high)))
    assert subdifferential("multiclass_hinge", W, X, y).distance(g).certified > 1


def test_two_examples_on_one_kink_allow_every_mean_of_their_choices_and_no_more():
    W, X, y = [[0.0], [1.0]], [[1.0], [1.0]], [1, 1]
    truth = subdifferential("multiclass_hinge", W, X, y)
    assert len(truth.groups) == 1  # of twice the size, which is the sum of two
    for t in (0.0, 0.25, 0.5, 1.0):
        assert truth.distance(np.array([[t], [-t]])).strain <= WELL_INSIDE
    for t in (-0.01, 1.01):
        assert truth.distance(np.array([[t], [-t]])).certified > 1


@pytest.mark.parametrize("tie", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("error", [1e-3, 1e-6, 1e-8, 1e-10, 1e-12])
def test_a_small_error_on_a_kink_is_refuted(tie, error):
    g = np.array([[-tie], [tie + error]])
    assert subdifferential("multiclass_hinge", [[1.0], [0.0]], [[1.0]], [0]).distance(g).certified > 1


def test_a_kink_within_rounding_of_the_scores_is_ambiguous_and_one_beyond_is_not():
    X, y, tiny = [[1.0]], [1], 2.0**-52
    assert not subdifferential("multiclass_hinge", [[tiny], [1.0]], X, y).is_single
    assert subdifferential("multiclass_hinge", [[2.0**-40], [1.0]], X, y).is_single


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("W", [[[0.0], [1.0]], [[0.0], [0.0]]], ids=["kink", "smooth"])
def test_what_is_not_finite_is_infinitely_far(W, bad):
    found = subdifferential("multiclass_hinge", W, [[1.0]], [1]).distance(np.array([[0.0], [bad]]))
    assert found.strain == found.certified == np.inf
    assert found.entry == (1, 0)


def random_set(seed):
    """A well scaled set, (C, D), with radii of order 1 and switches of 2 or 3 pieces; and the rng."""
    rng = np.random.default_rng(seed)
    C, D = rng.integers(2, 5, 2)
    groups = [
        [RankOne(np.zeros(C), x), *(RankOne(rng.normal(size=C), x) for _ in range(rng.integers(1, 3)))]
        for x in rng.normal(size=(rng.integers(1, 5), D))
    ]
    center = rng.normal(size=(C, D))
    radius = rng.uniform(0.5, 2, size=(C, D))
    balls = np.array([[arb(float(c)) for c in row] for row in center], dtype=object)
    return Subdifferential(center=balls, radius=radius, magnitude=np.abs(center), groups=groups), center, rng


def by_linear_programming(truth, offset):
    """min over multipliers of max |offset − Σ τ g| / radius."""
    columns = np.stack([(g.matrix / truth.radius).ravel() for group in truth.groups for g in group], axis=1)
    b, n = (offset / truth.radius).ravel(), columns.shape[1]
    ones = np.ones((len(b), 1))
    simplex = np.zeros((len(truth.groups), n + 1))
    simplex[np.repeat(np.arange(len(truth.groups)), [len(group) for group in truth.groups]), np.arange(n)] = 1
    rows = np.vstack([np.hstack([columns, -ones]), np.hstack([-columns, -ones])])
    found = linprog([0] * n + [1], rows, np.concatenate([b, -b]), simplex, np.ones(len(truth.groups)))
    assert found.status == 0
    return found.fun


@pytest.mark.parametrize("far", [0.5, 3.0, 30.0])
def test_the_distance_agrees_with_linear_programming(far):
    for seed in range(40):
        truth, center, rng = random_set(seed)
        offset = far * rng.normal(size=center.shape)
        least = by_linear_programming(truth, offset)
        found = truth.distance(center + offset)
        assert found.certified <= least + 1e-7
        assert least - 1e-7 <= found.strain <= 3 * least
        assert found.certified >= least / 4


def test_members_of_a_random_set_are_found():
    for seed in range(40):
        truth, center, rng = random_set(seed)
        member = center + sum(
            t * g.matrix for group in truth.groups for t, g in zip(rng.dirichlet(np.ones(len(group))), group, strict=True)
        )
        assert truth.distance(member).strain < 1e-9


def test_support_is_the_greatest_slope_and_the_least_norm_is_least():
    for seed in range(20):
        truth, center, rng = random_set(seed)
        d, least = rng.normal(size=center.shape), truth.least_norm()
        members = [
            center + sum(group[rng.integers(len(group))].matrix for group in truth.groups)
            for _ in range(50)
        ]  # fmt: skip
        slopes = [float((m * d).sum()) for m in members]
        assert max(slopes) <= truth.support(d) + 1e-9
        assert truth.support(d) == pytest.approx(
            float((center * d).sum()) + sum(max(float((g.matrix * d).sum()) for g in group) for group in truth.groups)
        )
        # the least element makes no obtuse angle with any other: ⟨m − least, least⟩ ≥ 0
        assert min(float(((m - least) * least).sum()) for m in members) >= -1e-3 * float((least**2).sum())


CRAMMER_SINGER = LossSpec(
    name="crammer_singer",
    per_example=lambda s, y: Max(0, 1 + Max(*(s[j] for j in others(s, y))) - s[y]),
    claims=Claims(convex=True),
    source="K. Crammer and Y. Singer, JMLR 2, 2001",
)
ABSOLUTE = LossSpec(
    name="absolute",
    per_example=lambda s, y: Add(*(Abs(s_j - int(j == y)) for j, s_j in enumerate(s))),
    claims=Claims(convex=True),
    source="a test",
)
HUBER = LossSpec(
    name="huber",
    per_example=lambda s, y: Piecewise((Rational(1, 2) * s[y] ** 2, Abs(s[y]) <= 1), (Abs(s[y]) - Rational(1, 2), True)),
    claims=Claims(convex=True),
    source="a test",
)
PINBALL = LossSpec(
    name="pinball",
    per_example=lambda s, y: Piecewise((2 * s[y], s[y] > 0), (-s[y], True)),
    claims=Claims(convex=True),
    source="a test",
)
FLAT = LossSpec(name="flat", per_example=lambda s, y: 0 * s[0], claims=Claims(convex=True), source="a test")
LASSO = Penalty(name="l1", per_weight=Abs, bias=False)

# One example with x = (1) and scores W; allowed and refused are columns of gradients.
NESTED = {
    "nested, inner tie": (CRAMMER_SINGER, [0, 0, 0], 2, [(1, 0, -1), (0, 1, -1), (0.5, 0.5, -1)], [(1, 1, -1), (0, 0, 0), (1, 0, 0)]),
    "nested, outer tie": (CRAMMER_SINGER, [0, -3, 1], 2, [(0, 0, 0), (1, 0, -1), (0.25, 0, -0.25)], [(2, 0, -2), (0, 1, -1), (1, 0, 0)]),
    "nested, both tie": (
        CRAMMER_SINGER,
        [0, 0, 1],
        2,
        [(0, 0, 0), (1, 0, -1), (0, 1, -1), (0.5, 0.25, -0.75)],
        [(1, 1, -2), (0.5, 0.6, -1.1), (-0.1, 0.5, -0.4), (0.5, 0, 0)],
    ),
    "nested, off": (CRAMMER_SINGER, [0, 0, 3], 2, [(0, 0, 0)], [(0.01, 0, -0.01)]),
    "absolute at 0": (ABSOLUTE, [0, 3], 1, [(-1, 1), (0, 1), (0.3, 1), (1, 1)], [(1.1, 1), (-1.1, 1), (0, 0)]),
    "absolute at 0 twice": (ABSOLUTE, [0, 1], 1, [(-1, 1), (1, -1), (0.2, 0.9)], [(1.1, 0), (0, -1.01)]),
    "huber where its pieces meet": (HUBER, [1, 0], 0, [(1, 0)], [(0.99, 0), (1.01, 0), (-1, 0)]),
    "huber inside": (HUBER, [0.5, 0], 0, [(0.5, 0)], [(1, 0), (0.49, 0)]),
    "huber at its vertex": (HUBER, [0, 0], 0, [(0, 0)], [(0.01, 0), (-1, 0)]),
    "huber outside": (HUBER, [-4, 0], 0, [(-1, 0)], [(-4, 0), (1, 0)]),
    "piecewise on its kink": (PINBALL, [0, 0], 0, [(-1, 0), (2, 0), (0, 0), (1.5, 0)], [(-1.01, 0), (2.01, 0), (0, 0.01)]),
    "piecewise off its kink": (PINBALL, [0.01, 0], 0, [(2, 0)], [(-1, 0), (0, 0)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_other_switches_allow_their_subgradients_and_refuse_the_rest(name, dtype):
    loss, at, label, allowed, refused = NESTED[name]
    W = np.array(at, dtype)[:, None]
    truth = subdifferential(loss, W, [[1.0]], [label], dtype=dtype)
    for g in allowed:
        assert truth.distance(np.array(g, dtype)[:, None]).strain <= WELL_INSIDE, g
    for g in refused:
        assert truth.distance(np.array(g, dtype)[:, None]).certified > 1, g


def test_a_penalty_with_a_kink_allows_its_subgradients_for_every_weight_but_the_bias():
    W = [[0.0, 2.0, 0.0], [-1.0, 0.0, 3.0]]
    truth = subdifferential(FLAT, W, [[1.0, 1.0, 1.0]], [0], 0.25, LASSO)
    base = np.array([[0, 0.25, 0], [-0.25, 0, 0]])
    free, fixed = [(0, 0), (1, 1)], [(0, 1), (0, 2), (1, 0), (1, 2)]
    assert len(truth.groups) == len(free)
    for place in free:
        for t, allowed in ((-1, True), (0, True), (0.3, True), (1, True), (1.1, False), (-1.01, False)):
            g = base.copy()
            g[place] = 0.25 * t
            found = truth.distance(g)
            assert found.strain <= WELL_INSIDE if allowed else found.certified > 1
    for place in fixed:
        g = base.copy()
        g[place] += 0.01
        assert truth.distance(g).certified > 1


def test_kinks_of_the_loss_and_of_the_penalty_are_chosen_apart():
    truth = subdifferential("multiclass_hinge", [[0.0], [1.0]], [[1.0]], [1], 0.25, Penalty(name="l1", per_weight=Abs))
    ends = [np.array([[t + 0.25 * s], [-t + 0.25]]) for t in (0, 0.5, 1) for s in (-1, 0, 1)]
    assert all(truth.distance(g).strain <= WELL_INSIDE for g in ends)
    assert all(truth.distance(np.add(g, [[0.0], [0.6]])).certified > 1 for g in ends)
    assert all(truth.distance((a + b) / 2).strain <= WELL_INSIDE for a, b in pairwise(ends))
