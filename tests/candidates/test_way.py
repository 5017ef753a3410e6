"""Every way of asking a candidate answers the same questions about itself."""

from __future__ import annotations

import numpy as np
import pytest

from verify.candidates import Call, Linear, Scores
from verify.form import LINEAR, SCORES
from verify.problem.named import problem_named


def f(*arguments):
    return 0.0, np.zeros_like(arguments[0])


WAYS = {
    "linear": Linear(f=f),
    "scores": Scores(f=f),
    "objective": Scores(f=f, targets=(0, 1), per_example=True),
    "named": Call(f=f, problem=problem_named("soft_cross_entropy"), order=("prediction", "target")),
}
TOLD = {
    "linear": (LINEAR, True, {"layout": "(C, D)"}),
    "scores": (SCORES, False, {"signature": "scores"}),
    "objective": (SCORES, False, {"signature": "objective", "layout": "(prediction, target)", "weights": "not taken"}),
    "named": (None, False, {"call": "f(prediction, target)"}),
}


@pytest.mark.parametrize("name", WAYS)
def test_each_tells_what_it_is(name):
    way = WAYS[name]
    assert (way.form, way.is_of_matrices, way.described) == TOLD[name]
    assert (way.takes_weights, way.flat, way.has_gradient, way.keeps("W")) == (False, False, True, False)
    assert way.packed((1, 2)) == (1, 2)


def test_weights_that_are_an_input_are_not_handed_in_beside_the_values():
    assert Linear(f=f).weighted((1.0,)).weights == (1.0,)
    with pytest.raises(TypeError, match="prediction, target"):
        WAYS["named"].weighted((1.0,))
