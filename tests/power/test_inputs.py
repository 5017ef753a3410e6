"""The table of a function of named inputs: everything is caught, the right answer is not."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from field import inputs as field

from verify.cli import cli
from verify.oracle import InstanceOracle
from verify.power import measure_inputs
from verify.problem import Instance, problem_of

OF_NUMBERS, ALL = ("value", "gradient"), ("value", "gradient", "membership", "consistency", "purity")
"""What a law about behaviour asks is dear where each answer is a path."""


@pytest.mark.parametrize(("name", "laws"), [("POISSON", ALL), ("NORM", OF_NUMBERS), ("TRIPLET", ALL), ("COX", OF_NUMBERS)])
def test_every_mistake_is_caught_and_the_right_answer_holds(name, laws):
    problem = problem_of(getattr(field, name))
    oracle = InstanceOracle(Instance(problem=problem, reduction=problem.reductions[0]), "float64")
    table = measure_inputs(oracle, profile="quick", seed=0, laws=laws)
    assert {table.families[name] for name in table.survivors} <= (set() if laws == ALL else {"behaviour"})
    assert table.idle == []
    assert table.false_alarms == ()
    assert {"input", "size", "relative", "loss", "behaviour"} <= set(table.families.values())
    assert ("path" in table.families.values()) == (name != "TRIPLET")
    assert ("kink" in table.families.values()) == (name == "TRIPLET")
    assert ("upstream gradient ignored" in table.families) == (name == "NORM")
    assert table.sensitivity["gradient"]["gradient"] < 1e-12


def test_the_command_takes_specs_of_functions():
    run = CliRunner().invoke(
        cli, ["power", "--loss", f"{field.__file__}:NCE", "--law", "value", "--law", "gradient", "--dtype", "float32", "--format", "json"]
    )
    (table,) = json.loads(run.stdout)["power"]
    assert (table["loss"], table["dtype"], table["penalty"]) == ("nce", "float32", "none")
    assert len(table["mutants"]) > 10
