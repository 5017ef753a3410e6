"""Where two members of the family agree with a candidate on every point asked, that is said; and nothing is said where none do."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import sympy
import verify.reports
from implementations import hinge, softmax

import verify
from verify.conventions import Pins, find_out
from verify.spec import Claims, LossSpec, others, positive
from verify.spec.catalogue import find_loss

HINGE, SQUARE, LOGISTIC = (find_loss(name) for name in ("multiclass_hinge", "squared_error", "binary_logistic"))


def huber_spec(default):
    return LossSpec(
        name="huber",
        per_example=lambda s, t, delta: sympy.Piecewise(
            ((s - t) ** 2 / 2, sympy.Abs(s - t) <= delta), (delta * (sympy.Abs(s - t) - delta / 2), True)
        ),
        parameters={"delta": positive(default=default)},
        claims=Claims(convex=True),
        source="P. J. Huber, Annals of Mathematical Statistics 1964",
        targets=(-3.0, 0.0, 1.5),
    )


IDLE = LossSpec(
    name="perceptron",
    per_example=lambda s, y, delta: sympy.Add(*(sympy.Max(0, s[j] - s[y]) for j in others(s, y))),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True),
    source="F. Rosenblatt, Psychological Review 1958",
)


def square(a, b):
    return 0.5 * np.mean((a - b) ** 2), (a - b) / len(a)


def square_of_the_second(a, b):
    return 0.5 * np.mean((b - a) ** 2), (b - a) / len(a)


def square_of_named(pred, target):
    return square(pred, target)


def logistic(w, X, y, reg):
    """Flattens its weights."""
    v = w.ravel()
    s = X @ v
    gradient = X.T @ (1 / (1 + np.exp(-s)) - y) / len(y) + 2 * reg * v
    return np.mean(np.logaddexp(0, s) - y * s) + reg * v @ v, gradient.reshape(w.shape)


def logistic_of_a_vector(w, X, y, reg):
    if w.ndim != 1:
        raise ValueError("w must be (D,)")
    return logistic(w, X, y, reg)


def of_one_example(W, X, y, reg):
    if len(X) != 1:
        raise ValueError("one example at a time")
    return hinge()(W, X, y, reg)


def huber(delta, most=np.inf):
    def f(scores, y):
        if np.abs(scores).max() > most:
            raise ValueError("standardise your targets")
        r = scores - y
        return np.where(abs(r) <= delta, r * r / 2, delta * (abs(r) - delta / 2)).mean(), np.clip(r, -delta, delta) / len(r)

    return f


def perceptron(W, X, y, reg):
    S = X @ W.T
    M = np.maximum(S - S[np.arange(len(y)), y][:, None], 0)
    G = (M > 0).astype(W.dtype)
    G[np.arange(len(y)), y] -= G.sum(1)
    return M.sum() / len(y) + reg * (W * W).sum(), G.T @ X / len(y) + 2 * reg * W


BOTH = ("(prediction, target)", "(target, prediction)")
SAID = {
    "the order of a symmetric loss": (square, SQUARE, Pins(), {"layout": BOTH}),
    "the other order, which its gradient fits": (square_of_the_second, SQUARE, Pins(), {"layout": BOTH[::-1]}),
    "flattened weights": (logistic, LOGISTIC, Pins(), {"layout": ("(D,)", "(C, D)", "(D, C)")}),
    "one example only": (of_one_example, HINGE, Pins(), {"reduction": ("mean", "sum")}),
    "a bend farther out than it goes": (huber(10, most=8), huber_spec(10), Pins(), {"delta": (10.0, 20.0)}),
    "a parameter that does nothing": (perceptron, IDLE, Pins(), {"delta": (1.0, 0.5, 2.0)}),
}

NOT_SAID = {
    "told by its names": (square_of_named, SQUARE, Pins(), "(prediction, target)"),
    "an order that is pinned": (square, SQUARE, Pins(layout="prediction-target"), "(prediction, target)"),
    "a layout that is pinned": (logistic, LOGISTIC, Pins(layout="DC"), "(D, C)"),
    "one layout taken": (logistic_of_a_vector, LOGISTIC, Pins(), "(D,)"),
    "a reduction that is pinned": (of_one_example, HINGE, Pins(reduction="sum"), "(C, D)"),
    "a parameter that is pinned": (perceptron, IDLE, Pins(delta=1.0), "(C, D)"),
    "a function of weights": (softmax(), find_loss("softmax_cross_entropy"), Pins(), "(C, D)"),
    "a margin": (hinge(), HINGE, Pins(), "(C, D)"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_cannot_be_told_apart_is_known(case):
    f, spec, pins, doubts = SAID[case]
    found = find_out(f, spec, pins)
    assert (found.fits, found.doubts) == (True, doubts)


@pytest.mark.parametrize("case", NOT_SAID)
def test_nothing_is_said_where_one_member_fits(case):
    f, spec, pins, layout = NOT_SAID[case]
    found = find_out(f, spec, pins)
    assert (found.fits, found.doubts, found.candidate.convention) == (True, {}, layout)
    assert "ambiguous" not in found.to_dict()


@pytest.mark.parametrize("delta", [10.0, 15.0, 30.0])
def test_a_bend_that_ordinary_points_do_not_reach_is_looked_for_farther_out(delta):
    found = find_out(huber(delta), huber_spec(10), Pins())
    assert (found.fits, found.doubts, found.objective.parameters) == (True, {}, {"delta": delta})


def test_it_is_said_in_a_sentence_with_the_pin():
    report = verify.check(square, loss="squared_error", profile="quick", laws=("gradient",))
    (name,) = report.conventions
    sentence = "cannot be told apart on any point that was asked: (prediction, target) is used. Pin it with --layout.\n"
    assert f"{name}: layout (prediction, target) and (target, prediction) {sentence}" in str(report)
    document = report.to_dict()
    assert document["conventions"][name]["ambiguous"] == {"layout": list(BOTH)}
    jsonschema.validate(document, json.loads(Path(verify.reports.__file__).with_name("schema.json").read_text(encoding="utf-8")))
    assert "ambiguous" not in str(report)


def test_the_other_order_is_no_false_alarm():
    assert verify.check(square_of_the_second, loss="squared_error", profile="quick", laws=("gradient",)).verdict is verify.Verdict.HOLDS
