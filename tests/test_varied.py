"""Parameters that a candidate takes vary: it is judged at several values of them, unless they are given."""

from __future__ import annotations

import json

import numpy as np
import pytest
from field.specs import TEMPERATURE
from sympy import Add, Max, exp

import verify
from verify import Candidate, UsageError
from verify.campaign import witness
from verify.conventions import Pins, find_out
from verify.conventions.varied import other_values
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Real, others, positive
from verify.spec.loss import Parameter
from verify.trial import run

SPEC = """
from verify.spec import Claims, LossSpec, Parameter, logistic, positive, softplus


def focal(s, t, gamma, alpha):
    if t == 1:
        return alpha * logistic(-s) ** gamma * softplus(-s)
    return (1 - alpha) * logistic(s) ** gamma * softplus(s)


SPEC = LossSpec(
    name="focal",
    per_example=focal,
    targets=(0, 1),
    parameters={"gamma": positive(default=2), "alpha": Parameter(default=0.25, low=0, high=1)},
    claims=Claims(convex=None),
    source="none",
)
"""
MINE = """
import numpy as np


def right(prediction, target, gamma, alpha=0.25):
    t = (target == 1).astype(prediction.dtype)
    sign, weight = 2 * t - 1, np.where(t, alpha, 1 - alpha).astype(prediction.dtype)
    m = sign * prediction
    u = np.exp(-np.abs(m))
    p, q, L = np.where(m >= 0, 1, u) / (1 + u), np.where(m >= 0, u, 1) / (1 + u), np.maximum(-m, 0) + np.log1p(u)
    grad = -sign * weight * q**gamma * (gamma * p * L + q)
    return grad, weight * p * q**gamma * (gamma * (gamma * p * L + q) - gamma * q * (L - 1) + q)


def below(prediction, target, gamma=2, alpha=0.25):
    grad, hess = right(prediction, target, gamma, alpha)
    return grad * (1 + 1e-3 * (gamma < 1.5)), hess


def deaf(prediction, target, *, gamma, alpha=0.25):
    return right(prediction, target, 2, alpha)


def doubled(prediction, target, gamma=1, alpha=0.25):
    return right(prediction, target, 2 * gamma, alpha)
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "focal.py").write_text(SPEC, encoding="utf-8")

    def checked(name, **more):
        more = {"laws": ("gradient", "curvature"), "profile": "quick", "in_process": True} | more
        return verify.check(f"mine.py:{name}", loss="focal.py", **more)

    return checked


def test_what_is_right_at_every_value_holds(check):
    report = check("right", dtypes=("float64", "float32"), laws=None)
    assert report.verdict is verify.Verdict.HOLDS
    found = report.conventions["mine.py:right"]
    assert (found["gamma"], found["alpha"]) == (2.0, 0.25)
    assert all(len(set(values)) >= 3 for values in found["varied"].values())
    assert "gamma 2.0 (varied: " in str(report)


def test_what_is_wrong_at_another_value_is_broken_there(check, tmp_path):
    report = check("below", laws=("gradient",))
    assert report.verdict is verify.Verdict.BROKEN
    case = report.results[0].witness.case
    assert case["gamma"] < 1.5
    assert case["alpha"] == 0.25, "what matters not is at its default"
    assert f"gamma={case['gamma']}" in str(report)
    (file,) = witness.save(report.outcomes, tmp_path / "out")
    again = verify.replay(file, in_process=True)
    assert (again.verdict, again.results[0].witness.evidence) == (report.verdict, report.results[0].witness.evidence)
    document = json.loads(file.read_text(encoding="utf-8"))
    document["values"]["gamma"] = (2.0).hex()
    assert verify.replay(document, in_process=True).verdict is verify.Verdict.HOLDS
    document["values"]["gamma"] = (-1.0).hex()
    with pytest.raises(UsageError, match=r"gamma = -1.0.*outside of their domains"):
        verify.replay(document, in_process=True)


def test_a_value_that_is_given_is_the_only_one(check):
    for gamma, verdict in ((2.0, verify.Verdict.HOLDS), (1.0, verify.Verdict.BROKEN)):
        report = check("below", parameters={"gamma": gamma, "alpha": 0.25}, laws=("gradient",))
        assert report.verdict is verdict
        assert "varied" not in report.conventions["mine.py:below"]
    alone = check("below", parameters={"gamma": 2.0}, laws=("gradient",))
    assert alone.verdict is verify.Verdict.HOLDS
    assert [*alone.conventions["mine.py:below"]["varied"]] == ["alpha"]


def test_what_a_candidate_does_not_heed_is_named(check):
    report = check("deaf")
    assert report.verdict is verify.Verdict.BROKEN
    assert "gamma = 2" in str(report)
    assert "is asked for" in str(report)


def test_an_argument_that_means_something_else_is_left_alone(check):
    report = check("doubled")
    assert report.verdict is verify.Verdict.HOLDS
    assert report.conventions["mine.py:doubled"]["gamma"] == 2.0
    assert "varied" not in report.conventions["mine.py:doubled"]
    assert "takes gamma, alpha, but not as the spec does" in str(report)


HINGE = LossSpec(
    name="hinge",
    per_example=lambda s, y, delta: Add(*(Max(0, s[j] - s[y] + delta) for j in others(s, y))),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)


def hinge(on_ties):
    def f(W, X, y, reg, delta):
        S, n = X @ W.T, np.arange(len(y))
        M = S - S[n, y][:, None] + W.dtype.type(delta)
        M[n, y] = -1
        A = np.where(M > 0, 1, np.where(M == 0, on_ties(delta), 0)).astype(W.dtype)
        A[n, y] = -A.sum(1)
        return np.maximum(M, 0).sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + W.dtype.type(2 * reg) * W

    return f


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("on_ties", "verdict"), [(lambda _: 1, "HOLDS"), (lambda _: 0.5, "HOLDS"), (lambda d: 1 + (d != 1), "BROKEN")])
def test_kinks_are_met_where_they_are_at_each_value(on_ties, verdict, dtype):
    found = find_out(hinge(on_ties), HINGE, Pins(), dtype)
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, dtype), other_values=found.other_values)
    result = run(LAWS["membership"], subject, profile="quick", seed=0)
    assert result.verdict is verify.Verdict[verdict]
    if verdict == "BROKEN":
        assert result.witness.case["delta"] != 1


HUGE = LossSpec(
    name="huge",
    per_example=lambda s, t, rate: exp(rate * (s - t)) - rate * (s - t) - 1,
    target=Real(-1, 1),
    parameters={"rate": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)
BOTH = LossSpec(
    name="both",
    per_example=lambda s, t, tau, shift: tau * Max(0, t + shift - s) + (1 - tau) * Max(0, s - t - shift),
    target=Real(),
    parameters={"tau": Parameter(default=0.5, low=0, high=1), "shift": Parameter(default=0)},
    claims=Claims(convex=True),
    source="none",
)


@pytest.mark.parametrize(("loss", "names"), [(TEMPERATURE, ["T"]), (HUGE, ["rate"]), (BOTH, ["tau"]), (BOTH, ["tau", "shift"])])
def test_values_lie_in_the_domain_on_either_side_of_the_default_and_are_held_by_both_dtypes(loss, names):
    objective = find_out(lambda s, y: (s.sum(), s), loss, Pins()).objective
    found = other_values(objective, names)
    assert found == other_values(objective, names)
    assert 3 <= len(found) <= 5
    for name in names:
        domain, values = loss.parameters[name], [v[name] for v in found]
        assert all(domain.low < value < domain.high and float(np.float32(value)) == value for value in values)
        assert min(values) < domain.default < max(values)


def test_values_stay_where_the_formula_is_in_range():
    objective = find_out(lambda s, y: (s.sum(), s), HUGE, Pins()).objective
    assert max(v["rate"] for v in other_values(objective, ["rate"])) < 88  # exp(89) is infinite in float32


def test_functions_of_one_candidate_take_a_parameter_together_or_not_at_all():
    def loss(scores, y):
        return np.log(np.exp(scores / 2).sum(1)).sum() - (scores[np.arange(len(y)), y] / 2).sum()

    def grad(scores, y, T=2.0):
        p = np.exp(scores / T) / np.exp(scores / T).sum(1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return p / T

    found = find_out(Candidate(loss=loss, grad=grad), TEMPERATURE, Pins())
    assert (found.fits, found.other_values) == (True, ())
    together = find_out(Candidate(loss=lambda scores, y, T=2.0: loss(scores * 2 / T, y), grad=grad), TEMPERATURE, Pins())
    assert (together.fits, len(together.other_values) >= 3) == (True, True)


def test_scores_and_targets_are_no_parameters_whatever_they_are_called():
    def f(scores, T):
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        value = -np.log(p[np.arange(len(T)), T]).sum()
        p[np.arange(len(T)), T] -= 1
        return value, p

    found = find_out(f, TEMPERATURE, Pins())
    assert (found.fits, found.objective.parameters, found.other_values) == (True, {"T": 1.0}, ())


def softened(scores, y, T):
    z = scores / scores.dtype.type(T)
    e = np.exp(z - z.max(1, keepdims=True))
    p, n = e / e.sum(1, keepdims=True), np.arange(len(y))
    value = -np.log(p[n, y]).sum()
    p[n, y] -= 1
    return value, p / scores.dtype.type(T)


def test_values_that_are_refused_are_told_and_not_asked():
    def f(scores, y, T=2.0):
        if T > 10:
            raise ValueError("too hot")
        return softened(scores, y, T)

    found = find_out(f, TEMPERATURE, Pins())
    assert found.fits
    assert 1 < max(values["T"] for values in found.other_values) < 10
    assert any(told.startswith("refuses T = ") and "too hot" in told for told in found.limitations)


@pytest.mark.parametrize("default", [None, 0, "auto", -1.0])
def test_a_default_that_is_no_value_is_not_the_spec_s(default):
    def f(scores, y, T=default):
        return softened(scores, y, T)

    found = find_out(f, TEMPERATURE, Pins())
    assert (found.fits, found.objective.parameters, len(found.other_values) >= 3) == (True, {"T": 2.0}, True)


def test_its_own_default_is_the_first_value():
    found = find_out(lambda scores, y, T=3: softened(scores, y, T), TEMPERATURE, Pins())
    assert (found.fits, found.objective.parameters, len(found.other_values) >= 3) == (True, {"T": 3.0}, True)


def test_an_argument_that_takes_no_value_of_the_parameter_is_left_alone():
    def f(scores, y, T=1):
        return softened(scores, y, [1.5, 2.5][T])

    found = find_out(f, TEMPERATURE, Pins())
    assert (found.fits, found.objective.parameters, found.other_values) == (True, {"T": 2.5}, ())
    assert any("takes T, but not as the spec does" in told for told in found.limitations)


def test_a_compiled_function_and_its_source_take_it_alike():
    report = verify.check("verify.core.multiclass_hinge:l2", loss="multiclass_hinge", profile="quick", laws=("compiled",), in_process=True)
    assert report.verdict is verify.Verdict.HOLDS
    assert "delta" in report.conventions["verify.core.multiclass_hinge:l2"]["varied"]
