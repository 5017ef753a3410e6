"""What code relies on of data that is handed in beside its variables, and what is never said of code that was not what was recorded."""

from __future__ import annotations

import re

import numpy as np
import pytest

from verify import Candidate, Verdict, check
from verify.problem.sampling import keeping, shown

RNG = np.random.default_rng(1)
LAWS = ("value", "gradient", "formula")


def judged(f, at, **options):
    return check(f, at=at, laws=LAWS, profile="quick", **options)


def neighbours(Y, P, times=4.0):
    d = Y[:, None] - Y[None]
    num = 1 / (1 + (d**2).sum(-1))
    np.fill_diagonal(num, 0)
    Q, k = num / num.sum(), ~np.eye(len(Y), dtype=bool)
    return np.sum(P[k] * np.log(P[k] / Q[k])), times * (((P - Q) * num)[:, :, None] * d).sum(1)


def joint(n):
    P = np.abs(RNG.normal(size=(n, n))) * (1 - np.eye(n))
    return (P + P.T) / (P + P.T).sum()


def test_a_gradient_that_needs_all_probabilities_to_sum_to_1_is_judged_where_they_do():
    at = (RNG.normal(size=(3, 2)), joint(3))
    assert judged(neighbours, at).verdict is Verdict.HOLDS
    assert judged(lambda Y, P: neighbours(Y, P, 2.0), at).verdict is Verdict.BROKEN


def test_what_is_drawn_beside_probabilities_of_pairs_keeps_their_sum_zeros_and_symmetry():
    P = joint(5)
    found = keeping(P, P * RNG.uniform(0.8, 1.2, P.shape), alone=False)
    assert found.sum() == 1
    assert np.array_equal(found, found.T)
    assert np.array_equal(found == 0, P == 0)
    assert shown(P).phrase == "to be symmetric, and to sum to 1"
    R = np.abs(RNG.normal(size=(2, 3)))
    assert shown(R / R.sum()).phrase == "to sum to 1"
    assert shown(R) is None


def masked(w, counts, slip=1.0):
    """Where counts are 0 nothing is summed, and log 0 is not asked for."""
    seen = counts > 0
    d = w.sum(1, keepdims=True) - np.log(np.where(seen, counts, 1))
    return np.sum(seen * d**2), slip * np.repeat((2 * seen * d).sum(1, keepdims=True), w.shape[1], axis=1)


def test_a_comparison_of_data_is_no_kink():
    at = (RNG.normal(size=(2, 2)), np.array([[3.0, 0.0, 1.0], [0.0, 2.0, 7.0]]))
    report = judged(masked, at, wrt=("w",))
    assert report.verdict is Verdict.HOLDS
    assert {r.law: r.verdict for r in report.results} == dict.fromkeys(LAWS, Verdict.HOLDS)
    assert judged(lambda w, counts: masked(w, counts, 0.5), at, wrt=("w",)).verdict is Verdict.BROKEN


KEPT: dict[float, np.ndarray] = {}


def stale(w):
    key = round(float(w[0]), 1)
    if key not in KEPT:
        KEPT[key] = 2 * w
    return np.sum(w**2), KEPT[key]


def detached(W):
    """The largest singular value by a power iteration too short to converge, whose vectors the gradient takes for constants."""
    u = np.ones(3) / np.sqrt(3)
    for _ in range(9):
        v = W.T @ u
        v = v / np.linalg.norm(v)
        u = W @ v
        u = u / np.linalg.norm(u)
    return u @ W @ v, np.outer(u, v)


def test_of_no_wrong_gradient_it_is_said_that_the_formula_is_right():
    by_points = judged(stale, np.array([0.3, -0.2]))
    by_balls = judged(detached, np.array([[1.0, 0.2, 0.0], [0.1, 0.9, 0.3], [0.0, 0.4, 0.8]]), at_only=True)
    for report in (by_points, by_balls):
        assert report.verdict is Verdict.BROKEN, report
        assert "formula is right" not in str(report)


def spectrum(x):
    X = np.fft.rfft(x)
    return np.sum(X.real**2 + X.imag**2), 2 * np.fft.irfft(X * np.array([8.0, 4, 4, 4, 8]), n=8)


def test_a_transform_to_complex_numbers_is_named_with_its_line_and_judged_by_differences():
    report = check(spectrum, at=RNG.normal(size=8), laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert "its own code cannot be recorded: it calls np.fft.rfft, which computes with complex numbers (test_given.py:" in str(report)


def smoothed(x, slip=1.0):
    """A low-pass filter beside what it must come to."""
    low = np.abs(np.fft.fftfreq(len(x))) < 0.3
    e = np.real(np.fft.ifft(np.fft.fft(x) * low)) - 1
    return np.sum(e**2), slip * 2 * np.real(np.fft.ifft(np.fft.fft(e) * low))


def test_a_wrong_gradient_of_a_transform_is_found_by_differences():
    at = RNG.normal(size=8)
    assert check(smoothed, at=at, laws=("gradient",), profile="quick").verdict is Verdict.HOLDS
    assert check(lambda x: smoothed(x, 0.125), at=at, laws=("gradient",), profile="quick").verdict is Verdict.BROKEN


def iterated(x, slip=1.0):
    """A fixed point by as many steps as nobody needs, and its derivative."""
    m, rate = np.zeros_like(x), 0.0
    for _ in range(1600):
        m = 0.5 * m + x
        rate = 0.5 * rate + 1
    return np.sum(m * m), slip * 2 * m * rate


def test_a_long_iteration_is_told_with_its_line_and_judged_by_differences():
    right, wrong = (check(f, at=RNG.normal(size=2), laws=("gradient",), at_only=True) for f in (iterated, lambda x: iterated(x, 1.01)))
    assert (right.verdict, wrong.verdict) == (Verdict.HOLDS, Verdict.BROKEN)
    assert "takes 3202 steps here one after another, and up to 3000 are judged by a record (test_given.py:" in str(right)
    assert "`m = 0.5 * m + x`" in str(right)


OTHER_SIGNS = {
    "|x| without its sign": (lambda x: (np.abs(x).sum(), np.ones_like(x)), r"x\[0\] is 1 there, and -1 is due"),
    "√x² likewise": (lambda x: (np.sqrt(x**2).sum(), np.ones_like(x)), r"x\[0\] is 1 there, and -1 is due"),
    "max(0, x) without its mask": (lambda x: (np.maximum(0, x).sum(), np.ones_like(x)), r"x\[0\] is 1 there, and 0 is due"),
}


def leaky(slope):
    return lambda x: (np.where(x > 0, x, 0.01 * x).sum(), np.where(x > 0, 1.0, slope))


def limitations(f, at, law="formula"):
    report = check(f, at=at, laws=(law,), profile="quick")
    assert report.verdict is Verdict.HOLDS
    return " ".join(told for result in report.results for told in result.limitations)


@pytest.mark.parametrize("name", OTHER_SIGNS)
def test_what_goes_wrong_for_a_sign_that_the_example_lacks_is_told_and_is_no_fault(name):
    f, told = OTHER_SIGNS[name]
    at = np.array([0.5, 1.25, 2.0])
    assert re.search(f"x is positive in the example.* where it is negative, .*{told}", limitations(f, at))
    assert check(f, at=at * (1, -1, 1), laws=("formula",), profile="quick").verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    "f", [lambda x: (np.abs(x).sum(), np.sign(x)), lambda x: (np.sum(x * np.log(x)), np.log(x) + 1), lambda x: (np.sum(x**3), 3 * x**2)]
)
def test_nothing_is_said_of_signs_for_which_the_code_is_right_or_undefined(f):
    assert "positive" not in limitations(f, np.array([0.5, 1.25, 2.0]))


@pytest.mark.parametrize("law", ["formula", "gradient"])
@pytest.mark.parametrize("f", [leaky(0.01), leaky(0.1), lambda x: (np.maximum(x, 0).sum(), 1.0 * (x > 0))], ids=["right", "wrong", "relu"])
def test_a_branch_by_a_sign_that_the_example_lacks_is_told(f, law):
    at = np.array([0.5, 1.25, 2.0])
    told = limitations(f, at, law)
    assert "x is positive in the example, and in all cases: where it is negative, the code goes another way" in told
    told = limitations(leaky(0.01), -at, law)
    assert "x is negative in the example, and in all cases: where it is positive, the code goes another way" in told
    assert "positive" not in limitations(leaky(0.01), at * (1, -1, 1), law)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x.max(), (x == x.max()) / (x == x.max()).sum()),
        lambda x: (np.minimum(np.exp(x), 10.0).sum(), np.where(np.exp(x) < 10, np.exp(x), 0.0)),
    ],
    ids=["the greatest", "a clip"],
)
def test_code_that_compares_numbers_with_each_other_or_with_a_bound_asks_for_no_sign(f):
    for at in ([1.0, 2.0, 3.0], [1.0, 2.75, 3.0]):
        assert "goes another way" not in limitations(f, np.array(at))


@pytest.mark.parametrize("bound", [1.5, -1.5])
def test_nor_does_code_with_a_bound_between_the_numbers(bound):
    def f(x):
        return np.maximum(x - bound, 0).sum(), 1.0 * (x > bound)

    assert "goes another way" not in limitations(f, np.array([1.0, 2.0, 3.0]) * np.sign(bound))


@pytest.mark.parametrize("turns", [lambda x: x.sum() < 0, lambda x: x[0] * x[1] < 0], ids=["all", "some"])
def test_a_branch_by_the_signs_of_all_numbers_or_of_some_is_told(turns):
    def f(x):
        return x @ x, 10 * x if turns(x) else 2 * x

    assert "where it is negative, the code goes another way" in limitations(f, np.array([1.0, 2.0]))


def test_a_wrong_gradient_is_told_before_a_branch():
    def f(x):
        return np.abs(x).sum(), np.ones(2) if x[0] * x[1] > 0 else np.sign(x)

    assert re.search(r"where it is negative, the gradient is not that of the loss \(x\[0\] is 1", limitations(f, np.array([1.0, 2.0])))


def test_of_a_sum_that_may_be_0_nothing_is_said():
    def f(x):  # 0.3 − 0.1 − 0.2 is not 0, but for its rounding
        return x @ x, 2 * x if x.sum() ** 2 > 0 else 3 * x

    assert "goes another way" not in limitations(f, np.array([0.1, 0.3, 0.2]))


def test_a_branch_of_the_gradient_is_told_beside_one_of_the_loss():
    made = Candidate(loss=lambda x: x @ x if x[0] > 1.5 else 1 * (x @ x), grad=lambda x: 2 * x if x[0] > 0 else 3 * x)
    assert "where it is negative, the code goes another way" in limitations(made, np.array([1.0, 2.0]))


def test_a_branch_by_a_sign_is_told_beside_one_by_an_order():
    def f(x):
        g = 2 * x if x[0] > x[1] else 3 * x
        return (x * g / 2).sum(), g * 5 if x[0] < 0 else g

    assert "where it is negative, the code goes another way" in limitations(f, np.array([1.0, 2.0]))


def test_code_does_not_run_for_signs_that_the_example_lacks():
    def root(x):  # an iteration that ends for positive numbers alone
        assert np.all(x > 0)
        return np.sum(np.sqrt(x)), 0.5 / np.sqrt(x)

    assert "the code goes another way" in limitations(root, np.array([0.5, 1.25]))
