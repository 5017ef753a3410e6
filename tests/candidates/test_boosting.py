"""Objectives as xgboost's and lightgbm's users write them: the libraries train with the same functions that are judged."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check

xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed: tox -e boosting")
lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed: tox -e boosting")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] + 0.3 * RNG.normal(size=60) > 0).astype(float)
CLASSES = (X[:, 0] > 0.5).astype(int) + (X[:, 1] > 0)


def logistic(y_true, y_pred):
    """Both scikit-learn interfaces call it like this."""
    p = 1 / (1 + np.exp(-y_pred))
    return p - y_true, p * (1 - p)


def native(preds, data):
    """Both native interfaces call it like this: with a DMatrix or a Dataset."""
    return logistic(data.get_label(), preds)


def softmax(predt, dtrain):
    """After xgboost's own demo: the Hessian is the bound 2p(1 − p), with a floor."""
    labels = dtrain.get_label().astype(int)
    e = np.exp(predt - predt.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    hess = np.maximum(2 * p * (1 - p), 1e-6)
    p[np.arange(len(labels)), labels] -= 1
    return p, hess


def accuracy(scores):
    return float(((scores > 0) == Y).mean())


TRAINED = {
    "xgboost, native": lambda: xgboost.train({}, xgboost.DMatrix(X, Y), 5, obj=native).predict(xgboost.DMatrix(X), output_margin=True),
    "xgboost, as sklearn's": lambda: xgboost.XGBRegressor(n_estimators=5, objective=logistic).fit(X, Y).predict(X, output_margin=True),
    "lightgbm, native": lambda: lightgbm.train(
        {"objective": native, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}, lightgbm.Dataset(X, Y), 5
    ).predict(X),
    "lightgbm, as sklearn's": lambda: (
        lightgbm.LGBMRegressor(n_estimators=5, objective=logistic, verbosity=-1, n_jobs=1, min_child_samples=5).fit(X, Y).predict(X)
    ),
}


@pytest.mark.parametrize("name", TRAINED)
def test_the_library_trains_with_what_is_judged(name):
    """So the order of the arguments and their shapes are those of the library."""
    assert accuracy(np.asarray(TRAINED[name]())) > 0.9


JUDGED = {"(prediction, data set)": native, "(target, prediction)": logistic}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layout", JUDGED)
def test_an_objective_holds_in_the_order_that_is_found_out(layout, dtype):
    report = check(JUDGED[layout], loss="binary_logistic", dtypes=(dtype,), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    (conventions,) = report.conventions.values()
    assert conventions["layout"] == layout


def test_the_softmax_objective_of_the_demo_holds_once_its_hessian_is_declared_an_approximation():
    margins = xgboost.train({"num_class": 3}, xgboost.DMatrix(X, CLASSES), 5, obj=softmax).predict(xgboost.DMatrix(X), output_margin=True)
    assert (margins.argmax(1) == CLASSES).mean() > 0.9
    laws = ("gradient", "curvature", "convexity", "symmetry")
    assert check(softmax, loss="softmax_cross_entropy", profile="quick", laws=laws, hessian="approximate").verdict is Verdict.HOLDS
    report = check(softmax, loss="softmax_cross_entropy", profile="quick", laws=laws)
    assert {r.law for r in report.results if r.verdict is Verdict.BROKEN} == {"curvature"}
