"""One truth about one claim: the same questions of a loss with labels and of a function of named inputs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from verify import UsageError
from verify.form import LINEAR, SCORES
from verify.oracle import InstanceOracle, Oracle, instance, truth_of
from verify.oracle.exact import distance
from verify.problem import MEAN, SUM, Instance, problem_of, small, weighted
from verify.problem.named import problem_named
from verify.spec import Claims, LossSpec, Objective, positive
from verify.spec.catalogue import find_loss, find_penalty
from verify.spec.relations import Affine, Separable, ShiftInvariant, Symmetric


def labelled(name="multiclass_hinge", form=LINEAR, **fields):
    penalty = find_penalty("l2" if form is LINEAR else "none")
    return Objective(loss=find_loss(name), penalty=penalty, form=form, **fields)


def named(name="soft_cross_entropy", **fields):
    return Instance(problem=problem_named(name), **fields)


def test_the_claim_says_which_truth_it_has():
    scored, inputs = truth_of(labelled(), "float64"), truth_of(named(), "float32")
    assert (type(scored), scored.scored, scored.named, scored.code) == (Oracle, scored, None, None)
    assert (type(inputs), inputs.named, inputs.scored, inputs.dtype) == (InstanceOracle, inputs, None, "float32")


def test_other_values_of_parameters_make_another_truth():
    truth = truth_of(labelled(form=SCORES), "float64")
    there = truth.with_parameters({"delta": 2.0})
    assert (truth.parameters["delta"], there.parameters["delta"], type(there)) == (1.0, 2.0, Oracle)
    values = {"scores": np.array([[0.0, 0.5]]), "y": np.array([0])}
    assert [float(t.at(**values).value.exact) for t in (truth, there)] == [1.5, 2.5]
    other = truth_of(named("info_nce"), "float64").with_parameters({"T": 0.5})
    assert (other.parameters["T"], type(other)) == (0.5, InstanceOracle)


@pytest.mark.parametrize(
    ("claim", "relations"),
    [
        (labelled(), (Separable("N", "mean"), Affine("reg"), Symmetric("C"), ShiftInvariant("W", along="C"))),
        (labelled(form=SCORES, reduction="sum"), (Separable("N", "sum"), Symmetric("C"), ShiftInvariant("scores", along="C"))),
        (labelled("hinge", SCORES), (Separable("N", "mean"),)),
    ],
)
def test_the_form_of_a_loss_with_labels_relates_its_values(claim, relations):
    assert truth_of(claim, "float64").relations == relations


@pytest.mark.parametrize("target", [{}, {"targets": (0, 1)}])
def test_each_examines_what_is_stated(target):
    bulges = LossSpec(
        name="bulges", per_example=lambda s, t: -(s**2 if target else s[0] ** 2), claims=Claims(convex=True), source="", **target
    )
    with pytest.raises(UsageError, match="convex"):
        truth_of(Objective(loss=bulges, penalty=find_penalty("none"), form=SCORES), "float64").examine()


def test_a_point_of_each_is_asked_by_name():
    claim = named()
    point = truth_of(claim, "float64").at(**small(claim.problem))
    assert point.gradient.is_single
    with pytest.raises(ValueError, match="are due"):
        truth_of(claim, "float64").at(prediction=np.zeros((1, 2)))


@pytest.mark.parametrize("name", ["soft_cross_entropy", "info_nce"])
def test_what_cancels_at_one_size_keeps_the_roundings_of_the_others(name):
    """log exp s − s is 0: of one class, or of one pair. Who computes it is as right as at other sizes, and no more."""
    truth = truth_of(named(name), "float64")
    one = small(truth.problem, size=1, seed=0)
    point = truth.at(**one)
    assert abs(float(point.value.exact)) < 2.0**-100
    assert 2.0**-53 < point.value.radius < 2.0**-44
    assert np.all((point.gradient.radius > 2.0**-55) & (point.gradient.radius < 2.0**-44))


def test_what_is_a_polynomial_at_every_size_has_no_roundings_where_it_is_constant():
    point = truth_of(named("pairwise_hinge"), "float64").at(prediction=np.array([0.3]), target=np.array([1]))
    assert point.value.radius < 2.0**-100


SAME = ["hinge", "tukey_biweight", "squared_error", "exponential", "crammer_singer_hinge", "temperature_cross_entropy", "welsch"]
"""With targets and with classes, with and without parameters, kinks and a bound of their slopes."""


@pytest.mark.parametrize("name", SAME)
def test_a_loss_of_scores_allows_as_a_problem_what_it_allows_as_an_objective(name):
    spec = find_loss(name)
    scored = truth_of(labelled(name, SCORES), "float32")
    inputs = truth_of(Instance(problem=problem_of(spec), reduction=MEAN), "float32")
    y, S = np.array([1, 0, 1]), np.array([[3.3, -0.1], [-20.7, 1.1], [0.9, 0.2]], "float32")
    targets, prediction = (y, S) if spec.targets is None else (np.array(spec.targets)[y], S[:, 0])
    one, other = scored.at(scores=prediction.reshape(3, -1), y=y), inputs.at(prediction=prediction, target=targets)
    assert other.value.radius == one.value.radius > 0
    assert np.array_equal(other.gradient.radius.ravel(), one.gradient.radius.ravel())
    assert [q.radius for row in other.curvatures for q in row[0]] == [q.radius for row in one.curvatures for q in row[0]]


def test_a_hinge_with_margins_of_the_classes_may_count_the_label_too_and_take_its_margin_away_again():
    """Where all margins are kept the loss is 0, and Σ Δ_y − Δ_y, example by example, is a rounding of their sum."""
    spec = LossSpec(
        name="margins",
        per_example=lambda s, y, d: sympy.Add(*(sympy.Max(0, s[j] - s[y] + d[j]) for j in range(len(s)) if j != y)),
        parameters={"d": positive(default=1, dims="C")},
        claims=Claims(convex=True),
        source="",
    )
    S, d, y = 9 * np.eye(3), np.array([0.1, 0.2, 0.3]), np.arange(3)
    value = truth_of(Instance(problem=problem_of(spec), reduction=SUM), "float64").at(prediction=S, target=y, d=d).value
    loss = np.maximum(0, S - S[y, y][:, None] + d).sum()
    for own in d[::-1]:
        loss -= own
    assert 2.0**-54 < distance(float(loss), value.exact) < 0.3 * value.radius
    assert distance(float(loss) + 1e-14, value.exact) > value.radius


def test_what_is_true_of_one_example_is_derived_once_whatever_its_weight_and_its_place(monkeypatch):
    monkeypatch.setattr(instance, "CACHE_SIZE", 3)
    truth = truth_of(Instance(problem=weighted(problem_of(find_loss("huber"))), reduction=SUM), "float64")

    def elements(*targets):
        point = truth.at(prediction=np.array([0.5, 2.0, -1.0]), target=np.array(targets), weights=np.array([3.0, 1.0, 0.0]))
        assert [float(e.constants[0]) for e in point.data.elements] == [*targets]
        return point.data.elements

    first, second, third = elements(1.0, 0.25, 1.0)
    assert first is third is elements(0.25, 0.5, 1.0)[2]
    assert second is not first
    elements(2.0, 3.0, 4.0)
    assert elements(1.0, 1.0, 1.0)[0] is not first
