"""The name of the bug: for each wrong implementation its code and the words that tell the mistake."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from implementations import WRONG

from verify.candidates import Linear
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import Result, run

ORACLES: dict[tuple[str, str, str], Oracle] = {}


def judged(loss: str, f: Callable[..., object], law: str = "gradient", dtype: str = "float64", penalty: str = "l2") -> Result:
    key = (loss, penalty, dtype)
    if key not in ORACLES:
        ORACLES[key] = Oracle(Objective(loss=find_loss(loss), penalty=find_penalty(penalty)), dtype)
    return run(LAWS[law], Subject(candidate=Linear(f=f), oracle=ORACLES[key]), profile="quick", seed=0)


NAMED = {
    "penalty halved": ("penalty-factor", "half of what it must be: λW where 2λW is due"),
    "penalty missing": ("penalty-missing", "+ 2λW is not added"),
    "penalty subtracted": ("sign", "the penalty's gradient has the wrong sign"),
    "labels off by one": ("label-term", "the class before"),
    "last example left out": ("example-missing", "the last example is left out"),
    "N left out": ("reduction", "lacks its 1/N"),
    "divided by N twice": ("reduction", "divided by N twice"),
    "sign of everything": ("sign", "the whole gradient has the wrong sign"),
    "first class left out": ("class-missing", "row 0"),
    "everything off by 1e-3": ("scaled", "(1 + 0.001) × what it must be"),
    "everything off by 1e-10": ("scaled", "(1 + 1e-10) × what it must be"),
    "ties as 2": ("unknown", ""),
    "own class counted once": ("label-term", "−x is counted once in the label's row instead of once per active margin"),
    "own class left out": ("label-term", "the label's own part of the data gradient is missing"),
    "own class with the wrong sign": ("sign", "the label's own part"),
    "margin missing in the indicator": ("margin", "delta = 1 is missing"),
    "margin doubled in the indicator": ("margin", "delta is 2"),
    "margins instead of indicators": ("scaled", "the margins themselves"),
    "1 not taken from the own class": ("label-term", "missing"),
    "1 added to the own class": ("sign", "of the label has the wrong sign"),
    "normalised over the examples": ("term-extra", "normalised over the examples"),
    "not normalised": ("scaled", "exp of the shifted scores"),
}


@pytest.mark.parametrize(("loss", "name"), [(loss, name) for loss, table in WRONG.items() for name in table if name in NAMED])
def test_a_wrong_gradient_gets_the_name_of_its_bug(loss, name):
    result = judged(loss, WRONG[loss][name])
    code, words = NAMED[name]
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]
    assert "is" in result.diagnosis.get("measured", "this is")
