"""Each spec that ships is its source's formula: value and gradient against mpmath at 50 digits, over its domain and its parameters."""

from __future__ import annotations

from math import isfinite

import mpmath
import numpy as np
import pytest

from catalogue.formulas import FORMULAS
from verify.oracle import InstanceOracle
from verify.problem import Instance
from verify.problem.build import problem_of
from verify.problem.small import small
from verify.spec import FunctionSpec
from verify.spec.catalogue import names, specs

DIGITS = 50
CLOSE = mpmath.mpf(10) ** -25
"""Relative to 1 + the size of what is compared: the balls have some 40 digits, a formula in mpmath loses up to 20 where it cancels."""
LARGE = 300
"""Of what is under an exponential: beyond it 50 digits are not enough for a textbook's 1 − p."""
SEEDS = 3


def other(p):
    """A value of a parameter that is not the default."""
    if isfinite(p.high) and isfinite(p.low):
        return p.low + (p.high - p.low) * 0.6875
    return p.low + (p.default - p.low) * 2.5 if isfinite(p.low) else p.default - 0.75


def exact(x):
    man, e = x.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(man)), int(e))


def plain(a):
    """Nested lists of exact numbers; whole ones stay whole."""
    if np.ndim(a):
        return [plain(x) for x in a]
    return a if isinstance(a, mpmath.mpf) else int(a) if isinstance(a, (int, np.integer)) else mpmath.mpf(float(a))


def asked(spec, values, parameters):
    """The formula of mpmath at these values."""
    given = {name: mpmath.mpf(v) for name, v in parameters.items()}
    if isinstance(spec, FunctionSpec):
        return FORMULAS[spec.name](**{name: plain(a) for name, a in values.items()}, **given)
    given |= {name: plain(values[name]) for name, p in spec.parameters.items() if p.dims}
    rows = [plain(values[name]) for name in values if name not in given]
    return FORMULAS[spec.name](*([row[0] for row in rows] if spec.per_example else rows), **given)


def drawn(spec, problem):
    """Values of one example, or of small batches; ends of domains and far numbers among them."""
    for size in (1, 2, 3):
        for seed in range(SEEDS):
            values = small(problem, size=max(size, 2) if isinstance(spec, FunctionSpec) else size + 1, seed=seed, rare=seed == 1)
            if not isinstance(spec, FunctionSpec) and spec.per_example:
                values = {name: a if name in spec.parameters else a[:1] for name, a in values.items()}
            if all(np.all(np.abs(a) < LARGE) for name, a in values.items() if problem.input(name).differentiated):
                yield values


def test_every_spec_has_a_formula_here():
    assert set(FORMULAS) == set(names())


@pytest.mark.parametrize("name", FORMULAS)
def test_a_spec_is_the_formula_of_its_source(name):
    spec = specs()[name]
    problem, looked = problem_of(spec), 0
    scalars = {n: p for n, p in spec.parameters.items() if not p.dims}
    for parameters in ({n: p.default for n, p in scalars.items()}, {n: other(p) for n, p in scalars.items()}):
        oracle = InstanceOracle(Instance(problem=problem, parameters=parameters), "float64")
        for values in drawn(spec, problem):
            with mpmath.workdps(DIGITS):
                point, due = oracle.at(**values), asked(spec, values, parameters)
                assert abs(exact(point.value.exact) - due) <= CLOSE * (1 + abs(due)), (values, parameters)
                if point.gradient.is_single:
                    looked += compared(spec, problem, values, parameters, point)
    assert looked


def compared(spec, problem, values, parameters, point):
    """Each entry of the gradient beside mpmath's derivative; how many were compared."""
    slots = [(n, at) for n in problem.differentiated for at in np.ndindex(np.shape(values[n]))]
    for (name, at), entry in zip(slots, point.gradient.center.ravel(), strict=True):

        def along(x, name=name, at=at):
            moved = {n: np.array(a, object) if n == name else a for n, a in values.items()}
            moved[name][at] = x
            return at_exact(spec, moved, parameters)

        slope = mpmath.diff(along, mpmath.mpf(float(values[name][at])), h=mpmath.mpf(10) ** -30)
        assert abs(exact(entry) - slope) <= mpmath.mpf(10) ** -14 * (1 + abs(slope)), (name, at, values, parameters)
    return len(slots)


def at_exact(spec, values, parameters):
    """The same where numbers may be mpmath's."""
    with mpmath.workdps(2 * DIGITS):
        return asked(spec, values, parameters)
