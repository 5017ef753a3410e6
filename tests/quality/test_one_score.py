"""Losses of one score: wrong gradients and Hessians get the name of their bug, as those of several classes do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from sympy import Abs, Max, Min, Piecewise, Rational, exp, log

from verify.candidates import Candidate
from verify.conventions import Pins, find_out
from verify.diagnosis import diagnose, reference_cases
from verify.diagnosis.residuals import at_gradient, at_hessian, at_loss
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, positive
from verify.spec.catalogue import find_loss
from verify.trial import Result, run


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def spec(name: str, targets: tuple[float, ...], per_example: Callable[..., Any], **parameters: Any) -> LossSpec:
    return LossSpec(name=name, per_example=per_example, targets=targets, claims=Claims(convex=True), parameters=parameters, source="a test")


LOSSES: dict[str, tuple[LossSpec, Callable[..., Any]]] = {
    "logistic": (find_loss("binary_logistic"), lambda s, t: np.logaddexp(0, s) - t * s),
    "squares": (find_loss("squared_error"), lambda s, t: (s - t) ** 2 / 2),
    "hinge": (spec("hinge", (-1, 1), lambda s, t: Max(0, 1 - t * s)), lambda s, t: np.maximum(0, 1 - t * s)),
    "squared hinge": (spec("squared_hinge", (-1, 1), lambda s, t: Max(0, 1 - t * s) ** 2), lambda s, t: np.maximum(0, 1 - t * s) ** 2),
    "±1": (spec("logistic_of_signs", (-1, 1), lambda s, t: log(1 + exp(-t * s))), lambda s, t: np.logaddexp(0, -t * s)),
    "counts": (spec("poisson", (0, 1, 2, 5), lambda s, t: exp(s) - t * s), lambda s, t: np.exp(s) - t * s),
    "quantiles": (
        spec("quantile", (0, 1, -2, 0.5), lambda s, t, tau: Max(tau * (t - s), (tau - 1) * (t - s)), tau=positive(default=0.25)),
        lambda s, t: np.maximum(0.25 * (t - s), 0.75 * (s - t)),
    ),
    "ramp": (
        replace(spec("ramp", (-1, 1), lambda s, t: Min(1, Max(0, 1 - t * s))), claims=Claims(convex=None)),
        lambda s, t: np.clip(1 - t * s, 0, 1),
    ),
    "huber": (
        spec(
            "huber",
            (0, 0.5, -2, 3),
            lambda s, t, delta: Piecewise((Rational(1, 2) * (s - t) ** 2, Abs(s - t) <= delta), (delta * Abs(s - t) - delta**2 / 2, True)),
            delta=positive(default=1),
        ),
        lambda s, t: np.where(np.abs(s - t) <= 1, (s - t) ** 2 / 2, np.abs(s - t) - 0.5),
    ),
}

SLOPES: dict[str, tuple[str, Callable[..., Any], str, str]] = {
    # what is done: (loss, slope of each example, code, words)
    "sign": ("logistic", lambda s, t: t - sigmoid(s), "sign", "the data term's gradient has the wrong sign"),
    "no target": ("logistic", lambda s, t: sigmoid(s), "label-term", "the target's part of the data gradient is missing"),
    "target added": ("logistic", lambda s, t: sigmoid(s) + t, "sign", "the target's part"),
    "flipped": ("logistic", lambda s, t: sigmoid(s) + t - 1, "label-term", "1 − t for the target t"),
    "targets of ±1": ("logistic", lambda s, t: sigmoid(s) - (2 * t - 1), "label-term", "2t − 1 for the target t"),
    "no sigmoid": ("logistic", lambda s, t: s - t, "term-extra", "in place of the slope ∂ℓ/∂s stands s − t"),
    "predictions of 0 and 1": ("logistic", lambda s, t: (s > 0) - t, "term-extra", "[s > 0] − t"),
    "sigmoid's slope once more": (
        "logistic",
        lambda s, t: (sigmoid(s) - t) * sigmoid(s) * sigmoid(-s),
        "scaled",
        "the slope of the sigmoid",
    ),
    "positives twice": ("logistic", lambda s, t: (sigmoid(s) - t) * (1 + t), "scaled", "every example with target 1 is counted twice"),
    "2 of the square": ("squares", lambda s, t: 2 * (s - t), "scaled", "the data term's gradient is twice what it must be"),
    "absolute error": ("squares", lambda s, t: np.sign(s - t), "scaled", "its sign stands in place of the slope"),
    "no margin": ("hinge", lambda s, t: -t * (t * s < 0), "margin", "the margin's constant is missing"),
    "no indicator": ("hinge", lambda s, t: -t, "margin", "counts as on, whatever its sign"),
    "not cut off": ("ramp", lambda s, t: -t * (t * s < 1), "margin", "min(c, a) is taken for a"),
    "pushed on the wrong side": ("±1", lambda s, t: -t * sigmoid(-t * s) - t * (t * s < 0), "term-extra", "is added to the slope"),
    "no factor t": ("hinge", lambda s, t: -1.0 * (t * s < 1), "label-term", "the factor t of the target is missing"),
    "margins for indicators": ("hinge", lambda s, t: -t * np.maximum(0, 1 - t * s), "scaled", "the margins themselves"),
    "2 on the kink": ("hinge", lambda s, t: -t * ((t * s < 1) + 2.0 * (t * s == 1)), "kink-outside", "counts 2 times"),
    "no 2 of the square": ("squared hinge", lambda s, t: -t * np.maximum(0, 1 - t * s), "scaled", "half of"),
    "indicator alone": ("squared hinge", lambda s, t: -t * (t * s < 1), "scaled", "its sign stands in place of the slope"),
    "no mask": ("squared hinge", lambda s, t: -2 * t * (1 - t * s), "margin", "counts as on, whatever its sign"),
    "slope of other targets": ("±1", lambda s, t: sigmoid(s) - t, "term-extra", "σ(s) − t"),
    "wrong side": ("±1", lambda s, t: -t * sigmoid(t * s), "term-extra", "−t·σ(−z)"),
    "no exp": ("counts", lambda s, t: s - t, "term-extra", "s − t"),
    "not clipped": ("huber", lambda s, t: s - t, "term-extra", "s − t"),
    "the other quantile": ("quantiles", lambda s, t: np.where(s < t, -0.75, 0.25), "margin", "tau is 0.75"),
    "clipped at 2": ("huber", lambda s, t: np.clip(s - t, -2, 2), "margin", "delta is 2"),
}


def linear(loss: str, slope: Callable[..., Any], share: Callable[[int], float] = lambda N: 1 / N, rate: float = 2.0) -> Callable[..., Any]:
    """The loss as a mean, with λ‖w‖², and the gradient from the slopes."""

    def f(w, X, y, reg):
        s = X @ w
        return LOSSES[loss][1](s, y).mean() + reg * (w * w).sum(), X.T @ (slope(s, y) * share(len(y))) + rate * reg * w

    return f


def judged(f: Callable[..., Any], loss: str, law: str, **pins: Any) -> Result:
    found = find_out(f, LOSSES[loss][0], Pins(**pins), "float64")
    return run(LAWS[law], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="quick", seed=0)


@pytest.mark.parametrize("name", SLOPES)
def test_a_wrong_slope_gets_the_name_of_its_bug(name):
    loss, slope, code, words = SLOPES[name]
    result = judged(linear(loss, slope), loss, "gradient", signature="linear")
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]


def logistic(s, t):
    return sigmoid(s) - t


AROUND = {
    "no 1/N": (linear("logistic", logistic, share=lambda _: 1.0), "reduction", "lacks its 1/N"),
    "penalty halved": (linear("logistic", logistic, rate=1.0), "penalty-factor", "λW where 2λW is due"),
    "penalty missing": (linear("logistic", logistic, rate=0.0), "penalty-missing", "+ 2λW is not added"),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_the_slopes_is_named_too(name):
    f, code, words = AROUND[name]
    result = judged(f, "logistic", "gradient", signature="linear")
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]


HESSIANS = {
    "doubled": (lambda p: 2 * p * (1 - p), "the Hessian is twice what it must be"),
    "the probability": (lambda p: p, "in place of the Hessian stands the probabilities p"),
    "ones": (np.ones_like, "in place of the Hessian stands the constant 1"),
    "sign": (lambda p: -p * (1 - p), "the Hessian has the wrong sign"),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_a_wrong_hessian_is_told_by_what_stands_there(name):
    h, words = HESSIANS[name]
    result = judged(lambda s, t: (sigmoid(s) - t, h(sigmoid(s))), "logistic", "curvature", signature="objective")
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "curvature")
    assert words in result.diagnosis["message"]


def test_a_hessian_that_nothing_explains_is_no_convention():
    """The gradient is right, and that of a sum is the same where examples are apart."""
    result = judged(lambda s, t: (sigmoid(s) - t, sigmoid(s) ** 3 + 0.25), "logistic", "curvature", signature="objective")
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "curvature")
    assert "asked for" not in result.diagnosis["message"]


def focal(s, t, side):
    """As people write it; on one side or the other the smaller probability is 1 less the greater one, and its logarithm is lost."""
    with np.errstate(all="ignore"):
        p = sigmoid(s) if side == "above" else 1 - sigmoid(-s)
        rest = 1 - p if side == "above" else sigmoid(-s)
        pt, weight = np.where(t == 1, p, rest), np.where(t == 1, 0.25, -0.75)
        gradient = weight * (1 - pt) ** 2 * (2 * pt * np.log(pt) - (1 - pt))
        return -np.abs(weight) * (1 - pt) ** 2 * np.log(pt), gradient


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_lost_where_a_probability_is_1_is_found_at_every_seed(dtype, side):
    found = find_out(partial(focal, side=side), find_loss("focal"), Pins(signature="scores"), dtype)
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, dtype))
    results = [run(LAWS["gradient"], subject, profile="quick", seed=seed) for seed in range(8)]
    assert {r.verdict for r in results} == {Verdict.BROKEN}


def test_the_hessian_of_several_classes_is_told_too():
    def doubled(s, y):
        p = np.exp(s - s.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        return p - np.eye(s.shape[1])[y], 2 * p * (1 - p)

    found = find_out(doubled, find_loss("softmax_cross_entropy"), Pins(signature="objective"), "float64")
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))
    result = run(LAWS["curvature"], subject, profile="quick", seed=0)
    assert "the Hessian is twice what it must be; an approximation that is meant is declared" in result.diagnosis["message"]


def test_a_candidate_that_answers_to_few_cases_gets_no_condition():
    def f(w, X, y, reg):
        if len(X) > 2 and len(X) != 4:
            raise ValueError("no more than two examples, or four")
        s = X @ w
        slopes = sigmoid(s) - y if len(w) == 1 else np.tanh(s * s - y)
        return LOSSES["logistic"][1](s, y).mean() + reg * w @ w, X.T @ slopes / len(y) + 2 * reg * w

    found = find_out(f, LOSSES["logistic"][0], Pins(signature="linear"), "float64")
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))
    case = reference_cases.ordinary(found.objective, "float64")[3].case
    finding = LAWS["gradient"].measure(subject, case)
    named = diagnose("gradient", subject, case, finding)
    assert (named.code, "only when" in named.message) == ("unknown", False)


def test_gradient_and_hessian_in_each_others_place():
    def swapped(s, t):
        return sigmoid(s) * sigmoid(-s), sigmoid(s) - t

    result = judged(swapped, "logistic", "gradient", signature="objective")
    assert result.diagnosis["code"] == "term-extra"
    assert "the second derivative stands in place of the first" in result.diagnosis["message"]


def test_an_objective_that_fits_nothing_is_judged_example_by_example():
    result = judged(lambda preds, labels: (labels - sigmoid(preds), sigmoid(preds) * sigmoid(-preds)), "logistic", "gradient")
    assert (result.diagnosis["code"], result.diagnosis["message"]) == ("sign", "the whole gradient has the wrong sign")


def test_what_is_wrong_on_ordinary_cases_and_divides_by_0_on_one_is_no_overflow():
    def f(w, X, y, reg):
        s = X @ w
        residual = s - y
        with np.errstate(all="ignore"):
            return (residual**2).mean() / 2 + reg * w @ w, X.T @ residual / np.linalg.norm(residual) + 2 * reg * w

    result = judged(f, "squares", "gradient", signature="linear")
    assert (result.kind, result.diagnosis["code"]) == ("wrong", "unknown")


def test_of_scores_an_example_is_named_as_one():
    def first_forgotten(s, y):
        g = sigmoid(s) - y
        g[0] = 0
        return np.logaddexp(0, s).sum() - y @ s, g

    result = judged(first_forgotten, "logistic", "gradient", signature="scores")
    assert (result.diagnosis["code"], result.diagnosis["message"]) == ("example-missing", "the first example is left out")


@pytest.mark.parametrize(
    ("loss", "wrong", "words"),
    [
        ("logistic", lambda s, t: np.logaddexp(0, s) + t * s, "the sign of the target's part is wrong"),
        ("logistic", lambda s, t: np.logaddexp(0, s) - (1 - t) * s, "1 − t stands in place of the target t"),
        ("squares", lambda s, t: (s - t) ** 2, "twice what it must be"),
    ],
)
def test_a_wrong_loss_is_told_by_its_parts(loss, wrong, words):
    result = judged(lambda s, y: (wrong(s, y).sum(), s), loss, "value", signature="scores", reduction="sum")
    assert result.diagnosis["code"] == "value"
    assert words in result.diagnosis["message"]


RIGHT = {
    "logistic": logistic,
    "hinge": lambda s, t: -t * (t * s < 1),
    "squared hinge": lambda s, t: -2 * t * np.maximum(0, 1 - t * s),
    "huber": lambda s, t: np.clip(s - t, -1, 1),
}


@pytest.mark.parametrize("loss", RIGHT)
def test_right_code_holds_on_every_case_of_the_panel(loss):
    f = linear(loss, RIGHT[loss])
    found = find_out(f, LOSSES[loss][0], Pins(signature="linear"), "float64")
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))
    for scenes in (reference_cases.ordinary, reference_cases.special, reference_cases.on_kinks):
        for scene in scenes(found.objective, "float64"):
            looks = at_gradient(subject, scene), at_loss(subject, scene)
            assert not any(look.broken for look in looks), scene.case


def test_the_right_hessian_holds_on_every_case_of_the_panel():
    f = Candidate(grad=logistic, hess=lambda s, t: sigmoid(s) * sigmoid(-s))
    found = find_out(f, LOSSES["logistic"][0], Pins(signature="objective"), "float64")
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))
    scenes = [*reference_cases.ordinary(found.objective, "float64"), *reference_cases.special(found.objective, "float64")]
    assert not any(at_hessian(subject, scene).broken for scene in scenes)
