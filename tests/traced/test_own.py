"""A candidate is judged by its own loss's code: right ones hold, wrong ones are broken where their line is, and the report says by what."""

from __future__ import annotations

import math
import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from scipy import special
from traced import norms
from traced.course import COURSE, svm_by_loops

from verify import Candidate, UsageError, Verdict, check
from verify.traced.float32_constants import explained

ROWS, LABELS = np.arange(5), np.array([0, 2, 1, 1, 0])
DATA = np.random.default_rng(0).normal(size=(5, 4))
W = np.random.default_rng(1).normal(size=(4, 3))


def softmax(w):
    s = DATA.astype(w.dtype) @ w
    p = special.softmax(s, axis=1)
    d = p.copy()
    d[ROWS, LABELS] -= 1
    return -np.log(p[ROWS, LABELS]).mean(), DATA.T.astype(w.dtype) @ d / 5


def naive_softmax(w):
    e = np.exp(DATA @ w)
    p = e / e.sum(1, keepdims=True)
    return -np.log(p[ROWS, LABELS] + 1e-12).mean(), DATA.T @ (p - np.eye(3)[LABELS]) / 5


def hinge(w, over=lambda m: m > 0):
    s = DATA @ w
    m = s - s[ROWS, LABELS][:, None] + 1
    active = over(m).astype(float)
    active[ROWS, LABELS] = 0
    active[ROWS, LABELS] = -active.sum(1)
    return np.maximum(0, m).sum() / 5 - 1.0, DATA.T @ active / 5


def focal(w):
    p = special.expit(w)
    value = -((1 - p) ** 2 * np.log(p)).sum()
    return value, 2 * (1 - p) * p * (1 - p) * np.log(p) - (1 - p) ** 3


def ranked(x):
    d = np.sort(x) - np.array([-1.0, 0.0, 1.0])
    return 0.5 * np.dot(d, d), d[np.argsort(np.argsort(x))]


def pooled(x):
    a, g = x.reshape(2, 2), np.zeros((2, 2))
    best = a.argmax(axis=1)
    g[[0, 1], best] = 1
    return a[[0, 1], best].sum() + np.median(x[:3]), g.ravel() + np.append(x[:3] == np.median(x[:3]), 0.0)


RIGHT = {
    "layer norm": (norms.right, norms.X),
    "softmax": (softmax, W),
    "softmax with an ε in the loss alone": (naive_softmax, W),
    "hinge, >": (hinge, W),
    "hinge, ≥, on its kinks": (lambda w: hinge(w, lambda m: m >= 0), np.zeros((4, 3))),
    "focal": (focal, np.array([0.3, -1.2, 2.0])),
    "a logarithm": (lambda x: (np.log(x).sum(), 1 / x), np.array([0.5, 1e-3, 300.0])),
    "sorted": (ranked, np.array([0.3, -0.2, 1.5])),
    "pooled": (pooled, np.array([0.3, -0.2, 1.5, 0.7])),
    "of both signs": (lambda x: (np.maximum(x[0], 0) - np.abs(x[1]), np.array([1.0 * (x[0] > 0), -np.sign(x[1])])), np.zeros(2)),
}
WRONG = {
    "the variance is left out": (norms.without_the_variance, norms.X, "path-missing", "norms.py:11"),
    "the mean is left out": (norms.without_the_mean, norms.X, "path-missing", "norms.py:1"),
    "1e-10 of one entry": (norms.off_by_little, norms.X, "entries", "1 of 8"),
    "twice": (lambda w: (softmax(w)[0], 2 * softmax(w)[1]), W, "scaled", "twice"),
    "a sum for a mean": (lambda w: (softmax(w)[0], 5 * softmax(w)[1]), W, "scaled", "5"),
    "a sixth of single precision": (
        lambda x: ((x * x / 6).sum(), 2 * float(np.float32(1 / 6)) * x),
        W,
        "scaled",
        ": 1/6 is rounded to single",
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_one_holds_with_a_gap_of_0(name, dtype):
    f, x = RIGHT[name]
    report = check(f, at=x, dtypes=(dtype,), laws=("value", "gradient", "formula", "order"), profile="quick")
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    by_law = {r.law: r for r in report.results}
    assert by_law["formula"].strain == 0
    assert max(r.strain for r in report.results) < 0.3
    (told,) = report.conventions.values()
    assert told["formula"]["source"] == "own"


def test_of_two_files_that_are_alike_the_one_that_is_judged_is_named(tmp_path):
    told = []
    for name in ("mine.py", "theirs.py"):
        (tmp_path / name).write_text("def f(x):\n    y = x * x\n    return (x + y).sum(), 1 + 0 * x\n", encoding="utf-8")
        report = check(f"{tmp_path}/{name}:f", at=np.array([0.5, -1.5]), laws=("formula",), profile="quick", in_process=True)
        told.append(report.results[0].diagnosis["message"])
    assert "mine.py:2" in told[0]
    assert "theirs.py:2" in told[1]


def test_a_right_one_is_not_silent_where_float32_swamps_every_step():
    def far(x):
        return 1000 + 0.001 * (x * x).sum(), np.float32(0.002) * x

    report = check(far, at=np.array([0.3, -1.2, 2.9], np.float32), laws=("gradient", "order"), profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert "not asked: order (no window" in str(report)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_broken_and_named(name):
    f, x, code, words = WRONG[name]
    results = {r.law: r for r in check(f, at=x, laws=("gradient", "formula"), profile="quick").results}
    assert {r.verdict for r in results.values()} == {Verdict.BROKEN}
    assert results["formula"].diagnosis["code"] == code, results["formula"].diagnosis
    assert words in results["formula"].diagnosis["message"]


@pytest.mark.parametrize("f", COURSE, ids=lambda f: f.__name__)
def test_code_as_people_write_it_is_recorded_and_a_slip_is_broken(f):
    report = check(f, at=COURSE[f], laws=("value", "gradient", "formula"), profile="quick")
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert told["formula"]["source"] == "own"
    slipped = check(partial(f, slip=True), at=COURSE[f], laws=("formula",), profile="quick")
    assert slipped.verdict is Verdict.BROKEN


def test_nothing_is_known_of_slopes_beyond_a_branch():
    report = check(svm_by_loops, at=np.zeros((4, 3)), laws=("enclosure", "crossing"), profile="quick")
    assert Verdict.BROKEN not in {r.verdict for r in report.results}


def test_the_gap_is_seen_in_single_precision_where_rounding_hides_it():
    (result,) = check(norms.off_by_little, at=norms.X.astype(np.float32), laws=("formula",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    where = result.witness.evidence.where
    assert (where["input"], where["index"]) == ("x", [0, 1])
    assert 0 < where["gap"] < 1e-9
    assert where["line"] > 0


def gelu(slope, off=0.0):
    """With √(2/π) as a slope of so many digits in the gradient."""

    def pair(x):
        c = math.sqrt(2 / math.pi)
        t = np.tanh(c * (x + 0.044715 * x**3))
        dx = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope * (1 + 3 * 0.044715 * x * x)
        dx[0] += off
        return (0.5 * x * (1 + t)).sum(), dx

    return pair


@pytest.mark.parametrize(
    ("pair", "verdict"),
    [
        (gelu(0.7978845608), Verdict.HOLDS),
        (gelu(0.79788456), Verdict.HOLDS),
        (lambda x: ((x * x / 6).sum(), 2 * float(np.float32(1 / 6)) * x), Verdict.HOLDS),
        (gelu(0.79788480), Verdict.BROKEN),  # five units in the last place
        (gelu(0.7978845608, off=1e-10), Verdict.BROKEN),  # no constants explain one entry
        (gelu(0.0), Verdict.BROKEN),
    ],
    ids=["ten digits", "eight digits", "a sixth", "a wrong digit", "a wrong entry beside them", "nowhere near"],
)
def test_constants_are_held_to_the_digits_of_the_dtype(pair, verdict):
    x = np.array([-1.0, 0.3, -2.0, 1.1, 0.7], np.float32)
    (result,) = check(pair, at=x, laws=("formula",), profile="quick").results
    assert result.verdict is verdict
    assert any("differ by less than float32 rounds them" in told for told in result.limitations) == (verdict is Verdict.HOLDS)
    (double,) = check(pair, at=x.astype(float), laws=("formula",), profile="quick").results
    assert double.verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    ("gaps", "slopes", "verdict"),
    [
        ([1e-8, -2e-8, 3e-8], [1.0, -2.0, 3.0], True),
        ([1e-8, -2e-8, 3.1e-8], [1.0, -2.0, 3.0], False),  # one entry is off by more than moves that suit the others
        ([3e-7, -6e-7, 9e-7], [1.0, -2.0, 3.0], False),  # farther than single precision rounds
        ([1e-1, -2e-1, 3e-1], [1e8, -2e8, 3e8], False),  # of the size of the gradient itself
    ],
    ids=["all entries", "all but one", "too far", "too large"],
)
def test_a_gap_is_rounding_where_small_moves_of_constants_explain_all_of_it(gaps, slopes, verdict):
    def apart(moved):
        return np.array(gaps) + np.array(slopes) * sum(moved.values())

    assert explained(apart, [0.7978845608], 2.0**-24, size=1.0) is verdict
    assert not explained(apart, [], 2.0**-24, size=1.0)
    assert not explained(lambda moved: None if moved else apart(moved), [0.7978845608], 2.0**-24, size=1.0)


SCALES = np.array([0.3, 1.7, -0.6, 0.9, 2.3], np.float32)


@pytest.mark.parametrize(("slip", "decided"), [(1.0, True), (1 + 3e-7, False), (1.001, True)], ids=["right", "3e-7", "1e-3"])
def test_data_that_single_precision_has_rounded_leave_nothing_open_where_both_codes_have_them_alike(slip, decided):
    x = np.array([-1.0, 0.3, -2.0, 1.1, 0.7], np.float32)
    report = check(lambda x: ((SCALES * x * x).sum(), 2 * slip * SCALES * x), at=x, laws=("formula",), profile="quick", at_only=True)
    due = (["holds"] if slip == 1 else ["broken"]) if decided else []
    assert [r.verdict.value for r in report.results] == due, str(report)


def test_where_the_record_decides_nothing_at_the_given_point_differences_do():
    def f(x):
        n = np.linalg.norm(x)
        return n + 0.5 * ((x - 1) ** 2).sum(), (x - 1 + x / n if n > 0 else x - 1 + 5)

    (result,) = check(f, at=np.zeros(3), laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    right = check(lambda x: (f(x)[0], f(x)[1] - 5 * (not x.any())), at=np.zeros(3), laws=("gradient",), profile="quick")
    assert right.verdict is Verdict.HOLDS


def test_an_epsilon_that_only_the_loss_has_is_no_gap_where_a_probability_vanishes_either():
    def f(x):
        e = np.exp(x - x.max())
        p = e / e.sum()
        return -np.log(p[0] + 1e-12), p - np.array([1.0, 0])

    results = check(f, at=np.array([-800.0, 0.0]), laws=("formula",), profile="quick").results
    assert Verdict.BROKEN not in {r.verdict for r in results}


def test_an_epsilon_that_only_the_loss_has_is_stated():
    (result,) = check(naive_softmax, at=W, laws=("formula",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert any("adds 1e-12" in told for told in result.limitations)


NOT_RECORDED = {
    "compiled code": (lambda x: (float(np.fft.fft(x).real[0]), np.ones_like(x)), "fft"),
    "infinite at the example": (lambda x: (np.exp(1e3 * x).sum(), 1e3 * np.exp(1e3 * x)), "no finite numbers"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_RECORDED)
def test_what_is_not_recorded_is_judged_by_differences_and_the_report_says_why(name):
    f, why = NOT_RECORDED[name]
    report = check(f, at=[1.0, 2.0], laws=("gradient",), profile="quick")
    (told,) = report.conventions.values()
    assert told["formula"]["source"] == "differences"
    assert why in told["formula"]["why"]
    assert f"formula: none, by differences: {told['formula']['why']}" in str(report)


def test_a_loss_that_draws_random_numbers_is_not_judged_by_a_record():
    def f(x):
        return (x**2).sum() + np.random.default_rng().normal() * x[0], 2 * x

    (told,) = check(f, at=[1.0, 2.0], laws=("purity",), profile="quick").conventions.values()
    assert told["formula"]["source"] == "differences"


def test_a_loss_that_keeps_what_it_has_computed_is_no_trap():
    kept = {}

    def loss(x):
        kept["x"] = x * 1.0
        return (kept["x"] ** 2).sum()

    report = check(Candidate(loss=loss, grad=lambda x: 2 * kept["x"]), at=[1.0, 2.0], laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert isinstance(kept["x"], np.ndarray)


class Layered:
    """A loss that keeps what its gradient needs, as the layers of courses do: as attributes, or in a dict."""

    def __init__(self, slip=1.0):
        self.cache, self.slip = {}, slip

    def loss(self, w):
        self.r, self.cache["e"] = DATA @ w, np.exp(-w)
        return 0.5 * np.sum(self.r**2) + self.cache["e"].sum()

    def gradient(self, w):  # it has what it needs
        return DATA.T @ self.r - self.slip * self.cache["e"]


def test_code_that_computes_something_else_later_is_not_called_wrong_by_its_record():
    """Loss and gradient are those of another factor from the 30th call on."""
    calls = []

    def flips(x):
        calls.append(1)
        k = 1.0 if len(calls) < 30 else 1.5
        return k * np.sum(x**2), 2 * k * x

    report = check(flips, at=np.array([0.7, -0.4, 1.3]), profile="quick", laws=("value", "gradient", "formula"))
    broken = [r for r in report.results if r.verdict is Verdict.BROKEN]
    assert {r.kind for r in broken} == {"behaviour"}, str(report)
    assert "computes something else when its code is recorded again" in broken[0].diagnosis["message"]


def test_a_gradient_is_recorded_with_the_loss_whose_numbers_it_keeps():
    for slip, verdict in ((1.0, Verdict.HOLDS), (1 + 1e-9, Verdict.BROKEN)):
        layer = Layered(slip)
        (result,) = check(Candidate(loss=layer.loss, grad=layer.gradient), at=W, laws=("formula",), profile="quick").results
        assert (result.verdict, result.decided > 0) == (verdict, True)


def asks_for_the_type(w):
    return DATA.T @ (DATA @ w) if type(w) is np.ndarray else np.zeros_like(w)


def asks_for_the_module(w):
    return DATA.T @ (DATA @ w) * (1 if type(w).__module__ == "numpy" else 1.5)


@pytest.mark.parametrize("gradient", [asks_for_the_type, asks_for_the_module])
def test_a_gradient_that_does_otherwise_when_it_is_recorded_is_not_judged_by_the_record(gradient):
    def loss(w):
        return 0.5 * np.sum((DATA @ w) ** 2)

    report = check(Candidate(loss=loss, grad=gradient), at=W, laws=("gradient", "formula"), profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert "not what was recorded of it: entry 0 of it comes out as" in {i.task.law: i.reason for i in report.inapplicable}["formula"]
    wrong = check(Candidate(loss=loss, grad=lambda w: 1.0001 * gradient(w)), at=W, laws=("gradient",), profile="quick")
    assert wrong.verdict is Verdict.BROKEN


def test_pickled_numbers_are_none_of_a_record():
    def f(w):
        return (pickle.loads(pickle.dumps(w)) ** 2).sum(), 2 * w

    (told,) = check(f, at=W, laws=("gradient",), profile="quick").conventions.values()
    assert "it pickles numbers that are differentiated (test_own.py:" in told["formula"]["why"]


def of_eps(x):
    eps = np.finfo(x.dtype).eps
    g = np.zeros_like(x)
    g[0 if x[0] > x[1] else 1] = 1
    g[2] = 2 * x[2] / (x[2] ** 2 + eps)
    return (x[0] if x[0] > x[1] else x[1]) + np.log(x[2] ** 2 + eps), g


def of_determinant(A):
    (a, b), (c, d) = A
    return np.linalg.det(A), np.array([[d, -c], [-b, a]])


def of_log_determinant(A):
    sign, logdet = np.linalg.slogdet(A)
    return sign * np.exp(logdet), of_determinant(A)[1]


def of_outer(W):
    dW, r = np.zeros_like(W), W @ THREE
    np.outer(r, THREE, out=dW)
    return np.sum(r**2) / 2, dW


def of_variance(x):
    a = x[MASK]
    g = np.where(MASK, x - np.mean(x, where=MASK), 0.0)
    return 0.5 * np.log(((a - a.mean()) ** 2).mean()), g / (MASK.sum() * np.var(x, where=MASK))


def of_some(x):
    return (x[MASK].sum() / 3) ** 2, 2 * (np.add.reduce(x, where=MASK) / 3) * MASK / 3


THREE, MASK = np.array([0.5, 1.5, 0.75]), np.array([True, True, False, True])
RECORDED_ELSEWHERE = {
    "an ε of the dtype, on a tie": (of_eps, np.array([1.0, 1.0, 0.0005], np.float32)),
    "the sign of a determinant": (of_determinant, np.array([[0.59, 0.74], [1.3, 1.08]])),
    "the sign beside a logarithm": (of_log_determinant, np.array([[0.59, 0.74], [1.3, 1.08]])),
    "written into an array": (of_outer, np.array([[1.0, 2.5, 7.0], [0.5, 0.25, -0.25]])),
    "a variance of some": (of_variance, np.array([1.0, 2.5, 7.0, 0.5])),
    "a sum of some": (of_some, np.array([1.0, 2.5, 7.0, 0.5])),
}


@pytest.mark.parametrize("name", RECORDED_ELSEWHERE)
def test_what_a_record_leaves_out_is_never_held_against_code(name):
    f, x = RECORDED_ELSEWHERE[name]
    report = check(f, at=x, laws=("value", "gradient", "formula"), profile="quick")
    assert report.verdict is not Verdict.BROKEN, str(report)
    assert next(r for r in report.results if r.law == "gradient").verdict is Verdict.HOLDS


def test_equal_products_of_single_numbers_are_told_apart():
    def f(x, w):
        a = x[0] * w[0]
        b = x[0] * w[0]
        return np.exp(a) + np.sin(b), (np.exp(a) + np.cos(b)) * w, np.exp(a) * x

    (result,) = check(f, at=(THREE[:1], THREE[1:2]), laws=("formula",), profile="quick").results
    assert "lacks what comes through `w[0]` in `x[0] * w[0]`" in result.diagnosis["message"]
    line = f.__code__.co_firstlineno + 2
    assert f"(test_own.py:{line})" in result.diagnosis["message"]


def test_a_gradient_of_nothing_is_named_without_a_warning():
    def f(x):
        return ((x**2).sum(), 2 * x) if x.any() else (0.0, np.ones(3))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (result,) = check(f, at=np.zeros(3), laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN


def test_the_formula_is_pinned():
    (told,) = check(norms.right, at=norms.X, laws=("gradient",), profile="quick", formula="differences").conventions.values()
    assert told["formula"] == {"source": "differences", "operations": None, "why": "differences were asked for"}
    with pytest.raises(UsageError, match="cannot be judged by its own code"):
        check(NOT_RECORDED["compiled code"][0], at=[1.0, 2.0], profile="quick", formula="own")
    with pytest.raises(UsageError, match="formula"):
        check(norms.right, at=norms.X, formula="tape")
    with pytest.raises(UsageError, match="goes with loss=None"):
        check(norms.right, loss="multiclass_hinge", formula="own")


def test_what_double_precision_leaves_open_is_not_taken_for_right():
    """(z + C) − C of a rounded C may be anything near z: the gradient of its square is not known to 1e-2."""
    c = 1e14 / 3

    def f(x):
        z = (x + c) - c
        return (z * z).sum(), 2 * z + 1e-2

    report = check(f, at=np.array([1.0, -2.0, 3.0]), laws=("formula", "value"), profile="quick")
    assert not [r for r in report.results if r.law == "formula" and r.verdict is Verdict.HOLDS]
