"""With weights each example counts as often as its weight says: in the loss, the gradient and the Hessian, of those who take weights."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Candidate, Verdict, check
from verify.cases import Case
from verify.laws.weighting import weights_of


def parts(prediction, target):
    p = 1 / (1 + np.exp(-prediction))
    return p - target, p * (1 - p)


def times(w, *arrays):
    return tuple(a if w is None else a * w for a in arrays)


def of_data_set(preds, dtrain, change=lambda g, h, w: (g * w, h * w)):
    return change(*parts(preds, dtrain.get_label()), dtrain.get_weight().astype(preds.dtype))


def by_classes(y_true, y_pred, sample_weight=None):
    e = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    w = np.ones(len(y_true), p.dtype) if sample_weight is None else sample_weight
    return (p - np.eye(p.shape[1], dtype=p.dtype)[y_true.astype(int)]) * w[:, None], p * (1 - p) * w[:, None]


def linear(w, X, y, sample_weight, reg, per=lambda v: len(v), slopes=lambda v: v):
    r, v = X @ w - y, sample_weight
    n = w.dtype.type(per(v))
    return (v * r * r).sum() / 2 / n + reg * (w @ w), X.T @ (slopes(v) * r) / n + w.dtype.type(2 * reg) * w


def linear_by_sum(w, X, y, sample_weight, reg):
    return linear(w, X, y, sample_weight, reg, per=np.sum)


def mean_of(scores, y, sample_weight=None):
    v = np.ones_like(scores) if sample_weight is None else sample_weight
    n, r = scores.dtype.type(len(y)), scores - y
    return (v * r * r).sum() / 2 / n, v * r / n


RIGHT = {
    "needed": ("binary_logistic", lambda y_true, y_pred, weight: times(weight, *parts(y_pred, y_true))),
    "with a default": ("binary_logistic", lambda y_true, y_pred, sample_weight=None: times(sample_weight, *parts(y_pred, y_true))),
    "by name only": ("binary_logistic", lambda y_true, y_pred, *, sample_weight=None: times(sample_weight, *parts(y_pred, y_true))),
    "prediction first": ("binary_logistic", lambda preds, labels, weights=None: times(weights, *parts(preds, labels))),
    "of a data set": ("binary_logistic", of_data_set),
    "an attribute of it": ("binary_logistic", lambda preds, train: times(train.weight.astype(preds.dtype), *parts(preds, train.label))),
    "of classes": ("softmax_cross_entropy", by_classes),
    "loss and gradient of scores": ("squared_error", mean_of),
    "linear, divided by N": ("squared_error", linear),
    "linear, divided by their sum": ("squared_error", linear_by_sum),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_who_counts_every_example_by_its_weight_holds(name, dtype):
    loss, f = RIGHT[name]
    report = check(f, loss=loss, dtypes=(dtype,), laws=("batches",), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert report.results[0].strain < 0.3
    assert next(iter(report.conventions.values()))["weights"] == "taken"


def logistic(change):
    return lambda y_true, y_pred, sample_weight=None: change(
        *parts(y_pred, y_true), np.ones_like(y_pred) if sample_weight is None else sample_weight
    )


WRONG = {
    "forgotten": (logistic(lambda g, h, w: (g, h)), "forgotten in the gradient and the Hessian"),
    "forgotten in the Hessian": (logistic(lambda g, h, w: (g * w, h)), "forgotten in the Hessian"),
    "forgotten in the gradient": (logistic(lambda g, h, w: (g, h * w)), "forgotten in the gradient"),
    "squared in the gradient": (logistic(lambda g, h, w: (g * w * w, h * w)), "squared in the gradient"),
    "squared in the Hessian": (logistic(lambda g, h, w: (g * w, h * w * w)), "squared in the Hessian"),
    "roots": (logistic(lambda g, h, w: (g * np.sqrt(w), h * w)), "under a root in the gradient"),
    "those of others": (logistic(lambda g, h, w: (g * w[::-1], h * w)), "those of other examples in the gradient"),
    "divided by their mean": (logistic(lambda g, h, w: (g * w / w.mean(), h * w / w.mean())), "divided by their mean in the gradient and"),
    "cut off": (logistic(lambda g, h, w: (g * np.minimum(w, 2), h * w)), "the gradient of an example is not as many times"),
    "of a data set": (lambda p, dtrain: of_data_set(p, dtrain, lambda g, h, w: (g * w, h)), "forgotten in the Hessian"),
}


@pytest.mark.parametrize("name", WRONG)
def test_who_does_not_is_broken_and_the_mistake_is_named(name):
    f, told = WRONG[name]
    report = check(f, loss="binary_logistic", profile="quick", laws=("gradient", "batches"))
    assert {r.law: r.verdict for r in report.results} == {"gradient": Verdict.HOLDS, "batches": Verdict.BROKEN}
    (result,) = [r for r in report.results if r.law == "batches"]
    assert (result.kind, result.diagnosis["code"]) == ("wrong", "weights")
    assert told in result.diagnosis["message"]


def _linear_forgets(w, X, y, sample_weight, reg):
    return linear(w, X, y, sample_weight, reg, slopes=np.ones_like)


def _linear_by_two_sums(w, X, y, sample_weight, reg):
    """The loss is divided by N, its gradient by the sum of the weights."""
    return linear(w, X, y, sample_weight, reg)[0], linear(w, X, y, sample_weight, reg, per=np.sum)[1]


@pytest.mark.parametrize("f", [_linear_forgets, _linear_by_two_sums])
def test_loss_and_gradient_count_alike(f):
    (result,) = check(f, loss="squared_error", profile="quick", laws=("batches",)).results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "weights")


def test_a_floor_of_a_declared_approximation_is_no_matter_of_weights():
    def f(preds, dtrain):
        return of_data_set(preds, dtrain, lambda g, h, w: (g * w, np.maximum(2 * h * w, 1e-6)))

    report = check(f, loss="binary_logistic", hessian="approximate", profile="quick", laws=("batches", "curvature"))
    assert report.verdict is Verdict.HOLDS, str(report)

    def forgets(preds, dtrain):
        return of_data_set(preds, dtrain, lambda g, h, w: (g * w, np.maximum(2 * h, 1e-6)))

    (result,) = check(forgets, loss="binary_logistic", hessian="approximate", profile="quick", laws=("batches",)).results
    assert result.verdict is Verdict.BROKEN


def test_who_writes_to_the_weights_is_told():
    def f(y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            sample_weight *= 2
        return times(None if sample_weight is None else sample_weight / 2, *parts(y_pred, y_true))

    (result,) = check(f, loss="binary_logistic", profile="quick", laws=("batches",)).results
    assert (result.kind, result.diagnosis["message"]) == ("behaviour", "the candidate changes its input weights")


NOT_TAKEN = {
    "no argument": lambda y_true, y_pred: parts(y_pred, y_true),
    "a data set that is not asked": lambda preds, dtrain: parts(preds, dtrain.get_label()),
    "three functions": Candidate(loss=lambda s, t: np.logaddexp(0, s) - t * s, grad=lambda s, t: parts(s, t)[0]),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_who_takes_none_says_so_and_is_not_asked(name):
    report = check(NOT_TAKEN[name], loss="binary_logistic", profile="quick", laws=("batches",))
    assert report.verdict is Verdict.HOLDS
    assert next(iter(report.conventions.values()))["weights"] == "not taken"
    assert "weights not taken" in str(report)


def test_what_is_wrong_without_weights_is_not_laid_to_them():
    """The last example is left out, whatever its weight."""

    def f(y_true, y_pred, sample_weight=None):
        g, h = times(sample_weight, *parts(y_pred, y_true))
        return g * (np.arange(len(g)) < 1), h

    for r in check(f, loss="binary_logistic", profile="quick", laws=("gradient", "batches")).results:
        assert (r.diagnosis or {}).get("code") != "weights"


def test_weights_are_equal_unequal_0_and_of_many_magnitudes():
    drawn = [weights_of(Case(values={"scores": np.zeros((6, 2)), "y": np.zeros(6, int)}, family="test", seed=seed)) for seed in range(64)]
    assert any(len(set(w)) == 1 for w in drawn)
    assert any(0 in w for w in drawn)
    assert any(w.max() / w.min() > 1e4 for w in drawn if w.min() > 0)
    assert all(np.array_equal(w.astype(np.float32), w) and w.any() and not np.all(w == 1) for w in drawn)


def entropy(scores, y, weight=None):
    """Softmax with one weight for each class, as torch has it: a mean by the weights of the labels."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p, rows = e / e.sum(axis=1, keepdims=True), np.arange(len(y))
    w = np.ones(scores.shape[1], scores.dtype) if weight is None else weight
    if w.shape != (scores.shape[1],):
        raise ValueError("weight has one number for each class")
    of, g = w[y], p.copy()
    g[rows, y] -= 1
    return (-np.log(p[rows, y]) * of).sum() / of.sum(), g * of[:, None] / of.sum()


def multilabel(prediction, target, weight=None):
    """A sum over the classes, each with its weight."""
    w = 1.0 if weight is None else weight
    e, p = np.logaddexp(0, prediction) - target * prediction, 1 / (1 + np.exp(-prediction))
    return (w * e).sum(axis=1).mean(), (w * (p - target)) / prediction.dtype.type(len(prediction))


MULTILABEL = """
from sympy import Add, exp, log
from verify.spec import Binary, Claims, LossSpec

SPEC = LossSpec(
    name="multilabel",
    per_example=lambda s, t: Add(*(log(1 + exp(a)) - b * a for a, b in zip(s, t))),
    target=Binary("C"),
    claims=Claims(convex=True),
    source="a test",
)
"""


@pytest.mark.parametrize("f", [entropy, multilabel])
def test_weights_of_classes_are_no_weights_of_examples(tmp_path, f):
    (tmp_path / "multilabel.py").write_text(MULTILABEL, encoding="utf-8")
    loss = "softmax_cross_entropy" if f is entropy else f"{tmp_path / 'multilabel.py'}"
    report = check(f, loss=loss, laws=("value", "gradient", "batches"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert "takes one weight for each class, and is judged without them" in str(report)


def test_who_takes_neither_is_broken():
    """What it calls weights is then meant to be those of the examples."""

    def neither(scores, y, weight=None):
        if weight is not None:
            raise ValueError("not now")
        return entropy(scores, y)

    assert check(neither, loss="softmax_cross_entropy", laws=("batches",), profile="quick").verdict is Verdict.BROKEN
