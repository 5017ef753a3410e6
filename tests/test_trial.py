"""One law on one candidate: what the engine may draw from, and what is counted."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from implementations import hinge

from verify.candidates import Linear
from verify.cases import Case, families
from verify.evidence import Evidence, Measurement, Verdict
from verify.laws import LAWS, Law, Subject
from verify.oracle import Oracle
from verify.profiles import PROFILES
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import Derived, Trial, engine, run
from verify.trial.derived import MIN_CASES

SUBJECT = Subject(
    candidate=Linear(f=hinge()), oracle=Oracle(Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("l2")), "float64")
)


def trial(measure):
    return run(Law(name="a test", statement="", measure=measure), SUBJECT, profile="quick", seed=0)


def test_a_law_that_says_no_values_is_told_by_its_error():
    """`where` is for the reader: a law that leaves it out is judged all the same."""
    law = replace(LAWS["value"], measure=lambda _, case: Measurement(evidence=(Evidence(measured=1.0, allowed=0.25),)))
    found = run(law, SUBJECT, profile="quick", seed=0)
    assert (found.verdict, found.diagnosis["message"]) == (Verdict.BROKEN, "the loss is off by 1, allowed 0.25")


@pytest.mark.parametrize("most", [engine.UNSTEERED_CASES, engine.UNSTEERED_CASES + 1])
def test_the_engine_draws_no_numbers_from_the_source_of_loaded_modules(monkeypatch, most):
    """Else the same seed would mean other cases in another process, where other modules are loaded."""
    monkeypatch.setattr(providers, "_get_local_constants", lambda: [1729])
    found = []

    def noted(case):
        found.append(len(providers._get_local_constants()))
        return case

    strategy, _ = families(SUBJECT.oracle)["generic"]
    engine.drawn(strategy.map(noted), "0", most, lambda _: 0.0)
    assert (len(found), set(found)) == (most, {0})
    assert len(providers._get_local_constants()) > 0  # the user's own tests draw as before


@pytest.mark.parametrize("profile", ["quick", "ci"])
def test_all_laws_look_at_the_same_cases_which_are_drawn_once(profile):
    """Those that the engine draws in a short search, and in a long one those to which the strain of the answers led it."""
    looked = {}

    def law(name):
        def measure(_, case):
            looked.setdefault(name, []).append(case)
            return Measurement(evidence=(Evidence(measured=float(len(looked[name]) % 3), allowed=100.0),))

        return Law(name=name, statement="", measure=measure)

    for name in ("first", "second"):
        run(law(name), SUBJECT, profile=profile, seed=0)
    assert all(a is b for a, b in zip(looked["first"], looked["second"], strict=True))
    assert len(looked["first"]) >= PROFILES[profile]
    strategy, _ = families(SUBJECT.oracle)["generic"]
    alone = [d.case.key for d in engine.drawn(strategy, "0 generic", 5)]
    assert alone == [c.key for c in looked["first"] if c.family == "generic"][:5]


def test_a_long_search_follows_the_strain_and_a_short_one_has_none_to_follow():
    strategy = st.tuples(*[st.integers(0, 1000)] * 4).map(lambda ks: Case(values={"W": np.array([ks], float)}, family="numbers"))

    def strain(case):
        return float(case["W"].sum())

    def never(_):
        raise AssertionError

    led, unled = ([strain(d.case) for d in engine.drawn(strategy, "0", 100, of)] for of in (strain, None))
    assert np.median(led[50:]) > np.median(unled[50:]) + 500
    short = [[d.case.key for d in engine.drawn(strategy, "0", engine.UNSTEERED_CASES, told)] for told in (never, None)]
    assert short[0] == short[1]


def test_the_answers_of_the_candidate_lead_the_search_of_every_law():
    """An error that grows with the weights is looked for where it is largest, by a law that does not see it."""
    right = hinge()

    def f(W, X, y, reg):
        loss, gradient = right(W, X, y, reg)
        return loss * (1 + 1e-16 * np.abs(W).sum()), gradient

    def sizes(candidate):
        seen = []

        def measure(_, case):
            seen.append(float(np.abs(case["W"]).sum()))
            return Measurement(evidence=(Evidence(measured=0.0, allowed=1.0),))

        run(
            Law(name="a test", statement="", measure=measure),
            replace(SUBJECT, candidate=Linear(f=candidate), answered={}),
            profile="ci",
            seed=0,
        )
        return seen

    assert sizes(f) != sizes(right)


def test_a_candidate_that_draws_numbers_draws_the_same_at_every_case():
    drawn = []

    def measure(*_):
        drawn.append((np.random.rand(), random.random()))  # noqa: NPY002
        return Measurement()

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
        return Measurement(evidence=(Evidence(measured=0.0, allowed=1.0),))

    result = trial(measure)
    assert result.verdict is Verdict.HOLDS
    assert (result.cases, sum(result.families.values())) == (len(seen), len(seen))
    assert result.patterns == len({pattern for _, pattern in seen}) > 5
    assert {"lattice", "generic", "wide", "large", "scores far apart", "scores far off", "near a kink", "digits"} <= result.families.keys()
    assert min(result.families[f] for f in ("wide", "large", "digits")) >= MIN_CASES


def test_the_engine_makes_a_counterexample_small_with_one_look_at_each_case():
    looked = []

    def measure(_, case):
        looked.append((case.key, case.family, case.seed))
        return Measurement(evidence=(Evidence(measured=float(np.abs(case["W"]).max()), allowed=1.0),))

    search = Trial(Derived(Law(name="a test", statement="", measure=measure), SUBJECT))
    search.question.search(search)
    tried = looked[search.tally.families.total() :]  # after those that were drawn
    assert len(set(tried)) == len(tried) > 10
    smallest, _ = search.failure
    assert (np.abs(smallest["W"]).max(), np.count_nonzero(smallest["W"]), smallest["X"].size) == (2.0, 1, 1)
