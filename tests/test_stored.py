"""Cases that are stored between processes: the same as those that are drawn, for whoever may have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from implementations import hinge

from verify import Verdict, disk_cache
from verify.candidates import Linear, Scores
from verify.cases import Case, families
from verify.cases.packed import packed
from verify.form import SCORES
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Objective
from verify.spec.catalogue import find_loss, find_penalty, losses
from verify.trial import Derived, Trial, engine
from verify.trial.derived import _most


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of the test's own, that processes it starts have as well."""
    disk_cache.drop()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Linear, "at", lambda self, _: self)  # where parameters vary: it is not asked
    yield tmp_path / "verify-gradients"
    disk_cache.drop()


def subject(loss="multiclass_hinge", penalty="l2", dtype="float64", *, f=None, other_values=(), **claim):
    objective = Objective(loss=loss if isinstance(loss, LossSpec) else find_loss(loss), penalty=find_penalty(penalty), **claim)
    way = Scores if claim.get("form") is SCORES else Linear
    return Subject(candidate=way(f=f or hinge()), oracle=Oracle(objective, dtype), other_values=other_values)


def anew(there):
    """As another process begins with it."""
    disk_cache.write()
    return replace(there, answered={}, elsewhere={})


def looked_at(there, profile="quick", seed=0):
    """The cases of a law that is never broken, with the choices that make them."""
    drawn = []
    derived = Derived(LAWS["value"], there, profile, seed)
    for family, cases in derived._families(lambda *_, **__: None):
        drawn += [(family, packed(d.case), [type(v) for v in d.case.values.values()], d.case.key, d.choices) for d in cases]
    return drawn


STORED = {
    "linear": {},
    "float32": {"dtype": "float32"},
    "three classes": {"classes": 3},
    "another margin": {"parameters": {"delta": 0.5}},
    "a margin that varies": {"other_values": ({"delta": 0.5}, {"delta": 2.0})},
    "no penalty": {"penalty": "none"},
    "scores of the same loss": {"penalty": "none", "form": SCORES},
    "scores": {"loss": "softmax_cross_entropy", "penalty": "none", "form": SCORES},
    "float32, of groups": {"dtype": "float32", "penalty": "group_lasso"},
    "a sum over three classes": {"reduction": "sum", "classes": 3},
    "one score": {"loss": "binary_logistic"},
    "a parameter": {"loss": "huber", "parameters": {"delta": 0.5}},
    "a parameter that varies": {"loss": "huber", "other_values": ({"delta": 0.5}, {"delta": 2.0})},
}


@pytest.mark.parametrize("name", STORED)
def test_stored_cases_are_those_that_are_drawn(name, monkeypatch):
    there = subject(**STORED[name])
    drawn = looked_at(there)
    monkeypatch.setattr(engine, "drawn", None)
    assert looked_at(anew(there)) == drawn


@pytest.mark.parametrize("name", STORED)
def test_each_has_its_own(name, tmp_path, monkeypatch):
    there = subject(**STORED[name])
    alone = looked_at(there)
    disk_cache.drop()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of others"))
    for other in STORED:
        if other != name:
            looked_at(subject(**STORED[other]))
    assert looked_at(anew(there)) == alone


@pytest.mark.parametrize("name", losses())
def test_no_family_of_a_small_search_is_steered_by_a_candidate(name):
    """Else its cases would be those of whoever came first, and none are stored."""
    shares = [share for _, share in families(subject(name).oracle).values()]
    assert max(_most(share, "quick") for share in shares) <= engine.UNSTEERED_CASES


def test_a_spec_of_ones_own_and_other_searches_are_drawn(home, monkeypatch):
    own = LossSpec(name="multiclass_hinge", per_example=lambda s, y: s[y], claims=Claims(convex=None), source="a test")
    for there, how in ((subject(own), {}), (subject(), {"seed": 1}), (subject(), {"profile": "ci"})):
        derived = Derived(LAWS["value"], there, **{"profile": "quick", "seed": 0} | how)
        monkeypatch.setattr(Derived, "_drawn", lambda *_: [])
        assert [list(cases) for _, cases in derived._families(lambda *_, **__: None)]
        disk_cache.write()
        assert not [f for folder in home.glob("derived-*") for f in folder.iterdir() if '"cases"' in f.read_text(encoding="utf-8")]


def test_cases_to_which_a_candidate_led_the_search_are_not_stored(monkeypatch):
    monkeypatch.setattr(engine, "UNSTEERED_CASES", 1)
    there = subject()
    looked_at(there)
    monkeypatch.setattr(engine, "drawn", lambda *_: [])
    assert looked_at(anew(there)) == []


def test_what_cannot_be_read_is_drawn(home):
    there = subject()
    drawn = looked_at(there)
    disk_cache.write()
    for f in (f for folder in home.glob("derived-*") for f in folder.iterdir() if '"cases"' in f.read_text(encoding="utf-8")):
        f.write_text(f.read_text(encoding="utf-8").replace("<f8", "<z9"), encoding="utf-8")
    assert looked_at(anew(there)) == drawn


def test_a_counterexample_is_shrunk_from_a_stored_case_as_from_a_drawn_one():
    right = hinge()

    def wrong(W, X, y, reg):
        loss, gradient = right(W, X, y, reg)
        return loss, gradient if len(W) < 4 else gradient * 1.5

    there = subject(f=wrong)
    looked_at(there)
    found = [Trial(Derived(LAWS["gradient"], replace(there, answered={}), "quick", 0)).run()]
    there = anew(there)
    found += [Trial(Derived(LAWS["gradient"], there, "quick", 0)).run()]
    assert [r.verdict for r in found] == [Verdict.BROKEN] * 2
    one, other = ((r.cases, r.families, r.patterns, r.strain, r.witness.case.key, r.diagnosis) for r in found)
    assert one == other
    assert found[0].witness.case["W"].shape[0] == 4


@pytest.mark.parametrize(
    "value", [np.float64(1.0), np.ones((3, 2)).T, np.array([object()]), "a text"], ids=["a scalar", "turned", "objects", "text"]
)
def test_what_would_be_read_as_something_else_is_not_packed(value):
    with pytest.raises(TypeError, match="is not packed"):
        packed(Case(values={"W": np.ones((1, 1)), "x": value}, family="a test"))
