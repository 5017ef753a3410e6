"""Differences converge to the gradient at their order; where nothing can be seen, nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import hinge, hinge_loss, softmax, softmax_loss, stale

from verify import Verdict, check
from verify.candidates import Linear
from verify.cases import Case
from verify.difference import direction
from verify.evidence import judge
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.rounding import WINDOW
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty


def subject(f, loss, penalty="none", dtype="float64"):
    objective = Objective(loss=find_loss(loss), penalty=find_penalty(penalty))
    return Subject(candidate=Linear(f=f), oracle=Oracle(objective, dtype))


def case(W, X, y, reg=0.0, dtype="float64"):
    return Case(values={"W": np.array(W, dtype), "X": np.array(X, dtype), "y": np.array(y), "reg": reg}, family="given", seed=3)


SMOOTH = case([[0.5, 0.25], [-0.25, 0.125], [0.0, 0.75]], [[1.0, 1.0], [-0.5, 1.0]], [0, 2])
ON_A_KINK = case([[0.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]], [1])


def measure(f, loss, where, penalty="none"):
    return LAWS["order"].measure(subject(f, loss, penalty), where)


def test_forward_is_first_order_and_centred_second_on_a_smooth_loss():
    measurement = measure(softmax(penalty=0.0), "softmax_cross_entropy", SMOOTH)
    assert measurement.undecided is None
    for method, order in (("forward", 1), ("centred", 2)):
        errors = {e.where["h"]: e.where["measured"] for e in measurement.evidence if e.where["method"] == method}
        exact = softmax(penalty=0.0)(**SMOOTH.but(reg=0.0).values)[1]
        slope = float((exact * direction(3, SMOOTH["W"].shape, "float64")).sum())
        a, b = sorted(errors, reverse=True)[2:4]
        assert np.log2(abs(errors[a] - slope) / abs(errors[b] - slope)) == pytest.approx(order, abs=0.2)


def test_differences_of_a_linear_piece_are_exact():
    measurement = measure(hinge(penalty=0.0), "multiclass_hinge", SMOOTH)
    assert measurement.undecided is None
    assert all(e.allowed < 1e-7 * e.magnitude for e in measurement.evidence if e.where["h"] > 1e-6)


def test_centred_differences_of_a_quadratic_piece_are_exact_and_forward_ones_err_by_half_h_curvature():
    where = SMOOTH.but(reg=0.5)
    measurement = measure(hinge(), "multiclass_hinge", where, "l2")
    assert measurement.undecided is None
    assert judge([measurement]) is Verdict.HOLDS
    halved = measure(hinge(penalty=1.0), "multiclass_hinge", where, "l2")
    assert judge([halved]) is Verdict.BROKEN


def test_on_a_kink_nothing_is_decided():
    assert measure(hinge(penalty=0.0), "multiclass_hinge", ON_A_KINK).undecided == "on a kink"


def test_where_rounding_swamps_every_step_nothing_is_decided():
    far = case([[40.0, 0.0], [0.0, 0.0]], [[1.0, 1.0]], [0])
    assert measure(softmax(penalty=0.0), "softmax_cross_entropy", far).undecided.startswith("no window")


@pytest.mark.parametrize(("loss", "make"), [("multiclass_hinge", hinge), ("softmax_cross_entropy", softmax)])
def test_order_sees_a_loss_that_goes_stale_where_value_and_gradient_do_not(loss, make):
    report = check(stale(make()), loss=loss, profile="quick", laws=("value", "gradient", "order"))
    assert {r.law: r.verdict for r in report.results} == {"value": Verdict.HOLDS, "gradient": Verdict.HOLDS, "order": Verdict.BROKEN}


@pytest.mark.parametrize("error", [1e-3, 1e-8])
def test_a_gradient_that_is_a_little_wrong_breaks_order(error):
    measurement = measure(softmax(penalty=0.0, after=lambda G, *_: G * (1 + error)), "softmax_cross_entropy", SMOOTH)
    assert judge([measurement]) is Verdict.BROKEN


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_curvature_that_is_not_the_formulas_breaks_order(factor):
    """Loss and gradient agree with each other, but the truncation term shows another second derivative."""

    def bent(W, X, y, reg):
        return softmax_loss(factor * W, X, y, reg) / factor, softmax(penalty=0.0)(factor * W, X, y, reg)[1]

    measurement = measure(bent, "softmax_cross_entropy", SMOOTH)
    assert judge([measurement]) is Verdict.BROKEN


def test_the_window_keeps_rounding_out_of_the_ratio():
    assert 2 * 2 / WINDOW < 0.5 * (4 - 2) / 2  # far less than what separates order 1 from order 2


def test_not_a_number_breaks_order():
    measurement = measure(hinge(penalty=0.0, loss=lambda *a: hinge_loss(*a) * np.nan), "multiclass_hinge", SMOOTH)
    assert judge([measurement]) is Verdict.BROKEN
