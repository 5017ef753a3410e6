"""Losses of curved pieces, with conditions or margins that are no short numbers: no law is silent on right code, or deaf to wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field import right as field
from sympy import Abs, Max, Piecewise, Rational, exp, log

from verify import Verdict
from verify.candidates import Linear
from verify.cases import Case
from verify.laws import LAWS, Subject
from verify.laws.law import OUT_OF_RANGE
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Objective, positive
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import run

HALF, TARGETS = Rational(1, 2), (-2.5, -1, 0, 0.375, 1, 4)


def huber(s, t, delta):
    return Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= delta), (delta * (Abs(s - t) - HALF * delta), True))


def by_squares(s, t, delta):
    return Piecewise((delta * (Abs(s - t) - HALF * delta), (s - t) ** 2 > delta**2), (HALF * (s - t) ** 2, True))


def quantile(s, t, delta):
    """Pinball of τ = ¼ with a quadratic middle."""
    r = t - s
    middle = Piecewise((r**2 / (2 * delta), Abs(r) <= delta), (Abs(r) - delta / 2, True))
    return Piecewise((middle / 4, r >= 0), (3 * middle / 4, True))


def spec(per_example, delta, convex=True):
    return LossSpec(
        name="curved",
        per_example=per_example,
        parameters={"delta": positive(default=delta)},
        targets=TARGETS,
        claims=Claims(convex=convex),
        source="a test",
    )


def subject(loss, delta, value, slope, dtype):
    def f(w, X, y, reg):
        s = X @ w
        d = s.dtype.type(delta)
        return value(s, y, d).mean() + reg * (w * w).sum(), X.T @ slope(s, y, d) / len(y) + 2 * reg * w

    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("l2")), dtype)
    return Subject(candidate=Linear(f=f, layout="D", targets=loss.targets), oracle=oracle)


def value(s, t, d):
    return np.where(np.abs(s - t) <= d, (s - t) ** 2 / 2, d * (np.abs(s - t) - d / 2))


def slope(s, t, d):
    return np.clip(s - t, -d, d)


def quantile_value(s, t, d):
    r = np.abs(t - s)
    return np.where(t >= s, 1, 3) * np.where(r <= d, r * r / (2 * d), r - d / 2) / 4


def quantile_slope(s, t, d):
    return -np.where(t >= s, 1, 3) * np.clip((t - s) / d, -1, 1).astype(s.dtype) / 4


def insensitive(s, t, delta):
    return Max(0, Abs(s - t) - delta)


RIGHT = {
    "huber": (huber, 1, value, slope),
    "huber, no short margin": (huber, 0.9, value, slope),
    "huber, by squares": (by_squares, 0.9, value, slope),
    "quantile": (quantile, 0.3, quantile_value, quantile_slope),
    "insensitive": (
        insensitive,
        0.1,
        lambda s, t, d: np.maximum(0, np.abs(s - t) - d),
        lambda s, t, d: np.sign(s - t) * (np.abs(s - t) > d),
    ),
    "squared insensitive": (
        lambda s, t, delta: Max(0, Abs(s - t) - delta) ** 2,
        0.1,
        lambda s, t, d: np.maximum(0, np.abs(s - t) - d) ** 2,
        lambda s, t, d: 2 * np.sign(s - t) * np.maximum(0, np.abs(s - t) - d),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_code_is_decided_at_its_kinks(name, dtype):
    loss, delta, *functions = RIGHT[name]
    judged = subject(spec(loss, delta), delta, *functions, dtype)
    found = {law: run(LAWS[law], judged, profile="quick", seed=0) for law in ("crossing", "membership", "one-sided")}
    assert {law: result.verdict for law, result in found.items()} == dict.fromkeys(found, Verdict.HOLDS)
    assert max(result.strain for result in found.values()) < 0.3


def steeper(s, t, d):
    """A tenth too steep above the margin, and continuous."""
    return value(s, t, d) + np.maximum(0, s - t - d) / 10


def at_the_tie(s, t, d):
    """Right but for 2 where the margin is met exactly: found wherever a score holds it."""
    return np.where(np.abs(s - t) == d, 2, slope(s, t, d)).astype(s.dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("law", "wrong"), [("crossing", (steeper, slope)), ("one-sided", (steeper, slope)), ("membership", (value, at_the_tie))]
)
def test_wrong_code_at_kinks_is_seen(law, wrong, dtype):
    assert run(LAWS[law], subject(spec(huber, 0.9), 0.9, *wrong, dtype), profile="quick", seed=0).verdict is Verdict.BROKEN


def focal_value(s, t, d):
    p = 1 / (1 + np.exp(-s))
    return -t * (1 - p) * np.log(p)


def focal_slope(s, t, d):
    p = 1 / (1 + np.exp(-s))
    return t * (1 - p) * (p * np.log(p) - (1 - p))


def softplus(s, t, d):
    return np.logaddexp(0, s) - t * s


def sigmoid(s, t, d):
    return 1 / (1 + np.exp(-s)) - t


SMOOTH = {
    "logistic": (find_loss("binary_logistic"), softplus, sigmoid),
    "focal": (
        LossSpec(
            name="focal",
            per_example=lambda s, t: t * log(1 + exp(-s)) / (1 + exp(s)),
            targets=(1, 2),
            claims=Claims(convex=None),
            source="a test",
        ),
        focal_value,
        focal_slope,
    ),
}


def unpenalised(name, dtype, change=lambda value, slope: (value, slope)):
    loss, *functions = SMOOTH[name]
    right, slopes = change(*functions)

    def f(w, X, y, reg):
        s = X @ w
        return right(s, y, None).mean(), X.T @ slopes(s, y, None) / len(y)

    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), dtype)
    return Subject(candidate=Linear(f=f, layout="D", targets=loss.targets), oracle=oracle)


@pytest.mark.parametrize("law", ["order", "best-step"])
@pytest.mark.parametrize("name", SMOOTH)
def test_single_precision_is_decided_without_a_penalty_to_bend_it(name, law):
    result = run(LAWS[law], unpenalised(name, "float32"), profile="quick", seed=0)
    assert result.verdict is Verdict.HOLDS
    assert result.decided >= result.cases / 4
    assert result.strain < 0.3


@pytest.mark.parametrize("law", ["order", "best-step"])
@pytest.mark.parametrize("name", SMOOTH)
def test_in_single_precision_wrong_differences_are_seen(name, law):
    """A loss whose argument is a hundredth too large: its second derivative is two hundredths off, and its slope one."""

    def bent(value, slope):
        return (lambda s, t, d: value(s * s.dtype.type(1.01), t, d)), slope

    assert run(LAWS[law], unpenalised(name, "float32", bent), profile="quick", seed=0).verdict is Verdict.BROKEN


def test_a_switch_that_only_touches_its_kink_says_what_would_decide_it():
    def touching(s, t, delta):
        return Piecewise((0, (s - t) ** 2 <= 0), ((s - t) ** 2, True))

    judged = subject(spec(touching, 1), 1, lambda s, t, d: (s - t) ** 2, lambda s, t, d: 2 * (s - t), "float64")
    result = run(LAWS["crossing"], judged, profile="quick", seed=0)
    assert result.verdict is Verdict.SILENT
    assert "a formula whose switches cross theirs would decide it" in " ".join(result.undecided)


def test_a_least_subgradient_that_no_longer_descends_once_it_is_rounded_says_nothing():
    loss = find_loss(f"{Path(__file__).parents[1] / 'field' / 'specs.py'}:PINBALL")
    oracle = Oracle(Objective(loss=loss, penalty=find_penalty("none")), "float64")
    right = Subject(candidate=Linear(f=field.RIGHT["PINBALL"], layout="D", targets=loss.targets), oracle=oracle)
    W, X = np.array([[0.5, -(2.0**-54)]]), np.array([[0.0, 1.0], [0.0, 1.0], [-0.0625, 1.0]])
    measurement = LAWS["descent"].measure(right, Case(values={"W": W, "X": X, "y": np.array([2, 3, 2]), "reg": 0.0}, family="near a kink"))
    assert measurement.undecided is not None
    assert not [e for e in measurement.evidence if e.strain > 0.3]


def test_a_least_subgradient_that_does_not_fit_says_nothing():
    """One example on its kink, and one whose slope is e^10000."""
    loss = spec(lambda s, t, delta: Max(exp(s) - delta, 0), 1)
    right = subject(loss, 1, lambda s, t, d: np.maximum(np.exp(s) - d, 0), lambda s, t, d: np.where(s > 0, np.exp(s), 0), "float64")
    case = Case(values={"W": np.array([[1.0]]), "X": np.array([[0.0], [10000.0]]), "y": np.array([0, 0]), "reg": 0.0}, family="given")
    with np.errstate(over="ignore"):
        measurement = LAWS["descent"].measure(right, case)
    assert (measurement.evidence, measurement.undecided) == ((), OUT_OF_RANGE)
