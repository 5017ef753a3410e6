"""A formula that jumps and a claim that is false are refused, with the numbers that show it; what is true never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from implementations import hinge
from sympy import Abs, Add, And, Eq, Max, Min, Or, Piecewise, Rational, cosh, erf, erfc, exp, log, loggamma, sqrt, tanh

from verify.conventions import Pins, find_out
from verify.errors import UsageError
from verify.oracle import loss_claims as examination
from verify.oracle.loss_claims import examine, examine_what_is_new
from verify.oracle.problem_claims import examine_problem
from verify.problem.build import problem_of
from verify.spec import Claims, LossSpec, Parameter, expm1, log1p, log_ndtr, logistic, others, positive, softplus
from verify.spec.catalogue import find_spec, names

HALF = Rational(1, 2)
ANY, ALL = Claims(convex=None), Claims(convex=True, symmetric=True, shift_invariant=True)


def of_score(formula, claims=ANY, targets=(-1, 1), **parameters):
    return LossSpec(name="mine", per_example=formula, targets=targets, claims=claims, parameters=parameters, source="a test")


def of_classes(formula, claims=ANY, **parameters):
    return of_score(formula, claims, None, **parameters)


def lse(s):
    return log(Add(*map(exp, s)))


def huber(middle):
    return lambda s, t, d: Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= d), (d * (Abs(s - t) - middle * d), True))


JUMPS = {
    "a step": (of_score(lambda s, t: Piecewise((1, t * s < 0), (0, True))), "at score 0, target -1, its value is 0 on one side and 1"),
    "a wrong constant": (
        of_score(huber(HALF + Rational(1, 10**7)), d=positive(1)),
        "at score -2, target -1, .* 0.49999990 on one side|0.4999999",
    ),
    "far out": (of_score(huber(0.4), d=positive(1000)), "at score -1001"),
    "close by": (of_score(huber(0.4), d=positive(1e-3)), "at score -1.001"),
    "within a piece": (of_score(lambda s, t: Piecewise((s, s < 0), (Piecewise((s, s < 0.3), (2 * s, True)), True))), "at score 0.3,"),
    "in a product": (of_score(lambda s, t: s + Piecewise((1, s < 0.3), (0, True)) * Piecewise((2, s < 0.3), (0, True))), "at score 0.3"),
    "at one point": (of_score(lambda s, t: s + Piecewise((1, s**2 <= 0), (0, True))), "at score 0"),
    "between two conditions": (of_score(lambda s, t: Piecewise((1, And(s > 0.1, s < 0.2)), (s, True))), "at score 0.1"),
    "either of two conditions": (of_score(lambda s, t: Piecewise((s, Or(s < -3, s > 3)), (0, True))), "at score -3"),
    "inside a function": (of_score(lambda s, t: exp(Piecewise((s, s < t), (s + 1, True)))), "at score -1"),
    "for one target": (of_score(lambda s, t: Piecewise((s, s < t), (s + t + 1, True))), "at score 1, target 1"),
    "of several classes": (of_classes(lambda s, y: Piecewise((s[y], s[y] < Add(*s) / 3), (s[y] + 1, True))), "at the scores"),
    "of three classes only": (
        of_classes(lambda s, y: Add(*(Piecewise((s[j] - s[y], s[j] > s[y]), (Rational(len(s) - 2), True)) for j in others(s, y)))),
        "of 3 classes",
    ),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_formula_that_jumps_is_refused(name):
    loss, place = JUMPS[name]
    with pytest.raises(UsageError, match=rf"mine jumps: .*{place}"):
        examine(loss)


def test_a_formula_that_jumps_for_another_value_of_its_parameter_is_refused_there():
    loss = of_score(lambda s, t, d: Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= d), (Abs(s - t) - HALF, True)), d=positive(1))
    examine(loss)
    with pytest.raises(UsageError, match=r"at score -3, target -1, its value is 1.5 on one side and 2"):
        examine(loss, {"d": 2.0})


FALSE = {
    "weights of the classes": (
        of_classes(lambda s, y: (1 + Rational(y, 2)) * (lse(s) - s[y]), ALL),
        r"symmetric=True, .* is 0.693147.* is 1.03972",
    ),
    "a special class": (of_classes(lambda s, y: Max(*s) - s[0], Claims(convex=None, symmetric=True)), "symmetric=True"),
    "three classes only": (
        of_classes(lambda s, y: lse(s) - s[y] + (s[2] if len(s) > 2 else 0), Claims(convex=None, symmetric=True)),
        "symmetric=True",
    ),
    "not shifted": (
        of_classes(lambda s, y: lse(s) - s[y] + 1e-9 * s[0] ** 2, Claims(convex=None, shift_invariant=True)),
        "shift_invariant=True",
    ),
    "one against all": (of_classes(lambda s, y: Add(*map(softplus, s)) - s[y], ALL), "shift_invariant=True"),
    "one score": (of_score(lambda s, t: (s - t) ** 2, Claims(convex=True, shift_invariant=True)), "shift_invariant=True"),
    "not convex": (of_score(lambda s, t: Min(1, Max(0, 1 - t * s)), Claims(convex=True)), "claims to be convex"),
    "convex for one target": (of_score(lambda s, t: t * s**2, Claims(convex=True)), "claims to be convex"),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_is_refused(name):
    loss, sentence = FALSE[name]
    with pytest.raises(UsageError, match=sentence):
        examine(loss)


CONVEX = Claims(convex=True)
TAU = Parameter(default=0.3, low=0, high=1)
RIGHT = {
    "huber": of_score(huber(HALF), CONVEX, d=positive(0.9)),
    "huber, far": of_score(huber(HALF), CONVEX, d=positive(1000)),
    "huber, near": of_score(huber(HALF), CONVEX, d=positive(1e-6)),
    "smooth quantile": of_score(
        lambda s, t, d: Piecewise(((s - t) ** 2 / (2 * d), Abs(s - t) < d), (Abs(s - t) - d / 2, True)), CONVEX, d=positive(0.1)
    ),
    "modified huber": of_score(lambda s, t: Piecewise((-4 * t * s, t * s < -1), (Max(0, 1 - t * s) ** 2, True)), CONVEX),
    "smooth hinge": of_score(lambda s, t: Piecewise((HALF - t * s, t * s <= 0), (HALF * (1 - t * s) ** 2, t * s < 1), (0, True)), CONVEX),
    "jumps that cancel": of_score(lambda s, t: s**2 + Piecewise((1, s < 0), (0, True)) + Piecewise((0, s < 0), (1, True))),
    "flat at 0": of_score(lambda s, t: Piecewise((exp(-1 / s), s > 0), (0, True))),
    "root at 0": of_score(lambda s, t: Piecewise((sqrt(s), s > 0), (0, True))),
    "tukey": of_score(lambda s, t: Piecewise((1 - (1 - (s - t) ** 2) ** 3, Abs(s - t) <= 1), (1, True))),
    "ties of classes": of_classes(lambda s, y: Add(*(Piecewise((s[j] - s[y], s[j] > s[y]), (0, True)) for j in others(s, y))), ALL),
    "pieces by target": of_score(lambda s, t: Piecewise((s, Eq(t, 1)), (-s, True)), CONVEX),
    "quantile": of_score(lambda s, t, tau: tau * Max(0, t - s) + (1 - tau) * Max(0, s - t), CONVEX, tau=TAU),
    "expectile": of_score(lambda s, t, tau: tau * Max(0, t - s) ** 2 + (1 - tau) * Max(0, s - t) ** 2, CONVEX, tau=TAU),
    "insensitive": of_score(lambda s, t, e: Max(0, Abs(s - t) - e), CONVEX, e=positive(1)),
    "log cosh": of_score(lambda s, t: log(cosh(s - t)), CONVEX),
    "linex": of_score(lambda s, t: expm1(s - t) - (s - t), CONVEX),
    "cauchy": of_score(lambda s, t: log1p((s - t) ** 2)),
    "welsch": of_score(lambda s, t: 1 - exp(-((s - t) ** 2))),
    "pseudo huber": of_score(lambda s, t: sqrt(1 + (s - t) ** 2) - 1, CONVEX),
    "poisson": of_score(lambda s, t: exp(s) - t * s, CONVEX, (0, 1, 7)),
    "poisson, identity": of_score(lambda s, t: s - t * log(s), CONVEX, (0, 1, 7)),
    "tweedie": of_score(
        lambda s, t, p: -t * exp((1 - p) * s) / (1 - p) + exp((2 - p) * s) / (2 - p),
        CONVEX,
        (0, 1),
        p=Parameter(default=1.5, low=1, high=2),
    ),
    "negative binomial": of_score(
        lambda s, t, r: (t + r) * log(r + exp(s)) - t * s + loggamma(r) - loggamma(t + r), CONVEX, (0, 1, 5), r=positive(2)
    ),
    "probit": of_score(lambda s, t: -log_ndtr(t * s), CONVEX),
    "probit by erfc": of_score(lambda s, t: -log(erfc(-t * s / sqrt(2)) / 2), CONVEX),
    "focal": of_score(lambda s, t, g: logistic(-t * s) ** g * softplus(-t * s), g=positive(2)),
    "squashed": of_score(lambda s, t: (tanh(s) - t) ** 2 + erf(s) ** 2),
    "crammer and singer": of_classes(lambda s, y: Max(*(s[j] + int(j != y) for j in range(len(s)))) - s[y], ALL),
    "smoothed labels": of_classes(
        lambda s, y, e: lse(s) - (1 - e) * s[y] - e / len(s) * Add(*s), ALL, e=Parameter(default=0.1, low=0, high=1)
    ),
    "temperature": of_classes(lambda s, y, T: T * (log(Add(*(exp(v / T) for v in s))) - s[y] / T), ALL, T=positive(2)),
    "brier": of_classes(
        lambda s, y: Add(*((exp(v - lse(s)) - int(j == y)) ** 2 for j, v in enumerate(s))),
        Claims(convex=None, symmetric=True, shift_invariant=True),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_spec_is_taken(name):
    examine(RIGHT[name])


@pytest.mark.parametrize("name", names())
def test_a_shipped_spec_is_taken(name):
    spec = find_spec(name)
    if isinstance(spec, LossSpec) and not spec.of_inputs:
        examine(spec)
    else:
        examine_problem(problem_of(spec))


def test_what_ships_is_examined_here_and_all_else_where_it_is_used(monkeypatch):
    looked = []
    monkeypatch.setattr(examination, "_examine", lambda loss, values: looked.append((loss, values)))
    monkeypatch.setattr(examination.disk_cache, "plain", lambda _, make: make())  # whatever others have examined before
    shipped = find_spec("multiclass_hinge")
    other = replace(shipped, claims=Claims(convex=None))
    examine_what_is_new(shipped)
    examine_what_is_new(shipped, {"delta": 1.0})
    assert looked == []
    examine_what_is_new(shipped, {"delta": 2.0})
    examine_what_is_new(other)
    assert looked == [(shipped, (2.0,)), (other, (1.0,))]


def test_a_candidate_is_not_judged_by_a_spec_that_jumps():
    loss, place = JUMPS["of several classes"]
    with pytest.raises(UsageError, match=f"mine jumps: .*{place}"):
        find_out(hinge(), loss, Pins())
