"""Functions of scores: called in their own order and shape, judged as functions of these (N, C) and the labels."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Candidate, UsageError, Verdict, check
from verify.candidates import Misbehaviour, Scores
from verify.conventions import Pins, find_out
from verify.spec.catalogue import find_loss

LOGISTIC, SQUARED, SOFTMAX = (find_loss(name) for name in ("binary_logistic", "squared_error", "softmax_cross_entropy"))


def softmax(s, y):
    e = np.exp(s - s.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    rows, n = np.arange(len(s)), s.dtype.type(len(s))
    value = -np.log(p[rows, y]).sum() / n
    p[rows, y] -= 1
    return value, p / n


def logistic(target, prediction):
    p = 1 / (1 + np.exp(-prediction))
    return p - target, p * (1 - p)


def test_the_answer_is_for_the_scores_by_name():
    scores, y = np.array([[2.0, 5.0, 3.0], [1.0, 0.0, 3.0]]), np.array([0, 2])
    answer, (value, ds) = Scores(f=softmax)(scores, y), softmax(scores, y)
    assert (answer.value, [*answer.gradients]) == (value, ["scores"])
    np.testing.assert_array_equal(answer.gradient, ds)


def column(f):
    def g(prediction, target):
        assert prediction.shape == (len(target), 1)
        a, b = f(target, prediction.ravel())
        return a.reshape(-1, 1), b.reshape(-1, 1)

    return g


WAYS = {
    "(target, prediction)": (LOGISTIC, lambda y_true, y_pred: logistic(y_true, y_pred)),
    "(prediction, target)": (LOGISTIC, lambda preds, labels: logistic(labels, preds)),
    "(prediction, data set)": (LOGISTIC, lambda preds, dtrain: logistic(dtrain.get_label(), preds)),
    "nameless, target first": (LOGISTIC, lambda a, b: logistic(a, b)),
    "nameless, prediction first": (LOGISTIC, lambda a, b: logistic(b, a)),
    "nameless, data set": (LOGISTIC, lambda a, b: logistic(b.get_label(), a)),
    "any number of arguments": (LOGISTIC, lambda *a: logistic(*a)),
    "weighted": (LOGISTIC, lambda y_true, y_pred, sample_weight: [sample_weight * g for g in logistic(y_true, y_pred)]),
    "a column": (LOGISTIC, column(logistic)),
    "squared": (SQUARED, lambda prediction, target: (prediction - target, np.ones_like(target))),
}
LAYOUTS = {
    "nameless, target first": "(target, prediction)", "nameless, data set": "(prediction, data set)",
    "any number of arguments": "(target, prediction)", "weighted": "(target, prediction)",
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("way", WAYS)
def test_the_way_of_calling_an_objective_is_found_out(way, dtype):
    loss, f = WAYS[way]
    found = find_out(f, loss, Pins(), dtype)
    layout = LAYOUTS.get(way, way if way.startswith("(") else "(prediction, target)")
    weights = "taken" if way == "weighted" else "not taken"
    stated = {"signature": "objective", "reduction": "sum", "fits": True, "layout": layout, "hessian": "exact", "weights": weights}
    assert found.to_dict() == stated


def test_names_come_before_a_fit():
    """A sign error is not taken for another order of the arguments, where their names tell the order."""
    report = check(lambda preds, target: (target - preds, np.ones_like(preds)), loss="squared_error", laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert [c["layout"] for c in report.conventions.values()] == ["(prediction, target)"]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_reduction_of_scores_is_found_out(reduction):
    def f(s, y):
        value, ds = softmax(s, y)
        factor = 1 if reduction == "mean" else len(s)
        return factor * value, factor * ds

    assert find_out(f, SOFTMAX, Pins()).to_dict() == {"signature": "scores", "reduction": reduction, "fits": True}


def test_a_function_of_weights_is_still_one():
    found = find_out(lambda W, X, y: (softmax(X @ W.T, y)[0], softmax(X @ W.T, y)[1].T @ X), SOFTMAX, Pins())
    assert found.to_dict().items() >= {"layout": "(C, D)", "penalty": "none", "fits": True}.items()


def test_a_linear_model_of_one_score_is_judged():
    def f(w, X, y, reg):
        s = X @ w
        p = 1 / (1 + np.exp(-s))
        return (np.logaddexp(0, s) - y * s).sum() / len(y) + reg * (w @ w), (X.T @ (p - y)) / len(y) + 2 * reg * w

    report = check(f, loss="binary_logistic", profile="quick", laws=("value", "gradient", "order", "purity", "bad-input"))
    assert report.verdict is Verdict.HOLDS
    assert [c["layout"] for c in report.conventions.values()] == ["(D,)"]


TRIPLE = Candidate(
    loss=lambda s, t: np.logaddexp(0, s) - t * s,
    grad=lambda s, t: 1 / (1 + np.exp(-s)) - t,
    hess=lambda s, t: np.exp(-np.abs(s)) / (1 + np.exp(-np.abs(s))) ** 2,
)


def test_three_functions_of_each_example_are_judged_on_every_law_that_asks_of_them():
    report = check(TRIPLE, loss="binary_logistic", profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert {r.law for r in report.results} >= {"value", "gradient", "curvature", "order", "enclosure", "convexity", "descent"}


def test_losses_of_examples_whose_sum_is_beyond_the_dtype_add_up_to_infinity():
    one_by_one = Scores(f=lambda s, t: (np.exp(s) - t * s, np.exp(s) - t), per_example=True, each=True, targets=(0, 1))
    assert one_by_one(scores=np.array([[709.7], [709.5], [709.7]]), y=np.array([0, 1, 0])).value == np.inf


SHAPES = {
    "a row": (lambda g: g.ravel(), None),
    "a column of all": (lambda g: g.reshape(-1, 1), None),
    "transposed": (lambda g: g.T, "shape"),
    "one example missing": (lambda g: g[:-1], "shape"),
    "complex": (lambda g: g + 0j, "dtype"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_of_an_objective(case):
    change, code = SHAPES[case]
    scores, y = np.arange(6.0).reshape(2, 3), np.array([0, 1])
    candidate = Scores(f=lambda s, t: (change(s), s), per_example=True)
    if code is None:
        np.testing.assert_array_equal(candidate(scores, y).gradient, scores)
        return
    with pytest.raises(Misbehaviour) as caught:
        candidate(scores, y)
    assert caught.value.code == code


IMPURE = {
    "writes to the scores": (lambda s, y: (s.__isub__(s.max(1, keepdims=True)), softmax(s, y))[1], "mutates-input"),
    "returns its input": (lambda s, y: (softmax(s, y)[0], s), "mutates-input"),
}


@pytest.mark.parametrize("case", IMPURE)
def test_an_impure_function_of_scores_is_broken(case):
    f, code = IMPURE[case]
    (result,) = check(f, loss="softmax_cross_entropy", laws=("purity",), profile="quick").results
    assert (result.kind, result.diagnosis["code"]) == ("behaviour", code)


WRONG_USE = {
    "a penalty": (softmax, {"penalty": "l2"}, "has none"),
    "a layout of weights": (softmax, {"layout": "DC"}, r"\(prediction, target\)"),
    "an order for weights": (softmax, {"layout": "prediction, target", "signature": "linear"}, "give one of CD, DC"),
    "no such signature": (softmax, {"signature": "score"}, "Did you mean 'scores'"),
    "no such hessian": (softmax, {"hessian": "approx"}, "Did you mean 'approximate'"),
    "one argument": (lambda x: x, {}, "loss=None, at=x"),
    "a Hessian of weights": (Candidate(loss=softmax, grad=softmax, hess=softmax), {"signature": "linear"}, "has a Hessian"),
    "no loss": (Candidate(grad=softmax), {"signature": "linear"}, "has no loss"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_an_error(case):
    f, pins, message = WRONG_USE[case]
    with pytest.raises(UsageError, match=message):
        check(f, loss="softmax_cross_entropy", laws=("value",), **pins)


def test_a_witness_is_still_one_of_scores_when_it_is_small():
    """And the smallest: two scores of one example."""

    def wrong(s, y):
        value, ds = softmax(s, y)
        return value, ds if len(s) < 3 else ds * 2

    (result,) = check(wrong, loss="softmax_cross_entropy", laws=("gradient",), profile="quick").results
    case = result.witness.case
    assert (case.differentiated, [*case.values], case["scores"].shape) == (("scores",), ["scores", "y"], (3, 2))


def test_a_witness_of_scores_is_shown_as_scores_and_judged_again():
    def wrong(s, y):
        value, ds = softmax(s, y)
        return value, ds * 1.001

    report = check(wrong, loss="softmax_cross_entropy", laws=("gradient",), profile="quick")
    assert "scores=[[0.0, 0.0]]" in str(report)
    assert report.to_dict()["results"][0]["witness"]["signature"] == "scores"
