"""Where the truth, or a number on the way to it, does not fit the dtype."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field.right import linear, sigmoid, softplus
from flint import arb
from sympy import exp, factorial, log

from verify import Verdict, check
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.tape.balls import precision
from verify.tape.ranges import overflows

SPECS = Path(__file__).parents[1] / "field" / "specs.py"
MOST = {"float64": float(np.finfo("float64").max), "float32": float(np.finfo("float32").max)}


def point(name, score, label=0, dtype="float64", N=1):
    loss = find_loss(f"{SPECS}:{name}" if name.isupper() else name)
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), dtype)
    W = np.array([[score]], dtype) if loss.targets else np.array([[score], [0.0]], dtype)
    return oracle.at(W=W, X=np.ones((N, 1), dtype), y=np.full(N, label), reg=0.0)


@pytest.mark.parametrize("dtype", MOST)
def test_infinity_is_right_from_half_an_ulp_beyond_the_greatest_number(dtype):
    most = MOST[dtype]
    half = float(np.spacing(np.dtype(dtype).type(most / 2)))
    with precision():
        edge, below = arb(most) + arb(half), arb(most) + arb(half) * 3 / 4
    assert overflows(np.inf, edge, 0.0, dtype)
    assert not overflows(np.inf, below, 0.0, dtype)
    assert overflows(np.inf, below, half, dtype)  # a careful answer may be that much greater
    assert not overflows(-np.inf, edge, 0.0, dtype)
    assert overflows(-np.inf, -edge, 0.0, dtype)
    assert not overflows(most, edge, 0.0, dtype)
    assert not overflows(np.nan, edge, 0.0, dtype)


OUT = [  # spec, score, label, whether the value may be lost, whether the slopes may
    ("POISSON", 100.0, 0, False, False),
    ("POISSON", 1024.0, 0, True, True),
    ("POISSON", -1024.0, 0, False, False),
    ("GAMMA", -1e4, 0, True, True),
    ("binary_logistic", 1e4, 0, False, False),  # softplus has ways that stay finite, and so has the logistic function
    ("LOGISTIC", -1e4, 1, False, False),
    ("POS_WEIGHT", 1e4, 1, False, False),
    ("softmax_cross_entropy", 1e4, 0, False, False),
    ("squared_error", 1e4, 0, False, False),
    ("FOCAL", 400.0, 1, False, False),
    ("FOCAL", -1024.0, 1, False, True),  # p·log p, where there is no p left
    ("FOCAL_HALF", 1024.0, 1, True, True),  # a root of nothing has no slope
    ("POISSON_IDENTITY", -1.0, 0, True, False),  # 0·log(−1), and 1 − 0/−1
    ("POISSON_IDENTITY", 0.0, 0, True, True),
    ("POISSON_IDENTITY", 2.0, 0, False, False),
    ("EXPONENTIAL_CLASSES", 1024.0, 1, True, True),
    ("EXPONENTIAL_CLASSES", 100.0, 1, False, False),
]


@pytest.mark.parametrize(("name", "score", "label", "value", "slopes"), OUT)
def test_what_may_be_lost_on_the_way(name, score, label, value, slopes):
    p = point(name, score, label)
    assert (bool(p.out_of_range(slopes=False).any()), bool(p.out_of_range(slopes=True).any())) == (value, slopes)


def test_a_factor_of_0_leaves_nothing_of_an_infinite_radius():
    loss = find_loss(f"{SPECS}:POISSON")
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64")
    W, X = np.array([[1e4, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    radius = oracle.at(W=W, X=X, y=np.array([0, 0]), reg=0.0).gradient.radius
    assert np.isinf(radius[0, 0])
    assert np.isfinite(radius[0, 1])


def _clipped(s, t):
    return np.exp(np.minimum(s, 80)) - t * s


@pytest.mark.parametrize(
    ("loss", "wrong", "dtype"),
    [
        ("binary_logistic", linear(lambda s, t: np.log(1 + np.exp(s)) - t * s, lambda s, t: sigmoid(s) - t), "float64"),
        ("LOGISTIC", linear(lambda s, t: np.log(1 + np.exp(-t * s)), lambda s, t: sigmoid(s) - (t + 1) / 2), "float64"),
        ("LOGISTIC", linear(lambda s, t: softplus(-t * s), lambda s, t: -t * np.exp(-t * s) / (1 + np.exp(-t * s))), "float32"),
        ("POISSON", linear(_clipped, lambda s, t: np.exp(s) - t), "float32"),
    ],
    ids=["log(1 + eˢ)", "log(1 + e⁻ᵗˢ)", "its slope", "a clipped exponential"],
)
def test_overflow_on_the_way_is_broken_where_there_is_a_way_that_stays_finite(loss, wrong, dtype):
    laws = ("value", "gradient")
    report = check(wrong, loss=f"{SPECS}:{loss}" if loss.isupper() else loss, dtypes=(dtype,), laws=laws, profile="quick")
    assert report.verdict is Verdict.BROKEN


def test_a_target_that_only_its_own_value_gives_a_formula_is_looked_at_as_it_is():
    """log t! is a number for each target, and no ball operation of a target that is not known."""
    formula, targets = (lambda s, t: exp(s) - t * s + log(factorial(t))), (0, 1, 7)
    loss = LossSpec(name="poisson_with_constant", per_example=formula, targets=targets, claims=Claims(convex=True), source="a textbook")
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64")
    assert oracle.for_any_target is None
    near, far = (oracle.at(W=np.array([[s]]), X=np.ones((1, 1)), y=np.array([2]), reg=0.0) for s in (2.0, 1024.0))
    assert (near.out_of_range(slopes=False).any(), far.out_of_range(slopes=False).any()) == (False, True)
