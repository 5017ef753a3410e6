"""One catalogue of mistakes: what `power` does wrong on purpose, the diagnosis calls by its name."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain

import numpy as np
import pytest

from verify.candidates import Linear
from verify.diagnosis import changes, losses, messages
from verify.diagnosis.change import Change, Mutation, union, with_sentences
from verify.diagnosis.messages import messages as in_words
from verify.diagnosis.reference_cases import ordinary, special
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Message
from verify.form import LINEAR
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.power.hessians import Hessians, of_each_example
from verify.power.mutants import mutants
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.terms import Reference
from verify.trial import run

ELSEWHERE = {
    "kink": {"on a kink": "kink-outside", "≥": "kink-inconsistent"},
    "consistent": {"in loss and gradient": "margin"},
}
"""What is not made from the catalogue, by the family of a mistake and what its name says: the codes that are due."""
GRADIENTS = {"term", "parameter", "penalty", "reduction", "label", "structure"}
FAMILIES = {
    "softmax_cross_entropy": {*GRADIENTS, "kink"},
    "multiclass_hinge": {"kink", "parameter", "consistent"},
    "binary_logistic": {"term", "label"},
}
ORACLES = {loss: Oracle(Objective(loss=find_loss(loss), penalty=find_penalty("l2")), "float64") for loss in FAMILIES}
CASES = {loss: [*ordinary(o.objective, "float64"), *special(o.objective, "float64")] for loss, o in ORACLES.items()}
MADE = [(loss, m) for loss, oracle in ORACLES.items() for m in mutants(Reference(oracle)) if m.family in FAMILIES[loss]]


def mutations(loss: str) -> dict[str, Mutation]:
    reference = Reference(ORACLES[loss])
    catalogue = changes.CATALOGUES[LINEAR, not reference.has_classes]
    return {m.name: m for m in chain.from_iterable(mistakes.mutations(reference) for mistakes in catalogue)}


def names_due(loss: str, mutation: Mutation) -> list[tuple[str, str]]:
    """Its own name, and those of changes with the same numbers on all reference cases: p_j of softmax is the other classes' part."""
    tables = [changes.changes(d) for d in CASES[loss]]
    names = union(tables)
    columns = np.concatenate([t.of_names(names) for t in tables], axis=1)
    added = mutation.times * columns[names.index(mutation.change)]
    assert np.any(added)
    due = []
    for change, column in zip(names, columns, strict=True):
        c = float(column @ added) / float(column @ column) if np.all(np.isfinite(column)) and np.any(column) else 0.0
        if c and np.allclose(c * column, added, rtol=0, atol=1e-9) and (change.free or abs(c - 1) < 1e-9):
            (message,) = in_words(Vocabulary(ORACLES[loss]), [(change, Fraction(c).limit_denominator(100))])
            due.append((message.code, message.sentence))
    return due


@pytest.mark.parametrize(("loss", "made"), MADE, ids=[f"{loss}: {m.name}" for loss, m in MADE])
def test_a_mistake_that_power_makes_gets_its_name_back(loss, made):
    found = run(LAWS["gradient"], Subject(candidate=Linear(f=made.f), oracle=ORACLES[loss]), profile="quick", seed=0).diagnosis
    if made.family in ELSEWHERE:
        assert found["code"] == next(code for words, code in ELSEWHERE[made.family].items() if words in made.name), found
    else:
        assert (found["code"], found["message"]) in names_due(loss, mutations(loss)[made.name])


def test_every_family_is_made():
    assert {m.family for _, m in MADE} == {*GRADIENTS, *ELSEWHERE}


HESSIANS = {loss: Hessians(of_each_example(oracle)) for loss, oracle in ORACLES.items()}
IN_WORDS = {
    "a constant for the Hessian": "in place of the Hessian stands the constant 3/2",
    "the gradient for the Hessian": "in place of the Hessian stands the gradient",
    "the gradient's square for the Hessian": "in place of the Hessian stands the gradient's square",
    "the Hessian left out": "the Hessian is 0",
    "the Hessian doubled": "the Hessian is twice what it must be; an approximation that is meant is declared, by --hessian approximate",
    "the Hessian with the wrong sign": "the Hessian has the wrong sign",
}


@pytest.mark.parametrize("name", IN_WORDS)
def test_a_wrong_hessian_that_power_makes_gets_its_name_back(name):
    hessians = HESSIANS["binary_logistic"]
    subject = Subject(candidate=dict(hessians.mutants())[name], oracle=hessians.oracle)
    found = run(LAWS["curvature"], subject, profile="quick", seed=0).diagnosis
    assert (found["code"], found["message"]) == ("curvature", IN_WORDS[name])


def test_every_wrong_hessian_that_is_no_error_of_a_size_is_looked_at():
    names = {name for hessians in HESSIANS.values() for name, _ in hessians.mutants()}
    assert {name for name in names if "off by" not in name} == set(IN_WORDS)


@pytest.mark.parametrize("loss", FAMILIES)
def test_every_mutation_adds_something_that_the_diagnosis_knows(loss):
    reference = Reference(ORACLES[loss])
    for catalogue in (changes.CATALOGUES[LINEAR, not reference.has_classes], losses.CATALOGUES[LINEAR]):
        for mistakes in catalogue:
            wanted = {m.change for m in mistakes.mutations(reference)}
            with np.errstate(all="ignore"):
                added = [{change for change, column in mistakes.columns(d) if np.any(column)} for d in CASES[loss]]
            assert wanted <= set().union(*added)


def test_a_new_mistake_is_one_entry(monkeypatch):
    """It is made, and it gets its sentence."""

    @with_sentences(
        {"cubed": lambda v, change, c: Message("scaled", f"{v.names[change.part]} is cubed")},
        lambda reference: iter([Mutation("every entry cubed", "structure", Change("cubed", "whole"))]),
    )
    def cubed(decomposition):
        yield Change("cubed", "whole"), decomposition.whole**3 - decomposition.whole

    oracle = ORACLES["softmax_cross_entropy"]
    catalogues = {form: (*catalogue, cubed) for form, catalogue in changes.CATALOGUES.items()}
    monkeypatch.setattr(changes, "CATALOGUES", catalogues)
    monkeypatch.setattr(messages, "SENTENCES", messages.sentences([*catalogues.values(), *losses.CATALOGUES.values()]))
    for cached in (changes.changes, changes.few):
        cached.cache_clear()
    (made,) = [m for m in mutants(Reference(oracle)) if m.name == "every entry cubed"]
    try:
        found = run(LAWS["gradient"], Subject(candidate=Linear(f=made.f), oracle=oracle), profile="quick", seed=0)
    finally:
        for cached in (changes.changes, changes.few):
            cached.cache_clear()
    assert (found.diagnosis["code"], found.diagnosis["message"]) == ("scaled", "the whole gradient is cubed")
