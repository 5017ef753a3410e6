"""A loss and its gradient without a spec: no false alarm at kinks and in float32, and errors that scipy's check_grad does not see."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import check_grad, rosen, rosen_der
from scipy.special import expit

import verify
from verify import Candidate, UsageError, Verdict, check
from verify.campaign.configuration import read
from verify.candidates.example import point
from verify.cases import Case
from verify.pair import Pair, case_of
from verify.pair.laws import MEASURES
from verify.pair.slope import along, on_grid
from verify.problem.sampling import scales

RNG = np.random.default_rng(1)
A, B, SIGNS = RNG.normal(size=(30, 6)), RNG.normal(size=30), np.where(RNG.normal(size=30) > 0, 1.0, -1.0)
X, LABELS = RNG.normal(size=(12, 4)), RNG.integers(0, 3, 12)
START = RNG.normal(size=6)


def least_squares(x):
    r = A.astype(x.dtype) @ x - B.astype(x.dtype)
    return (r * r).sum(), 2 * A.T.astype(x.dtype) @ r


def logistic(x):
    m = SIGNS.astype(x.dtype) * (A.astype(x.dtype) @ x)
    return np.logaddexp(0, -m).sum(), A.T.astype(x.dtype) @ (-SIGNS.astype(x.dtype) * expit(-m))


def hinge(W):
    S = X.astype(W.dtype) @ W
    M = np.maximum(0, S - S[np.arange(12), LABELS][:, None] + 1)
    M[np.arange(12), LABELS] = 0
    G = (M > 0).astype(W.dtype)
    G[np.arange(12), LABELS] = -G.sum(1)
    return M.sum(), X.T.astype(W.dtype) @ G


def huber(x):
    return np.where(abs(x) < 1, x * x / 2, abs(x) - 0.5).sum(), np.clip(x, -1, 1)


def of_different_sizes(x):
    a, b = x[0] * 1e6 - 3, x[1] * 1e-6 + 1
    return a * a + b * b, np.array([2e6 * a, 2e-6 * b], x.dtype)


RIGHT = {
    "Rosenbrock": (lambda x: (rosen(x), rosen_der(x)), np.array([1.3, 0.7, 0.8, 1.9])),
    "least squares": (least_squares, START),
    "logistic": (logistic, START),
    "logistic, far out": (logistic, 100 * START),
    "p − 1 where p is 1": (lambda x: (np.logaddexp(0, -x).sum(), expit(x) - 1), np.array([40.0, 50.0, 0.5])),
    "multiclass hinge at W = 0": (hinge, np.zeros((4, 3))),
    "ReLU, >": (lambda x: (np.maximum(x, 0).sum(), (x > 0) * x.dtype.type(1)), START),
    "ReLU, ≥": (lambda x: (np.maximum(x, 0).sum(), (x >= 0) * x.dtype.type(1)), np.zeros(3)),
    "|x|": (lambda x: (np.abs(x).sum(), np.sign(x)), np.array([1.0, -1.0, 0.0])),
    "max with ties": (lambda x: (x.max(), (np.arange(x.size) == x.argmax()) * x.dtype.type(1)), np.array([1.0, 1.0, 0.5])),
    "Huber on its corners": (huber, np.array([1.0, -1.0, 0.3])),
    "logarithm": (lambda x: (-np.log(x).sum(), -1 / x), np.array([0.1, 2.0, 3e-3])),
    "square root at 0": (lambda x: (np.sqrt(x).sum(), 0.5 / np.sqrt(x)), np.array([0.0, 1.0, 4.0])),
    "concave kink": (lambda x: (-np.abs(x).sum(), -np.sign(x)), np.array([0.0, 1.0])),
    "a number": (lambda x: (x**3, 3 * x**2), np.array(2.0)),
    "of different sizes": (of_different_sizes, np.array([1e-6, 1e6])),
    "fast oscillation": (lambda x: (np.sin(16 * np.pi * x).sum(), 16 * np.pi * np.cos(16 * np.pi * x)), np.array([1.0, 2.0])),
}  # fmt: skip
NOT_CONVEX = {"Rosenbrock", "square root at 0", "concave kink", "a number", "fast oscillation"}


def pair(f):
    return Candidate(loss=lambda x: f(x)[0], grad=lambda x: f(x)[1])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pair_holds_every_law(name, dtype):
    f, x = RIGHT[name]
    report = check(pair(f), loss=None, at=x.astype(dtype), convex=name not in NOT_CONVEX, profile="quick")
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    by_law = {r.law: r for r in report.results}
    assert by_law["gradient"].verdict is Verdict.HOLDS
    assert by_law["gradient"].dtype == dtype
    assert max(r.strain for r in report.results) < 0.4
    assert by_law["gradient"].sensitivity < (1e-10 if dtype == "float64" else 1e-2)


def touched(f, i, factor):
    def g(x):
        value, gradient = f(x)
        gradient = np.array(gradient)
        gradient.flat[i] *= factor
        return value, gradient

    return g


def everywhere(f, change):
    return lambda x: (f(x)[0], change(f(x)[1]))


SMALL = {
    "one entry by 1e-9": lambda f: touched(f, 2, 1 + 1e-9),
    "all by 1e-10": lambda f: everywhere(f, lambda g: g * (1 + 1e-10)),
    "single precision inside": lambda f: everywhere(f, lambda g: g.astype(np.float32).astype(np.float64)),
}
SMOOTH = {"Rosenbrock": 1e-4, "least squares": 2e-5, "logistic": 5e-6}
"""What check_grad answers for the right gradient and for these wrong ones alike, at most."""


@pytest.mark.parametrize("change", SMALL)
@pytest.mark.parametrize("name", SMOOTH)
def test_a_small_error_is_seen_that_check_grad_does_not_see(name, change):
    f, x = RIGHT[name]
    wrong = SMALL[change](f)
    theirs = [check_grad(lambda z, g=g: g(z)[0], lambda z, g=g: g(z)[1], x) for g in (f, wrong)]
    assert max(theirs) < SMOOTH[name]
    assert theirs[1] < 2 * theirs[0] + 1e-5
    (result,) = check(pair(wrong), loss=None, at=x, laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert result.strain > 5


def test_the_wrong_entry_is_named():
    (result,) = check(pair(touched(hinge, 7, 1.5)), loss=None, at=RNG.normal(size=(4, 3)), laws=("gradient",), profile="quick").results
    assert result.diagnosis["entries"] == [[2, 1]]


AT_KINKS = {
    "2 at the kink of ReLU": (lambda x: (np.maximum(x, 0).sum(), (x > 0) + 2.0 * (x == 0)), [1.0, -1.0, 0.0]),
    "below 0 at the kink of ReLU": (lambda x: (np.maximum(x, 0).sum(), (x > 0) - 0.1 * (x == 0)), [1.0, -1.0, 0.0]),
    "all of the tied": (lambda x: (x.max(), (x == x.max()) * 1.0), [1.0, 1.0, 0.5]),
    "not a number at 0": (lambda x: (np.abs(x).sum(), np.where(x == 0, np.nan, np.sign(x))), [1.0, 0.0]),
}


@pytest.mark.parametrize("name", AT_KINKS)
def test_a_value_outside_at_a_kink_is_broken_and_every_value_within_holds(name):
    f, x = AT_KINKS[name]
    (result,) = check(pair(f), loss=None, at=x, laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN


def test_check_grad_fails_right_code_at_kinks_and_in_float32():
    """Why it is no yardstick: what holds above looks broken to it."""
    absolute = RIGHT["ReLU, >"][0]
    assert check_grad(lambda x: absolute(x)[0], lambda x: absolute(x)[1], np.zeros(3)) > 1
    x = START.astype(np.float32)
    assert check_grad(lambda z: least_squares(z.astype(np.float32))[0], lambda z: least_squares(z.astype(np.float32))[1], x) > 1


def kept(f):
    """Keeps the loss of the last x as long as x hardly moves."""
    last = {}

    def g(x):
        if "x" not in last or np.max(np.abs(last["x"] - x)) > 1e-3:
            last.update(x=x.copy(), value=f(x)[0])
        return last["value"], f(x)[1]

    return g


def writes(x):
    value, gradient = least_squares(x)
    x += 1
    return value, gradient


def buffered(f):
    buffer = np.zeros(6)

    def g(x):
        buffer[:] = f(x)[1]
        return f(x)[0], buffer

    return g


def draws(x):
    np.random.rand()  # noqa: NPY002
    return least_squares(x)


BROKEN = {
    "sign": ("descent", everywhere(least_squares, np.negative)),
    "three times too long": ("descent", everywhere(least_squares, lambda g: 3 * g)),
    "a stale loss": ("order", kept(least_squares)),
    "a wrong factor, by order": ("order", everywhere(logistic, lambda g: 1.01 * g)),
    "concave": ("convexity", lambda x: tuple(-v for v in least_squares(x))),
    "outside the bracket": ("bracket", everywhere(logistic, lambda g: 1.5 * g)),
    "writes to its input": ("purity", writes),
    "hands out its buffer": ("purity", buffered(least_squares)),
    "draws random numbers": ("purity", draws),
    "returns its input": ("purity", lambda x: ((x * x).sum() / 2, x)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_law_breaks_what_it_is_for(name):
    law, f = BROKEN[name]
    (result,) = check(f if law == "purity" else pair(f), loss=None, at=START, laws=(law,), convex=True, profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert (result.kind == "behaviour") == (law == "purity" or name == "a stale loss")  # which its record tells, too


def test_every_law_of_pairs_is_in_a_table():
    assert {law for law, _ in BROKEN.values()} | {"gradient", "value"} == set(MEASURES)  # value: tests/traced/test_inputs.py


def test_laws_that_need_a_spec_or_a_claim_say_so():
    report = check(pair(least_squares), loss=None, at=START, profile="quick", formula="differences")
    reasons = {o.task.law: o.reason for o in report.inapplicable}
    assert {reasons[law] for law in ("value", "enclosure", "symmetry")} == {"it needs a spec"}
    assert reasons["bracket"] == reasons["convexity"] == "convexity is not claimed"
    assert any("a loss that is wrong together with its gradient passes" in told for r in report.results for told in r.limitations)


def test_outside_its_domain_a_loss_may_refuse():
    def f(x):
        if (x <= 0.9).any():
            raise ValueError("x must be greater than 0.9")
        return np.log(x).sum(), 1 / x

    report = check(pair(f), loss=None, at=[1.0, 2.0], profile="quick")
    assert report.verdict is Verdict.HOLDS


def test_what_raises_at_the_given_point_is_broken():
    (result,) = check(lambda x: 1 / 0, loss=None, at=[1.0], laws=("gradient",)).results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "crashed")
    assert "; this is the example itself: give another one (at)" in result.diagnosis["message"]


@pytest.mark.parametrize("where", [0.3, 1e-3, 1e-5, 1e-6, 0.0])
def test_a_kink_beside_the_point_is_no_error(where):
    """However far it is, ⟨g, d⟩ lies in the interval, which collapses where the kink is out of reach."""
    x = on_grid(np.array([1.0]), scales(np.array([1.0])))
    line = along(lambda z: float(np.abs(z - 1 + where).sum() + np.exp(z).sum()), x, np.array([1.0]))
    low, high, error = line.interval
    assert low - error <= np.exp(1) + np.sign(where) <= high + error
    assert error < 1e-7 or where == 1e-6  # as far as the shortest step: one value beside it is not enough
    assert high - low < 1e-6 or where in (0, 1e-6)


def test_a_small_kink_is_recognised():
    x = np.array([1.0])
    line = along(lambda z: float(1e-8 * np.abs(z - 1).sum() + np.exp(z).sum()), x, np.array([1.0]))
    assert line.kink
    assert line.interval[1] - line.interval[0] == pytest.approx(2e-8, rel=1e-2)


def test_a_place_comes_back_with_its_bits():
    place = case_of(np.array([[0.1, np.pi]]), family="near", seed=3)
    again = Case.from_dict(json.loads(json.dumps(place.to_dict())), "float64")
    np.testing.assert_array_equal(again.x, place.x)
    assert (again.family, again.seed) == ("near", 3)


WRONG_USE = {
    "no point": ({"loss": None}, "or an example of the inputs .at."),
    "a point for a spec": ({"loss": "squared_error", "at": [1.0]}, "goes with loss=None"),
    "text": ({"loss": None, "at": "abc"}, "give an array of numbers"),
    "empty": ({"loss": None, "at": []}, "give a finite point"),
    "infinite": ({"loss": None, "at": [np.inf]}, "not finite"),
    "complex": ({"loss": None, "at": [1 + 5j, 2]}, r"dtype complex128.*Give at\.real"),
    "truth values": ({"loss": None, "at": [True, False]}, "dtype bool; give an array of numbers"),
    "numbers as text": ({"loss": None, "at": ["1", "2"]}, "give an array of numbers"),
    "masked": ({"loss": None, "at": np.ma.array([1.0, 2.0], mask=[False, True])}, "masked entries"),
    "too large": ({"loss": None, "at": [10**400]}, "a list; give an array of numbers"),
    "ragged": ({"loss": None, "at": [[1.0], [1.0, 2.0]]}, "give an array of numbers"),
    "a name that is none": ({"loss": None, "at": {"z": 1.0}}, r"at names z, and the candidate is .*at=\(params,\)"),
    "a convention": ({"loss": None, "at": [1.0], "penalty": "l2"}, "need a spec"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_an_error(case):
    given, message = WRONG_USE[case]
    with pytest.raises(UsageError, match=message):
        check(pair(least_squares), **given)


NUMBERS = {
    "whole": ([1, 2], "float64"),
    "one": (2, "float64"),
    "half precision": (np.ones(2, np.float16), "float64"),
    "long": (np.ones(2, np.longdouble), "float64"),
    "objects": (np.array([1, 2.5], object), "float64"),
    "single": (np.ones(2, np.float32), "float32"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_point_may_be_of_any_real_numbers(name):
    at, dtype = NUMBERS[name]
    found = point(at)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.asarray(at, dtype=dtype))


def test_a_pair_without_a_loss_is_an_error():
    with pytest.raises(UsageError, match="has no loss"):
        check(Candidate(grad=np.sign), loss=None, at=[1.0])


SOURCE = """
import numpy as np
START = np.array([1.0, -2.0, 0.0])
def loss(x): return np.abs(x).sum() + 0.5 * x @ x
def grad(x): return np.sign(x) + x
def wrong(x): return np.sign(x) + x * (1 + 1e-8)
"""


def test_the_command_judges_a_pair_and_replays_its_witness(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    np.save(tmp_path / "start.npy", [1.0, -2.0, 0.5])
    command = [
        sys.executable,
        "-m",
        "verify",
        "check",
        "mine.py:loss,grad",
        "--loss",
        "none",
        "--at",
        "mine.py:START",
        "--convex",
        "--quiet",
    ]
    run = subprocess.run([*command, "--profile", "quick"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stderr) == (0, "")
    monkeypatch.chdir(tmp_path)
    report = check("mine.py:loss,wrong", loss=None, at=np.load("start.npy"), laws=("gradient",))
    assert "gradient law broken for a pair without a spec (float64), mine.py:loss,wrong: entry" in str(report)
    (entry,) = report.to_dict()["results"]
    assert verify.replay(entry["witness"]["id"]).verdict is Verdict.BROKEN


@pytest.mark.parametrize("f", [lambda x, y: (0.0, x), Candidate(loss=lambda x: 0.0, grad=lambda x, y: x)])
def test_two_arrays_are_an_error_of_use(f):
    with pytest.raises(UsageError, match=r"<lambda>\(x, y\), and without a spec it is called with one array"):
        check(f, loss=None, at=[1.0])


@pytest.mark.parametrize("f", [lambda x, scale=2.0: (float(x @ x), scale * x), lambda *xs: (float(xs[0] @ xs[0]), 2 * xs[0])])
def test_what_one_array_suffices_for_is_judged(f):
    assert check(f, loss=None, at=[1.0, 2.0], laws=("gradient",)).verdict is Verdict.HOLDS


class Layer:
    """A right pair that has a forward of its own, as layers have."""

    def forward(self, x):
        return x * x

    def backward(self, x, upstream):
        return 2 * x * upstream

    def __call__(self, x):
        return float(self.forward(x).sum()), self.backward(x, np.ones_like(x))


def test_methods_of_an_object_that_can_be_called_are_its_own():
    assert check(Layer(), loss=None, at=[1.0, 2.0, 3.0], laws=("gradient", "purity")).verdict is Verdict.HOLDS


def test_a_pair_may_stand_in_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    told = 'target = "mine.py:loss,grad"\nloss = "none"\nat = [1.0, -2.0, 0.0]\nconvex = true\n'
    (tmp_path / "pyproject.toml").write_text(f"[[tool.verify.candidates]]\n{told}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (request,) = read(tmp_path).requests(profile="quick")
    assert (request.at.given, request.convex, request.dtypes) == ([1.0, -2.0, 0.0], True, ("float64",))


CONFIGURED = {
    "no example": ('loss = "none"', "give the name of a spec .*, or an example of the inputs"),
    "an example beside a spec": (
        'loss = "squared_error"\nat = [1.0]',
        "loss is 'squared_error', and what goes with loss=None .* given too: at",
    ),
    "a reference beside a spec": ('loss = "squared_error"\nreference = "mine.py:no"\nconvex = true', "given too: reference, convex"),
    "a third derivative": ('loss = "none"\nat = [1.0]\nderivative = 3', "derivative is 3; give 1"),
    "a derivative that is text": ('loss = "none"\nat = [1.0]\nderivative = "2"', "derivative is '2'; give 1"),
    "a claim that is text": ('loss = "none"\nat = [1.0]\nconvex = "yes"', "convex is 'yes'; give True or False"),
    "a convention of specs": ('loss = "none"\nat = [1.0]\nlayout = "DC"', "need a spec"),
}


@pytest.mark.parametrize("case", CONFIGURED)
def test_the_configuration_is_held_to_what_python_is(tmp_path, monkeypatch, case):
    told, message = CONFIGURED[case]
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(f'[[tool.verify.candidates]]\ntarget = "mine.py:loss"\n{told}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=f"the candidate mine.py:loss: .*{message}"):
        read(tmp_path).requests()


ANNOTATED = """
from jaxtyping import Array, Float
def f(x: Float[Array, "n"]):
    return x @ x, 2 * x
"""


def test_an_annotated_function_needs_no_example_in_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(ANNOTATED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    told = '[[tool.verify.candidates]]\ntarget = "mine.py:f"\nloss = "none"\nderivative = 1\n'
    (tmp_path / "pyproject.toml").write_text(told, encoding="utf-8")
    (request,) = read(tmp_path).requests()
    assert request.inputs == (("x", "n"),)


def test_a_spec_may_be_asked_for_the_first_derivative_alone(tmp_path):
    told = '[[tool.verify.candidates]]\ntarget = "mine.py:f"\nloss = "squared_error"\nderivative = 1\nconvex = false\n'
    (tmp_path / "pyproject.toml").write_text(told, encoding="utf-8")
    (request,) = read(tmp_path).requests()
    assert request.loss == "squared_error"


def test_a_function_that_returns_both_is_a_pair_too():
    f = Pair(least_squares)
    assert f.value(START) == least_squares(START)[0]
    np.testing.assert_array_equal(f.gradient(START), least_squares(START)[1])


def in_itself():
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize("gradient", [in_itself, lambda: (in_itself(),), lambda: [[1.0], [1.0, 2.0]]])
def test_lists_that_are_no_array_are_broken(gradient):
    report = check(lambda x: (float(x @ x), gradient()), at=(1.0, 2.0), laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert report.outcomes[0].result.diagnosis["code"] == "shape"


def test_lists_in_themselves_are_gradients_for_none_of_several_inputs():
    with pytest.raises(UsageError, match="a gradient of shape unequal lists, which fits none of"):
        check(lambda x, y: (float(x @ y), in_itself()), at={"x": (1.0, 2.0), "y": (1.0, 3.0)}, laws=("gradient",), profile="quick")


@pytest.mark.parametrize("at", [in_itself(), {"x": in_itself()}])
def test_an_example_in_itself_is_wrong_use(at):
    with pytest.raises(UsageError, match="nested too deeply"):
        check(least_squares, at=at)
