"""Every spec as a tape: its values and slopes are those of the formula in mpmath, and slopes that are recorded once and slopes that are
swept back at each point contain each other.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from field import specs
from flint import arb
from mpmath import mp, mpf

from verify.oracle.compiler import compiled
from verify.oracle.formula import Formula, loss_formula, penalty_formula
from verify.rounding import unit_roundoff
from verify.spec.catalogue import find_loss, penalties
from verify.spec.loss import LossSpec
from verify.tape import enclose, reverse
from verify.tape.balls import precision
from verify.tape.derive import SecondDerivatives

U = unit_roundoff("float64")
WIDER = {"value": 1.5, "slope": 2.0, "curvature": 3.0}
"""How much wider the radius of a sweep may be than that of recorded slopes, whose terms stay apart."""


KERNELS = ("multiclass_hinge", "softmax_cross_entropy", "binary_logistic", "squared_error")
FIELD = [s for s in vars(specs).values() if isinstance(s, LossSpec)]


def places():
    """(formula, expression, variables, constants, values of the constants) of every loss and label, and of every penalty."""
    for spec in [*map(find_loss, KERNELS), *FIELD]:
        for classes in (1,) if spec.targets else (2, 3, 6):
            for label in range(len(spec.targets or range(classes))):
                e, symbols = spec.expression(classes, label)
                values = list(spec.with_parameters({}).values())
                yield f"{spec.name} {classes} {label}", loss_formula(spec, classes, label), e, symbols[:classes], symbols[classes:], values
    for name, penalty in penalties().items():
        e, variables = penalty.expression()
        yield name, penalty_formula(penalty), e, variables, [], []


PLACES = {name: rest for name, *rest in places()}


def runs(formula, tape, at, values):
    """Thin and fat, of recorded slopes and of the tape that is swept, on the box that a candidate's scores lie in."""
    point, box = [arb(x) for x in at], [arb(x, 2 * U * abs(x)) for x in at]
    given = [arb(v) for v in values]
    old = formula.run([*point, *given]), formula.run([*box, *given], arb(U))
    return old, (enclose.run(tape, [*point, *given]), enclose.run(tape, [*box, *given], arb(U)))


def hull(pieces, j):
    """The least and the greatest entry of a set, and its largest radius."""
    entries = [[v.get(j, NOTHING) for v in vs] for vs in pieces.ambiguous]
    certain = pieces.certain.get(j, NOTHING)
    ends = [certain.exact + sum((pick((q.exact for q in vs), key=float) for vs in entries), arb(0)) for pick in (min, max)]
    radius, size = (getattr(certain, part) + sum(max(getattr(q, part) for q in vs) for vs in entries) for part in ("radius", "magnitude"))
    return *ends, radius, size


def ratio(new, old, size, additions):
    """Of radii; of the old one with what the oracle adds to it for the additions of its terms and two more operations."""
    with_sums = old + additions * U * size
    return new / with_sums if new > with_sums else 1.0


def compared(name, at):
    """How much wider the radii of value, slopes and curvatures are; what is exact must agree."""
    formula, e, variables, constants, values = PLACES[name]
    tape = compiled(e, variables, constants)
    out, found = int(tape.outputs), {"value": 1.0, "slope": 1.0, "curvature": 1.0}
    with precision():
        old, new = runs(formula, tape, at, values)
        was, now = formula.value(*old), reverse.value(*new, out)
        assert was.exact.overlaps(now.exact), (was, now)
        found["value"] = ratio(now.radius, was.radius, was.magnitude, formula.additions + 2)
        before, after = formula.pieces(*old), reverse.pieces(*new, out)
        for j in range(len(variables)):
            low, high, radius, size = hull(before, j)
            new_low, new_high, new_radius, _ = hull(after, j)
            assert low.overlaps(new_low), (j, low, new_low)
            assert high.overlaps(new_high), (j, high, new_high)
            found["slope"] = max(found["slope"], ratio(new_radius, radius, size, formula.additions + 2))
            limits, new_limits = formula.curvature(j, *old), SecondDerivatives(tape, out).at(j, *new)
            assert (limits is None) == (new_limits is None)
            if limits is not None and new_limits is not None:
                assert all(any(p.exact.overlaps(q.exact) for q in new_limits) for p in limits)
                assert all(any(p.exact.overlaps(q.exact) for q in limits) for p in new_limits)
                widest = max(limits, key=lambda p: p.radius)
                far = ratio(max(q.radius for q in new_limits), widest.radius, widest.magnitude, formula.additions + 2)
                found["curvature"] = max(found["curvature"], far)
    return found


def points(name, n):
    """Generic ones, and some on the lattice, where kinks are."""
    rng = np.random.default_rng(len(name))
    width = len(PLACES[name][2])
    return [*rng.uniform(-4, 4, (n, width)), *(rng.integers(-4, 5, (n, width)) / 2)]


STEP, SHARP = mpf(10) ** -25, 1e-30
"""Of differences at 80 digits, whose error is about the square of it; and what the balls may be off beyond their radii."""

FUNCTIONS = [{"log_ndtr": lambda x: mp.log(mp.ncdf(x)), "loggamma": mp.loggamma}, "mpmath"]


@pytest.mark.parametrize("name", PLACES)
def test_values_and_slopes_are_those_of_the_formula(name):
    formula, e, variables, constants, values = PLACES[name]
    f = sympy.lambdify([*variables, *constants], e, FUNCTIONS)
    with mp.workdps(80):
        for at in points(name, 2)[:2]:
            x = [mpf(float(v)) for v in (*at, *values)]
            with precision():
                run = formula.run([arb(float(v)) for v in (*at, *values)])
                value, pieces = formula.value(run, run).exact, formula.pieces(run, run)
            assert not pieces.ambiguous
            assert near(value, f(*x))
            for j in range(len(variables)):
                ahead, behind = ([v + t * (k == j) for k, v in enumerate(x)] for t in (STEP, -STEP))
                assert near(pieces.certain.get(j, NOTHING).exact, (f(*ahead) - f(*behind)) / (2 * STEP)), j


NOTHING = reverse.Quantity(arb(0), 0.0, 0.0)


def near(ball, truth):
    """Whether a ball contains what mpmath says, give or take SHARP; it has no end where the formula is not real."""
    with precision():
        if mp.im(truth) != 0:
            return not ball.is_finite()
        return ball.is_finite() and ball.overlaps(arb(mp.nstr(mp.re(truth), 60)) + arb(0, SHARP * (1 + abs(float(mp.re(truth))))))


@pytest.mark.parametrize("name", PLACES)
def test_recorded_and_swept_slopes_contain_each_other(name):
    for at in points(name, 3):
        assert all(far <= WIDER[what] for what, far in compared(name, at.tolist()).items()), at


@pytest.mark.parametrize("condition", ["lt", "gt"])
def test_of_equal_one_sided_curvatures_the_widest_is_kept(condition):
    """Both pieces have the curvature 0 at 0: one of them up to 1e8 times what its place is known to, the other exactly."""
    x = sympy.Symbol("x", real=True)
    pieces = [10**8 * sympy.sin(x), 10**8 * x]
    holds = x < 0 if condition == "lt" else x > 0
    for first, last in (pieces, pieces[::-1]):
        formula = Formula(sympy.Piecewise((first, holds), (last, True)), [x])
        with precision():
            (limit,) = formula.curvature(0, formula.run([arb(0)]), formula.run([arb(0, 1e-12)], arb(U)))
        assert limit.exact == 0
        assert limit.radius > 1e-5


x, y = sympy.symbols("x y", real=True)
CANCELLING = {
    "max minus itself": sympy.Add(sympy.Max(0, x), -sympy.Max(0, x), evaluate=False),
    "max plus min of the negated": sympy.Max(x, y) + sympy.Min(-x, -y),
    "absolute value minus max": sympy.Abs(x) - sympy.Max(x, -x),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_a_difference_of_the_same_kink_has_none(name):
    formula = Formula(CANCELLING[name], [x, y])
    run = formula.run([arb(0), arb(0)])
    found = formula.pieces(run, run)
    assert found.ambiguous == []
    assert all(q.exact == 0 for q in found.certain.values())


def test_equal_switches_are_one_and_others_are_not():
    m = sympy.Max
    assert len(Formula(m(0, x) + sympy.exp(m(0, x)), [x]).switches) == 1
    assert len(Formula(m(0, x) + m(0, x + 1), [x]).switches) == 2
    assert len(Formula(m(0, x) + sympy.Min(0, x), [x]).switches) == 2


@pytest.mark.parametrize("jump", [sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling])
@pytest.mark.parametrize("place", ["alone", "in a sum", "in a max", "in a condition"])
def test_what_jumps_is_refused_by_name(jump, place):
    e = {
        "alone": jump(x),
        "in a sum": x + 2 * jump(x),
        "in a max": sympy.Max(0, jump(x)),
        "in a condition": sympy.Piecewise((x, jump(x) > y), (0, True)),
    }[place]
    with pytest.raises(ValueError, match=f"{jump.__name__} jumps: state the loss by Max"):
        Formula(e, [x, y])


@pytest.mark.parametrize("place", PLACES)
def test_slopes_that_go_on_from_a_value_are_those_of_a_whole_run(place):
    formula, _, variables, _, values = PLACES[place]
    point = [arb(x) for x in (0.75, -0.5, 1.25, 2.0, -3.0, 0.25)[: len(variables)]]
    box, given, u = [x + arb(0, 1e-12) for x in point], [arb(v) for v in values], arb(U)
    with precision():
        for inputs, roundings in ((point, None), (box, u)):
            value = formula.follow([*inputs, *given], roundings)
            whole, on = formula.run([*inputs, *given], roundings), enclose.run(formula.tape, [*inputs, *given], roundings, begun=value)
            assert on.possible == whole.possible
            assert [_bits(x) for x in on.registers] == [_bits(x) for x in whole.registers]
        thin, fat = formula.follow([*point, *given]), formula.follow([*box, *given], u)
        once, twice = formula.pieces(thin, fat), formula.pieces(formula.run([*point, *given]), formula.run([*box, *given], u))
        assert {j: (_bits(q.exact), q.radius) for j, q in once.certain.items()} == {
            j: (_bits(q.exact), q.radius) for j, q in twice.certain.items()
        }


def _bits(x):
    return (x.mid().man_exp(), x.rad().man_exp()) if isinstance(x, arb) and x.is_finite() else repr(x)
