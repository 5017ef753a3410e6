"""Penalties of a user's own: named by their file, judged like those that ship, refused in a sentence where they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verify import UsageError, Verdict, check, replay
from verify.campaign import witness
from verify.spec import Penalty
from verify.spec.catalogue import find_penalty
from verify.spec.convexity import convex_penalty

FILE = Path(__file__).parent / "field" / "penalties.py"
LAWS = ("value", "gradient", "one-sided", "order")


def softmax(penalty, slope):
    """The mean cross-entropy with λ·R(W), R and its slope by entries of W."""

    def loss(W, X, y, reg):
        S = X @ W.T
        S -= S.max(1, keepdims=True)
        E, rows = np.exp(S), np.arange(len(y))
        P = E / E.sum(1, keepdims=True)
        value = (np.log(E.sum(1)) - S[rows, y]).mean()
        P[rows, y] -= 1
        return value + reg * penalty(W), P.T @ X / X.dtype.type(len(y)) + reg * slope(W)

    return loss


def without_bias(f):
    """F of all columns but the last."""

    def slope(W):
        found = np.zeros_like(W)
        found[:, :-1] = f(W[:, :-1])
        return found

    return slope


def elastic(W):
    w = W[:, :-1]
    return np.abs(w).sum() / 2 + (w * w).sum() / 4


RIGHT = {
    "elastic net": ("", softmax(elastic, without_bias(lambda w: (np.sign(w) + w) / 2))),
    "lasso, 0 at 0": (":LASSO", softmax(lambda W: np.abs(W).sum(), np.sign)),
    "lasso, 1 at 0": (":LASSO", softmax(lambda W: np.abs(W).sum(), lambda W: np.where(W >= 0, W.dtype.type(1), W.dtype.type(-1)))),
}
WRONG = {
    "half of the square's slope": ("", softmax(elastic, without_bias(lambda w: np.sign(w) / 2 + w / 4))),
    "the bias too": ("", softmax(elastic, lambda W: (np.sign(W) + W) / 2)),
    "2 at 0": (":LASSO", softmax(lambda W: np.abs(W).sum(), lambda W: np.where(W == 0, W.dtype.type(2), np.sign(W)))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    penalty, f = RIGHT[name]
    report = check(f, loss="softmax_cross_entropy", penalty=f"{FILE}{penalty}", laws=LAWS, dtypes=("float64", "float32"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_broken(name):
    penalty, f = WRONG[name]
    report = check(f, loss="softmax_cross_entropy", penalty=f"{FILE}{penalty}", laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN


def test_a_counterexample_keeps_the_penalty(tmp_path):
    target = tmp_path / "wrong.py"
    code = "import numpy as np\n\n\ndef f(W, X, y, reg):\n    return 0.0 * W.sum() + reg * np.abs(W).sum(), reg * 2 * np.sign(W)\n"
    target.write_text(code, encoding="utf-8")
    spec = tmp_path / "flat.py"
    spec.write_text(FLAT, encoding="utf-8")
    report = check(f"{target}:f", loss=str(spec), penalty=f"{FILE}:LASSO", laws=("gradient",), profile="quick", in_process=True)
    assert report.verdict is Verdict.BROKEN
    (path,) = witness.save([o for o in report.outcomes if o.result.witness is not None], tmp_path)
    assert witness.read(path)["conventions"]["penalty"] == f"{FILE}:LASSO"
    assert replay(path, trust=True).verdict is Verdict.BROKEN


FLAT = """
from verify.spec import Claims, LossSpec

SPEC = LossSpec(name="flat", per_example=lambda s, y: 0 * s[y] + s[0] / 2**40, claims=Claims(convex=True), source="a test")
"""


def test_they_are_found_by_file_and_named_by_it():
    found = find_penalty(f"{FILE}:LASSO")
    assert found is find_penalty(f"{FILE}:LASSO")
    assert found.name == f"{FILE}:LASSO"
    assert convex_penalty(found)
    assert find_penalty(str(FILE)).bias is False


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("JUMPS", "jumps: at score 1, as a function of one weight, its value is 0 on one side and 1 on the other"),
        ("OF_NUMBERS", "instead of max use Max of sympy"),
        ("SIGN", "sign jumps: state the loss by Max, Min, Abs"),
        ("NOTHING", "does not depend on the weight: it is 3"),
        ("LASO", "has no Penalty called LASO. Define one, or give FILE.py:NAME. It has PENALTY, LASSO"),
    ],
)
def test_what_is_none_is_refused(name, told):
    with pytest.raises(UsageError, match=told):
        check(RIGHT["elastic net"][1], loss="softmax_cross_entropy", penalty=f"{FILE}:{name}", profile="quick")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "x"}, "Penalty has no per_weight. Give it one, such as per_weight=lambda w"),
        ({"name": "x", "per_weight": 3}, "per_weight of x is 3; give a function of one weight"),
        ({"name": 3, "per_weight": abs}, "the name of a penalty"),
        ({"name": "x", "per_weight": abs, "bias": "no"}, "bias of x is 'no'; give True, or False"),
        ({"name": "x", "per_weight": abs, "biass": True}, "field of Penalty 'biass'. Did you mean 'bias'"),
    ],
)
def test_slips_are_told(fields, told):
    with pytest.raises(UsageError, match=told):
        Penalty(**fields)
