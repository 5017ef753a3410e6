"""The fixed cases: right code holds on all of them, and no two changes look alike on the ordinary ones unless they are one."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from implementations import RIGHT

from verify.candidates import Linear
from verify.diagnosis import changes as of_gradients
from verify.diagnosis import hessians, losses, reference_cases
from verify.diagnosis.change import Change
from verify.diagnosis.changes import changes
from verify.diagnosis.messages import SENTENCES, messages
from verify.diagnosis.residuals import at_gradient, at_loss
from verify.diagnosis.vocabulary import Vocabulary
from verify.form import LINEAR, SCORES
from verify.laws import Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty

OTHER_CONVENTIONS = ("(D, C)", "sum, half the penalty")
OBJECTIVES = {loss: Objective(loss=find_loss(loss), penalty=find_penalty("l2")) for loss in RIGHT}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", RIGHT)
def test_right_code_holds_on_every_case_of_the_panel(loss, dtype):
    objective = OBJECTIVES[loss]
    scenes = [
        s for scenes in (reference_cases.ordinary, reference_cases.special, reference_cases.on_kinks) for s in scenes(objective, dtype)
    ]
    for name, f in RIGHT[loss].items():
        if name not in OTHER_CONVENTIONS:
            subject = Subject(candidate=Linear(f=f), oracle=Oracle(objective, dtype))
            assert [name for s in scenes if at_gradient(subject, s).broken or at_loss(subject, s).broken] == []


@pytest.mark.parametrize("loss", RIGHT)
def test_changes_that_look_alike_are_one_change(loss):
    """Parallel columns: a code could not be told from another. Those that remain are the same by their meaning."""
    tables = [changes(s) for s in reference_cases.ordinary(OBJECTIVES[loss], "float64")]
    names = max((t.names for t in tables), key=len)
    A = np.concatenate([t.of_names(names) for t in tables], axis=1)
    size = np.linalg.norm(A, axis=1)
    cosines = np.abs((A / np.where(size > 0, size, 1)[:, None]) @ (A / np.where(size > 0, size, 1)[:, None]).T)
    alike = [(names[i], names[j]) for i, j in combinations(range(len(names)), 2) if cosines[i, j] > 1 - 1e-9]
    both = [{a.kind, b.kind} for a, b in alike if a.kind != b.kind]
    assert all(kinds in SAME for kinds in both), alike
    assert len(alike) < 40


SAME = (
    {"counted", "weights"},  # the penalty is λW
    {"counted", "row"},  # the label's part is what stands in its row
    {"counted", "extra"},  # the constant of softmax's label is its features
    {"weights", "column"},  # the penalty of the bias is the last column of it
    {"label", "permuted"},  # given to the next class: moved down by a row
    {"reduced", "also"},
    {"counted", "also"},
    {"parameter", "leak"},  # what is off counts once: an endless margin
)
"""Kinds of changes that may be one. The first of the catalogue is told."""


GARBLED = re.compile(r"(counted|subtracted) [12] times|(?<![-−])\b1 ×|[-−]1[λW]|stands: |\d/\d[λW]")
"""Twice is no "2 times", −λW no "-1λW", and W/2 no "1/2W"."""
CATALOGUES = [*of_gradients.CATALOGUES.values(), *losses.CATALOGUES.values(), hessians.CATALOGUE]
FORMS = [(loss, form) for loss in (*RIGHT, "binary_logistic") for form in (LINEAR, SCORES)]


@pytest.mark.parametrize(("loss", "form"), FORMS)
def test_every_change_is_told_by_its_own_sort_of_mistakes(loss, form):
    """A new mistake is one entry: its column and its sentence stand together, and no two entries tell one kind differently."""
    objective = Objective(loss=find_loss(loss), penalty=find_penalty("l2" if form is LINEAR else "none"), form=form)
    words = Vocabulary(Oracle(objective, "float64"))
    scene = reference_cases.ordinary(objective, "float64")[0]
    catalogues = [of_gradients.CATALOGUES[form, scene.targets is not None], losses.CATALOGUES[form]]
    for mistakes in [m for catalogue in catalogues for m in catalogue] + [*hessians.CATALOGUE] * (scene.curvature is not None):
        made = [change for change, _ in mistakes.columns(scene)]
        assert {change.kind for change in made} <= set(mistakes.sentences), mistakes.columns
        for change in made:
            for c in (Fraction(-1), Fraction(-2), Fraction(-4), Fraction(1, 2), 0.25) if change.free else (Fraction(1),):
                (told,) = messages(words, [(change, c)])
                assert told.code
                assert told.sentence
                assert not any(mark in told.sentence for mark in "{}"), told.sentence
                assert not re.search(r"[-−][0-9/.]+ times", told.sentence), told.sentence
                assert not GARBLED.search(told.sentence), told.sentence


INSTEAD = {
    "their sign": (Change("counted", "data", free=True), Change("extra", "signs of the slopes", free=True)),
    "the margins": (Change("counted", "data", free=True), Change("valued", "data", free=True)),
    "a constant": (hessians.COUNTED, hessians.CONSTANT),
    "the gradient": (hessians.COUNTED, Change("hessian", "added", "the gradient", free=True)),
}


@pytest.mark.parametrize("name", INSTEAD)
def test_what_stands_in_place_of_a_part_is_told_as_people_say_it(name):
    words = Vocabulary(Oracle(Objective(loss=find_loss("binary_logistic"), penalty=find_penalty("l2")), "float64"))
    for c in (Fraction(1), Fraction(1, 2), Fraction(3)):
        (message,) = messages(words, list(zip(INSTEAD[name], (Fraction(-1), c), strict=True)))
        assert "place" in message.sentence or "where" in message.sentence
        assert not GARBLED.search(message.sentence), message.sentence


def test_a_kind_of_change_has_one_sentence():
    for mistakes in (m for catalogue in CATALOGUES for m in catalogue):
        assert all(SENTENCES[kind] is sentence for kind, sentence in mistakes.sentences.items())
