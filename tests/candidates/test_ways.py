"""Ways in which candidates are called: flat scores, one number of classes, losses of each example, further arguments; and what is none."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from verify import Candidate, UsageError, Verdict, check
from verify.candidates import NO_GRADIENT, Scores
from verify.conventions import Pins, find_out
from verify.spec import Claims, LossSpec, positive
from verify.spec.catalogue import find_loss

LOGISTIC, SQUARED, SOFTMAX = (find_loss(name) for name in ("binary_logistic", "squared_error", "softmax_cross_entropy"))
SCALED = LossSpec(
    name="scaled", per_example=lambda s, t, k: k * (s - t) ** 2, parameters={"k": positive(default=1)}, targets=(-1, 0, 2),
    claims=Claims(convex=True), source="none",
)  # fmt: skip


def probabilities(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def onehot(y, k):
    return np.eye(k)[y.astype(int)]


def matrix(z, y, k=None):
    """Gradient and Hessian of (N, C) scores."""
    p = probabilities(z)
    return p - onehot(y, k or z.shape[1]), p * (1 - p)


def class_major(y_true, y_pred):
    return tuple(a.T.ravel() for a in matrix(y_pred.reshape(-1, len(y_true)).T, y_true))


def class_major_in_fortran_order(y_true, y_pred):
    return tuple(a.ravel(order="F") for a in matrix(y_pred.reshape((len(y_true), -1), order="F"), y_true))


def class_major_by_loops(y_true, y_pred):
    n = len(y_true)
    k = len(y_pred) // n
    grad, hess = np.zeros(len(y_pred)), np.zeros(len(y_pred))
    for i in range(n):
        z = np.array([y_pred[j * n + i] for j in range(k)])
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        for j in range(k):
            grad[j * n + i], hess[j * n + i] = p[j] - (j == y_true[i]), p[j] * (1 - p[j])
    return grad, hess


def row_major(y_true, y_pred):
    return tuple(a.ravel() for a in matrix(y_pred.reshape(len(y_true), -1), y_true))


def matrix_in_row_out(predt, dtrain):
    """As xgboost before 2.1 wants it."""
    return tuple(a.reshape(-1, 1) for a in matrix(predt[:, :], dtrain.get_label()))


def class_major_of_three(preds, data):
    return tuple(a.T.ravel() for a in matrix(preds.reshape(3, -1).T, data.get_label(), 3))


def row_major_of_five(preds, data):
    return tuple(a.ravel() for a in matrix(preds.reshape(-1, 5), data.get_label(), 5))


def flat_loss(scores, y):
    z = scores.reshape(-1, len(y)).T
    return -np.log(probabilities(z)[np.arange(len(y)), y]).mean(), class_major(y, scores)[0] / len(y)


TOLD = {
    "class by class": (class_major, "(target, prediction), class-major", None),
    "in Fortran order": (class_major_in_fortran_order, "(target, prediction), class-major", None),
    "by loops": (class_major_by_loops, "(target, prediction), class-major", None),
    "without names": (lambda a, b: class_major(b, a), "(prediction, target), class-major", None),
    "example by example": (row_major, "(target, prediction), row-major", None),
    "a matrix": (lambda y_true, y_pred: matrix(y_pred, y_true), "(target, prediction)", None),
    "a matrix, and numbers in one row": (matrix_in_row_out, "(prediction, data set)", None),
    "class by class of three": (class_major_of_three, "(prediction, data set), class-major", 3),
    "example by example of five": (row_major_of_five, "(prediction, data set), row-major", 5),
    "a matrix of four": (lambda y_true, y_pred: matrix(y_pred, y_true, 4), "(target, prediction)", 4),
    "loss and gradient": (flat_loss, "(prediction, target), class-major", None),
}


@pytest.mark.parametrize("way", TOLD)
def test_the_order_of_scores_and_the_number_of_classes_are_found_out(way):
    f, layout, classes = TOLD[way]
    found = find_out(f, SOFTMAX, Pins())
    assert found.to_dict()["fits"]
    assert (found.to_dict()["layout"], found.objective.classes) == (layout, classes)


def test_a_candidate_of_three_classes_is_asked_about_three_only():
    """And so are the search in bulk, and the naming of a mistake."""

    def f(preds, data, wrong=1.0):
        assert len(preds) == 3 * len(data.get_label())
        grad, hess = class_major_of_three(preds, data)
        return grad * wrong, hess

    for options in ({"laws": ("gradient",)}, {"laws": ("symmetry", "bad-input"), "profile": "quick", "classes": 3}):
        report = check(f, loss="softmax_cross_entropy", **options)
        assert report.verdict is Verdict.HOLDS, str(report)
    wrong = partial(f, wrong=2.0)
    (result,) = check(wrong, loss="softmax_cross_entropy", classes=3, profile="quick", laws=("gradient",)).results
    assert (result.verdict, result.diagnosis["code"], result.witness.case["scores"].shape[1]) == (Verdict.BROKEN, "scaled", 3)


def linear(k, W, X, y, reg):
    p = probabilities(X @ W.T)
    t = onehot(y, k)
    return -np.log((p * t).sum(1)).mean() + reg * (W * W).sum(), (p - t).T @ X / len(y) + 2 * reg * W


@pytest.mark.parametrize("classes", [2, 3, 4, 10])
def test_the_number_of_classes_of_a_function_of_weights_is_found_out(classes):
    f = partial(linear, classes)
    assert find_out(f, SOFTMAX, Pins()).to_dict().items() >= {"fits": True, "classes": classes, "layout": "(C, D)"}.items()
    assert check(f, loss="softmax_cross_entropy", profile="quick", laws=("value", "gradient", "bad-input")).verdict is Verdict.HOLDS


def test_what_raises_for_one_number_of_classes_is_not_of_all_the_others():
    def f(W, X, y, reg):
        assert len(W) != 4
        return linear(len(W), W, X, y, reg)

    found = find_out(f, SOFTMAX, Pins())
    assert (found.objective.classes, found.complaint.code) == (None, "crashed")


PINNED = {
    "rows for classes": (row_major, "class-major", "example by example (row-major), where class by class"),
    "classes for rows": (class_major, "target-prediction, row-major", "class by class (class-major), where example by example"),
}


@pytest.mark.parametrize("case", PINNED)
def test_the_wrong_cut_is_broken_and_named_where_the_order_is_pinned(case):
    f, layout, told = PINNED[case]
    options = {"loss": "softmax_cross_entropy", "layout": layout, "profile": "quick", "laws": ("gradient",)}
    (result,) = check(f, **options).results
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "convention", "transposed")
    assert told in result.diagnosis["message"]
    assert check({row_major: class_major, class_major: row_major}[f], **options).verdict is Verdict.HOLDS


def test_a_wrong_gradient_of_flat_scores_is_told_in_their_own_order():
    """Where nothing fits, examples that change places tell the order."""
    found = find_out(lambda y_true, y_pred: tuple(2 * a for a in class_major(y_true, y_pred)), SOFTMAX, Pins())
    assert (found.fits, found.to_dict()["layout"]) == (False, "(target, prediction), class-major")


def test_flat_scores_are_numbers_in_one_row():
    seen = Scores(f=None, cut="CLASSMAJOR").arguments(np.arange(6.0).reshape(3, 2).T, np.array([0, 2]))
    np.testing.assert_array_equal(seen[0], np.arange(6.0))
    seen = Scores(f=None, cut="ROWMAJOR").arguments(np.arange(6.0).reshape(3, 2).T, np.array([0, 2]))
    np.testing.assert_array_equal(seen[0], [0, 2, 4, 1, 3, 5])


def each_square(scores, y):
    r = scores - y
    return r * r / 2, r


def each_entropy(scores, y):
    p = probabilities(scores)
    return -np.log(p[np.arange(len(y)), y]), p - onehot(y, scores.shape[1])


EACH = {
    "squared_error": each_square,
    "binary_logistic": lambda scores, y: (np.logaddexp(0, scores) - y * scores, 1 / (1 + np.exp(-scores)) - y),
    "softmax_cross_entropy": each_entropy,
}


@pytest.mark.parametrize("loss", EACH)
def test_losses_of_each_example_are_judged_as_such(loss):
    f = EACH[loss]
    report = check(f, loss=loss, profile="quick", laws=("value", "gradient", "batches"))
    assert report.verdict is Verdict.HOLDS, str(report)
    assert next(iter(report.conventions.values())).items() >= {"signature": "scores", "reduction": "none"}.items()
    assert find_out(f, find_loss(loss), Pins(reduction="none")).fits
    wrong = check(lambda scores, y: (f(scores, y)[0], 2 * f(scores, y)[1]), loss=loss, profile="quick", laws=("value", "gradient"))
    assert {r.law: r.verdict for r in wrong.results} == {"value": Verdict.HOLDS, "gradient": Verdict.BROKEN}


def scaled(w, X, y, reg, k=1.0):
    r = X @ w - y
    return k * (r @ r) / len(y) + reg * (w @ w), 2 * k * X.T @ r / len(y) + 2 * reg * w


def objective(prediction, target, k=1.0):
    return 2 * k * (prediction - target), 2 * k * np.ones_like(target)


HANDED = {
    "needed, before λ": lambda w, X, y, k, reg: scaled(w, X, y, reg, k),
    "needed, after λ": lambda w, X, y, reg, k: scaled(w, X, y, reg, k),
    "with a default": scaled,
    "after another default": lambda w, X, y, reg, verbose=False, k=1.0: scaled(w, X, y, reg, k),
    "by name only": lambda w, X, y, reg, *, k: scaled(w, X, y, reg, k),
    "without λ": lambda w, X, y, k: scaled(w, X, y, 0.0, k),
    "of an objective": lambda prediction, target, k: objective(prediction, target, k),
    "of an objective, by name only": lambda prediction, target, *, k: objective(prediction, target, k),
    "of an objective of a data set": lambda preds, dtrain, k: objective(preds, dtrain.get_label(), k),
}


@pytest.mark.parametrize("way", HANDED)
def test_parameters_of_the_loss_are_handed_in_by_name(way):
    for pins, k in ((Pins(), 1.0), (Pins(parameters={"k": 3.0}), 3.0)):
        assert find_out(HANDED[way], SCALED, pins).to_dict().items() >= {"fits": True, "k": k}.items()


class Loss:
    def __call__(self, scores, y):
        return each_square(scores, y)[0].mean()

    def gradient(self, scores, y):
        return each_square(scores, y)[1] / len(y)


def loss_alone(scores, y):
    return each_square(scores, y)[0].mean()


def gradient_of_it(scores, y):
    return each_square(scores, y)[1] / len(y)


def losses_alone(scores, y):
    return each_square(scores, y)[0]


def with_intercept(w, b, X, y, alpha):
    return 0.0, w, b


def data_first(X, y, w):
    return 0.0, w


def what_else(W, X, y, reg, momentum):
    return 0.0, W


REFUSED = {
    "a loss alone": (loss_alone, "returns a loss alone.*FILE.py:loss_alone,gradient_of_it: there is gradient_of_it beside it"),
    "an array alone": (losses_alone, "returns one array alone.*FILE.py:losses_alone,"),
    "an object that returns one": (Loss(), "FILE.py:loss.__call__,loss.gradient: there is loss.gradient beside it"),
    "a class": (Loss, r"Loss is a class.*loss = Loss\(…\).*FILE.py:loss.__call__,loss.gradient"),
    "a method without its object": (Candidate(loss=Loss.__call__, grad=gradient_of_it), "Loss.__call__ is a method and needs an object"),
    "an intercept": (with_intercept, r"with_intercept\(w, b, X, y, alpha\) takes an intercept of its own.*last column of ones in X"),
    "the data first": (data_first, r"takes the data first.*lambda W, X, y, reg: data_first\(X, y, W\)"),
    "three things": (lambda W, X, y, reg: (0.0, W, 0.0), "returns 3 things"),
    "an argument that is not known": (what_else, r"needs an argument 'momentum': it is what_else\(W, X, y, reg, momentum\)"),
    "one by name only": (lambda W, X, y, *, momentum: (0.0, W), "needs an argument 'momentum'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_called_otherwise_is_refused_and_not_accused(case):
    f, message = REFUSED[case]
    with pytest.raises(UsageError, match=message):
        check(f, loss="squared_error", profile="quick")


def alone(x):
    return x @ x


ONE_THING = {
    "a loss of one array alone": (alone, np.ones(3), "alone.x. returns a loss alone.*beside a reference: --reference TARGET"),
    "a loss of several inputs alone": (lambda w, x: float(w @ x), (np.ones(3), np.ones(3)), r"returns a loss alone"),
    "the gradient first": (lambda x: (2 * x, x @ x), np.ones(3), r"an array of shape \(3,\), then a number. Let it return the loss first"),
    "an array alone": (lambda x: np.maximum(0, x), np.ones(3), r"returns one array alone.*\(forward=…, backward=…\)"),
}


@pytest.mark.parametrize("formula", [None, "differences"])
@pytest.mark.parametrize("case", ONE_THING)
def test_what_returns_one_thing_is_refused_without_a_spec_too(case, formula):
    f, at, message = ONE_THING[case]
    with pytest.raises(UsageError, match=message):
        check(f, at=at, formula=formula, profile="quick")


def off(scores, y):
    return 1.0001 * loss_alone(scores, y)


@pytest.mark.parametrize(("f", "verdict"), [(loss_alone, Verdict.HOLDS), (losses_alone, Verdict.HOLDS), (off, Verdict.BROKEN)])
def test_a_candidate_that_says_that_it_has_no_gradient_is_judged_by_its_value(f, verdict):
    report = check(f, loss="squared_error", gradient="none", profile="quick")
    assert report.verdict is verdict
    assert {r.law for r in report.results} == {"value", "consistency", "purity"}
    assert all(NO_GRADIENT in r.limitations for r in report.results)


def test_a_value_of_named_inputs_is_judged_too():
    def relative_entropy(prediction, target):
        return (target * np.log(target / prediction)).sum(axis=-1)

    report = check(Candidate(loss=relative_entropy), loss="kl_divergence", profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert check(Candidate(loss=lambda *a: 1.001 * relative_entropy(*a)), loss="kl_divergence", profile="quick").verdict is Verdict.BROKEN


@pytest.mark.parametrize("how", [{"loss": "multiclass_hinge", "signature": "linear"}, {"loss": None, "at": np.ones(3)}])
def test_elsewhere_a_gradient_is_needed(how):
    with pytest.raises(UsageError, match="has no gradient"):
        check(Candidate(loss=lambda *a: 0.0), profile="quick", **how)


def test_the_methods_of_an_object_are_judged():
    assert find_out(Candidate(loss=Loss().__call__, grad=Loss().gradient), SQUARED, Pins()).fits


WRONG_USE = {
    "no such layout": ({"layout": "class-mayor"}, "Did you mean 'class-major'"),
    "flat scores of a loss of one score": ({"layout": "class-major"}, "one of several scores"),
    "classes of a loss of one score": ({"classes": 3}, "has one score and no classes"),
    "one class": ({"classes": 1}, "2 or more"),
    "classes that are no number": ({"classes": "3"}, "classes is '3'; give a whole number"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_an_error(case):
    pins, message = WRONG_USE[case]
    with pytest.raises(UsageError, match=message):
        check(lambda y_true, y_pred: (y_pred - y_true, np.ones_like(y_pred)), loss="squared_error", laws=("gradient",), **pins)


def test_reg_that_changes_nothing_is_said():
    """Of a function that takes it, and whose penalty is not pinned."""

    def f(w, X, y, reg):
        return scaled(w, X, y, 0.0)

    told = "reg changes nothing: the loss has no penalty"
    assert find_out(f, SCALED, Pins()).limitations == (told,)
    assert find_out(f, SCALED, Pins(penalty="none")).limitations == ()
    assert find_out(scaled, SCALED, Pins()).limitations == ()
    assert find_out(lambda w, X, y: scaled(w, X, y, 0.0), SCALED, Pins()).limitations == ()


def test_labels_in_single_precision_are_named():
    def rounded(preds, dtrain):
        return preds - (dtrain.get_label() / 3 + 1) * 3 + 3, np.ones_like(preds)

    def careful(preds, dtrain):
        return preds - (dtrain.get_label().astype(float) / 3 + 1) * 3 + 3, np.ones_like(preds)

    (result,) = check(rounded, loss="squared_error", profile="quick", laws=("gradient",)).results
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "precision", "precision")
    assert "labels are float32" in result.diagnosis["message"]
    assert "computed with in single precision" in result.diagnosis["message"]
    doubled = check(lambda preds, dtrain: (2 * rounded(preds, dtrain)[0], 0 * preds + 1), loss="squared_error", laws=("gradient",))
    assert "float32" not in doubled.results[0].diagnosis["message"]


def of_classes(W, X, y, reg):
    """Labels are classes to it."""
    s = X @ W
    return s[np.arange(len(y)), y].sum(), W


@pytest.mark.parametrize(("loss", "told"), [("hinge", True), ("multiclass_hinge", False)])
def test_who_takes_targets_for_classes_is_told_what_they_are(loss, told):
    (result,) = check(of_classes, loss=loss, laws=("value",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert ("to hinge y holds real numbers, -1, 1, and no classes" in result.diagnosis["message"]) is told


def test_of_targets_nothing_is_told_where_it_is_no_crash():
    (result,) = check(lambda W, X, y, reg: (1.0, np.zeros(3)), loss="hinge", laws=("value",), profile="quick").results
    assert result.diagnosis["code"] == "shape"
    assert "classes" not in result.diagnosis["message"]
