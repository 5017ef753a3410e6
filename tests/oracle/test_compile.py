"""Every shipped spec as a tape: what it says and what the differentiated formula says contain each other."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from flint import arb

from tests.field import specs
from verify.oracle.compile import compiled
from verify.oracle.formula import Formula, loss_formula, penalty_formula
from verify.rounding import unit_roundoff
from verify.spec.catalogue import losses, penalties
from verify.spec.loss import LossSpec
from verify.tape import enclose, reverse
from verify.tape.balls import precision
from verify.tape.derive import Curvature

U = unit_roundoff("float64")
WIDER = {"value": 1.5, "slope": 2.0, "curvature": 3.0}
"""How much wider than the differentiated formula's a radius may be. Second derivatives of a quotient read its value several times, each
with its own roundings, where sympy's cancel."""


FIELD = [s for s in vars(specs).values() if isinstance(s, LossSpec)]


def places():
    """(formula, expression, variables, constants, values of the constants) of every loss and label, and of every penalty."""
    for spec in [*losses().values(), *FIELD]:
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
    """Thin and fat, old and new, on the box that a candidate's scores lie in."""
    point, box = [arb(x) for x in at], [arb(x, 2 * U * abs(x)) for x in at]
    given = [arb(v) for v in values]
    old = formula.program.run([*point, *given]), formula.program.run([*box, *given], arb(U))
    return old, (enclose.run(tape, [*point, *given]), enclose.run(tape, [*box, *given], arb(U)))


def hull(pieces, j):
    """The least and the greatest entry of a set, and its largest radius."""
    nothing = reverse.Quantity(arb(0), 0.0, 0.0)
    entries = [[getattr(v, "entries", v).get(j, nothing) for v in vs] for vs in pieces.ambiguous]
    certain = pieces.certain.get(j, nothing)
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
            limits, new_limits = formula.curvature(j, *old), Curvature(tape, out).at(j, *new)
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


@pytest.mark.parametrize("name", PLACES)
def test_tape_and_formula_contain_each_other(name):
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
            (limit,) = formula.curvature(0, formula.program.run([arb(0)]), formula.program.run([arb(0, 1e-12)], arb(U)))
        assert limit.exact == 0
        assert limit.radius > 1e-5
