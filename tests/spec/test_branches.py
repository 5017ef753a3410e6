"""A formula may ask about its target: as a number, by a comparison, in a table. The report shows one formula for each branch."""

from __future__ import annotations

import math

import pytest
import sympy
from sympy import Abs, Max, Rational, Symbol, exp, log, loggamma, symbols

import verify
from verify.spec import Claims, LossSpec
from verify.spec.exact_target import ExactTarget
from verify.spec.margins import with_margin
from verify.spec.mathml import branches, described

s, t = symbols("s t", real=True)
TABLE, HALVES, LIST = {-1: 3, 0: 1, 1: 2.5, 2.5: 0.25}, {0.5: 2, 1.0: 3}, (5, 1, 3)


def spec(formula, targets=(-1, 0, 1, 2.5)):
    return LossSpec(name="mine", per_example=formula, targets=targets, claims=Claims(convex=None), source="a test")


FORMULAS = {
    "one formula": (spec(lambda s, t: (s - t) ** 2), {(s - t) ** 2: (-1, 0, 1, 2.5)}),
    "greater": (spec(lambda s, t: s**2 if t > 0 else Abs(s - t)), {Abs(s - t): (-1, 0), s**2: (1, 2.5)}),
    "equal": (spec(lambda s, t: s**2 if t == 1 else t * s), {t * s: (-1, 0, 2.5), s**2: (1,)}),
    "equal to a half": (spec(lambda s, t: s if t == 0.5 else t * s**2, (0.5, 1, 2)), {s: (0.5,), t * s**2: (1, 2)}),
    "equal to a decimal one": (spec(lambda s, t: s if t == 1.0 else t * s**2, (0.5, 1)), {t * s**2: (0.5,), s: (1,)}),
    "equal to a fraction of sympy's": (spec(lambda s, t: s if t == Rational(1, 2) else t * s**2, (0.5, 1)), {s: (0.5,), t * s**2: (1,)}),
    "between": (spec(lambda s, t: s**2 if -1 < t <= 1 else t * s), {t * s: (-1, 2.5), s**2: (0, 1)}),
    "a truth value": (spec(lambda s, t: s if t else exp(s)), {s: (-1, 1, 2.5), exp(s): (0,)}),
    "a table": (spec(lambda s, t: TABLE[t] * s), {3 * s: (-1,), s: (0,), 5 * s / 2: (1,), s / 4: (2.5,)}),
    "a table of halves": (spec(lambda s, t: HALVES[t] * s, (0.5, 1)), {2 * s: (0.5,), 3 * s: (1,)}),
    "a list": (spec(lambda s, t: LIST[t + 1] * s, (-1, 0, 1)), {5 * s: (-1,), s: (0,), 3 * s: (1,)}),
    "a member": (spec(lambda s, t: s if t in (0, 2.5) else t * s), {t * s: (-1, 1), s: (0, 2.5)}),
    "a sign": (spec(lambda s, t: s if t.is_negative else exp(s)), {s: (-1,), exp(s): (0, 1, 2.5)}),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_that_branches_has_one_formula_for_each_branch(name):
    loss, expected = FORMULAS[name]
    found = {e: values for values, e, _ in branches(loss)}
    assert found == expected
    for values, e, _ in branches(loss):
        for value in values:
            own, (score,) = loss.expression(1, loss.targets.index(value))
            assert e.subs({s: score, t: Rational(value)}) == own


@pytest.mark.parametrize("name", FORMULAS)
def test_the_report_shows_a_row_for_each_branch(name):
    loss, expected = FORMULAS[name]
    shown = described(loss)["mathml"]
    assert shown.count("<mtr>") == (len(expected) if len(expected) > 1 else 0)
    if len(expected) > 1:
        assert all(f"<mtext>t = {', '.join(f'{v:g}' for v in values)}</mtext>" in shown for values in expected.values())


def test_long_fractions_are_shown_as_decimals():
    assert "<mn>0.1</mn>" in described(spec(lambda s, t: 0.1 * (s - t) ** 2))["mathml"]


def test_a_target_is_exact_beside_symbols_and_numbers():
    half, g = ExactTarget(1, 2), Symbol("g", real=True)
    assert (half * s, s - half, half - s, half / 3 * s) == (s / 2, s - Rational(1, 2), Rational(1, 2) - s, s / 6)
    assert half ** Rational(1, 2) == sympy.sqrt(2) / 2
    assert (half**g, s**half, 2**half) == (Rational(1, 2) ** g, sympy.sqrt(s), sympy.sqrt(2))
    assert (exp(half), Max(half, 0), log(half)) == (exp(Rational(1, 2)), Rational(1, 2), -log(2))
    assert sympy.Eq(half, 1) == sympy.false
    assert loggamma(ExactTarget(5) + 1) == log(120)
    assert math.factorial(ExactTarget(3)) == 6
    assert [10, 20][(ExactTarget(1) + 1) / 2] == 20
    with pytest.raises(TypeError, match=r"the target 0\.5 is no whole number"):
        [10, 20][half]


def test_a_margin_is_not_told_from_a_formula_that_branches():
    """A symbol answers `t == 1` by no, so that the other branch would be taken for all targets."""
    loss = spec(lambda s, t: Max(0, 1 - s) if t == 1 else Max(0, 1 + s), (-1, 1))
    with pytest.raises(verify.UsageError, match="branches on the target"):
        with_margin(loss, "doubled").expression(1, 1)
    assert with_margin(spec(lambda s, t: Max(0, 1 - t * s)), "doubled").expression(1, 2)[0] == Max(0, 2 - Symbol("s0", real=True))


BRANCHING = """
from sympy import exp, log
from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="branching",
    per_example=lambda s, t: {0: log(1 + exp(s)), 1: 3 * log(1 + exp(-s))}[t],
    targets=(0, 1),
    claims=Claims(convex=True),
    source="a test",
)
"""


def weighted(scores, y, weight=3):
    import numpy as np

    w = np.where(y == 1, scores.dtype.type(weight), scores.dtype.type(1))
    m = np.where(y == 1, scores, -scores)
    return (w * np.logaddexp(0, -m)).mean(), (np.where(y == 1, -1, 1) * w / (1 + np.exp(m)) / len(y)).astype(scores.dtype)


def test_a_branching_spec_judges(tmp_path):
    (tmp_path / "branching.py").write_text(BRANCHING, encoding="utf-8")
    loss = str(tmp_path / "branching.py")
    right = verify.check(weighted, loss=loss, profile="quick", laws=("value", "gradient"))
    assert right.verdict is verify.Verdict.HOLDS
    wrong = verify.check(lambda scores, y: weighted(scores, y, 2), loss=loss, profile="quick", laws=("value",))
    assert wrong.verdict is verify.Verdict.BROKEN
    assert right.to_dict()["losses"][loss]["mathml"].count("<mtr>") == 2
