"""Forms: the same loss as a function of weights and data, and of the scores that these have."""

from __future__ import annotations

import numpy as np
import pytest

from verify.form import FORMS, LINEAR, SCORES, form_of
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty


def linear(dtype="float64"):
    rng = np.random.default_rng(3)
    W, X = rng.integers(-8, 9, (3, 2)) / 8, rng.integers(-8, 9, (4, 2)) / 8
    X[:, -1] = 1
    return {"W": W.astype(dtype), "X": X.astype(dtype), "y": np.array([2, 0, 1, 0]), "reg": 0.5}


def both():
    values = linear()
    return [(form, form.of_linear(values)) for form in FORMS]


def test_values_tell_their_form():
    assert [form_of({**values, "gamma": 2.0}) for _, values in both()] == [LINEAR, SCORES]
    with pytest.raises(ValueError, match="W, X, y, reg are due and a gradient for W or scores, y are due"):
        form_of({"x": np.zeros(2)})


def test_examples_classes_and_offsets_are_those_of_the_same_scores():
    changes = (
        lambda form, values: values,
        lambda form, values: form.of_examples(values, [3, 0, 0]),
        lambda form, values: form.of_examples(values, slice(-1)),
        lambda form, values: form.of_classes(values, [2, 0]),
        lambda form, values: form.lifted(values, 1, 0.25),
        lambda form, values: form.lifted(values, slice(None), -4.0),
        lambda form, values: form.bare(values),
    )
    for change in changes:
        (a, X), (b, S) = ((form, change(form, values)) for form, values in both())
        np.testing.assert_array_equal(a.scores(X), b.scores(S))
        np.testing.assert_array_equal(X["y"], S["y"])
        assert a.classes(X) == b.classes(S)


def test_the_gradient_of_weights_is_made_of_that_of_the_scores():
    values, common = linear(), {"loss": find_loss("softmax_cross_entropy"), "penalty": find_penalty("none"), "reduction": "sum"}
    truths = [Oracle(Objective(**common, form=form), "float64").at(**form.of_linear(values)) for form in FORMS]
    weights, slopes = (np.array(t.gradient.center, np.float64) for t in truths)
    np.testing.assert_allclose(LINEAR.gradient(values, slopes), weights, rtol=1e-15, atol=1e-15)
    assert SCORES.gradient(values, slopes) is slopes
    assert float(abs(truths[0].value.exact - truths[1].value.exact)) < 1e-25


def test_an_example_that_is_there_twice_adds_twice():
    part = np.arange(6.0).reshape(3, 2)
    whole = SCORES.back({"scores": np.zeros((4, 2))}, part, [2, 0, 2])
    np.testing.assert_array_equal(whole, [[2, 3], [0, 0], [4, 6], [0, 0]])
    assert LINEAR.back({}, part, [0, 1, 0]) is part


def test_equal_examples_of_weights_are_one_and_those_of_scores_have_their_own_entries():
    values = LINEAR.of_examples(linear(), [1, 0, 1, 1])
    assert LINEAR.first_alike(values) == [0, 1, 0, 0]
    assert SCORES.first_alike(SCORES.of_linear(values)) == [0, 1, 2, 3]
