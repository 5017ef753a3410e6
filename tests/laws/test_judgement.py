"""Every wrong gradient is broken by the laws that should break it; every right one holds them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from field import right as field
from implementations import FLOAT64_ONLY, OVERFLOWS, RIGHT, WRONG

from verify import Verdict, check
from verify.laws import LAWS

DTYPES = ("float64", "float32")
PROFILE = os.environ.get("VERIFY_TEST_PROFILE", "quick")  # `tox -e deep` sets both
SEEDS = range(int(os.environ.get("VERIFY_TEST_SEEDS", "1")))
MAY_BE_SILENT = {"best-step", "one-sided", "crossing"} if PROFILE == "quick" else set()  # a quick look may miss its places


def broken(implementation, loss, dtype, laws=None, profile="ci"):
    report = check(implementation, loss=loss, dtypes=(dtype,), laws=laws, profile=profile)
    return {r.law for r in report.results if r.verdict is Verdict.BROKEN}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "name"), [(loss, name) for loss, table in RIGHT.items() for name in table])
def test_right_implementations_hold_every_law(loss, name, dtype, seed):
    report = check(RIGHT[loss][name], loss=loss, dtypes=(dtype,), profile=PROFILE, seed=seed)
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    assert {r.law for r in report.results if r.verdict is Verdict.SILENT} <= MAY_BE_SILENT
    assert {r.law for r in report.results} | {o.task.law for o in report.inapplicable} == set(LAWS)
    assert max(r.strain for r in report.results) < 0.3  # far from the edge: there is no grey zone to tune in


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", field.RIGHT)
def test_right_implementations_of_the_fields_losses_hold_every_law(name, dtype, seed):
    specs = Path(__file__).parents[1] / "field" / "specs.py"
    report = check(field.RIGHT[name], loss=f"{specs}:{name}", dtypes=(dtype,), profile=PROFILE, seed=seed)
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    assert {r.law: r.undecided for r in report.results if r.verdict is Verdict.SILENT and r.law not in MAY_BE_SILENT} == {}
    assert max(r.strain for r in report.results) < 0.3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "name"), [(loss, name) for loss, table in WRONG.items() for name in table])
def test_wrong_gradients_break_the_gradient_law_and_not_the_value_law(loss, name, dtype):
    seen = dtype == "float64" or name not in FLOAT64_ONLY
    assert broken(WRONG[loss][name], loss, dtype, laws=("gradient",)) == ({"gradient"} if seen else set())
    assert broken(WRONG[loss][name], loss, dtype, laws=("value",), profile="quick") == set()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OVERFLOWS)
def test_what_overflows_is_broken_by_precision(name, dtype):
    report = check(OVERFLOWS[name], loss="softmax_cross_entropy", dtypes=(dtype,), laws=("value", "gradient"), profile="quick")
    broken = [r for r in report.results if r.verdict is Verdict.BROKEN]
    assert [r.kind for r in broken] == ["precision"]
    assert [r.diagnosis["code"] for r in broken] == ["overflow"]


def test_the_table_of_wrong_gradients_is_long_enough():
    assert all(len(table) >= 15 for table in WRONG.values())
    assert {"ties as 0 (>)", "ties as 1 (≥)", "ties as a half"} <= set(RIGHT["multiclass_hinge"])
