"""Slips of course solutions that once got another name than their own: each is one line changed in a right loop."""

from __future__ import annotations

import numpy as np
import pytest

from verify.cases import Case
from verify.conventions import Pins, find_out
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss
from verify.trial import again, run


def hinge(*, rate=lambda _: 1, margin=1.0, count=lambda on, others: on, tolerance=0.0, offset=0.0, taken_back=0.0):
    """Loops over examples and classes, W (D, C), ½λ‖W‖². `count(on, others)` is how often −x stands in the label's row."""

    def f(W, X, y, reg):
        loss, dW = 0.0, np.zeros(W.shape)
        for x, label in zip(X, y, strict=True):
            scores = x @ W
            margins = scores - scores[label] + margin
            margins[label] = 0
            on = margins > tolerance
            loss += margins[margins > 0].sum() + offset
            dW[:, on] += x[:, None]
            dW[:, label] -= count(on.sum(), W.shape[1] - 1) * x
        return loss / len(X) + 0.5 * reg * (W * W).sum() - taken_back, dW / len(X) + rate(W) * reg * W

    return f


def softmax(*, own=lambda p, label: p - (np.arange(len(p)) == label), label_in_loss=True, beside=0.0, penalty=lambda W: (W * W).sum()):
    def f(W, X, y, reg):
        loss, dW = 0.0, np.zeros(W.shape)
        for x, label in zip(X, y, strict=True):
            scores = x @ W
            scores = scores - scores.max()
            p = np.exp(scores) / (np.exp(scores).sum() + beside)
            loss += np.log(np.exp(scores).sum() + beside) - (scores[label] if label_in_loss else 0)
            dW += np.outer(x, own(p, label))
        return loss / len(X) + reg * penalty(W), dW / len(X) + 2 * reg * W

    return f


def by_matrix(slopes):
    def f(W, X, y, reg):
        S = X @ W
        S = S - S.max(axis=1, keepdims=True)
        P = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
        loss = (np.log(np.exp(S).sum(axis=1)) - S[np.arange(len(y)), y]).mean() + reg * (W * W).sum()
        return loss, X.T @ slopes(P, y) / len(y) + 2 * reg * W

    return f


HINGE, SOFTMAX = "multiclass_hinge", "softmax_cross_entropy"
SLIPS = {
    # what is done: (implementation, loss, law, code, words)
    "the penalty in the loop over the classes": (hinge(rate=lambda W: W.shape[1] - 1), HINGE, "gradient", "reduction", "C − 1 times"),
    "the label's own margin counted": (hinge(count=lambda on, _: on + 1), HINGE, "gradient", "label-term", "its own margin"),
    "−x for every other class": (hinge(count=lambda _, others: others), HINGE, "gradient", "label-term", "active or not"),
    "a margin of −1, half the penalty": (hinge(margin=-1.0), HINGE, "gradient", "margin", "delta is -1"),
    "a tolerance in the indicator": (hinge(tolerance=1e-3), HINGE, "membership", "margin", "about 0.001 beside the kink"),
    "a constant, half the penalty": (hinge(offset=1.0), HINGE, "value", "value", "a constant, 1 for each example, is added"),
    "1 from all classes but the label": (
        softmax(own=lambda p, label: p - (np.arange(len(p)) != label)), SOFTMAX, "gradient", "label-term", "every class but the label",
    ),
    "1 from the label once for every class": (
        softmax(own=lambda p, label: p - len(p) * (np.arange(len(p)) == label)), SOFTMAX, "gradient", "label-term", "once for every class",
    ),
    "−x once per example, and twice the penalty": (
        hinge(count=lambda *_: 1, rate=lambda _: 2), HINGE, "gradient", "penalty-factor", "however many margins are active",
    ),
    "neither 1/N nor the label's 1": (
        by_matrix(lambda P, y: P * len(P)), SOFTMAX, "gradient", "reduction", "1/N; the negative constant term of the label is missing",
    ),
    "every second example only": (
        by_matrix(lambda P, y: (P - np.eye(P.shape[1])[y]) * (np.arange(len(P)) % 2)[:, None]),
        SOFTMAX, "gradient", "example-missing", "every second example (the first, the third, …) is left out",
    ),
    "a number beside the sum of exp": (softmax(beside=1e-3), SOFTMAX, "value", "value", "the loss is"),
    "the label's score not in the loss": (softmax(label_in_loss=False), SOFTMAX, "value", "value", "the loss is"),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_gets_its_own_name(name):
    f, loss, law, code, words = SLIPS[name]
    found = find_out(f, find_loss(loss), Pins(), "float64")
    result = run(LAWS[law], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="ci", seed=0)
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]


def counted_and_taken_back(offset):
    """A number in the sum, and as much less at the end: it shows where nothing but a small penalty is left, as here."""
    found = find_out(hinge(offset=offset, taken_back=offset), find_loss(HINGE), Pins(), "float64")
    assert found.fits
    case = Case(
        values={"W": np.array([[0.0], [1.48947]]), "X": np.ones((1, 1)), "y": np.array([1]), "reg": 2.0**-10}, family="found by a search"
    )
    return again(LAWS["value"], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), case)


def test_the_label_s_own_margin_may_be_counted_and_taken_back():
    assert counted_and_taken_back(1.0).verdict is Verdict.HOLDS


def test_what_else_is_counted_and_taken_back_costs_digits_and_is_no_wrong_formula():
    result = counted_and_taken_back(100.0)
    assert (result.verdict, result.kind) == (Verdict.BROKEN, "precision")
    assert "shrinks with the dtype" in result.diagnosis["message"]


def test_where_the_loss_has_no_known_penalty_the_gradient_decides():
    f = softmax(penalty=lambda W: W.sum() ** 2)
    found = find_out(lambda *a: (f(*a)[0], f(*a)[1] - a[3] * a[0]), find_loss(SOFTMAX), Pins(), "float64")
    assert (found.fits, found.objective.penalty.name) == (False, "half-l2")


def test_a_loss_that_fits_no_member_is_judged_with_the_penalty_that_it_has():
    found = find_out(hinge(offset=1.0), find_loss(HINGE), Pins(), "float64")
    assert (found.fits, found.objective.penalty.name, found.candidate.layout) == (False, "half-l2", "DC")
