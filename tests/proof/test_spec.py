"""Candidates against the formula of a spec: value and gradient, by conventions that are found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalogue import right
from click.testing import CliRunner
from proof import proved_losses as losses
from proof.kernels import rows_of

import verify
from verify.cli import cli
from verify.core import multiclass_hinge, softmax_cross_entropy
from verify.errors import UsageError
from verify.source import load_file

EXAMPLES = Path(__file__).parents[2] / "examples"


def told(f, loss, **how):
    found = verify.prove(f, loss=loss, **how)
    return found.status, found.claim


def test_conventions_are_found_out_and_told():
    hinge = "layout (D, C), reduction mean, penalty half-l2, delta 1"
    assert told(losses.hinge_by_loops, "multiclass_hinge") == ("proved", f"value and gradient of multiclass_hinge: {hinge}")
    assert told(losses.softmax, "softmax_cross_entropy") == ("proved", "value and gradient of softmax_cross_entropy: reduction mean")


SOME = {
    "huber": "delta 1",  # a domain of targets
    "hinge_embedding": "every m",  # a parameter that it takes
    "binary_cross_entropy": "call f(prediction, target)",  # another prediction than scores
    "cox_efron": "call f(prediction, time, event)",  # a batch
    "ipo": "call f(a, b, a0, b0, beta)",  # named inputs
    "gaussian_crps": "call f(mu, t, sigma)",  # √π
    "triplet": "every m",  # numbers that are written where a column of masks says so
}


@pytest.mark.parametrize("name", SOME)
def test_right_implementations_of_specs_are_proved(name):
    status, claim = told(getattr(right, name), name)
    assert status == "proved"
    assert SOME[name] in claim


def test_targets_that_a_spec_lists_are_gone_through():
    """Its formula asks which is greater, so they are no recorded numbers."""
    found = verify.prove(right.pairwise_hinge, loss="pairwise_hinge")
    assert (found.status, found.proof.labels, found.proof.assumed) == ("proved", 4, ())
    others = verify.prove(right.brier, loss="brier")
    assert (others.status, others.proof.assumed, others.every.why) == ("proved", (), None)
    too_many = verify.prove(right.cox_efron, loss="cox_efron")
    assert (too_many.proof.labels, too_many.proof.assumed) == (4, ("time as in the example",))


def test_the_mean_of_what_is_kept_is_proved_where_something_is():
    found = verify.prove(right.weighted_cross_entropy, loss="weighted_cross_entropy")
    assert found.status == "proved"
    assert "not every target is -100" in found.proof.assumed
    assert verify.prove(right.off(right.weighted_cross_entropy), loss="weighted_cross_entropy").status == "refuted"


def test_a_parameter_that_must_be_a_plain_number_stays_at_its_own():
    """Where the code cannot take a recorded one: the claim does not say every delta then."""

    def hinge(scores, y, delta=1.0):
        rows = np.arange(len(y))
        margins = np.maximum(0, scores - scores[rows, y][:, None] + float(str(delta)))
        margins[rows, y] = 0
        over = (margins > 0).astype(float)
        over[rows, y] = -over.sum(axis=1)
        return margins.sum() / len(y), over / len(y)

    assert told(hinge, "multiclass_hinge") == ("proved", "value and gradient of multiclass_hinge: reduction mean, delta 1")


def test_parameters_are_given_to_the_command():
    target, how = f"{Path(right.__file__)}:multiclass_hinge", ("--loss", "multiclass_hinge", "--in-process")

    def asked(*given):
        found = CliRunner().invoke(cli, ["prove", target, *how, *given], standalone_mode=False)
        return found.return_value, found.stdout, found.exception

    assert asked("--parameter", "delta=2")[0] == 0
    assert isinstance(asked("--parameter", "delta")[2], UsageError)
    assert "unknown parameter" in str(asked("--parameter", "alpha=2")[2])


def test_a_loss_that_is_constant_at_its_shape_proves_nothing():
    """Two examples have one other each, whose part of all others is 1."""
    for f, at_three in ((right.supervised_contrastive, "proved"), (right.off(right.supervised_contrastive), "refuted")):
        assert told(f, "supervised_contrastive", shape="N=2")[0] == "vacuous"
        assert told(f, "supervised_contrastive")[0] == at_three


@pytest.mark.parametrize("name", ["binary_cross_entropy", "ipo"])
def test_gradients_of_specs_that_are_too_long_are_refuted(name):
    assert told(right.off(getattr(right, name)), name)[0] == "refuted"


@pytest.mark.parametrize("kernel", [multiclass_hinge, softmax_cross_entropy], ids=lambda m: m.__name__.rpartition(".")[2])
def test_kernels_of_the_core_are_their_specs(kernel, monkeypatch):
    status, claim = told(rows_of(kernel, monkeypatch), kernel.__name__.rpartition(".")[2], limit=60)
    assert status == "proved"
    assert "reduction sum" in claim


def test_examples_are_their_specs():
    course, booster = (load_file(EXAMPLES / f"{name}.py") for name in ("course_svm", "xgboost_objective"))
    assert told(course.svm_loss_vectorized, "multiclass_hinge", limit=60)[0] == "proved"
    objective = verify.prove(booster.logistic, loss="binary_logistic")
    assert objective.status == "proved"
    assert objective.claim.startswith("gradient of binary_logistic")
    assert "the Hessian is not looked at" in objective.proof.assumed
    assert told(booster.squared, "squared_error")[0] == "proved"


def shifted(where):
    """Softmax with another value, and no other gradient, on one side."""

    def f(scores, y):
        value, d = losses.softmax(scores, y)
        return value + where(scores[0, 0]), d

    return f


def test_a_value_that_is_another_one_somewhere_is_refuted():
    found = verify.prove(shifted(lambda x: 2.0**-8 * (x > 1000)), loss="softmax_cross_entropy")
    assert found.status == "refuted"
    assert "the value is" in found.proof.reason
    assert found.witness.result.law == "value"
    assert verify.prove(shifted(lambda _: 0.5), loss="softmax_cross_entropy").status == "not proved"  # by no convention


def test_another_gradient_is_refuted_by_a_witness_of_the_spec():
    found = verify.prove(losses.forgets_one_label, loss="softmax_cross_entropy")
    assert (found.status, found.witness.result.law) == ("refuted", "gradient")
    assert found.to_dict()["witness"]["loss"] == "softmax_cross_entropy"


def test_conventions_go_with_a_spec():
    with pytest.raises(UsageError, match="reduction is a convention of a spec"):
        verify.prove(losses.softmax, reduction="mean")
    assert told(losses.softmax, "softmax_cross_entropy", reduction="sum")[0] == "not proved"
