"""The same question asked again: another order of summation may change bits, and nothing else may change the answer."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from implementations import hinge, softmax

import verify
from verify import Verdict, check
from verify.candidates import Answer, Linear, Misbehaviour
from verify.cases import Case
from verify.laws import Subject, purity
from verify.laws.compared import apart, drifts
from verify.laws.consistency import OTHER_BITS, agreed, measure
from verify.laws.purity import REFUSES
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty

LAWS = ("consistency", "purity")


def in_any_order(f):
    """As threads do that add up in the order in which they end: the examples, and the features of the scores."""
    rng = np.random.default_rng(0)

    def g(W, X, y, reg):
        examples, features = rng.permutation(len(X)), rng.permutation(W.shape[1])
        loss, G = f(np.ascontiguousarray(W[:, features]), np.ascontiguousarray(X[examples][:, features]), y[examples], reg)
        back = np.empty_like(G)
        back[:, features] = G
        return loss, back

    return g


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "f"), [("multiclass_hinge", hinge()), ("softmax_cross_entropy", softmax())])
def test_sums_in_any_order_are_the_same_answer(loss, f, dtype):
    report = check(in_any_order(f), loss=loss, dtypes=(dtype,), profile="quick", laws=LAWS)
    assert report.verdict is Verdict.HOLDS, str(report)
    (told,) = (r.limitations for r in report.results if r.law == "consistency")
    assert OTHER_BITS in told


def counting(f, step, *, loss=False):
    calls = [0]

    def g(*arguments):
        calls[0] += 1
        value, gradient = f(*arguments)
        times = gradient.dtype.type(1 + calls[0] * step)
        return (value * times, gradient) if loss else (value, gradient * times)

    return g


def dropping(f):
    rng = np.random.default_rng(0)

    def g(*arguments):
        value, gradient = f(*arguments)
        return value, gradient * (rng.random(gradient.shape) < 0.9)

    return g


def later(f):
    """Right in the first three answers to a question."""
    asked = Counter()

    def g(W, X, y, reg):
        value, gradient = f(W, X, y, reg)
        asked[W.tobytes(), X.tobytes()] += 1
        n = asked[W.tobytes(), X.tobytes()]
        return value, gradient if n <= 3 else gradient * (1.5 + n % 2)

    return g


def learning(f):
    """The same until another question was asked."""
    asked = set()

    def g(W, X, y, reg):
        asked.add((W.tobytes(), X.tobytes()))
        value, gradient = f(W, X, y, reg)
        return value, gradient * (1 + len(asked) / 1024)

    return g


def remembering(f):
    """Keeps its answers by the identity of the array, beside sums in any order."""
    kept, order = {}, in_any_order(f)

    def g(W, *others):
        if kept.get("W") is not W:
            kept.update(W=W, answer=order(W, *others))
        loss, gradient = kept["answer"]
        return loss, gradient.copy()

    return g


WRONG = {
    "a counter": (lambda: counting(softmax(), 1e-6), "consistency", "asked the same again"),
    "a counter within rounding": (lambda: counting(softmax(), 4e-16), "consistency", "it counts"),
    "a counter of less than a rounding": (lambda: counting(softmax(), 4e-17), "consistency", "it counts"),
    "a counter in the loss": (lambda: counting(softmax(), 1e-6, loss=True), "consistency", "asked the same again"),
    "a counter within rounding in the loss": (lambda: counting(softmax(), 4e-16, loss=True), "consistency", "it counts"),
    "what another question leaves behind": (lambda: learning(softmax()), "consistency", "asked the same again"),
    "a dropout": (lambda: dropping(softmax()), "consistency", "asked the same again"),
    "a counter in other arrays": (lambda: counting(softmax(), 1e-3), "purity", "asked the same again"),
    "an answer that is kept": (lambda: remembering(softmax()), "purity", "by the identity of the array"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_else_changes_an_answer_is_broken(name):
    make, law, told = WRONG[name]
    (result,) = check(make(), loss="softmax_cross_entropy", profile="quick", laws=(law,)).results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "nondeterministic")
    assert told in result.diagnosis["message"]


def only_for(taken):
    """Raises where others are given than these."""

    def f(W, *others):
        if not taken(W):
            raise ValueError("of another kind")
        return softmax()(W, *others)

    return f


def test_who_refuses_other_numbers_in_the_same_array_alone_is_broken():
    """It answers for them in another."""
    kept = {}

    def taken(W):
        known = kept.get("W") is not W or np.array_equal(kept["copy"], W)
        kept.update(W=W, copy=W.copy())
        return known

    (result,) = check(only_for(taken), loss="softmax_cross_entropy", profile="quick", laws=("purity",)).results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "crashed")


def test_who_refuses_all_other_numbers_is_told():
    values = {"W": np.array([[0.5, 0.25], [-1.0, 2.0]]), "X": np.ones((2, 2)), "y": np.array([0, 1]), "reg": 0.5}
    subject = subject_of(only_for(lambda W: np.array_equal(W, values["W"])), "softmax_cross_entropy")
    assert REFUSES in purity.measure(subject, Case(values=values, family="a test")).limitations


def subject_of(f, loss, penalty="l2"):
    oracle = Oracle(Objective(loss=find_loss(loss), penalty=find_penalty(penalty)), "float64")
    return Subject(candidate=Linear(f=f), oracle=oracle)


def test_all_answers_are_compared_that_are_asked_where_bits_differ():
    rng = np.random.default_rng(0)
    values = {"W": rng.normal(size=(5, 40)), "X": rng.normal(size=(30, 40)), "y": rng.integers(0, 5, 30), "reg": 0.5}
    with pytest.raises(Misbehaviour, match=r"asked the same again$"):
        measure(subject_of(later(in_any_order(softmax())), "softmax_cross_entropy"), Case(values=values, family="a test", seed=3))


def test_another_subgradient_each_time_is_broken_where_sums_are_not_in_any_order():
    def chosen(W, X, y, reg):
        ties = np.random.default_rng().random((len(X), len(W)))
        return hinge(weights=lambda M: np.where(M == 0, ties, M > 0))(W, X, y, reg)

    (result,) = check(chosen, loss="multiclass_hinge", laws=("consistency",), profile="quick").results
    assert result.verdict is Verdict.BROKEN


def test_nor_does_another_subgradient_elsewhere_show_sums_in_any_order():
    """Where −2 stood is 0 there: a tie, too."""

    def chosen(W, X, y, reg):
        value, gradient = softmax()(W, X, y, W.dtype.type(0))
        ties = np.random.default_rng().uniform(-1, 1, W.shape)
        return value + reg * np.abs(W).sum(), gradient + reg * np.where(W == 0, ties, np.sign(W))

    values = {"W": np.array([[1.0, 0.0], [-2.0, 2.0]]), "X": np.ones((2, 2)), "y": np.array([0, 1]), "reg": 0.5}
    with pytest.raises(Misbehaviour, match=r"asked the same again$"):
        measure(subject_of(chosen, "softmax_cross_entropy", "l1"), Case(values=values, family="a test"))


def test_sums_in_any_order_may_undo_a_tie():
    """1 − 0.1 − 0.2 − 0.7 is 0 in some."""
    X = np.array([[0.1, 0.2, 0.7], *np.random.default_rng(0).normal(size=(9, 3))])
    values = {"W": np.array([[-1.0] * 3, [0.0] * 3]), "X": X, "y": np.ones(10, np.intp), "reg": 0.0}
    subject, case = subject_of(in_any_order(hinge()), "multiclass_hinge"), Case(values=values, family="a test")
    assert not subject.truth(case).gradient.is_single
    slopes = [subject.call(case).gradient for _ in range(30)]
    assert max(float(np.max(np.abs(g - slopes[0]))) for g in slopes) > 0.01
    assert OTHER_BITS in measure(subject, case).limitations


def steady(terms):
    return terms


def pair(jitter, slopes=None):
    """Σ√(1 + x²), which no record follows; `jitter` changes the terms of the loss, and those of the gradient unless `slopes` does."""

    def loss(x):
        return float(jitter(np.fft.ifft(np.fft.fft(np.sqrt(1 + x * x))).real).sum())

    return verify.Candidate(loss=loss, grad=lambda x: (slopes or jitter)(x / np.sqrt(1 + x * x)))


def ulp_more_or_less(rng):
    return lambda terms: np.where(rng.random(terms.shape) < 0.5, terms, np.nextafter(terms, terms + 1))


def growing():
    calls = [0]

    def jitter(terms):
        calls[0] += 1
        return terms * (1 + 4e-16 * calls[0])

    return jitter


def late(first=12):
    """Of other bits the first times, and of other numbers later."""
    calls, early = [0], ulp_more_or_less(np.random.default_rng(0))

    def jitter(terms):
        calls[0] += 1
        return early(terms) if calls[0] <= first else terms * (1.5 + calls[0] % 2)

    return jitter


AT = np.array([0.3, -1.2, 2.5])


def test_differences_allow_no_more_than_roundings_either():
    (held,) = check(pair(ulp_more_or_less(np.random.default_rng(0))), at=AT, laws=("purity",), profile="quick").results
    assert held.verdict is Verdict.HOLDS, held.diagnosis
    assert OTHER_BITS in held.limitations


def dropped(rng):
    return lambda terms: terms * (rng.random(terms.shape) < 0.9)


@pytest.mark.parametrize("alone", [None, "loss", "gradient"])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (growing, "it counts"),
        (lambda: dropped(np.random.default_rng(0)), "asked the same again"),
        (late, "asked the same again"),
    ],
    ids=["a counter", "a dropout", "wrong at last"],
)
def test_differences_see_what_else_changes_an_answer(make, told, alone):
    jitter = make()
    made = pair(steady if alone == "gradient" else jitter, steady if alone == "loss" else jitter)
    (broken,) = check(made, at=AT, laws=("purity",), profile="quick").results
    assert broken.verdict is Verdict.BROKEN
    assert told in broken.diagnosis["message"]


def test_differences_find_an_answer_that_is_kept_beside_other_bits():
    kept, right = {}, pair(ulp_more_or_less(np.random.default_rng(0)))

    def loss(x):
        if kept.get("x") is not x:
            kept.update(x=x, value=right.loss(x))
        return kept["value"]

    (broken,) = check(verify.Candidate(loss=loss, grad=right.grad), at=AT, laws=("purity",), profile="quick").results
    assert "by the identity of the array" in broken.diagnosis["message"]


def test_differences_find_an_answer_that_is_kept_where_its_domain_ends_before_another_place():
    kept = {}

    def f(x):
        if kept.get("x") is not x:
            if x[0] > 1.2:
                raise ValueError(x[0])
            kept.update(x=x, answer=(x @ x, 2 * x))
        return kept["answer"]

    (broken,) = check(f, at=np.ones(2), laws=("purity",), profile="quick", formula="differences").results
    assert "by the identity of the array" in broken.diagnosis["message"]


def test_differences_ask_a_candidate_and_not_its_reference_what_else_it_does():
    how = {"reference": pair(steady).loss, "formula": "differences"}
    (broken,) = check(pair(growing(), steady), at=AT, laws=("purity",), profile="quick", **how).results
    assert broken.verdict is Verdict.BROKEN


def test_differences_call_a_number_that_is_none_at_times_no_answer():
    calls = [0]

    def gradient(x):
        calls[0] += 1
        return x / np.sqrt(1 + x * x) * (np.nan if calls[0] % 2 else 1)

    made = verify.Candidate(loss=pair(lambda terms: terms).loss, grad=gradient)
    (broken,) = check(made, at=AT, laws=("purity",), profile="quick", formula="differences").results
    assert broken.verdict is Verdict.BROKEN
    assert "another gradient when it is asked the same again" in broken.diagnosis["message"]


def test_differences_find_an_answer_that_is_kept_where_another_place_has_far_greater_ones():
    kept = {}

    def loss(x):
        if kept.get("x") is not x:
            kept.update(x=x, value=float(np.exp(-x).sum()))
        return kept["value"]

    how = {"at": np.array([10.0, 11.0, 12.0], np.float32), "laws": ("purity",), "profile": "quick", "formula": "differences"}
    (broken,) = check(verify.Candidate(loss=loss, grad=lambda x: -np.exp(-x)), **how).results
    assert "by the identity of the array" in broken.diagnosis["message"]


def beside(one, other, *, single=True, excused=False, code=None):
    """Whether the loss, and the gradient, of two answers are the same, and whether these are one, where either may be off by 1."""
    slopes = SimpleNamespace(radius=np.ones(1), magnitude=np.full(1, 8.0), is_single=single)
    truth = SimpleNamespace(careful=lambda _: 0.0, value=SimpleNamespace(radius=1.0, magnitude=8.0), gradient=slopes)
    subject = SimpleNamespace(truth=lambda _: truth, oracle=SimpleNamespace(code=code), excused=lambda *_: excused)
    answer, first = (Answer(value, {"x": np.array([slope])}) for value, slope in (one, other))
    found = agreed(subject, None, first, answer)
    return [e.strain <= 1 for e in apart(subject, None, "again", answer, first.value, first.gradient)], found is not None


def test_two_answers_may_be_as_far_apart_as_both_may_be_from_the_truth():
    for code in (None, "a function"):
        assert beside((9.0, 9.0), (7.25, 7.25), code=code) == ([True, True], True)
    assert beside((9.0, 9.0), (6.75, 9.0)) == ([False, True], False)
    assert beside((9.0, 9.0), (9.0, 6.75)) == ([True, False], False)


def test_on_a_tie_gradients_are_not_compared_and_nothing_is_out_of_range():
    assert beside((9.0, 9.0), (9.0, 8.0), single=False) == ([True], True)
    assert beside((np.inf, np.inf), (np.nan, np.nan)) == ([False, False], False)
    assert beside((np.inf, np.inf), (np.nan, np.nan), excused=True) == ([], True)


@pytest.mark.parametrize("seed", range(3))
def test_differences_of_what_cancels_allow_for_what_it_sums(seed):
    """x − 1.5 where it is asked for 1.5, beside 1."""
    rng = np.random.default_rng(seed)

    def summed(terms):
        return float(np.cumsum(rng.permutation(terms))[-1])

    def loss(x):
        return summed(np.array([0.1 * x[0], 0.2 * x[0], 0.7 * x[0], -0.45, -1.05]))

    made = verify.Candidate(loss=loss, grad=lambda x: np.array([summed(np.array([0.1, 0.2, 0.7]))]))
    (held,) = check(made, at=np.ones(1), at_only=True, laws=("purity",), profile="quick", formula="differences").results
    assert held.verdict is Verdict.HOLDS, held.diagnosis


def test_a_number_drifts_that_goes_one_way_at_every_step():
    for way in (1, -1):
        assert drifts([np.array([way * x]) for x in (0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 4.0)])
    assert not drifts([np.array([x]) for x in (0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0)])
    assert drifts([np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([0.5, 4.0])])
    assert not drifts([np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([1.0, 1.5])])
    assert not drifts([np.array([1.0, np.nan])] * 3)


def test_torch_solves_least_squares_with_other_bits_at_each_call():
    """Its library of linear algebra sums by where an array lies in memory."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)

    def solved(A, b):
        return torch.linalg.lstsq(A, b).solution

    how = {"at": (rng.normal(size=(6, 3)), rng.normal(size=(6, 2))), "profile": "quick", "laws": LAWS}
    for seed in range(3):
        report = check(solved, seed=seed, **how)
        assert report.verdict is Verdict.HOLDS, str(report)


def test_a_backward_that_sums_in_any_order_is_asked_about_its_upstream_gradient():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)

    def summed(follows):
        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x.sum()

            @staticmethod
            def backward(ctx, up):
                (x,) = ctx.saved_tensors
                terms = torch.cat([up * x, torch.tensor([1e3, -1e3], dtype=x.dtype)])
                along = terms[torch.from_numpy(rng.permutation(len(terms)))].cumsum(0)[-1]  # one by one
                return (up if follows else 1) * x.sum() + along + 0 * x

        return Scaled

    how = {"at": np.array([0.3, -1.2, 2.5, 0.7]), "profile": "quick", "laws": ("purity",), "formula": "differences"}
    assert check(summed(follows=True), **how).verdict is Verdict.HOLDS
    (broken,) = check(summed(follows=False), **how).results
    assert broken.diagnosis["code"] == "upstream-ignored"
