"""|v − f(x)| ≤ rounding, and what breaks it alone: a wrong loss beside the gradient of the right one."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import hinge, hinge_loss, margins, softmax, softmax_loss

from verify import Verdict, check


def shifted_together(W, X, y, reg):
    """Infinite where one example's scores lie far below another's."""
    S = X @ W.T - (X @ W.T).max()
    with np.errstate(all="ignore"):
        return (np.log(np.exp(S).sum(1)) - S[np.arange(len(X)), y]).mean() + reg * (W * W).sum()


WRONG_LOSSES = {
    "off by 1e-10": ("multiclass_hinge", hinge(loss=lambda *a: hinge_loss(*a) * (1 + 1e-10))),
    "the label counted as a class": ("multiclass_hinge", hinge(loss=lambda *a: hinge_loss(*a) + 1)),
    "margins not clipped": ("multiclass_hinge", hinge(loss=lambda W, X, y, reg: margins(W, X, y).sum() / len(X) + reg * (W * W).sum())),
    "not a number on ties": ("multiclass_hinge", hinge(loss=lambda *a: hinge_loss(*a) if (margins(*a[:3]) != 0).all() else np.nan)),
    "logarithm to base 2": ("softmax_cross_entropy", softmax(loss=lambda *a: softmax_loss(*a) / np.log(2))),
    "a shift by the greatest score of all examples": ("softmax_cross_entropy", softmax(loss=lambda *a: shifted_together(*a))),
    "single precision inside": (
        "softmax_cross_entropy",
        softmax(loss=lambda W, X, y, reg: float(softmax_loss(W.astype("f4"), X.astype("f4"), y, reg))),
    ),
}


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_a_wrong_loss_breaks_value_and_not_gradient(name):
    loss, implementation = WRONG_LOSSES[name]
    report = check(implementation, loss=loss, laws=("value", "gradient"), penalty="l2", reduction="mean")
    assert {r.law: r.verdict for r in report.results} == {"value": Verdict.BROKEN, "gradient": Verdict.HOLDS}


def test_the_witness_says_what_was_measured_and_what_is_allowed():
    report = check(hinge(loss=lambda *a: hinge_loss(*a) + 1), loss="multiclass_hinge", laws=("value",), penalty="l2")
    (result,) = report.results
    where = result.witness.evidence.where
    assert where["measured"] == pytest.approx(where["expected"] + 1)
    assert result.witness.evidence.allowed < 1e-10
    assert result.diagnosis["code"] == "value"
