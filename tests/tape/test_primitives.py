"""Every row of the table against mpmath at 50 digits over its domain, ends included."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product

import mpmath
import numpy as np
import pytest
from flint import arb, arb_series
from mpmath import mp, mpf
from tape.truth import contains, is_narrow

from verify.rounding import smallest_normal, unit_roundoff
from verify.tape.balls import precision
from verify.tape.enclose import Balls, column
from verify.tape.floats import Floats
from verify.tape.primitives import COMPARISONS, NAMED, PRIMITIVES, given
from verify.tape.vectors import Vectors, Wide

EPSILON = 2.0**-23
POINTS = (
    -np.inf, -1e4, -30.5, -8.5, -2.0, -1.0, -0.375, -EPSILON, 0.0, 2.0**-100, EPSILON, 0.5, 0.75, 1.0, 1.4609375, 2.0, 3.25, 17.0, 88.0,
    1e6,
    np.inf,
)  # fmt: skip
"""Drawn for one operand, as far as its domain reaches; float32 holds them."""
FEW = (-17.5, -1.0, 0.0, 2.0**-20, 0.5, 2.0, 40.25)
"""For each of two operands."""
PARAMETERS = {
    "pow_c": tuple(map(Fraction, ("2", "3", "-1", "-2", "1/2", "3/2", "-1/2", "0", "0.25"))),
    "polygamma": (1, 2, 3),
    "round_to": ("float32",),
}


def log_phi(x):
    return mpmath.log1p(-mpmath.erfc(x / mpmath.sqrt(2)) / 2) if x > 0 else mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def mills(x):
    """φ/Φ; far out by the first terms of its expansion, of which 50 digits are right."""
    return mpmath.npdf(x) / (mpmath.erfc(-x / mpmath.sqrt(2)) / 2) if x > -1e30 else -x - 1 / x


def mills_taylor(x, k):
    """By m' = −m(x + m)."""
    with mp.workdps(120):
        m = mills(x)
        d = -m * (x + m)
        dd = -d * (x + m) - m * (1 + d)
        return (m, d, dd / 2, (-dd * (x + m) - 2 * d * (1 + d) - m * dd) / 6)[k]


TRUTHS = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "neg": lambda x: -x,
    "square": lambda x: x * x, "pow": lambda x, y: mpmath.power(x, y),
    "pow_c": lambda x, c: mpmath.power(x, mpf(c.numerator) / c.denominator),
    "sqrt": mpmath.sqrt, "rsqrt": lambda x: 1 / mpmath.sqrt(x), "exp": mpmath.exp, "expm1": mpmath.expm1,
    "exp2": lambda x: mpf(2) ** x, "log": mpmath.log, "log1p": mpmath.log1p, "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10), "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)), "logaddexp": lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y))),
    "tanh": mpmath.tanh, "erf": mpmath.erf, "erfc": mpmath.erfc, "ndtr": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "log_ndtr": log_phi, "inverse_mills": mills,
    "lgamma": mpmath.loggamma, "digamma": mpmath.digamma, "polygamma": lambda x, n: mpmath.polygamma(n, x),
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan,
    "atan2": mpmath.atan2, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "xlogy": lambda x, y: x * mpmath.log(y) if x else mpf(0),
    "round_to": lambda x, _: x,
}  # fmt: skip
DIFFERENCED = 1e-30
"""What differences of 150 digits may be off."""
TAYLOR = {
    "polygamma": lambda x, n, k: mpmath.polygamma(n + k, x) / mpmath.factorial(k),
    "digamma": lambda x, k: mpmath.polygamma(k, x) / mpmath.factorial(k),
    "inverse_mills": mills_taylor,
    "log_ndtr": lambda x, k: mills_taylor(x, k - 1) / k if k else log_phi(x),
    "lgamma": lambda x, k: (mpmath.polygamma(k - 1, x) if k else mpmath.loggamma(x)) / mpmath.factorial(k),
}
"""Taylor coefficients, where differences of 150 digits are slow."""


def clipped(domain, points):
    """Those of the points in a domain, and its ends: infinite ones as the greatest float32."""
    low, high = domain
    most = float(np.finfo(np.float32).max)
    found = {min(max(p, -most), most) for p in points if low <= p <= high} | {e for e in domain if np.isfinite(e)}
    return sorted(found)


def places():
    for name in TRUTHS:
        row = PRIMITIVES[name]
        points = POINTS if len(row.domain) == 1 else FEW
        for at in product(*(clipped(d, points) for d in row.domain)):
            for parameter in PARAMETERS.get(name, (None,)):
                yield name, at, parameter


PLACES = list(places())


def of(name, among=PLACES):
    """The places of one row."""
    return [place for place in among if place[0] == name]


@cache
def truth(name, at, parameter):
    """The true value, with 50 digits; None where there is none."""
    with mp.workdps(60):
        try:
            found = TRUTHS[name](*map(mpf, at), *given(parameter))
        except (ZeroDivisionError, ValueError, OverflowError):
            return None
        return found if mpmath.isfinite(found) and not isinstance(found, mpmath.mpc) else None


def ball_value(row, at, parameter, u=None, given_as=arb):
    with precision():
        return Balls(u).apply(row, [column([given_as(x)], 1) for x in at], parameter)[0]


@pytest.mark.parametrize("name", TRUTHS)
def test_balls_contain_the_values_and_are_narrow(name):
    for place in of(name):
        check_ball(place)


def check_ball(place):
    name, at, parameter = place
    expected, row = truth(*place), PRIMITIVES[name]
    found = ball_value(row, at, parameter)
    if expected is None:
        assert not found.is_finite()
        return
    if not found.is_finite():
        assert max(map(abs, at)) > 1e6 or 0 in at
        return
    assert contains(found, expected), place
    if max(map(abs, at)) <= 1e6:
        assert is_narrow(found, 25, max(1.0, *map(abs, at))), place


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TRUTHS)
def test_floats_lie_within_the_roundings_and_in_the_fat_balls(name, dtype):
    for place in of(name):
        check_float(place, dtype)


def check_float(place, dtype):
    name, at, parameter = place
    expected, row = truth(*place), PRIMITIVES[name]
    held = [float(np.dtype(dtype).type(x)) for x in at]
    if expected is None or held != list(at) or not abs(expected) < float(np.finfo(dtype).max):
        return
    with np.errstate(all="ignore"):
        found = Floats(dtype).apply(row, [np.array([x], dtype) for x in at], parameter)
    u = unit_roundoff(dtype)
    unit = max(u, unit_roundoff(parameter)) if name == "round_to" else u
    size = float(row.size(*(abs(mpf(x)) for x in (expected, *at))) if row.size else abs(expected))
    assert found.dtype == dtype, place
    allowed = row.rounded(parameter) * unit * size + (smallest_normal(dtype) if row.rounded(parameter) else 0)
    assert abs(mpf(float(found[0])) - expected) <= allowed, place
    fat = ball_value(row, at, parameter, arb(u))
    if fat.is_finite():
        assert (fat + arb(0, smallest_normal(dtype))).contains(arb(float(found[0]))), place
        assert contains(fat, expected), place


def derivatives(name, at, parameter, direction, n):
    """Taylor coefficients along a direction, by differences of 150 digits."""
    if name in TAYLOR:
        with mp.workdps(55):
            return [TAYLOR[name](mpf(at[0]), *given(parameter), k) for k in range(n)]
    with mp.workdps(150):
        f = TRUTHS[name]
        return mp.taylor(lambda t: f(*(mpf(x) + d * t for x, d in zip(at, direction, strict=True)), *given(parameter)), 0, n - 1)


def is_inside(place):
    """Whether it can be differentiated there: not at the end of a domain, and no 0 of a power."""
    name, at, _ = place
    row = PRIMITIVES[name]
    if name in ("pow_c", "sqrt") and 0 in at:
        return False
    return truth(*place) is not None and all(low < x < high for x, (low, high) in zip(at, row.domain, strict=True))


INSIDE = [p for p in PLACES if is_inside(p) and all(x == 0 or 1e-9 < abs(x) < 1e5 for x in p[1])]


@pytest.mark.parametrize("name", TRUTHS)
def test_partials_contain_the_derivatives(name):
    assert of(name, INSIDE)
    for place in of(name, INSIDE):
        check_partials(place)


def check_partials(place):
    name, at, parameter = place
    row = PRIMITIVES[name]
    for u in (None, arb(2) ** -53):
        with precision():
            a, ins = Balls(u), [column([arb(x)], 1) for x in at]
            partials = row.partials(a, a.apply(row, ins, parameter), *ins, *given(parameter))
        assert len(partials) == len(at)
        for i, p in enumerate(partials):
            expected = derivatives(name, at, parameter, [j == i for j in range(len(at))], 2)[1]
            found = arb(p) if isinstance(p, int) else a.number(p) if not isinstance(p, np.ndarray) else p[0]
            assert found.is_finite(), place
            assert contains(found, expected, DIFFERENCED), place
            if u is None:
                assert is_narrow(found, 22, max(1.0, *map(abs, at))), place


@pytest.mark.parametrize("name", TRUTHS)
def test_series_contain_the_taylor_coefficients(name):
    for place in of(name, INSIDE):
        check_series(place)


def check_series(place):
    name, at, parameter = place
    direction = (1, 0.5)[: len(at)]
    with precision():
        ins = [column([arb_series([arb(x), arb(d)], 4)], 1) for x, d in zip(at, direction, strict=True)]
        (found,) = Balls().apply(PRIMITIVES[name], ins, parameter)
    for k, expected in enumerate(derivatives(name, at, parameter, direction, 4)):
        assert found[k].is_finite(), place
        assert contains(found[k], expected, DIFFERENCED), place
        assert is_narrow(found[k], 18, max(1.0, *map(abs, at)) ** 2), place


@pytest.mark.parametrize("name", TRUTHS)
def test_vectors_contain_the_values_on_boxes(name):
    """A box of each of several radii around every place, and values at its ends and inside."""
    row, decided = PRIMITIVES[name], 0
    for parameter in PARAMETERS.get(name, (None,)):
        at = np.array([a for _, a, p in of(name) if p == parameter]).T
        for part in (0.0, 2.0**-40, 0.25):
            radius = part * np.maximum(np.abs(at), 2.0**-30)
            with np.errstate(all="ignore"):
                found = Vectors().apply(row, [Wide(x, r) for x, r in zip(at, radius, strict=True)], parameter)
            for j, (value, reach) in enumerate(zip(found.value, found.radius, strict=True)):
                if not np.isfinite(reach):
                    continue
                decided += 1
                for t in (-1.0, -0.375, 0.0, 1.0) if part else (0.0,):
                    place = (name, tuple((at[:, j] + t * radius[:, j]).tolist()), parameter)
                    expected = truth(*place)
                    outside = [abs(mpf(p) - mpf(x)) > mpf(r) for p, x, r in zip(place[1], at[:, j], radius[:, j], strict=True)]
                    if expected is not None and not any(outside):
                        assert abs(mpf(float(value)) - expected) <= mpf(float(reach)), (place, part)
                        if not part and max(map(abs, place[1])) < 1e5 and name != "round_to":
                            size = row.size(*(abs(mpf(x)) for x in (expected, *place[1]))) if row.size else abs(expected)
                            assert reach <= 2e-14 * size + 1e-300, place
    assert decided > len(of(name))


def wrong_ball(row):
    return replace(row, ball=lambda *args: row.ball(*args) * (1 + arb(2) ** -70) + arb(2) ** -1060)


def wrong_partials(row):
    def partials(a, *args):
        return tuple(
            a.mul(Fraction(2**60 + 1, 2**60), p if isinstance(p, np.ndarray) else column([a.number(p)], 1)) for p in row.partials(a, *args)
        )

    return replace(row, partials=partials)


def wrong_floats(row):
    return replace(row, floats=lambda *args: row.floats(*args) * np.float32(1 + 2.0**-18))


WRONG = {
    "ball": (wrong_ball, lambda name: test_balls_contain_the_values_and_are_narrow(name)),
    "partials": (wrong_partials, lambda name: test_partials_contain_the_derivatives(name)),
    "floats": (wrong_floats, lambda name: test_floats_lie_within_the_roundings_and_in_the_fat_balls(name, "float32")),
    "vectors": (wrong_floats, lambda name: test_vectors_contain_the_values_on_boxes(name)),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("name", TRUTHS)
def test_a_wrong_row_fails(name, what, monkeypatch):
    change, test = WRONG[what]
    monkeypatch.setitem(PRIMITIVES, name, change(PRIMITIVES[name]))
    with pytest.raises(AssertionError):
        test(name)


@pytest.mark.parametrize("name", NAMED)
def test_numbers_with_names(name):
    known = {
        "pi": mp.pi, "e": mp.e, "euler": mp.euler, "log 2": mp.ln2, "log 10": mp.ln10, "1/√(2π)": 1 / mpmath.sqrt(2 * mp.pi),
        "2/√π": 2 / mpmath.sqrt(mp.pi),
    }  # fmt: skip
    with mp.workdps(50):
        expected = +known[name]
    ball, number = NAMED[name]
    assert contains(ball(), expected)
    assert abs(number - expected) <= unit_roundoff("float64") * abs(expected)


def test_every_row_is_tested():
    assert set(PRIMITIVES) == {*TRUTHS, *COMPARISONS, *ELSEWHERE}


ELSEWHERE = {"sum", "dot", "matmul", "max", "min", "abs", "where", "and", "or", "not", "solve", "inv", "slogdet"}
ELSEWHERE |= {"eigenvalues", "eigenvectors"}
"""In test_rows.py and test_linear.py."""
