"""The Hessian is the second derivative, at kinks one of its one-sided limits; an approximation is finite and of the right sign."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Add, Max, Piecewise, Rational

from verify import Candidate, Verdict, check
from verify.candidates import Scores
from verify.cases import Case
from verify.evidence import judge
from verify.form import SCORES
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Objective, others
from verify.spec.catalogue import find_penalty


def logistic(hess=lambda p: p * (1 - p)):
    def objective(y_true, y_pred):
        p = 1 / (1 + np.exp(-y_pred))
        return p - y_true, hess(p)

    return objective


def softmax(hess=lambda p: p * (1 - p)):
    def objective(scores, target):
        e = np.exp(scores - scores.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        return p - np.eye(p.shape[1], dtype=p.dtype)[target], hess(p)

    return objective


def squared(hess=np.ones_like):
    return lambda prediction, target: (prediction - target, hess(prediction))


LOSSES = {"binary_logistic": logistic, "softmax_cross_entropy": softmax, "squared_error": squared}
WRONG = {
    "relative error of 1e-9": ("binary_logistic", lambda p: p * (1 - p) * (1 + 1e-9)),
    "p for p(1 − p)": ("binary_logistic", lambda p: p),
    "first example only": ("binary_logistic", lambda p: p * (1 - p) * (np.arange(len(p)) == 0)),
    "negative": ("binary_logistic", lambda p: -p * (1 - p)),
    "not a number": ("binary_logistic", lambda p: p * np.nan),
    "the bound of boosters": ("softmax_cross_entropy", lambda p: 2 * p * (1 - p)),
    "two for one": ("squared_error", lambda s: 2 * np.ones_like(s)),
}
STILL_WRONG = {"first example only", "negative", "not a number"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_right_hessian_holds(name, dtype):
    report = check(LOSSES[name](), loss=name, dtypes=(dtype,), laws=("gradient", "curvature"), profile="quick")
    assert {r.law: r.verdict for r in report.results} == {"gradient": Verdict.HOLDS, "curvature": Verdict.HOLDS}
    assert max(r.strain for r in report.results) < 0.3


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_hessian_breaks_curvature_alone(name):
    loss, hess = WRONG[name]
    report = check(LOSSES[loss](hess), loss=loss, laws=("gradient", "curvature"), profile="quick")
    assert {r.law for r in report.results if r.verdict is not Verdict.HOLDS} == {"curvature"}
    assert next(r for r in report.results if r.law == "curvature").diagnosis["code"] in ("curvature", "overflow", "value")


@pytest.mark.parametrize("name", WRONG)
def test_of_an_approximation_only_sign_and_finiteness_are_judged(name):
    loss, hess = WRONG[name]
    (result,) = check(LOSSES[loss](hess), loss=loss, laws=("curvature",), hessian="approximate", profile="quick").results
    assert result.verdict is (Verdict.BROKEN if name in STILL_WRONG else Verdict.HOLDS)


def of_scores(scores, y):
    return Case(values={"scores": np.array(scores), "y": np.array(y)}, family="given", differentiated=("scores",))


def test_where_the_second_derivative_is_zero_an_approximation_may_be_anything_but_negative():
    """Right code underflows to 0 there: p(1 − p) at p = 1."""
    case = of_scores([[40.0]], [0])
    objective = Objective(loss=SQUARED_HINGE, penalty=find_penalty("none"), reduction="sum", form=SCORES)
    for h, verdict in ((0.0, Verdict.HOLDS), (1.0, Verdict.HOLDS), (-1.0, Verdict.BROKEN)):
        candidate = Scores(f=lambda s, t, h=h: (np.maximum(0, 2 - 2 * s) * -1, h + 0 * s), targets=SQUARED_HINGE.targets, per_example=True)
        subject = Subject(candidate=candidate, oracle=Oracle(objective, "float64"), approximate=True)
        assert judge([LAWS["curvature"].measure(subject, case)]) is verdict


SQUARED_HINGE = LossSpec(
    name="squared_hinge", per_example=lambda s, t: Max(0, 1 - t * s) ** 2, targets=(1,), claims=Claims(convex=True), source="a test"
)
SQUARED_MULTICLASS = LossSpec(
    name="squared_multiclass",
    per_example=lambda s, y: Add(*(Max(0, s[j] - s[y] + 1) ** 2 for j in others(s, y))),
    claims=Claims(convex=True),
    source="a test",
)
HUBER = LossSpec(
    name="huber",
    per_example=lambda s, t: Piecewise((s**2 / 2, (s < 1) & (s > -1)), (Max(s, -s) - Rational(1, 2), True)),
    targets=(0,),
    claims=Claims(convex=True),
    source="a test",
)
ON_KINKS = {
    "squared hinge": (SQUARED_HINGE, [[1.0]], [0], {(0, 0): {0.0, 2.0}}),
    "squared hinge, beside": (SQUARED_HINGE, [[0.5]], [0], {(0, 0): {2.0}}),
    "Huber": (HUBER, [[1.0]], [0], {(0, 0): {0.0, 1.0}}),
    "two ties of three": (
        SQUARED_MULTICLASS,
        [[2.0, 1.0, 1.0]],
        [0],
        {(0, 0): {0.0, 2.0, 4.0}, (0, 1): {0.0, 2.0}, (0, 2): {0.0, 2.0}},
    ),
}


@pytest.mark.parametrize("name", ON_KINKS)
def test_on_kinks_every_one_sided_limit_is_allowed_and_nothing_between(name):
    loss, scores, y, allowed = ON_KINKS[name]
    objective = Objective(loss=loss, penalty=find_penalty("none"), reduction="sum", form=SCORES)
    case = of_scores(scores, y)
    for entry, values in allowed.items():
        for h in (0.0, 1.0, 2.0, 3.0, 4.0, 0.5):

            def answers(s, t, h=h, entry=entry):
                H = np.array([[min(allowed[0, j]) for j in range(s.size)]])
                H[entry] = h
                return np.zeros_like(s), H.reshape(s.shape)

            subject = Subject(candidate=Scores(f=answers, targets=loss.targets, per_example=True), oracle=Oracle(objective, "float64"))
            assert judge([LAWS["curvature"].measure(subject, case)]) is (Verdict.HOLDS if h in values else Verdict.BROKEN)


def test_a_pair_without_a_hessian_is_not_asked():
    pair = Candidate(loss=lambda s, t: float(np.sum((s - t) ** 2) / 2), grad=lambda s, t: s - t)
    report = check(pair, loss="squared_error", reduction="sum", profile="quick", laws=("value", "gradient", "curvature"))
    assert {r.law: r.verdict for r in report.results} == {"value": Verdict.HOLDS, "gradient": Verdict.HOLDS}
    assert [o.reason for o in report.inapplicable] == ["the candidate returns no Hessian"]
