"""Composition rules prove what is convex and nothing else; a claim is refuted exactly, never by rounding."""

from __future__ import annotations

from math import erf as erf_of
from math import erfc as erfc_of

import numpy as np
import pytest
from sympy import (
    Abs,
    E,
    Max,
    Min,
    Piecewise,
    Rational,
    Symbol,
    cosh,
    digamma,
    erf,
    erfc,
    exp,
    log,
    loggamma,
    polygamma,
    sqrt,
    symbols,
)

from verify import Verdict, check
from verify.errors import UsageError
from verify.oracle.loss_claims import bulge, examine
from verify.spec import Chord, Claims, LossSpec, Parameter, log_ndtr, positive
from verify.spec.catalogue import all_penalties, losses
from verify.spec.convexity import AFFINE, UNKNOWN, Curvature, convex_loss, convex_penalty, curvature, supported

x, y = symbols("x y", real=True)
c, n, r = Symbol("c", positive=True), Symbol("n", negative=True), Symbol("r", real=True)
CONVEX, CONCAVE = Curvature(True, False), Curvature(False, True)

PROVED = {
    "affine": (3 * x - r * y + r, AFFINE),
    "softplus": (log(1 + exp(x)) - c * x, CONVEX),
    "log-sum-exp": (log(exp(x) + 2 * exp(y) + exp(x - 2 * y)), CONVEX),
    "log of exponentials of convex functions": (log(c + exp(x**2)), CONVEX),
    "squared hinge": (Max(0, c - x) ** 2, CONVEX),
    "hinge to the power 3/2": (Max(0, c - x) ** Rational(3, 2), CONVEX),
    "greatest of convex": (Max(x**2, Abs(x - y), exp(y)), CONVEX),
    "absolute difference": (c * Abs(x - y), CONVEX),
    "norm": (sqrt(2 * x**2 + (x - y) ** 2 + c), CONVEX),
    "minus a logarithm": (-log(x + y), CONVEX),
    "reciprocal of what is positive": (1 / (c + sqrt(Max(0, 1) + 0 * x)) + exp(-x), CONVEX),
    "negative multiple": (n * x**2, CONCAVE),
    "least of affine": (Min(x, 1 - y), CONCAVE),
    "logarithm of a least": (log(Min(x, y)), CONCAVE),
    "root of a least": (sqrt(Min(2, 1)) * x, AFFINE),
    "hyperbolic cosine": (cosh(x - y) + cosh(x**2), CONVEX),
    "logarithm of a hyperbolic cosine": (log(2 * cosh(x - r) + c), CONVEX),
    "logarithm of a sigmoid": (log(1 / (1 + exp(-x))), CONCAVE),
    "logarithm of what a sigmoid leaves": (log(1 - 1 / (1 + exp(-x))), CONCAVE),
    "logarithm of a softmax": (log(exp(y) / (exp(x) + exp(y))), CONCAVE),
    "logarithm of the normal distribution": (log_ndtr(x - y), CONCAVE),
    "the same by erfc": (-log(erfc(x - y) / 2), CONVEX),
    "the same by erf": (log((1 + erf(x)) / 2) + log(1 - erf(y)), CONCAVE),
    "logarithm of gamma": (loggamma(x) - digamma(y) + polygamma(1, x) - polygamma(2, y), CONVEX),
    "a power between 1 and 2": (Abs(x) ** (1 + c), CONVEX),
}


p, q, s = symbols("p q s", positive=True)
ATOMS = {
    "square over linear": ((x**2 + (x - y) ** 2) / p, CONVEX),
    "a power over a lower one": (p**3 / q**2, CONVEX),
    "reciprocal of a product": (1 / (p * q), CONVEX),
    "geometric mean": ((p * q * s) ** Rational(1, 3), CONCAVE),
    "harmonic mean": (1 / (1 / p + 1 / q), CONCAVE),
    "negative entropy": (p * log(p), CONVEX),
    "entropy of what an affine function leaves": (-(1 + x - x) * (p + q) * log(p + q), CONCAVE),
    "relative entropy": (p * log(p / q), CONVEX),
    "relative entropy, parted": (p * log(p) - p * log(q) - p + q, CONVEX),
    "to the middle": (p * log(2 * p / (p + q)) + q * log(2 * q / (p + q)), CONVEX),
    "perspective of exp": (p * exp(x / p), CONVEX),
    "p·exp(p)": (p * exp(p), CONVEX),
    "quotient that rises": ((p + q) / (1 + p + q), CONCAVE),
    "quotient that falls": ((2 - p) / (3 + p), CONVEX),
    "distance of roots": ((sqrt(p) - sqrt(q)) ** 2, CONVEX),
    "3-norm": ((Abs(x) ** 3 + 2 * Abs(x - y) ** 3 + c) ** Rational(1, 3), CONVEX),
    "norm of hinges": (sqrt(Max(0, x) ** 2 + Max(0, x - y) ** 2), CONVEX),
    "greatest pair of three": (Max(x + y, y + p, x + p), CONVEX),
}
"""Convex analysis' own: what disciplined convex programming has as atoms, and its rules compose of them."""


@pytest.mark.parametrize("name", PROVED | ATOMS)
def test_a_composition_is_proved(name):
    e, expected = (PROVED | ATOMS)[name]
    assert curvature(e, [x, y, p, q, s]) == expected


NOT_OF_POSITIVE = {
    "product": (p * q, lambda p, q: p * q),
    "quotient": (p / q, lambda p, q: p / q),
    "a power over its like": (p**2 / q**2, lambda p, q: p**2 / q**2),
    "root of a product, twice": (-p * q, lambda p, q: -p * q),
    "two entropies less their mean": (-p * log(p / q), lambda p, q: -p * np.log(p / q)),
    "quotient of sums": ((p + 2 * q) / (p + q), lambda p, q: (p + 2 * q) / (p + q)),
    "Itakura and Saito's": (p / q - log(p / q) - 1, lambda p, q: p / q - np.log(p / q) - 1),
    "norm below one": ((sqrt(p) + sqrt(q)) ** 2, lambda p, q: (np.sqrt(p) + np.sqrt(q)) ** 2),
}


@pytest.mark.parametrize("name", NOT_OF_POSITIVE)
def test_what_is_not_convex_of_positive_numbers_is_not_proved(name):
    e, f = NOT_OF_POSITIVE[name]
    assert not curvature(e, [p, q]).convex
    ends = np.random.default_rng(0).exponential(size=(500, 2, 2)) + 0.01
    assert max(f(*(a + b) / 2) - (f(*a) + f(*b)) / 2 for a, b in ends) > 0.01


def test_a_pole_in_between_is_no_proof():
    """Each has a second derivative > 0 wherever it has a value."""
    assert [curvature(e, [x]).convex for e in (x + x**-2, x * log(x), x * x ** Rational(1, 2) + 1 / x**4)] == [False] * 3


REFUTED = {
    "ramp": (Min(1, Max(0, x)), lambda x, y: min(1, max(0, x))),
    "sigmoid": (1 / (1 + exp(-x)), lambda x, y: 1 / (1 + np.exp(-x))),
    "product": (x * y, lambda x, y: x * y),
    "cube": (x**3, lambda x, y: x**3),
    "logarithm of a square": (log(1 + x**2), lambda x, y: np.log(1 + x**2)),
    "difference of greatest": (Max(x, y) - Max(x, 0), lambda x, y: max(x, y) - max(x, 0)),
    "square of what changes sign": ((x**2 - 1) ** 2, lambda x, y: (x**2 - 1) ** 2),
    "log of a decreasing exponential of a square": (log(1 + exp(-(x**2))), lambda x, y: np.log(1 + np.exp(-(x**2)))),
    "logarithm of a difference of cosines": (log(cosh(2 * x) - cosh(x) + 1), lambda x, y: np.log(np.cosh(2 * x) - np.cosh(x) + 1)),
    "cosine of what changes sign": (cosh(x**2 - 2), lambda x, y: np.cosh(x**2 - 2)),
    "minus a sigmoid's logarithm, the wrong way": (log(1 + exp(-x)) * -1, lambda x, y: -np.log(1 + np.exp(-x))),
    "logarithm of erfc": (log(erfc(x)), lambda x, y: np.log(np.vectorize(erfc_of)(x))),
    "logarithm of 1 + 2 erf": (-log(3 + erf(x)), lambda x, y: -np.log(3 + erf_of(x))),
    "root of an absolute value": (sqrt(Abs(x)), lambda x, y: np.sqrt(abs(x))),
    "root of a shifted square": (sqrt(1 + (x**2 - 1) ** 2), lambda x, y: np.sqrt(1 + (x**2 - 1) ** 2)),
}


@pytest.mark.parametrize("name", REFUTED)
def test_what_is_not_convex_is_not_proved(name):
    """Each is shown not to be convex by numbers, so that a rule that proves it is wrong."""
    e, f = REFUTED[name]
    assert not curvature(e, [x, y]).convex
    rng = np.random.default_rng(0)
    ends = rng.normal(size=(500, 2, 2)) * 2
    assert max(f(*(a + b) / 2) - (f(*a) + f(*b)) / 2 for a, b in ends) > 0.01


def test_a_constant_of_unknown_sign_proves_nothing():
    assert curvature(r * x**2, [x]) == UNKNOWN
    assert curvature(log(r + exp(x)), [x]) == UNKNOWN
    assert curvature(Max(0, x) ** r, [x]) == UNKNOWN


IN_PIECES = {
    "huber": (Piecewise((x**2 / 2, Abs(x) <= c), (c * (Abs(x) - c / 2), True)), True),
    "its steep twin": (Piecewise((x**2 / 2, Abs(x) <= c), (2 * c * Abs(x) - 3 * c**2 / 2, True)), True),
    "its flat twin": (Piecewise((x**2 / 2, Abs(x) <= c), (c * Abs(x) / 2, True)), False),
    "one that jumps": (Piecewise((x**2 / 2, Abs(x) <= c), (c * Abs(x), True)), False),
    "one that falls first": (Piecewise(((Abs(x) - c) ** 2, Abs(x) <= c), (0, True)), False),
    "smoothed hinge": (Piecewise((0, x >= 1), ((1 - x) ** 2 / (2 * c), x > 1 - c), (1 - x - c / 2, True)), True),
    "its ends the other way round": (Piecewise((0, x >= 1), ((1 - x) ** 2 / (2 * c), x > 1 + c), (1 - x - c / 2, True)), False),
    "from the left": (Piecewise((-x, x < 0), (2 * x, x < 1), (3 * x - 1, True)), True),
    "a slope that falls": (Piecewise((-x, x < 0), (2 * x, x < 1), (x + 1, True)), False),
    "two variables": (Piecewise((0, x >= y), (y - x, True)), False),
    "fair": (c**2 * (Abs(x) / c - log(1 + Abs(x) / c)), True),
    "its logarithm doubled": (c**2 * (Abs(x) / c - 2 * log(1 + Abs(x) / c)), False),
    "complementary log-log": (-log(1 - exp(-exp(x))), True),
    "of a parabola": (-log(1 - exp(-exp(x**2))), False),
}
"""Whether they are proved."""


@pytest.mark.parametrize("name", IN_PIECES)
def test_what_is_convex_in_pieces_is_proved(name):
    e, proved = IN_PIECES[name]
    assert curvature(e, [x, y] if e.has(y) else [x]).convex is proved


DOMAINS = {
    "quantile": (lambda s, t, p: p * Max(0, t - s) + (1 - p) * Max(0, s - t), Parameter(default=0.3, low=0, high=1), True),
    "quantile of a wider domain": (
        lambda s, t, p: p * Max(0, t - s) + (1 - p) * Max(0, s - t),
        Parameter(default=0.3, low=0, high=2),
        False,
    ),
    "expectile": (lambda s, t, p: p * (1 - p) * Max(0, t - s) ** 2 + p**2 * s**2, Parameter(default=0.3, low=0, high=1), True),
    "beyond one": (lambda s, t, p: (p - 1) * (s - t) ** 2, Parameter(default=2, low=1), True),
    "below zero": (lambda s, t, p: -p * (s - t) ** 2, Parameter(default=-2, high=0), True),
    "below three": (lambda s, t, p: (3 - p) * (s - t) ** 2, Parameter(default=2, high=3), True),
    "of any sign": (lambda s, t, p: p * (s - t) ** 2, Parameter(default=2), False),
    "a power": (lambda s, t, p: Abs(s - t) ** p, Parameter(default=1.5, low=1, high=2), True),
    "a power below one": (lambda s, t, p: Abs(s - t) ** p, Parameter(default=1.5, low=0, high=2), False),
    "tweedie": (
        lambda s, t, p: exp((1 - p) * s) * t / (p - 1) + exp((2 - p) * s) / (2 - p),
        Parameter(default=1.5, low=1, high=2),
        True,
    ),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_a_parameter_is_known_by_its_domain(name):
    formula, p, proved = DOMAINS[name]
    loss = LossSpec(name="mine", per_example=formula, targets=(0, 1), claims=Claims(convex=None), parameters={"p": p}, source="a test")
    assert convex_loss(loss) is proved


def test_every_shipped_claim_is_proved():
    claimed = [s for s in losses().values() if s.claims.convex]
    assert [s.name for s in claimed if not convex_loss(s)] == ["ordinal_logistic"]
    assert len(claimed) == 47  # docs/laws.md tells it
    assert not any(convex_loss(s) for s in losses().values() if s.claims.convex is False)
    assert [p.name for p in all_penalties().values() if not convex_penalty(p)] == ["log_penalty"]


def spec(formula, convex=True, chord=None, **parameters):
    return LossSpec(name="mine", per_example=formula, claims=Claims(convex=convex, chord=chord), parameters=parameters, source="a test")


def huber(s, y):
    return Piecewise((s[y] ** 2 / 2, s[y] ** 2 <= 1), (Abs(s[y]) - Rational(1, 2), True))


def ramp(s, y):
    return Min(1, Max(0, 1 - s[y]))


def test_a_true_claim_without_a_proof_is_only_tested():
    examine(spec(huber))
    assert supported(spec(huber)).startswith("convex, only tested")
    assert supported(spec(lambda s, y, k: k * s[y] ** 2, k=positive(default=1))) == "convex, proved and tested"


def test_a_false_claim_is_refused_with_a_chord_that_refutes_it():
    with pytest.raises(UsageError, match=r"mine claims to be convex, but at the middle of") as error:
        examine(spec(ramp))
    chord = eval(str(error.value).rpartition("chord=")[2].removesuffix(")."), {"Chord": Chord})
    assert bulge(spec(ramp), chord) > 0
    examine(spec(ramp, convex=False, chord=chord))


def test_a_loss_that_is_convex_up_to_a_hair_is_refused_and_one_that_is_convex_by_a_hair_is_not():
    """What float64 could not decide: the curvature is 2e-20 of the values."""
    far = Chord(start=(0.0, 0.0), end=(1.0, 0.0))
    bent = Rational(1, 10**20)
    assert bulge(spec(lambda s, y: E**3 + s[y] - bent * s[y] ** 2), far) > 0
    assert bulge(spec(lambda s, y: E**3 + s[y] + bent * s[y] ** 2), far) < 0
    with pytest.raises(UsageError, match="claims to be convex"):
        examine(spec(lambda s, y: E**3 + s[y] - bent * s[y] ** 2))


def test_a_chord_that_shows_nothing_is_refused():
    with pytest.raises(UsageError, match="does not lie above its chord from"):
        examine(spec(ramp, convex=False, chord=Chord(start=(2.0, 0.0), end=(1.0, 0.0))))


@pytest.mark.parametrize(
    ("convex", "chord"), [(False, None), (True, Chord(start=(0.0,), end=(1.0,))), (None, Chord(start=(0.0,), end=(1.0,)))]
)
def test_a_claim_and_its_chord_belong_together(convex, chord):
    with pytest.raises(UsageError, match="Claim nothing with convex=None"):
        Claims(convex=convex, chord=chord)


def test_a_chord_joins_points_of_one_space():
    with pytest.raises(UsageError, match="joins 1 scores to 2"):
        Chord(start=(0.0,), end=(1.0, 2.0))


RAMP = """
from sympy import Max, Min
from verify.spec import Chord, Claims, LossSpec

SPEC = LossSpec(
    name="ramp",
    per_example=lambda s, y: Min(1, Max(0, 1 - s[y])),
    claims=Claims(convex={convex}),
    source="R. Collobert et al., Trading convexity for scalability, ICML 2006",
)
"""


def ramp_loss(W, X, y, reg, inside=lambda m: (m > 0) & (m < 1)):
    S, n = X @ W.T, np.arange(len(y))
    m = 1 - S[n, y]
    dS = np.zeros_like(S)
    dS[n, y] = -inside(m).astype(S.dtype) / len(y)
    return float(np.mean(np.clip(m, 0, 1)) + reg * np.sum(W * W)), dS.T @ X + 2 * reg * W


def ramp_closed(W, X, y, reg):
    return ramp_loss(W, X, y, reg, lambda m: (m >= 0) & (m <= 1))


def ramp_outside(W, X, y, reg):
    return ramp_loss(W, X, y, reg, lambda m: (m > 0) & (m < 1) | 2 * (m == 0) | 2 * (m == 1))


def judged(candidate, file, dtype):
    report = check(candidate, loss=str(file), dtypes=(dtype,), profile="quick")
    return {r.law for r in report.results if r.verdict is Verdict.BROKEN}, {o.task.law for o in report.inapplicable}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("candidate", [ramp_loss, ramp_closed])
def test_a_right_implementation_of_a_loss_that_is_not_convex_holds(candidate, dtype, tmp_path):
    file = tmp_path / "ramp.py"
    file.write_text(RAMP.format(convex="False, chord=Chord(start=(-1.0, 0.0), end=(1.0, 0.0))"), encoding="utf-8")
    broken, inapplicable = judged(candidate, file, dtype)
    assert broken == set()
    assert {"convexity", "bracket"} <= inapplicable


def test_a_wrong_value_on_a_kink_of_a_loss_that_is_not_convex_is_broken(tmp_path):
    file = tmp_path / "ramp.py"
    file.write_text(RAMP.format(convex=None), encoding="utf-8")
    assert {"gradient", "membership"} <= judged(ramp_outside, file, "float64")[0]


def test_nobody_is_judged_by_a_false_claim(tmp_path):
    file = tmp_path / "ramp.py"
    file.write_text(RAMP.format(convex=True), encoding="utf-8")
    with pytest.raises(UsageError, match="ramp claims to be convex, but at the middle of"):
        check(ramp_loss, loss=str(file), profile="quick", laws=("convexity",))
