"""A formula in balls contains the true value; widened by u, whatever a floating-point evaluation may return; on a line, the derivatives."""

from __future__ import annotations

from itertools import permutations

import flint
import mpmath
import numpy as np
import pytest
import sympy
from flint import arb, arb_series, fmpq
from mpmath import mp, mpf
from sympy import Abs, Add, Max, Min, Piecewise, Rational, cosh, erf, exp, log, pi, sin, sinh, sqrt, tanh

from verify.oracle import KinkOnSegment
from verify.oracle.compiler import Compiler
from verify.rounding import BALL_BITS, unit_roundoff
from verify.tape import enclose
from verify.tape.balls import precise, precision

x, y, z, w = SYMBOLS = sympy.symbols("x y z w", real=True)
F = np.float32

FORMULAS = {
    "exponential": (exp(x - y), lambda x, y: mpmath.exp(x - y)),
    "logarithm": (log(x + y), lambda x, y: mpmath.log(x + y)),
    "log-sum-exp": (log(exp(x) + exp(y)) - x, lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)) - x),
    "square": ((x - y) ** 2, lambda x, y: (x - y) ** 2),
    "inverse cube": (y**-3 + x, lambda x, y: 1 / y**3 + x),
    "quotient": (x / (1 + y), lambda x, y: x / (1 + y)),
    "power three halves": (y ** Rational(3, 2), lambda x, y: mpmath.sqrt(y) ** 3),
    "power of two symbols": (x**y, lambda x, y: x**y),
    "power of a number": (2**x, lambda x, y: mpf(2) ** x),
    "square root": (sqrt(x * x + y), lambda x, y: mpmath.sqrt(x * x + y)),
    "hyperbolic": (tanh(x) * cosh(y) + sinh(x), lambda x, y: mpmath.tanh(x) * mpmath.cosh(y) + mpmath.sinh(x)),
    "sine and erf": (sin(x) - erf(y), lambda x, y: mpmath.sin(x) - mpmath.erf(y)),
    "rational": (Rational(1, 3) * x - Rational(22, 7), lambda x, y: x / 3 - mpf(22) / 7),
    "pi": (pi * x + y, lambda x, y: mp.pi * x + y),
    "e and gamma": (sympy.E * x + sympy.EulerGamma, lambda x, y: mp.e * x + mp.euler),
}

CAREFUL = {  # formula, and ways to evaluate it in float32
    "sum": (
        x + y + z + w,
        [lambda *v, o=o: ((v[o[0]] + v[o[1]]) + v[o[2]]) + v[o[3]] for o in permutations(range(4))]
        + [lambda x, y, z, w: (x + y) + (z + w), lambda x, y, z, w: (x + w) + (y + z)],
    ),
    "sum inside": ((x + y + z) * w, [lambda *v, o=o: ((v[o[0]] + v[o[1]]) + v[o[2]]) * v[3] for o in permutations(range(3))]),
    "product": (x * y * z * w, [lambda *v, o=o: ((v[o[0]] * v[o[1]]) * v[o[2]]) * v[o[3]] for o in permutations(range(4))]),
    "sum of products": (x * y - z * w, [lambda x, y, z, w: x * y - z * w, lambda x, y, z, w: -(z * w) + y * x]),
    "fourth power": (x**4, [lambda x, y, z, w: x * x * x * x, lambda x, y, z, w: (x * x) * (x * x)]),
    "quotient": (x / z**2, [lambda x, y, z, w: x / (z * z), lambda x, y, z, w: x * (F(1) / (z * z))]),
    "length": (sqrt(x * x + y * y), [lambda x, y, z, w: np.sqrt(x * x + y * y)]),
    "log-sum-exp": (log(exp(x) + exp(y) + exp(w)) - x, [lambda x, y, z, w: np.log((np.exp(w) + np.exp(x)) + np.exp(y)) - x]),
    "softmax entry": (exp(x) / (exp(x) + exp(y)), [lambda x, y, z, w: np.exp(x) / (np.exp(y) + np.exp(x))]),
    "sigmoid": (1 / (1 + exp(-x)), [lambda x, y, z, w: F(1) / (F(1) + np.exp(-x))]),
    "third": (Rational(1, 3) * x, [lambda x, y, z, w: F(1 / 3) * x]),
    "integer beyond the mantissa": (16777219 * x, [lambda x, y, z, w: F(16777219) * x]),
    "margins": (Max(0, x - y + 1) + Max(0, z - y + 1), [lambda x, y, z, w: max(F(0), x - y + F(1)) + max(F(0), z - y + F(1))]),
}


def ball(e, inputs, u=None):
    """The value of `e` at balls (or series) for as many of the SYMBOLS; with u, the last sum is widened as the inner ones are."""
    compiler = Compiler(SYMBOLS[: len(inputs)])
    terms = compiler.terms(e)
    with precision():
        run = enclose.run(compiler.b.tape(np.array(terms, np.intp)), inputs, u)
        registers, total = run.registers, run.total(terms)
        size = sum((registers[k].abs_upper() for k in terms), arb(0)) if u is not None else arb(0)
        return total if u is None else total + arb(0, (len(terms) - 1) * u * size)


def agrees(b, truth, relative=1e-30):
    """Whether the ball contains the number (given to 60 digits) and is narrow."""
    with precision(200):
        near = arb(mpmath.nstr(truth, 55)) + arb(0, float(abs(truth)) * 1e-50)
        return b.overlaps(near) and float(b.rad()) <= relative * max(1.0, float(abs(truth)))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("at", [(0.75, 1.5), (3.0, 0.1), (1e-3, 20.0)], ids=["near one", "a tenth", "far apart"])
def test_a_ball_contains_the_value_and_is_narrow(name, at):
    e, f = FORMULAS[name]
    with mp.workdps(60):
        truth = f(*map(mpf, at))
        # exp(20) and tanh·cosh(20) are large: the width is relative to the value
        assert agrees(ball(e, [arb(a) for a in at]), truth, relative=1e-28)
        assert not agrees(ball(e, [arb(a) for a in at]), truth * (1 + mpf(10) ** -25))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_series_along_a_line_has_the_derivatives_as_coefficients(name):
    e, f = FORMULAS[name]
    (a, b), (p, q) = (0.75, 1.5), (0.5, -0.25)
    series = ball(e, [arb_series([a, p], 4), arb_series([b, q], 4)])
    with mp.workdps(60), precision(200):
        taylor = mp.taylor(lambda t: f(a + t * mpf(p), b + t * mpf(q)), 0, 3)
        errors = [abs(series[k] - arb(mpmath.nstr(taylor[k], 40))).abs_upper() for k in range(4)]
    assert max(map(float, errors)) < 1e-25


def test_a_series_over_an_interval_encloses_the_derivatives_inside():
    series = ball(exp(x) * x, [arb_series([arb(0.5, 0.25), 1], 4)])
    for at in (0.25, 0.4, 0.5, 0.75):
        for k, factorial in enumerate((1, 1, 2, 6)):
            assert series[k].contains(arb((at + k) * np.exp(at) / factorial))  # (x eˣ)⁽ᵏ⁾ = (x + k) eˣ
    assert not series[1].contains(arb(0))


@pytest.mark.parametrize("name", CAREFUL)
def test_a_widened_ball_contains_every_order_of_evaluation(name):
    e, ways = CAREFUL[name]
    u, rng, wide, tight = arb(unit_roundoff("float32")), np.random.default_rng(0), [], []
    for _ in range(40):
        at = rng.uniform(0.5, 4, size=4).astype(F)
        results = [way(*at) for way in ways]
        assert all(type(r) is F for r in results)
        inputs = [arb(float(a)) for a in at]
        wide += [ball(e, inputs, u).contains(arb(float(r))) for r in results]
        tight += [ball(e, inputs, u / 1000).contains(arb(float(r))) for r in results]
    assert all(wide)
    assert not all(tight)  # the widening is needed


def test_a_widened_sum_pays_for_cancellation():
    big = F(1e8)
    b = ball(Add(x, y, z), [arb(1.0), arb(float(big)), arb(float(-big))], arb(unit_roundoff("float32")))
    assert b.contains(arb(float((F(1) + big) - big)))  # 0: the one is lost
    assert b.contains(arb(1))
    assert float(b.rad()) < 100


@pytest.mark.parametrize(
    ("e", "kink"),
    [
        (Max(0, x - 1), 1.0),
        (Min(x, 2), 2.0),
        (Abs(x + 1), -1.0),
        (Piecewise((x**2, x < 3), (6 * x - 9, True)), 3.0),
        (exp(Max(0, 2 * x - 1)), 0.5),
    ],
    ids=["max", "min", "absolute value", "piecewise", "inside exp"],
)
def test_a_segment_that_may_touch_a_kink_is_refused(e, kink):
    for middle, half in ((kink, 0.25), (kink + 0.25, 0.5), (kink - 0.5, 0.5), (kink, 1.0)):
        with pytest.raises(KinkOnSegment):
            ball(e, [arb_series([arb(middle, half), 1], 4)])
    for middle in (kink + 0.5, kink - 0.5):
        ball(e, [arb_series([arb(middle, 0.484375), 1], 4)])  # beside the kink there is nothing to refuse


@pytest.mark.parametrize("e", [Max(0, x - 1), Abs(x - 1)], ids=["max", "absolute value"])
@pytest.mark.parametrize("half", [0.0, 0.5], ids=["only the kink", "a segment that ends there"])
def test_a_segment_that_only_touches_a_kink_is_refused(e, half):
    with pytest.raises(KinkOnSegment):
        ball(e, [arb_series([arb(1 + half, half), 1], 4)])


def test_a_kink_of_a_switch_that_is_not_asked_there_is_no_kink():
    """Of Huber's formula at 0 only the square is taken, whatever |x| does."""
    e = Piecewise((x**2 / 2, Abs(x) <= 1), (Abs(x) - Rational(1, 2), True))
    found = ball(e, [arb_series([arb(0, 0.75), 1], 4)])
    assert found[2] == arb(0.5)
    with pytest.raises(KinkOnSegment):
        ball(e, [arb_series([arb(0.5, 0.75), 1], 4)])


def test_on_a_box_over_a_kink_the_value_is_the_union_of_the_pieces():
    b = ball(Max(x, 2 * x), [arb(0.5, 1.0)])
    assert all(b.contains(arb(v)) for v in (-0.5, 0.0, 1.5, 3.0))


@pytest.mark.parametrize("e", [sympy.gamma(x), sympy.zeta(x + 2)], ids=["gamma", "zeta"])
def test_a_function_without_a_ball_operation_is_named_with_those_that_have_one(e):
    with pytest.raises(ValueError, match=r"has no ball operation\. .*Known: Abs, Add, .*exp, log") as error:
        ball(e, [arb(1)])
    assert type(e).__name__ in str(error.value) or str(e.func) in str(error.value)


@pytest.mark.parametrize("condition", [sympy.Eq(x, 1), sympy.Ne(x, 1)], ids=["equal", "unequal"])
def test_a_condition_that_is_no_inequality_is_refused_by_name(condition):
    with pytest.raises(ValueError, match="no ball operation"):
        ball(Piecewise((x, condition), (y, True)), [arb(1), arb(1)])


@pytest.mark.parametrize(("n", "least", "most"), [(2, 0.0, 0.01), (3, -0.001, 0.001)])
def test_a_power_of_a_ball_around_0_is_finite(n, least, most):
    """Found on the kinks of a squared hinge: python-flint's own power of such a ball is NaN."""
    b = ball(x**n, [arb(0, 0.1)])
    assert b.contains(arb(0))
    assert least - 0.02 <= float(b.lower()) <= float(b.upper()) <= most + 0.02


def test_precision_is_put_back():
    before = flint.ctx.prec
    with precision(77):
        assert flint.ctx.prec == 77
        with precision():
            assert flint.ctx.prec == BALL_BITS
        assert flint.ctx.prec == 77
    assert flint.ctx.prec == before


def test_precision_is_put_back_after_an_exception():
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), precision(before + 13):
        raise ZeroDivisionError
    assert flint.ctx.prec == before


def test_a_precise_function_runs_at_the_oracles_precision():
    @precise
    def third():
        return flint.ctx.prec, arb(fmpq(1, 3))

    before = flint.ctx.prec
    bits, value = third()
    assert bits == BALL_BITS
    assert float(value.rad()) < 2.0**-BALL_BITS
    assert flint.ctx.prec == before
