"""The loss classes of scikit-learn, which its linear models and boosters share, judged as they are."""

from __future__ import annotations

import pytest

from verify import Verdict, check

losses = pytest.importorskip("sklearn._loss", reason="scikit-learn is not installed: tox -e sklearn")

JUDGED = {
    "HalfBinomialLoss": "binary_logistic",
    "HalfSquaredError": "squared_error",
    "HalfMultinomialLoss": "softmax_cross_entropy",
}
LAWS = ("value", "gradient", "curvature", "order", "consistency", "purity", "batches")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", JUDGED)
def test_a_loss_class_holds(name, dtype):
    report = check(f"sklearn._loss:{name}", loss=JUDGED[name], dtypes=(dtype,), profile="quick", laws=LAWS)
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    (conventions,) = report.conventions.values()
    assert conventions == {
        "signature": "objective",
        "reduction": "sum",
        "fits": True,
        "layout": "(target, prediction)",
        "hessian": "exact",
        "weights": "not taken",
        "framework": "sklearn",
    }


def test_an_object_is_judged_as_its_class():
    assert check(losses.HalfSquaredError(), loss="squared_error", profile="quick", laws=("value", "curvature")).verdict is Verdict.HOLDS


def test_a_loss_that_is_another_is_broken():
    report = check(losses.AbsoluteError(), loss="squared_error", profile="quick", laws=("value", "gradient"))
    assert {r.verdict for r in report.results} == {Verdict.BROKEN}
