"""A case is a point of any function: its values by name, whichever of them are differentiated."""

from __future__ import annotations

import numpy as np
import pytest

from verify.candidates import Answer
from verify.cases import Case, scored
from verify.form import FORMS

x, gamma = np.arange(6.0).reshape(2, 3), np.array([7.0, 8.0])
ONE = Case(values={"W": x, "y": np.array([0, 1]), "reg": 0.5}, family="test", seed=3)
TWO = Case(
    values={"x": x, "gamma": gamma, "eps": np.array(9.0), "y": np.array([0, 1])}, family="test", differentiated=("gamma", "x", "eps")
)


def test_the_point_of_one_value_is_that_very_array():
    assert ONE.x is x
    there = ONE.at(2 * x)
    assert (there["W"].tolist(), there.family, there.seed) == ((2 * x).tolist(), "test", 3)
    assert there["y"] is ONE["y"]


def test_the_point_of_several_values_has_them_in_a_row_in_their_order():
    assert TWO.x.tolist() == [7, 8, 0, 1, 2, 3, 4, 5, 9]
    there = TWO.at(-TWO.x)
    assert [there[name].tolist() for name in ("x", "gamma", "eps")] == [(-x).tolist(), (-gamma).tolist(), -9.0]
    assert there.x.tolist() == (-TWO.x).tolist()
    assert there.differentiated == TWO.differentiated
    assert there["y"] is TWO["y"]


def test_a_gradient_is_laid_out_like_the_point():
    answer = Answer(0.0, {name: 2 * TWO[name] for name in TWO.differentiated})
    assert answer.gradient.tolist() == (2 * TWO.x).tolist()
    alone = Answer(0.0, {"W": x}, curvature=gamma)
    assert alone.gradient is x
    kept = alone.kept()
    assert (kept.gradient.tolist(), kept.curvature.tolist()) == (x.tolist(), gamma.tolist())
    assert not np.shares_memory(kept.gradient, x)
    assert not np.shares_memory(kept.curvature, gamma)


def test_only_the_values_that_are_named_are_others():
    other = ONE.but(reg=0.25, y=np.array([1, 1]))
    assert (other["reg"], other["y"].tolist(), other["W"] is x) == (0.25, [1, 1], True)
    assert (ONE["reg"], ONE["y"].tolist()) == (0.5, [0, 1])
    with pytest.raises(TypeError, match="X is no value of a case of W, y, reg"):
        ONE.but(X=x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_dtype_is_that_of_the_point(dtype):
    assert ONE.at(x.astype(dtype)).dtype == TWO.at(TWO.x.astype(dtype)).dtype == dtype


OTHERS = {
    "a number": lambda c: c.but(reg=0.25),
    "a shape": lambda c: c.but(W=x.reshape(3, 2)),
    "a dtype": lambda c: c.but(y=c["y"].view(np.float64)),
    "the sign of 0": lambda c: c.at(np.where(x == 0, -0.0, x)),
    "names": lambda c: Case(values={"W": c["W"], "t": c["y"], "reg": c["reg"]}, family="test"),
    "what is differentiated": lambda c: Case(values=c.values, family="test", differentiated=("y",)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_key_tells_cases_apart_by(what):
    assert OTHERS[what](ONE).key != ONE.key
    assert Case(values={name: np.copy(v) if name != "reg" else v for name, v in ONE.values.items()}, family="other").key == ONE.key


def test_numbers_of_numpy_are_told_like_those_of_python():
    told = ONE.but(reg=np.float32(0.5)).to_dict()["values"]["reg"]
    assert told == ONE.to_dict()["values"]["reg"] == "0x1.0000000000000p-1"


def test_whole_numbers_in_the_data_are_read_as_floats():
    found = {"values": {"W": [[1, 0]], "X": [[2, 1]], "y": [0], "reg": 1}, "differentiated": ["W"]}
    case = scored.checked(Case.from_dict(found, "float32"), {})
    assert (case["W"].dtype, case["X"].dtype, case["y"].dtype) == (np.float32, np.float32, np.int64)
    assert type(case["reg"]) is float


LINEAR = {"W": [[1.0, 0.0], [0.0, 2.0]], "X": [[0.5, 1.0]], "y": [1], "reg": 0.5}
SPOILED = {
    "other values": (LINEAR | {"delta": 1.0}, "the values are"),
    "one row": (LINEAR | {"X": [0.5, 1.0]}, "do not fit each other"),
    "other columns": (LINEAR | {"X": [[1.0]]}, "do not fit each other"),
    "other labels": (LINEAR | {"y": [0, 1]}, "do not fit each other"),
    "a label beyond": (LINEAR | {"y": [2]}, "labels outside 0..1"),
    "a label below": (LINEAR | {"y": [-1]}, "labels outside 0..1"),
    "a fraction for a label": (LINEAR | {"y": [0.0]}, "no whole number"),
    "one label": (LINEAR | {"y": 0}, "X and y are arrays"),
    "many λ": (LINEAR | {"reg": [0.5]}, "reg is one number"),
    "no number": (LINEAR | {"X": [[0.5, "much"]]}, "invalid hexadecimal"),
    "no whole number": (LINEAR | {"y": [True]}, "no whole number"),
    "infinity": (LINEAR | {"W": [["inf", "0x0p+0"]]}, "is not finite"),
    "nothing": (LINEAR | {"y": []}, "no numbers"),
    "rows of different lengths": (LINEAR | {"W": [[1.0, 0.0], [2.0]]}, "sequence"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_values_that_do_not_fit_are_refused(what):
    values, told = SPOILED[what]
    with pytest.raises(ValueError, match=told):
        scored.checked(Case.from_dict({"values": values, "differentiated": ["W"]}, "float64"), {})


def test_those_that_fit_are_not():
    for values in (LINEAR, LINEAR | {"W": [[1.0, 0.0]], "y": [3]}):  # a loss of one score has as many labels as it has targets
        assert scored.checked(Case.from_dict({"values": values, "differentiated": ["W"]}, "float64"), {})["reg"] == 0.5


def test_a_case_of_one_form_is_one_of_the_other_with_the_same_scores():
    linear, own = FORMS
    scores, y = np.array([[1.0, 2.0], [0.5, -3.0], [0.0, 4.0]]), np.array([0, 1, 0])
    case = Case(values={"scores": scores, "y": y, "gamma": 2.0}, family="a test", seed=3, differentiated=("scores",))
    other = scored.of_form(case, linear)
    assert (other.differentiated, {*other.values}, other.seed) == (("W",), {"W", "X", "y", "reg", "gamma"}, 3)
    np.testing.assert_array_equal(other["X"] @ other["W"].T, scores)
    assert scored.of_form(other, own).key == case.key
    assert scored.of_form(case, own) is case
