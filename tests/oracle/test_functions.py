"""The functions of the field against mpmath, at 50 digits, over their domains: value, slope and curvature as balls, series and lanes."""

from __future__ import annotations

from functools import cache

import mpmath
import numpy as np
import pytest
import sympy
from flint import arb, arb_series
from mpmath import mp, mpf
from sympy import digamma, erfc, loggamma, polygamma, sqrt

from verify.oracle.formula import Formula
from verify.oracle.vectorised import local
from verify.rounding import unit_roundoff
from verify.spec import expm1, log1p, log_ndtr, logistic, softplus
from verify.tape.balls import precision

x = sympy.Symbol("x", real=True)

ALL = (-38.0, -8.5, -1.0, -(2.0**-20), 0.0, 2.0**-30, 0.5, 3.0, 9.0, 40.0)
FAR = (-1e4, -300.0, 300.0, 1e4)
POSITIVE = (2.0**-40, 0.125, 1.0, 1.4609375, 2.0, 2.5, 17.0, 1e6)

FUNCTIONS = {
    "erfc": (erfc(x), mpmath.erfc, (*ALL, -300.0, 300.0)),
    "log1p": (log1p(x), mpmath.log1p, (-1 + 2.0**-40, -0.5, 0.0, 2.0**-60, 1.0, 1e9)),
    "expm1": (expm1(x), mpmath.expm1, (*ALL, -1e4, 300.0)),
    "softplus": (softplus(x), lambda v: mpmath.log1p(mpmath.exp(v)), (*ALL, -100.0, 1e4)),
    "logistic": (logistic(x), lambda v: 1 / (1 + mpmath.exp(-v)), (*ALL, *FAR)),
    "log Φ": (log_ndtr(x), lambda v: mpmath.log(mpmath.erfc(-v / mpmath.sqrt(2)) / 2), (*ALL[:-1], -1e4, -300.0)),
    "slope of log Φ": (log_ndtr(x).diff(x), lambda v: mpmath.npdf(v) / (mpmath.erfc(-v / mpmath.sqrt(2)) / 2), (*ALL[:-1], -300.0)),
    "loggamma": (loggamma(x), (mpmath.loggamma, mpmath.digamma, lambda v: mpmath.polygamma(1, v)), POSITIVE),
    "digamma": (digamma(x), tuple(lambda v, n=n: mpmath.polygamma(n, v) for n in range(3)), POSITIVE),
    "trigamma": (polygamma(1, x), tuple(lambda v, n=n: mpmath.polygamma(n + 1, v) for n in range(3)), POSITIVE),
    "square root": (sqrt(x), mpmath.sqrt, (2.0**-60, *POSITIVE)),
    "norm": (sqrt(x**2 + 1), lambda v: mpmath.sqrt(v * v + 1), (*ALL, *FAR)),
}
PLACES = [(name, at) for name, (_, _, places) in FUNCTIONS.items() for at in places]


def ball_of(truth: mpf) -> arb:
    """A number of 50 digits as a ball."""
    with precision(400):
        return arb(mpmath.nstr(truth, 55)) * (1 + arb(0, 1e-50)) + arb(0, 2.0**-1074)


def near(ball: arb, truth: mpf, size: float = 1.0) -> bool:
    """Whether a ball contains the number and is narrow beside it and `size`."""
    with precision(400):
        return ball.overlaps(ball_of(truth)) and float(ball.rad()) <= 1e-25 * max(float(abs(truth)), size)


@cache
def taylor(name, at):
    """Value, slope and half the curvature: from their own functions where such are given, else by differences of 150 digits."""
    f = FUNCTIONS[name][1]
    if isinstance(f, tuple):
        with mp.workdps(55):
            return [f_k(mpf(at)) / mpmath.factorial(k) for k, f_k in enumerate(f)]
    with mp.workdps(150):
        return mp.taylor(f, mpf(at), 2)


def total(formula, terms, registers):
    return sum((registers[t] for t in terms), arb(0))


@pytest.mark.parametrize(("name", "at"), PLACES)
def test_value_and_slope_at_a_point_are_enclosed(name, at):
    e = FUNCTIONS[name][0]
    formula = Formula(e, [x])
    value, slope, _ = taylor(name, at)
    with precision():
        run = formula.run([arb(at)])
        found, rate = total(formula, formula.value_terms, run.registers), total(formula, formula.slopes[0][0], run.registers)
    assert near(found, value)
    assert near(rate, slope)
    with mp.workdps(60):
        assert not near(found, value + max(abs(value), 1) * mpf(10) ** -20)


@pytest.mark.parametrize(("name", "at"), PLACES)
def test_value_slope_and_curvature_along_a_line_are_enclosed(name, at):
    e = FUNCTIONS[name][0]
    formula = Formula(e, [x])
    truth = taylor(name, at)
    with precision():
        series = total(formula, formula.value_terms, formula.run([arb_series([arb(at), 1], 4)]).registers)
        for k in range(3):
            assert near(series[k], truth[k], size=max(1.0, abs(float(truth[0])), abs(float(truth[1]))))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("width", [0.25, 2.0**-10])
def test_a_box_encloses_its_points(name, width):
    """Value, slope and curvature over a segment contain those at its ends and within."""
    e, _, places = FUNCTIONS[name]
    formula, low = Formula(e, [x]), {"log1p": -1, "square root": 0}.get(name, 0 if places is POSITIVE else -np.inf)
    for at in places[::2]:
        if not low < at - width:
            continue
        with precision():
            series = total(formula, formula.value_terms, formula.run([arb_series([arb(at, width), 1], 4)]).registers)
            box = total(formula, formula.value_terms, formula.run([arb(at, width)]).registers)
        assert all(series[k].is_finite() for k in range(3)) or name == "erfc" or abs(at) > 100
        for inside in (at - width, at + width / 3, at + width):
            truth = taylor(name, inside)
            with precision(400):
                assert box.overlaps(ball_of(truth[0]))
                for k in range(3):
                    assert series[k].overlaps(ball_of(truth[k])) or not series[k].is_finite()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lanes_say_about_the_same(name):
    e, _, places = FUNCTIONS[name]
    formula, at = Formula(e, [x]), [p for p in places if abs(p) < 300]
    with np.errstate(all="ignore"):
        lanes = local(formula, [np.array(at)], np.zeros(len(at)), 0.0)
        for found, k in ((lanes.value, 0), (lanes.low[:, 0], 1)):
            truth = np.array([float(taylor(name, p)[k]) for p in at])
            # log 0 where exp underflows is what lanes may say; cancelled terms lose digits of what was cancelled
            assert np.all((np.abs(found - truth) <= 1e-9 * (1 + np.abs(truth))) | ~np.isfinite(found))
            assert np.mean(np.isfinite(found)) > 0.7


CAREFUL = {  # a function, and usual ways to evaluate it in double precision
    "log Φ": (log_ndtr(x), ["special.log_ndtr(v)", "np.log(special.ndtr(v))", "np.log(special.erfc(-v / np.sqrt(2)) / 2)"], (-30.0, 9.0)),
    "slope of log Φ": (log_ndtr(x).diff(x), ["np.exp(-v * v / 2 - special.log_ndtr(v)) / np.sqrt(2 * np.pi)"], (-36.0, 9.0)),
    "loggamma": (loggamma(x), ["special.gammaln(v)", "np.vectorize(math.lgamma)(v)"], (0.01, 60.0)),
    "digamma": (digamma(x), ["special.digamma(v)"], (0.01, 60.0)),
    "erfc": (erfc(x), ["special.erfc(v)", "np.vectorize(math.erfc)(v)"], (-5.0, 20.0)),
    "softplus": (softplus(x), ["np.log(1 + np.exp(v))", "np.log1p(np.exp(v))", "np.logaddexp(0, v)"], (-40.0, 40.0)),
    "logistic": (logistic(x), ["1 / (1 + np.exp(-v))", "special.expit(v)"], (-40.0, 40.0)),
    "expm1": (expm1(x), ["np.exp(v) - 1", "np.expm1(v)"], (-5.0, 5.0)),
    "log1p": (log1p(x), ["np.log(1 + v)", "np.log1p(v)"], (-0.5, 5.0)),
}


@pytest.mark.parametrize("name", CAREFUL)
def test_a_widened_ball_contains_what_careful_code_returns(name):
    import math

    from scipy import special

    e, ways, (low, high) = CAREFUL[name]
    formula, u = Formula(e, [x]), arb(unit_roundoff("float64"))
    v = np.concatenate([np.random.default_rng(0).uniform(low, high, 60), [low, 1.0 if high > 1 else 0.5, min(high, 2.0), high]])
    exact, narrow = [], []
    for way in ways:
        found = eval(way, {"np": np, "special": special, "math": math, "v": v})
        for at, r in zip(v, found, strict=True):
            with precision():
                seen = arb(float(at)) + arb(0, 2 * float(u) * abs(float(at)))  # a score may be rounded once
                q = formula.value(formula.run([arb(float(at))]), formula.run([seen], u))
                radius = q.radius + len(formula.value_terms) * float(u) * q.magnitude
                exact.append(abs(float(arb(float(r)) - q.exact)) <= radius)
                narrow.append(abs(float(arb(float(r)) - q.exact)) <= radius / 1000)
    assert all(exact)
    assert not all(narrow)  # the widening is needed
