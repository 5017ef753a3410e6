"""One law on one candidate: what the engine may draw from, and what is counted."""

from __future__ import annotations

from hypothesis.internal.conjecture import providers
from implementations import hinge

from verify.candidates import Linear
from verify.evidence import Evidence, Finding, Verdict
from verify.laws import Law, Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import run
from verify.trial.derived import FEWEST

SUBJECT = Subject(
    candidate=Linear(f=hinge()), oracle=Oracle(Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("l2")), "float64")
)


def trial(measure):
    return run(Law(name="a test", statement="", measure=measure), SUBJECT, profile="quick", seed=0)


def test_the_engine_draws_no_numbers_from_the_source_of_loaded_modules(monkeypatch):
    """Else the same seed would mean other cases in another process, where other modules are loaded."""
    monkeypatch.setattr(providers, "_get_local_constants", lambda: [1729])
    found = []

    def measure(subject, case):
        found.append(len(providers._get_local_constants()))
        return Finding()

    trial(measure)
    assert set(found) == {0}
    assert len(providers._get_local_constants()) > 0  # the user's own tests draw as before


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
