"""One law on one candidate: what the engine may draw from, and what is counted."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis.internal.conjecture import providers
from implementations import hinge

from verify.candidates import Linear
from verify.cases import families
from verify.evidence import Evidence, Finding, Verdict
from verify.laws import Law, Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import Derived, Trial, engine, run
from verify.trial.derived import FEWEST

SUBJECT = Subject(
    candidate=Linear(f=hinge()), oracle=Oracle(Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("l2")), "float64")
)


def trial(measure):
    return run(Law(name="a test", statement="", measure=measure), SUBJECT, profile="quick", seed=0)


@pytest.mark.parametrize("most", [engine.UNSTEERED, engine.UNSTEERED + 1])
def test_the_engine_draws_no_numbers_from_the_source_of_loaded_modules(monkeypatch, most):
    """Else the same seed would mean other cases in another process, where other modules are loaded."""
    monkeypatch.setattr(providers, "_get_local_constants", lambda: [1729])
    found = []

    def noted(case):
        found.append(len(providers._get_local_constants()))
        return case

    strategy, _ = families(SUBJECT.oracle)["generic"]
    engine.search(Trial(Derived(Law(name="a test", statement="", measure=lambda *_: Finding()), SUBJECT)), strategy.map(noted), "0", most)
    assert (len(found), set(found)) == (most, {0})
    assert len(providers._get_local_constants()) > 0  # the user's own tests draw as before


def test_all_laws_look_at_the_same_cases_of_a_short_search_which_are_drawn_once():
    """Those that the engine would have drawn for each of them, were it not for the time."""
    looked = {}

    def law(name):
        def measure(_, case):
            looked.setdefault(name, []).append(case)
            return Finding(evidence=(Evidence(law=name, measured=float(len(looked[name]) % 3), allowed=100.0),))

        return Law(name=name, statement="", measure=measure)

    for name in ("first", "second"):
        run(law(name), SUBJECT, profile="quick", seed=0)
    assert all(a is b for a, b in zip(looked["first"], looked["second"], strict=True))
    strategy, _ = families(SUBJECT.oracle)["generic"]
    alone = Trial(Derived(law("by the engine"), SUBJECT))
    engine._steered(alone, strategy, "0 generic", max_examples=5)
    assert [c.key for c in looked["by the engine"]] == [c.key for c in looked["first"] if c.family == "generic"]


def test_a_candidate_that_draws_numbers_draws_the_same_at_every_case():
    drawn = []

    def measure(*_):
        drawn.append((np.random.rand(), random.random()))  # noqa: NPY002
        return Finding()

    def states():
        return np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    before = states()
    trial(measure)
    assert len(set(drawn)) == 1
    assert states() == before


def test_every_family_is_visited_and_counted_with_its_patterns():
    seen = []

    def measure(subject, case):
        seen.append((case.family, subject.truth(case).pattern))
        return Finding(evidence=(Evidence(law="a test", measured=0.0, allowed=1.0),))

    result = trial(measure)
    assert result.verdict is Verdict.HOLDS
    assert (result.cases, sum(result.families.values())) == (len(seen), len(seen))
    assert result.patterns == len({pattern for _, pattern in seen}) > 5
    assert {"lattice", "generic", "wide", "large", "scores far apart", "scores far off", "near a kink", "digits"} <= result.families.keys()
    assert min(result.families[f] for f in ("wide", "large", "digits")) >= FEWEST
