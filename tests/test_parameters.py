"""Parameters of a loss: found out from the candidate's own loss, or given by name, and kept with a counterexample."""

from __future__ import annotations

import json

import numpy as np
import pytest
from field.specs import TEMPERATURE
from sympy import Abs, Add, Max, Piecewise, Rational

import verify
from verify import UsageError
from verify.campaign import witness
from verify.campaign.configuration import read
from verify.conventions import Pins, find_out
from verify.conventions.parameter import grid
from verify.spec import Claims, LossSpec, Real, logistic, others, positive, softplus
from verify.spec.loss import Parameter

TARGETS = (-2.5, -1, 0, 0.375, 1, 4)
PINBALL = LossSpec(
    name="pinball",
    per_example=lambda s, t, tau: tau * Max(0, t - s) + (1 - tau) * Max(0, s - t),
    parameters={"tau": Parameter(default=0.25, low=0, high=1)},
    targets=TARGETS,
    claims=Claims(convex=True),
    source="none",
)
HUBER = LossSpec(
    name="huber",
    per_example=lambda s, t, delta: Piecewise(
        ((s - t) ** 2 / 2, Abs(s - t) <= delta), (delta * (Abs(s - t) - Rational(1, 2) * delta), True)
    ),
    parameters={"delta": positive(default=1)},
    targets=TARGETS,
    claims=Claims(convex=True),
    source="none",
)
SHIFTED = LossSpec(
    name="shifted",
    per_example=lambda s, t, a, b: b * (s - t - a) ** 2,
    parameters={"a": Parameter(default=0), "b": positive(default=1)},
    targets=TARGETS,
    claims=Claims(convex=True),
    source="none",
)

POWERED = LossSpec(
    name="powered",
    per_example=lambda s, y, delta, power: Add(*(Max(0, s[j] - s[y] + delta) ** power for j in others(s, y))),
    parameters={"delta": positive(default=1), "power": Parameter(default=2, low=1)},
    claims=Claims(convex=True),
    source="none",
)


def focal_of(s, t, gamma, alpha):
    if t == 1:
        return alpha * logistic(-s) ** gamma * softplus(-s)
    return (1 - alpha) * logistic(s) ** gamma * softplus(s)


FOCAL = LossSpec(
    name="focal",
    per_example=focal_of,
    targets=(0, 1),
    parameters={"gamma": positive(default=2), "alpha": Parameter(default=0.25, low=0, high=1)},
    claims=Claims(convex=None),
    source="none",
)
SCALED = LossSpec(
    name="scaled",
    per_example=lambda s, t, tau, scale: scale * (tau * Max(0, t - s) + (1 - tau) * Max(0, s - t)),
    target=Real(),
    parameters={"tau": Parameter(default=0.5, low=0, high=1), "scale": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)


def weighted_huber(s, t, delta, weight):
    r = Abs(s - t)
    return weight * Piecewise((r**2 / 2, r <= delta), (delta * (r - delta / 2), True))


WEIGHTED = LossSpec(
    name="weighted_huber",
    per_example=weighted_huber,
    target=Real(),
    parameters={"delta": positive(default=1), "weight": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)


def temperature(T, reduction="mean"):
    def f(W, X, y, reg):
        z = X @ W.T / W.dtype.type(T)
        e = np.exp(z - z.max(1, keepdims=True))
        p, n = e / e.sum(1, keepdims=True), W.dtype.type(len(y) if reduction == "mean" else 1)
        loss = (np.log(e.sum(1)) + z.max(1) - z[np.arange(len(y)), y]).sum() / n + reg * (W * W).sum()
        p[np.arange(len(y)), y] -= 1
        return loss, p.T @ X / n / W.dtype.type(T) + W.dtype.type(2 * reg) * W

    return f


def of_one_score(loss, slope):
    def f(w, X, y, reg):
        s = X @ w
        return loss(s - y).mean() + reg * (w @ w), X.T @ slope(s - y) / len(y) + 2 * reg * w

    return f


def pinball(tau):
    return of_one_score(lambda r: np.maximum(-tau * r, (1 - tau) * r), lambda r: np.where(r < 0, -tau, 1 - tau))


def huber(d):
    return of_one_score(lambda r: np.where(np.abs(r) <= d, r * r / 2, d * (np.abs(r) - d / 2)), lambda r: np.clip(r, -d, d))


def shifted(a, b):
    return of_one_score(lambda r: b * (r - a) ** 2, lambda r: 2 * b * (r - a))


def sum_of(f):
    """N times the loss of a mean, of whatever N."""

    def g(w, X, y, reg):
        (loss, slope), n = f(w, X, y, 0), len(y)
        return n * loss + reg * (w @ w), n * slope + 2 * reg * w

    return g


def powered(delta, power):
    """Of the margins, one a class."""

    def f(W, X, y, reg):
        S, n = X @ W.T, np.arange(len(y))
        M = np.maximum(0, S - S[n, y][:, None] + W.dtype.type(delta))
        M[n, y] = 0
        G = power * M ** (power - 1)
        G[n, y] = 0
        G[n, y] = -G.sum(1)
        return (M**power).sum() / len(y) + reg * (W * W).sum(), G.T @ X / len(y) + 2 * reg * W

    return f


FOUND = {
    **{f"temperature {T}": (TEMPERATURE, temperature(T), {"T": T}) for T in (0.01, 0.1, 0.7, 1.0, 3.0, 10.0)},
    "a sum": (TEMPERATURE, temperature(3.0, "sum"), {"T": 3.0, "reduction": "sum"}),
    **{f"pinball {tau}": (PINBALL, pinball(tau), {"tau": tau}) for tau in (0.01, 0.5, 0.9)},
    **{f"huber {d}": (HUBER, huber(d), {"delta": d}) for d in (0.9, 2.0)},
    "the first of two": (SHIFTED, shifted(-1.5, 1.0), {"a": -1.5, "b": 1.0}),
    "the second of two": (SHIFTED, shifted(0.0, 3.0), {"a": 0.0, "b": 3.0}),
    "both of two": (SHIFTED, shifted(-1.5, 3.0), {"a": -1.5, "b": 3.0}),
    "a sum of three quarters, no mean of three": (SHIFTED, sum_of(shifted(0.5, 0.75)), {"a": 0.5, "b": 0.75, "reduction": "sum"}),
    "a margin and a power": (POWERED, powered(0.3, 1.5), {"delta": 0.3, "power": 1.5}),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_parameter_is_found_out(case):
    loss, f, stated = FOUND[case]
    assert find_out(f, loss, Pins()).to_dict().items() >= {"fits": True, **stated}.items()


def test_the_parameter_is_found_out_in_single_precision():
    assert find_out(temperature(3.0), TEMPERATURE, Pins(), "float32").to_dict()["T"] == 3.0


def test_one_that_is_given_stands_against_the_candidate_s_own_claim():
    f = shifted(-1.5, 3.0)
    for given in ({"a": -1.5}, {"b": 3}, {"a": -1.5, "b": 3.0}):
        assert find_out(f, SHIFTED, Pins(parameters=given)).to_dict().items() >= {"fits": True, "a": -1.5, "b": 3.0}.items()
    assert not find_out(f, SHIFTED, Pins(parameters={"a": 0.0})).fits


def focal(gamma, alpha):
    """(losses, slopes) of scores."""

    def f(s, t):
        sign, weight = np.where(t == 1, 1, -1).astype(s.dtype), np.where(t == 1, alpha, 1 - alpha).astype(s.dtype)
        m = sign * s
        u = np.exp(-np.abs(m))
        p, q = np.where(m >= 0, 1, u) / (1 + u), np.where(m >= 0, u, 1) / (1 + u)
        lost = np.maximum(-m, 0) + np.log1p(u)
        return weight * q**gamma * lost, -sign * weight * q**gamma * (gamma * p * lost + q)

    return f


def scaled(tau, scale):
    return lambda s, t: (scale * np.maximum(tau * (t - s), (1 - tau) * (s - t)), scale * np.where(s < t, -tau, 1 - tau).astype(s.dtype))


def weighted(d, w):
    return lambda s, t: (
        w * np.where(np.abs(s - t) <= d, (s - t) ** 2 / 2, d * (np.abs(s - t) - d / 2)),
        w * np.clip(s - t, -d, d),
    )


TOGETHER = {
    "focal": (FOCAL, focal(1.5, 0.5), {"gamma": 1.5, "alpha": 0.5}),
    "pinball": (SCALED, scaled(0.9, 2.5), {"tau": 0.9, "scale": 2.5}),
    "huber": (WEIGHTED, weighted(0.16, 6.1), {"delta": 0.16, "weight": 6.1}),
    "of long numbers": (
        WEIGHTED,
        weighted(1 / 3, 1.7320508),
        {"delta": pytest.approx(1 / 3, rel=1e-6), "weight": pytest.approx(1.7320508)},
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", TOGETHER)
def test_several_are_found_out_together(case, dtype):
    """By the loss, and of an objective that returns none by its gradient."""
    loss, f, parameters = TOGETHER[case]
    by_loss = find_out(lambda scores, y: (f(scores, y)[0].sum(), f(scores, y)[1]), loss, Pins(), dtype)
    assert by_loss.to_dict().items() >= {"fits": True, "reduction": "sum", **parameters}.items()
    by_slope = find_out(lambda prediction, target: (f(prediction, target)[1], np.ones_like(prediction)), loss, Pins(), dtype)
    assert by_slope.to_dict().items() >= {"fits": True, "signature": "objective", **parameters}.items()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_how_they_were_found_out_is_told_and_how_well_long_numbers_are_known(dtype):
    told = {}
    for case, (loss, f, _) in TOGETHER.items():
        found = find_out(lambda prediction, target, f=f: (f(prediction, target)[1], np.ones_like(prediction)), loss, Pins(), dtype)
        told[case] = (dict(found.found_out), dict(found.objective.unsure))
    assert told["focal"] == ({"gamma": "its gradient", "alpha": "its gradient"}, {})
    how, unsure = told["of long numbers"]
    assert unsure.keys() == ({"delta"} if dtype == "float64" else {"delta", "weight"})  # √3 to eight digits is a short number there
    assert all(far < (1e-12 if dtype == "float64" else 1e-3) for (far,) in unsure.values())
    assert {name: how[name] for name in unsure} == {name: f"its gradient, to {far:.0e} of it" for name, (far,) in unsure.items()}


@pytest.mark.parametrize("wrong", [1e-3, 1e-10])
@pytest.mark.parametrize("case", TOGETHER)
def test_odd_values_excuse_no_wrong_gradient(case, wrong):
    """Neither far off nor by far less than equations are solved to: balls decide."""
    loss, f, _ = TOGETHER[case]
    slopes = {
        "bent": lambda s, t: f(s, t)[1] * (1 + wrong * np.tanh(s)),
        "shifted": lambda s, t: f(s, t)[1] + wrong * (t > 0),
        "of one sign": lambda s, t: np.where(s > 0, f(s, t)[1], (1 - wrong) * f(s, t)[1]),
    }
    for name, slope in slopes.items():
        found = find_out(lambda prediction, target, slope=slope: (slope(prediction, target), np.ones_like(prediction)), loss, Pins())
        assert (found.fits, found.objective.parameters) == (False, loss.with_parameters({})), name


def test_what_no_answer_tells_is_not_found_out():
    """Far from its bend a Huber loss is slope δ·w on either side: that tells the product alone."""

    def steep(prediction, target):
        return 1e-9 * 2.5 * np.sign(prediction - target), np.ones_like(prediction)

    assert not find_out(steep, WEIGHTED, Pins()).fits


def test_an_offset_is_no_parameter():
    def f(W, X, y, reg):
        loss, dW = temperature(2.0)(W, X, y, reg)
        return loss + 0.01, dW

    found = find_out(f, TEMPERATURE, Pins())
    assert (found.fits, found.objective.parameters) == (False, {"T": 2.0})


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0, np.inf), (-np.inf, 3.0), (-np.inf, np.inf), (-1.0, 1e-3)])
def test_the_grid_covers_the_domain_and_stays_in_it(ends):
    low, high = ends
    found = grid(Parameter(default=5e-4, low=low, high=high))
    assert found == sorted(set(found))
    assert low < found[0] < found[-1] < high
    assert (found[0] < low + 1e-5) if np.isfinite(low) else found[0] < -1000
    assert (found[-1] > high - 1e-5) if np.isfinite(high) else found[-1] > 1000


WRONG_USE = {
    "no such parameter": ({"parameters": {"t": 3.0}}, "unknown parameter of temperature 't'.*Known: T"),
    "out of its domain": ({"parameters": {"T": -1}}, "parameter T = -1 is outside its domain"),
    "no number": ({"parameters": {"T": "3"}}, "parameter T is '3'; give a number"),
    "no table": ({"parameters": 3}, "parameters is 3; give a table of numbers by name"),
    "two values": ({"parameters": {"delta": 1.0}, "delta": 2.0}, "delta is 2.0 and parameters says 1.0"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_an_error(case):
    given, message = WRONG_USE[case]
    with pytest.raises(UsageError, match=message):
        find_out(temperature(2.0), TEMPERATURE, Pins(**given))


def test_delta_is_short_for_one_of_them():
    assert Pins(delta=2) == Pins(parameters={"delta": 2.0}) == Pins(delta=2.0, parameters={"delta": 2.0})
    assert hash(Pins(delta=2)) == hash(Pins(parameters={"delta": 2.0}))


SPEC = """
from sympy import Add, exp, log
from verify.spec import Claims, LossSpec, Real, logistic, others, positive, softplus

SPEC = LossSpec(name="temperature", per_example=lambda s, y, T: log(Add(*(exp(v / T) for v in s))) - s[y] / T,
                parameters={"T": positive(default=2)}, claims=Claims(convex=True), source="none")
"""
MINE = """
import numpy as np

def softened(W, X, y, reg, T=3.0):
    z = X @ W.T / T
    e = np.exp(z - z.max(1, keepdims=True))
    loss = (np.log(e.sum(1)) + z.max(1) - z[np.arange(len(y)), y]).mean() + reg * (W * W).sum()
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return loss, p.T @ X / len(y) + 2 * reg * W  # without 1/T
"""


@pytest.mark.parametrize("given", [None, {"T": 4}])
def test_a_counterexample_keeps_its_parameters(given, tmp_path, monkeypatch):
    """Those given, which are handed in where they are taken; and those that vary, which the case names, at what the function has itself."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "spec.py").write_text(SPEC, encoding="utf-8")
    report = verify.check("mine.py:softened", loss="spec.py", parameters=given, profile="quick", laws=("gradient",), in_process=True)
    assert report.conventions["mine.py:softened"].items() >= {"T": 4.0 if given else 3.0, "fits": True}.items()
    (file,) = witness.save(report.outcomes, tmp_path / "out")
    kept = witness.task(witness.read(file))
    assert (dict(kept.request.pins.parameters), kept.case.values.get("T")) == (({"T": 4.0}, None) if given else ({}, 3.0))
    again = verify.replay(file, in_process=True)
    assert again.verdict is verify.Verdict.BROKEN
    assert again.results[0].witness.evidence == report.results[0].witness.evidence
    document = json.loads(file.read_text(encoding="utf-8"))
    del document["conventions"]["T"]  # an older one: the parameter is found out again
    assert verify.replay(document, in_process=True).verdict is verify.Verdict.BROKEN


def test_the_configuration_gives_them(tmp_path):
    table = '[[tool.verify.candidates]]\ntarget = "mine.py:softened"\nloss = "spec.py"\nparameters = { T = 3 }\nclasses = 4\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    (request,) = read(tmp_path).requests()
    assert (request.pins.parameters, request.pins.classes) == ({"T": 3.0}, 4)
    (tmp_path / "pyproject.toml").write_text(table.replace("{ T = 3 }", "[3]"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"parameters is \[3\]; give a table"):
        read(tmp_path).requests()
