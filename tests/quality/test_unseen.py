"""Wrong implementations in the style of course solutions: the name that a teacher would give, or `unknown` where there is none.

How many were named rightly before anything was changed for them stands in docs/diagnosis.md. `tox -e quality` judges all of them.
"""

from __future__ import annotations

import os

import pytest
from quality import unseen, unseen_again, unseen_third

from verify.conventions import Pins, find_out
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss
from verify.trial import run

SETS = ((unseen, unseen.UNSEEN), (unseen_again, unseen_again.AGAIN), (unseen_third, unseen_third.THIRD))
CASES = [(source, name) for source, names in SETS for name in names]
EVERY = 1 if os.environ.get("VERIFY_TEST_PROFILE") == "deep" else 15

DISPUTED = {
    # The part that is wrong is the label's, and what is wrong with it is a division: the set expects the first, the second is said.
    "einsum with the labels' part averaged over classes": "reduction",
}


@pytest.mark.parametrize(("source", "name"), CASES[::EVERY], ids=[name for _, name in CASES[::EVERY]])
def test_the_name_is_one_that_a_teacher_would_give(source, name):
    f, loss = source.implementation(name)
    codes = source.codes(name) | {DISPUTED.get(name, "unknown")} - {"unknown"}
    found = find_out(f, find_loss(loss), Pins(), "float64")
    subject = Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))
    laws = ["value", "gradient"] if "value" in codes else ["gradient", "value"]
    results = (run(LAWS[law], subject, profile="ci", seed=0) for law in (*laws, "membership") if LAWS[law].inapplicable(subject) is None)
    broken = next(r for r in results if r.verdict is Verdict.BROKEN)
    assert broken.diagnosis["code"] in codes, broken.diagnosis
    assert broken.kind == {"precision": "precision", "overflow": "precision"}.get(broken.diagnosis["code"], "wrong")


def test_there_are_enough_of_them_and_of_those_that_have_no_name():
    codes = [source.codes(name) for source, name in CASES]
    assert len(codes) >= 180
    assert sum(c == {"unknown"} for c in codes) >= 6
    assert len(set().union(*codes)) >= 17
