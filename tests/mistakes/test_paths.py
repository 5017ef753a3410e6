"""Paths through a formula: their columns add up to the gradient, and each has its own name."""

from __future__ import annotations

import numpy as np
import pytest
from field import inputs as field

from verify import check
from verify.cases.inputs import ordinary
from verify.mistakes import FACTORS, paths
from verify.oracle import InstanceOracle
from verify.power.inputs import Maker, wrong
from verify.problem import Instance, problem_of
from verify.spec import Array, FunctionSpec


def oracle_of(spec):
    problem = problem_of(spec)
    return InstanceOracle(Instance(problem=problem, reduction=problem.reductions[0]), "float64")


def gradient(oracle, case):
    return oracle.at(**case.values).gradient.center.astype(float).ravel()


def test_what_comes_through_two_factors_is_the_whole():
    spec = FunctionSpec(name="f", inputs={"x": Array("n")}, formula=lambda x: np.exp(x.sum() / 64) * np.sin((x**2).sum() / 64), source="x")
    oracle = oracle_of(spec)
    for case in ordinary(oracle, 3):
        found = paths(oracle, case.values)
        (exp,) = (column for name, column in found.items() if name.startswith("exp("))
        (sin,) = (column for name, column in found.items() if name.startswith("sin("))
        assert np.allclose(exp + sin, gradient(oracle, case), rtol=1e-12)
        x = case.x
        assert np.allclose(exp, np.exp(x.sum() / 64) * np.sin((x**2).sum() / 64) / 64, rtol=1e-10)


def test_the_paths_of_a_loss_of_rows_are_shared_like_it():
    oracle = oracle_of(field.BCE)
    case = ordinary(oracle, 1)[0]
    p, t = case["prediction"], case["target"]
    assert np.allclose(paths(oracle, case.values)["log(prediction)"], -t / p / len(p))


def test_a_switch_carries_what_comes_along_the_piece_that_is_taken():
    spec = FunctionSpec(name="f", inputs={"x": Array("n")}, formula=lambda x: (np.maximum(x, 0) * np.exp(x)).sum(), source="x")
    oracle = oracle_of(spec)
    case = ordinary(oracle, 1)[0]
    x, found = case.x, paths(oracle, case.values)
    assert np.allclose(found["Max(0, x)"], np.where(x > 0, np.exp(x), 0))
    assert np.allclose(found["exp(x)"], np.maximum(x, 0) * np.exp(x))


@pytest.mark.parametrize("name", ["BCE", "NORM", "COX", "SOFT", "DICE"])
def test_each_path_that_power_changes_gets_its_own_name_back(name):
    oracle = oracle_of(getattr(field, name))
    made = [m for m in wrong(Maker(oracle)) if m.family == "path"]
    assert made
    codes = {words: code for code, words, _ in FACTORS.values()}
    for m in made[: 2 * len(FACTORS)]:
        loss = f"{field.__file__}:{name}"
        inputs = oracle.problem.differentiated
        f = m.f if oracle.problem.output is None else None
        if f is None:
            continue  # a backward is named like the others
        finding = check(f, loss=loss, laws=("gradient",), profile="quick").to_dict()["findings"][0]
        assert finding["code"] in codes.values(), (m.name, finding["cause"])
        assert finding["code"] == next(code for words, code in codes.items() if m.name.endswith(words)), (m.name, finding["cause"])
        assert inputs
