"""How steep losses are on the whole line, and what code may be off that computes slopes as differences of such numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field.right import linear, sigmoid, softplus

from verify import Verdict, check
from verify.oracle import Oracle
from verify.oracle.lipschitz import slopes_in_words
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty

SPECS = Path(__file__).parents[1] / "field" / "specs.py"


def oracle(name, **parameters):
    loss = find_loss(f"{SPECS}:{name}" if name.isupper() else name)
    return Oracle(Objective(loss=loss, penalty=find_penalty("none"), parameters=parameters), "float64")


STEEP = {
    "binary_logistic": [1.0],
    "LOGISTIC": [1.0],
    "ORDINAL": [1.0],
    "softmax_cross_entropy": [1.0, 1.0, 1.0],
    "ONE_VS_ALL": [1.0, 1.0, 1.0],
    "multiclass_hinge": [0.0, 0.0, 0.0],  # polynomials: nobody computes them as differences of greater numbers
    "squared_error": [0.0],
    "HUBER": [0.0],
    "PINBALL": [0.0],
    "POISSON": [0.0],  # without bound
    "GAMMA": [0.0],
    "EXPONENTIAL_CLASSES": [0.0, 0.0, 0.0],
    "POISSON_IDENTITY": [0.0],  # s, for t = 0
}


@pytest.mark.parametrize("name", STEEP)
def test_the_greatest_slope_on_the_line(name):
    found = oracle(name).steepest(len(STEEP[name]), 0)
    assert found == pytest.approx(STEEP[name])


@pytest.mark.parametrize(
    ("name", "words"), [("LOGISTIC", "reach 1:"), ("POISSON", "no bound"), ("GAMMA", "no bound"), ("HUBER", "polynomial")]
)
def test_it_is_said_in_words(name, words):
    assert words in slopes_in_words(find_loss(f"{SPECS}:{name}"))


def test_it_is_derived_from_the_parameters():
    assert oracle("POS_WEIGHT").steepest(1, 1) == pytest.approx([3.0])
    assert oracle("POS_WEIGHT", w=10.0).steepest(1, 1) == pytest.approx([10.0])
    assert oracle("POS_WEIGHT", w=10.0).steepest(1, 0) == pytest.approx([1.0])
    assert oracle("POS_WEIGHT", w=10.0).most_curved(1, 1, 0) == pytest.approx(2.5)


def test_of_a_symmetric_loss_every_label_has_its_own():
    for label in range(3):
        assert oracle("softmax_cross_entropy").steepest(3, label) == pytest.approx([1.0, 1.0, 1.0])


def test_huber_of_any_size_keeps_its_radius():
    """An allowance of the size of the greatest slope would blind the check where the loss is a parabola."""
    small, great = (oracle("HUBER", delta=d).at(W=np.array([[0.5]]), X=np.ones((1, 1)), y=np.array([2]), reg=0.0) for d in (1.0, 1000.0))
    assert great.gradient.radius == pytest.approx(small.gradient.radius, rel=1e-6)


def logistic(slope):
    return linear(lambda s, t: softplus(-t * s), slope)


WRONG = {
    "an error of 1e-13 of every slope": logistic(lambda s, t: (sigmoid(s) - (t + 1) / 2) * (1 + 1e-13)),
    "a slope that is cut off below 1e-12": logistic(lambda s, t: np.where(sigmoid(-t * s) < 1e-12, 0, sigmoid(s) - (t + 1) / 2)),
    "a probability in single precision": logistic(lambda s, t: sigmoid(s.astype(np.float32)).astype(s.dtype) - (t + 1) / 2),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_by_more_than_roundings_of_the_greatest_slope_is_broken(name):
    report = check(WRONG[name], loss=f"{SPECS}:LOGISTIC", laws=("gradient",), profile="ci")
    assert report.verdict is Verdict.BROKEN


def test_further_ways_of_writing_widen_the_radius_and_nothing_else():
    loss = find_loss(f"{SPECS}:EXPONENTIAL_CLASSES")
    there = {"W": np.array([[-30.0], [0.0]]), "X": np.ones((1, 1)), "y": np.array([1]), "reg": 0.0}
    plain = Oracle(
        Objective(
            loss=type(loss)(**{f: getattr(loss, f) for f in ("name", "per_example", "claims", "source")}), penalty=find_penalty("none")
        ),
        "float64",
    )
    written = oracle("EXPONENTIAL_CLASSES")
    a, b = plain.at(**there).value, written.at(**there).value
    assert b.exact.overlaps(a.exact)
    assert a.radius < 1e-12 * float(a.exact) < b.radius < 1e-14


def test_a_way_of_writing_another_loss_is_refused():
    from sympy import exp, log

    from verify import UsageError
    from verify.oracle.loss_claims import examine
    from verify.spec import Claims, LossSpec

    known = {
        "name": "mine",
        "per_example": lambda s, t: log(1 + exp(s)) - t * s,
        "targets": (0, 1),
        "claims": Claims(convex=True),
        "source": "-",
    }
    examine(LossSpec(**known, ways=(lambda s, t: log(1 + exp(-s)) + (1 - t) * s,)))
    with pytest.raises(UsageError, match=r"ways\[0\] of mine is another loss"):
        examine(LossSpec(**known, ways=(lambda s, t: log(1 + exp(-s)) + t * s,)))
    with pytest.raises(UsageError, match="give a tuple of functions"):
        LossSpec(**known, ways=known["per_example"])
