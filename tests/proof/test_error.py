"""The error that is told, recomputed in another way: by sympy, from the polynomials that have to vanish."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
import sympy

from verify.proof.explore import Explorer, Question
from verify.proof.field import EXPONENTIAL_POWER, PRIMES, Budget

LOSSES = {
    "squares": lambda x, _: sum(x * x) / 2,
    "Cauchy": lambda x, _: sum(x * x / (1 + x * x)),
    "Rosenbrock": lambda x, _: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
    "variance over mean": lambda x, _: sum((x - sum(x) / 3) ** 2) / sum(x),
    "a quotient of quotients": lambda x, _: (x[0] / x[1] + x[1] / x[2]) / (x[2] / x[0] - 7),
    "a long power": lambda x, _: (x[0] * x[1] - 3 * x[2]) ** 7,
    "large numbers": lambda x, _: (1001 * x[0] - 12345 * x[1]) ** 3 / 777,
    "logistic": lambda x, exp: sum(1 / (1 + exp(-x))),
    "softmax": lambda x, exp: exp(x[0]) / sum(exp(x)) * x[1],
    "Gibbs": lambda x, exp: sum(x * x * exp(x)) / sum(exp(2 * x)),
}


def polynomials(loss):
    """The numerators of the derivatives in lowest terms, of the inputs and of what an exponential is a power of."""
    x = np.array(sympy.symbols("x:3"))
    t = np.array(sympy.symbols("t:3"))
    value = loss(x, np.vectorize(sympy.exp, otypes=[object]))
    back = {sympy.exp(a): b**EXPONENTIAL_POWER for a, b in zip(x, t, strict=True)}
    for entry in x:
        found = sympy.fraction(sympy.cancel(sympy.expand(value.diff(entry), power_exp=True).subs(back)))[0]
        yield sympy.Poly(found, *x, *t)


@pytest.mark.parametrize("name", LOSSES)
def test_degrees_and_coefficients_are_within_their_bounds(name, monkeypatch):
    """With a gradient of zeros the differences are the derivatives: polynomials that do not vanish."""
    bounds: list[float] = []
    shown = Budget.shown
    monkeypatch.setattr(Budget, "shown", lambda self, bound: (bounds.append(bound), shown(self, bound))[1])
    loss = LOSSES[name]
    given = (np.array([1.0, 2.0, 0.5]),)
    explorer = Explorer(Question(loss=lambda x: loss(x, np.exp), gradient=lambda x: [0 * x], variables=1, patterns=(given,)))
    (leaf,) = explorer.leaves()
    due = [*polynomials(loss)]
    assert len(bounds) == len(due) == 3
    assert leaf.wrong == tuple(k for k, p in enumerate(due) if not p.is_zero)
    for p, bound in zip(due, bounds, strict=True):
        if not p.is_zero:
            assert p.total_degree() <= bound
            assert log2(sum(map(abs, p.coeffs()))) <= bound
            assert bound <= 40 * max(p.total_degree(), 10)  # and no idle claim
    parts = explorer.errors()
    assert parts["identities"] == pytest.approx(log2(sum(bounds)) + log2(explorer.drawn) - 255)
    both = sum(bounds) + explorer.budget.relation
    assert parts["primes"] == pytest.approx(log2(both / 255) + log2(explorer.drawn) - PRIMES)
