"""Every law catches something and everything wrong is caught: and where that is not so, it is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from implementations import hinge, softmax
from sympy import Max

from verify.commands.power import command
from verify.evidence import Evidence, Measurement
from verify.laws import LAWS
from verify.oracle import Oracle
from verify.power import measure, table
from verify.power.mutants import mutants, right
from verify.report.power import complete, plain
from verify.report.reading import power_summary
from verify.spec import Claims, LossSpec, Objective, positive
from verify.spec.catalogue import find_loss, find_penalty
from verify.terms import Reference

HONEST = {"multiclass_hinge": hinge(), "softmax_cross_entropy": softmax()}
FEW = ("value", "gradient", "consistency", "purity", "bad-input", "compiled", "enclosure")
"""Laws that together catch everything: `tox -e power` asks them all, at full length."""


def oracle(loss: str, dtype: str = "float64", penalty: str = "l2") -> Oracle:
    return Oracle(Objective(loss=find_loss(loss), penalty=find_penalty(penalty)), dtype)


def wrong(loss, **options):
    return mutants(Reference(oracle(loss, **options)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", HONEST)
def test_the_reference_agrees_with_an_implementation_that_shares_nothing_with_it(loss, dtype):
    rng, f = np.random.default_rng(1), right(Reference(oracle(loss, dtype)))
    for _ in range(5):
        W, X, y = rng.normal(size=(4, 3)).astype(dtype), rng.normal(size=(6, 3)).astype(dtype), rng.integers(0, 4, 6)
        value, gradient = f(W, X, y, 0.25)
        expected, slope = HONEST[loss](W, X, y, 0.25)
        close = {"rtol": 20 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}
        np.testing.assert_allclose(value, expected, **close)
        np.testing.assert_allclose(gradient, slope, **close)


@pytest.mark.parametrize("loss", HONEST)
def test_every_mutant_differs_from_the_right_implementation_somewhere(loss):
    """Nothing in the catalogue is equal to what it should differ from: else it would survive rightly."""
    found = measure(oracle(loss), profile="quick", seed=0, laws=FEW)
    assert found.survivors == []
    assert found.false_alarms == ()
    assert len(found.kills) == len({m.name for m in wrong(loss)}) >= 50


def test_each_role_of_a_term_is_dropped_doubled_flipped_and_misplaced():
    names = [m.name for m in wrong("softmax_cross_entropy") if m.family == "term"]
    assert len(names) == 3 * 4  # p_j of the others; p_y and −1 of the label
    assert "the negative constant term of the label left out" in names
    assert "the varying term of another class given to the next class" in names


def test_without_a_penalty_or_switches_there_are_no_mutants_of_them():
    assert {m.family for m in wrong("softmax_cross_entropy", penalty="none")}.isdisjoint({"penalty", "kink", "parameter"})
    assert {"penalty", "kink", "parameter"} <= {m.family for m in wrong("multiclass_hinge")}


@pytest.mark.parametrize("loss", ["binary_logistic", "squared_error"])
def test_losses_of_one_score_have_no_mutants_of_classes_and_all_are_caught(loss):
    found = measure(oracle(loss), profile="quick", seed=0, laws=FEW)
    assert found.survivors == []
    assert found.false_alarms == ()
    assert not [name for name in found.kills if "class" in name and "class's label" not in name]
    assert {"the varying term of the score left out", "the next class's label in the gradient"} <= set(found.kills)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["binary_logistic", "softmax_cross_entropy", "multiclass_hinge"])
def test_every_wrong_hessian_is_caught_and_the_right_one_is_not(loss, dtype):
    found = measure(oracle(loss, dtype), profile="quick", seed=0, laws=("curvature",))
    hessians = [name for name, family in found.families.items() if family == "hessian"]
    assert {found.kills[name] for name in hessians} == {("curvature",)}
    assert len(hessians) >= (1 if loss == "multiclass_hinge" else 8)  # a multiple of 0 is no other Hessian
    assert found.false_alarms == ()
    if loss != "multiclass_hinge":
        assert 1e-16 < found.sensitivity["curvature"]["hessian"] < (1e-12 if dtype == "float64" else 1e-3)


def test_what_is_provably_equal_is_left_out():
    parameters = {name: positive(default=2) for name in ("weight", "margin", "offset", "idle")}
    spec = LossSpec(
        name="mine",
        per_example=lambda s, y, weight, margin, offset, idle: sum(weight * Max(0, x - margin) for x in s) + offset,
        parameters=parameters,
        claims=Claims(convex=True),
        source="a test",
    )
    names = {m.name for m in mutants(Reference(Oracle(Objective(loss=spec, penalty=find_penalty("none")), "float64")))}
    assert {n.partition(" ")[0] for n in names if n.endswith("× 2 in the gradient")} == {"weight", "margin"}
    assert {n.partition(" ")[0] for n in names if n.endswith("× 2 in loss and gradient")} == {"weight", "margin", "offset"}
    assert "the next class's label in the gradient" not in names
    assert "the next class's label in the gradient" in {m.name for m in wrong("multiclass_hinge")}


def test_a_law_whose_body_is_gone_is_idle_and_what_only_it_caught_survives(monkeypatch):
    looked = Measurement(evidence=(Evidence(measured=0.0, allowed=0.0),))
    monkeypatch.setitem(table.LAWS, "purity", replace(LAWS["purity"], measure=lambda subject, case: looked))
    found = measure(oracle("softmax_cross_entropy"), profile="quick", seed=0, laws=FEW)
    assert found.idle == ["purity"]
    assert "writes to W" in found.survivors
    assert not complete([found.to_dict()])
    assert "survives: writes to W" in power_summary(found.to_dict())
    assert "survives" in plain([found.to_dict()])


def test_a_law_that_breaks_the_right_implementation_is_a_false_alarm(monkeypatch):
    cries = Measurement(evidence=(Evidence(measured=1.0, allowed=0.0),))
    monkeypatch.setitem(table.LAWS, "value", replace(LAWS["value"], measure=lambda subject, case: cries))
    found = measure(oracle("softmax_cross_entropy"), profile="quick", seed=0, laws=("value", "gradient"))
    assert found.false_alarms == ("value",)
    assert not complete([found.to_dict()])


def test_sensitivity_is_what_the_law_sees_and_no_less():
    found = measure(oracle("softmax_cross_entropy"), profile="quick", seed=0, laws=("value", "gradient"))
    assert set(found.sensitivity["value"]) == {"loss"}
    assert set(found.sensitivity["gradient"]) == {"gradient", "tail"}
    assert 1e-16 < found.sensitivity["gradient"]["gradient"] < 1e-12
    assert found.sensitivity["gradient"]["gradient"] < found.sensitivity["gradient"]["tail"] < 1e-9
    hinge = measure(oracle("multiclass_hinge"), profile="quick", seed=0, laws=("gradient",))
    assert "tail" not in hinge.sensitivity["gradient"]  # no slope of a polynomial is computed as such a difference
    single = measure(oracle("softmax_cross_entropy", "float32"), profile="quick", seed=0, laws=("gradient",))
    assert 1e-8 < single.sensitivity["gradient"]["gradient"] < 1e-4


def test_the_command_says_what_is_not_known():
    from verify.errors import UsageError

    for arguments, near in (
        (["--loss", "multiclas_hinge"], "multiclass_hinge"),
        (["--penalty", "l3"], "l2"),
        (["--dtype", "float16"], "float"),
        (["--law", "gradeint"], "gradient"),
    ):
        result = CliRunner().invoke(command, arguments)
        assert isinstance(result.exception, UsageError)
        assert near in str(result.exception)


def test_choices_on_kinks_that_are_right_are_no_mutants():
    """Any slope between −1 and 1 is right where |s − t| is 0, and no other; where a parabola goes on as a line there is no kink."""
    found = measure(oracle("absolute_error"), profile="quick", seed=0, laws=("gradient",))
    assert "nothing on a kink" not in found.kills
    assert found.kills["2 on a kink"] == ("gradient",)
    assert not [m for m in found.survivors if found.families[m] == "kink"]
    assert "kink" not in measure(oracle("huber"), profile="quick", seed=0, laws=("value",)).families.values()


def test_a_parameter_is_shifted_within_its_domain():
    names = [m.name for m in wrong("quantile") if m.family == "parameter"]
    assert names == ["tau × 0.5 in the gradient"]
