"""Convexity of losses of named inputs and of functions is proved by the same rules, for every pattern of labels at small sizes."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Abs, Add, Max, exp, log

from verify.problem.convexity import convex, supported
from verify.spec import (
    Array,
    Binary,
    Censored,
    Claims,
    FunctionSpec,
    Label,
    LossSpec,
    Parameter,
    Positive,
    Real,
    Simplex,
    Vector,
    positive,
)
from verify.spec.catalogue import specs


def loss(**given):
    return LossSpec(**{"name": "mine", "claims": Claims(convex=None), "source": "a test"} | given)


def function(formula, **inputs):
    return FunctionSpec(name="mine", inputs=inputs, formula=formula, source="a test")


def entropy(s, t):
    return Add(*(b * (log(Add(*map(exp, s))) - a) for a, b in zip(s, t, strict=True)))


def hinge(s, y):
    return Add(*(Max(0, 1 - (a - b)) for a, t in zip(s, y, strict=True) for b, u in zip(s, y, strict=True) if t > u))


CASES = {
    "soft targets": (loss(per_example=entropy, target=Simplex()), True),
    "soft targets of any sign": (loss(per_example=entropy, target=Vector(Real())), False),
    "a batch that is ranked": (loss(per_batch=hinge, target=Binary()), True),
    "the same backwards": (loss(per_batch=lambda s, y: -hinge(s, y), target=Binary()), False),
    "one label that is not": (loss(per_example=lambda s, y, w: w[y] * s[y] ** 2 * (1 if y else -1), target=Label(ignored=-1),
                                   parameters={"w": positive(default=1, dims="C")}), False),
    "weights of any sign": (loss(per_example=lambda s, y, w: w[y] * s[y] ** 2, target=Label(ignored=-1),
                                 parameters={"w": Parameter(default=1, dims="C")}), False),
    "of a mean": (loss(per_example=lambda m, t: m - t * log(m), prediction=Positive(), target=Real(0)), True),
    "of a rate": (loss(per_example=lambda m, t: t / m + log(m), prediction=Positive(), target=Positive()), False),
    "times that are compared": (loss(per_batch=lambda s, y: Add(*(a**2 for a, (t, _) in zip(s, y, strict=True) if t > 1)),
                                     target=Censored()), False),
    "least squares": (function(lambda x, w, y: ((x @ w - y) ** 2).sum(), x=Array("n d", differentiated=False), w=Array("d"),
                               y=Array("n", differentiated=False)), True),
    "least squares, of both": (function(lambda x, w: ((x @ w) ** 2).sum(), x=Array("n d"), w=Array("d")), False),
    "a norm": (function(lambda w: np.linalg.norm(w) + Abs(w[0]), w=Array("d")), True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_rules_prove(case):
    spec, proved = CASES[case]
    assert convex(spec) is proved


def test_all_but_two_of_the_shipped_claims_are_proved():
    claimed = [s for s in specs().values() if s.claims.convex and (isinstance(s, FunctionSpec) or s.of_inputs)]
    assert [s.name for s in claimed if not convex(s)] == ["cox_breslow", "cox_efron"]  # which compare times
    assert len(claimed) == 28  # docs/laws.md tells it
    assert supported(claimed[0]) == "convex, proved and tested"
