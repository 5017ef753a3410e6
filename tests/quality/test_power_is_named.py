"""One catalogue of mistakes: what `power` does wrong on purpose, the diagnosis calls by its name."""

from __future__ import annotations

import pytest

from verify.candidates import Linear
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.power.mutants import mutants
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.terms import Reference
from verify.trial import run

CODES = {
    "term": {
        "left out": "-missing label-term",
        "counted twice": "scaled label-term",
        "wrong sign": "sign",
        "next class": "swapped label-term",
    },
    "kink": {"on a kink": "kink-outside", "≥": "kink-inconsistent"},
    "parameter": {"in the gradient": "margin"},
    "consistent": {"in loss and gradient": "margin"},
    "penalty": {
        "left out": "penalty-missing",
        "bias": "penalty-bias",
        "halved": "penalty-factor",
        "doubled": "penalty-factor",
        "subtracted": "sign",
    },
    "reduction": {"": "reduction"},
    "label": {"": "label-term"},
    "structure": {"sign": "sign", "class": "class-missing", "column": "entries", "example": "example-missing"},
}
"""By the family of a mistake and what its name says: the codes that are due."""
FAMILIES = {"softmax_cross_entropy": {*CODES} - {"parameter", "consistent"}, "multiclass_hinge": {"kink", "parameter", "consistent"}}
ORACLES = {loss: Oracle(Objective(loss=find_loss(loss), penalty=find_penalty("l2")), "float64") for loss in FAMILIES}
MADE = [(loss, m) for loss, oracle in ORACLES.items() for m in mutants(Reference(oracle)) if m.family in FAMILIES[loss]]


@pytest.mark.parametrize(("loss", "made"), MADE, ids=[f"{loss}: {m.name}" for loss, m in MADE])
def test_a_mistake_that_power_makes_gets_its_name_back(loss, made):
    found = run(LAWS["gradient"], Subject(candidate=Linear(f=made.f), oracle=ORACLES[loss]), profile="quick", seed=0)
    due = next(code for words, code in CODES[made.family].items() if words in made.name)
    assert any(code in found.diagnosis["code"] for code in due.split()), found.diagnosis


def test_every_family_is_made():
    assert {m.family for _, m in MADE} == {*CODES}
