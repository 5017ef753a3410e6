"""Candidates of several inputs: right ones hold, a wrong one is broken and its input named, by code and by differences."""

from __future__ import annotations

import json
from functools import partial, wraps

import numpy as np
import pytest
from traced import several

import verify
from verify import Candidate, UsageError, Verdict, check, documents
from verify.cases import Case

INPUTS = {
    "svm": (several.svm_loss_vectorized, several.SVM, ["W"]),
    "two-layer net": (
        several.two_layer_net,
        {"params": several.PARAMS, "X": several.X, "y": several.Y, "reg": 0.0625},
        ["params['W1']", "params['b1']", "params['W2']", "params['b2']"],
    ),
    "layer norm": (several.layer_norm, several.NORM, ["x", "gamma", "beta"]),
    "affine": (several.affine, several.AFFINE, ["x", "w", "b"]),
    "likelihood": (several.negative_log_likelihood, (0.25, 1.75, several.SAMPLE), ["mu", "sigma"]),
    "likelihood of one vector": (several.of_theta, (np.array([0.25, 0.5]), several.SAMPLE), ["theta"]),
}
NAMED = {
    "svm": ("W[", "the gradient has 0.5 × what comes through `reg * np.sum(W * W)`"),
    "two-layer net": ("params['b2'][", "the gradient for params['b2'] is 1/6 × what it must be"),
    "layer norm": ("x[", "several.py:"),
    "affine": ("b[", "the gradient for b is 1/3 × what it must be"),
    "likelihood": ("sigma is", "`len(data) * np.log(sigma)`"),
    "likelihood of one vector": ("theta[0]", "several.py:"),
}


def slipped(f):
    return wraps(f)(partial(f, slip=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", INPUTS)
def test_a_right_one_holds_by_its_own_code(name, dtype):
    f, at, wrt = INPUTS[name]
    report = check(f, at=at, dtypes=(dtype,), laws=("value", "gradient", "formula", "purity", "bad-input"), profile="quick")
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    (told,) = report.conventions.values()
    assert (told["formula"]["source"], told["wrt"]) == ("own", wrt)


@pytest.mark.parametrize("name", INPUTS)
def test_a_wrong_one_is_broken_and_its_input_is_named(name):
    f, at, _ = INPUTS[name]
    results = check(slipped(f), at=at, laws=("gradient", "formula"), profile="quick").results
    assert {r.verdict for r in results} == {Verdict.BROKEN}
    place, cause = NAMED[name]
    for r in results:
        told = f"{r.diagnosis.get('measured', '')} {r.diagnosis['message']}"
        assert place in told
        assert cause in told or r.diagnosis["code"] == "unknown"
    assert any(cause in r.diagnosis["message"] for r in results)


@pytest.mark.parametrize("name", ["svm", "two-layer net", "likelihood"])
def test_by_differences_it_is_the_same(name):
    f, at, _ = INPUTS[name]
    (right,) = check(f, at=at, laws=("gradient",), profile="quick", formula="differences").results
    assert right.verdict is Verdict.HOLDS
    (wrong,) = check(slipped(f), at=at, laws=("gradient",), profile="quick", formula="differences").results
    assert wrong.verdict is Verdict.BROKEN
    assert NAMED[name][0] in f"{wrong.diagnosis.get('measured', '')} {wrong.diagnosis['message']}"


def test_what_is_changed_beside_the_gradient_is_named():
    def f(w, X):
        X -= X.mean(axis=0)
        return (X @ w).sum(), X.sum(axis=0)

    for formula in (None, "differences"):
        (result,) = check(f, at=(np.ones(2), several.X[:, :2]), wrt="w", laws=("purity",), profile="quick", formula=formula).results
        assert (result.diagnosis["code"], result.diagnosis["message"]) == ("mutates-input", "the candidate changes its input X")


def test_loss_and_gradient_may_be_apart_and_their_arguments_by_name():
    pair = Candidate(loss=lambda w, b: float(w @ w * b), grad=lambda b, w: {"dw": 2 * b * w, "db": w @ w})
    report = check(pair, at={"w": [1.0, 2.0], "b": 3.0}, laws=("gradient", "purity"), profile="quick")
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert told["wrt"] == ["w", "b"]


def test_texts_masks_and_what_is_no_number_stay():
    def f(x, mask, how, scale=None):
        assert mask.dtype == bool
        assert (how, scale) == ("sum", None)
        return (x[mask] ** 2).sum(), 2 * x * mask

    report = check(f, at=([1.0, 2.0, 3.0], np.array([True, False, True]), "sum"), laws=("gradient", "formula"), profile="quick")
    assert report.verdict is Verdict.HOLDS
    documents.validator().validate(json.loads(json.dumps(report.to_dict())))


@pytest.mark.parametrize("mask", [np.array([True, False]), True])
def test_truth_values_come_back_from_a_document(mask):
    case = Case(values={"x": np.array([1.0, 2.0]), "mask": mask}, family="near", differentiated=("x",))
    again = Case.from_dict(json.loads(json.dumps(case.to_dict())), "float64")
    assert np.asarray(again["mask"]).dtype == bool
    assert again.key == case.key


@pytest.mark.parametrize(("name", "other"), [("mask", []), ("mask", [True, "0x1p+0"]), ("x", [True, False])])
def test_a_document_has_truth_values_alone_and_not_for_variables(name, other):
    told = Case(values={"x": np.array([1.0, 2.0]), "mask": np.array([True, False])}, family="near", differentiated=("x",)).to_dict()
    with pytest.raises(ValueError, match="no number"):
        Case.from_dict(told | {"values": told["values"] | {name: other}}, "float64")


WRT = {
    "either of two": (lambda w, v: (w @ v, v), (np.ones(2), np.ones(2)), "which may be for w or for v. Say which by --wrt w"),
    "a shape that fits none": (
        lambda w, v: (w.sum() + v.sum(), np.ones(5)),
        (np.ones(2), np.ones(3)),
        "which fits none of w of shape",
    ),
    **{
        f"{kind}, {w.dtype}": (
            lambda w, X, y: (X.sum() * w.sum() + y.sum(), X.sum() * np.ones(2)),
            (w, np.ones((2, 3)), np.ones(3)),
            f"fits w alone.*{kind}",
        )
        for kind, w in (
            ("whole numbers", np.array([1, 2])),
            ("whole numbers", np.array([1, 2], np.uint8)),
            ("truth values", np.array([True, False])),
        )
    },
    "a part of a dict": (
        lambda params, b: (params["w"].sum() + b.sum(), np.ones(3)),
        ({"w": np.ones(3)}, np.ones(2)),
        "which fits none of",
    ),
    "names that tell nothing": (lambda x, y: ((x**2 - y**2).sum(), -2 * y), (np.ones(2), np.ones(2)), "may be for x or for y"),
    "one name that tells nothing": (lambda s, v: (0.5 * ((s - v) ** 2).sum(), s - v), (np.ones(2), np.zeros(2)), "may be for s or for v"),
    "names of targets alone": (lambda y, t: (0.5 * ((y - t) ** 2).sum(), y - t), (np.ones(2), np.zeros(2)), "may be for y or for t"),
    "names of none": (lambda w, v: (w @ v, {"u": v}), (np.ones(2), np.ones(2)), "gradients for u, and the inputs are w, v"),
}


@pytest.mark.parametrize("name", WRT)
def test_what_a_gradient_is_for_is_asked_where_nothing_tells(name):
    f, at, message = WRT[name]
    with pytest.raises(UsageError, match=message):
        check(f, at=at, laws=("gradient",), profile="quick")


@pytest.mark.parametrize(
    ("f", "prediction"),
    [(lambda s, t: (0.5 * ((s - t) ** 2).sum(), s - t), "s"), (lambda Y, Yhat: (0.5 * ((Yhat - Y) ** 2).sum(), Yhat - Y), "Yhat")],
)
def test_a_gradient_is_for_the_prediction_where_it_may_be_for_the_target(f, prediction):
    report = check(f, at=(np.ones(2), np.zeros(2)), laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert told["wrt"] == [prediction]


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda w, k: (w.sum() * k.sum(), np.ones(5)), (np.ones(2), np.array([1, 2]))),
        (lambda w, v: (w.sum() + v.sum(), np.ones(5), np.ones(3)), (np.ones(2), np.ones(3))),
    ],
    ids=["alone", "in its place"],
)
def test_a_gradient_of_another_shape_is_wrong_where_what_it_is_for_is_known(f, at):
    (result,) = check(f, at=at, laws=("gradient",), profile="quick").results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "shape")


def test_an_object_whose_methods_are_the_loss_and_its_gradient_is_told_how_to_name_them():
    class Model:
        def loss(self, w, X):
            return (X @ w).sum()

        def grad(self, w, X):
            return X.sum(axis=0)

        def __call__(self):
            return self

    with pytest.raises(UsageError, match=r"Candidate\(loss=obj\.loss, grad=obj\.grad\)"):
        check(Model(), at=(np.ones(2), np.ones((3, 2))))


def regression(w, b, X, y, reg, summed=False):
    r = X @ w + b - y
    db = r if not summed else r.sum()
    return (r @ r) / 2 + reg * (w @ w), X.T @ r + 2 * reg * w, db


def test_a_number_is_no_gradient_for_another_number_by_its_shape_alone():
    """The gradient for b, summed too far, has the shape of that for reg."""
    at = (np.ones(2), np.ones(3), np.arange(6.0).reshape(3, 2), np.ones(3, int), 0.1)
    with pytest.raises(UsageError, match="a gradient that is a number: 15, where reg has 2, and for b an array is due"):
        check(lambda w, b, X, y, reg: regression(w, b, X, y, reg, summed=True), at=at, laws=("gradient",), profile="quick")
    own = check(lambda w, b, X, y, reg: (*regression(w, b, X, y, reg)[:2], w @ w), at=at, laws=("gradient",), profile="quick")
    assert own.verdict is Verdict.HOLDS
    assert check(regression, at=at, laws=("gradient",), profile="quick").verdict is Verdict.HOLDS


def margins(W, X, delta, active=np.greater, inside=float):
    """A hinge and its gradients for W and delta: X, between them, is data."""
    m = np.asarray(delta - X @ W, inside)
    a = active(m, 0).astype(inside)
    return float(np.maximum(m, 0).sum()), (-X.T @ a, float(a.sum()))


AT_TIES = (np.zeros(3), np.random.default_rng(0).normal(size=(5, 3)), 0.0)
ROWS = np.random.default_rng(0).normal(size=(6, 3))
OFF_TIES = (ROWS[0], ROWS[1:], 1.3)


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (margins, AT_TIES),
        (partial(margins, active=np.greater_equal), AT_TIES),
        (partial(margins, inside=np.float32), OFF_TIES),
        (partial(margins, inside=np.float32), tuple(np.float32(a) for a in OFF_TIES)),
    ],
    ids=["a tie, 0", "a tie, 1", "single precision inside", "single precision"],
)
def test_a_right_gradient_for_a_number_is_taken_for_that(f, at):
    report = check(f, at=at, laws=("gradient",), profile="quick")
    (told,) = report.conventions.values()
    assert told["wrt"] == ["W", "delta"]
    assert report.verdict is not Verdict.BROKEN


def test_what_a_gradient_is_for_may_be_said():
    f, at, _ = WRT["either of two"]
    assert check(f, at=at, wrt="w", laws=("gradient",), profile="quick").verdict is Verdict.HOLDS
    swapped = check(lambda w, v: (w @ w + w @ v, v), at=at, wrt=("v",), laws=("gradient",), profile="quick")
    assert swapped.verdict is Verdict.BROKEN
    for wrt, message in (("u", "unknown input 'u'"), ("y", "y holds no real numbers"), ((), "wrt is"), (3, "wrt is 3")):
        with pytest.raises(UsageError, match=message):
            check(lambda w, y: (w.sum(), np.ones(2)), at=(np.ones(2), np.array([1, 2])), wrt=wrt)
    with pytest.raises(UsageError, match="goes with loss=None"):
        check("verify.core.multiclass_hinge:l2", loss="multiclass_hinge", wrt="W")


class Sparse:
    """What scipy's sparse matrices look like from outside."""

    __module__ = "scipy.sparse._csr"


class Configuration:
    """What a function may take beside arrays."""


WRONG_USE = {
    "too few": ((np.ones(2),), r"at has 1 inputs, and the candidate is f\(w, X\)"),
    "another name": ({"w": np.ones(2), "Z": np.ones(2)}, r"at names Z, and the candidate is f\(w, X\)"),
    "a name that is missing": ({"w": np.ones(2)}, "at has no X"),
    "empty": ((np.ones(2), np.ones((0, 2))), r"at\[1\] is empty, of shape \(0, 2\)"),
    "complex": ((np.ones(2), np.ones(2) * 1j), r"at\[1\] has dtype complex128"),
    "objects": ((np.ones(2), np.array([1, None])), r"at\[1\] is an array of objects"),
    "a configuration": ((np.ones(2), Configuration()), r"at\[1\] is a Configuration; .*partial\(f, Configuration\(…\)\)"),
    "text": ("mine.py:at", "at is the text 'mine.py:at'.*for the command line"),
    "sparse": ((np.ones(2), Sparse()), r"at\[1\] is sparse, a Sparse.*toarray"),
    "not finite": ({"w": np.ones(2), "X": np.array([np.nan])}, r"at\['X'\] holds numbers that are not finite"),
    "a function": ((np.ones(2), np.tanh), r"at\[1\] is a function"),
    "whole numbers alone": ((np.array([1, 2]), np.array([1, 2])), "no real numbers.*1.0 in place of 1"),
    "an empty dict": ((np.ones(2), {}), r"at\[1\] is an empty dict"),
    "a function that raises": (lambda: 1 / 0, "at is a function, and raises ZeroDivisionError"),
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use_is_told_in_a_sentence(name):
    def f(w, X):
        return (X @ w).sum(), X.sum(axis=0)

    at, message = WRONG_USE[name]
    with pytest.raises(UsageError, match=message):
        check(f, at=at)


def test_an_example_may_be_made_by_a_function():
    assert check(several.svm_loss_vectorized, at=lambda: several.SVM, laws=("formula",), profile="quick").verdict is Verdict.HOLDS


REFERENCE = {"at": several.SVM, "laws": ("value", "gradient", "formula", "purity"), "profile": "quick"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_beside_a_reference_a_right_one_holds(dtype):
    report = check(several.svm_loss_vectorized, reference=several.svm_loss_naive, dtypes=(dtype,), **REFERENCE)
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert (told["formula"]["source"], told["formula"]["reference"]) == ("reference", "traced.several:svm_loss_naive")
    assert not any("passes" in told for r in report.results for told in r.limitations)


def test_beside_a_reference_a_loss_that_is_wrong_together_with_its_gradient_is_broken():
    def both(W, X, y, reg):
        return several.svm_loss_vectorized(W, X, y, reg / 2)

    assert check(both, **REFERENCE).verdict is Verdict.HOLDS
    broken = {r.law for r in check(both, reference=several.svm_loss_naive, **REFERENCE).results if r.verdict is Verdict.BROKEN}
    assert broken == {"value", "gradient", "formula"}


def compiled(W, X, y, reg):
    return several.svm_loss_naive(W, X, y, reg) + 0 * float(np.fft.fft(np.ravel(W)).real[0])


@pytest.mark.parametrize("reference", [several.svm_loss_naive, compiled])
def test_of_a_candidate_without_a_gradient_the_value_is_judged_and_this_is_said(reference):
    report = check(several.svm_value, reference=reference, **REFERENCE)
    assert report.verdict is Verdict.HOLDS
    assert all("the candidate returns no gradient: its value alone is judged" in r.limitations for r in report.results)
    assert {i.task.law for i in report.inapplicable} >= {"gradient", "formula"}
    wrong = check(lambda *given: several.svm_value(*given) * (1 + 1e-9), reference=reference, **REFERENCE)
    assert {r.law for r in wrong.results if r.verdict is Verdict.BROKEN} == {"value"}


def test_a_reference_that_is_not_recorded_is_judged_by_in_differences():
    report = check(several.svm_loss_vectorized, reference=compiled, **REFERENCE)
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert told["formula"]["source"] == "differences"
    assert "the reference cannot be recorded: it calls np.fft" in told["formula"]["why"]
    assert "test_inputs:compiled: the reference cannot be recorded" in " ".join(str(report).split())
    wrong = check(slipped(several.svm_loss_vectorized), reference=compiled, **REFERENCE)
    assert {r.law for r in wrong.results if r.verdict is Verdict.BROKEN} == {"gradient"}


def test_a_tie_is_read_as_the_gradient_has_it():
    """Where z is hardly less than 0 floats may have it greater: what a gradient's code denotes is that of real numbers."""

    def f(w, X):
        m = np.maximum(0, X @ w + 1)
        return m.sum(), X.T @ (m > 0).astype(w.dtype)

    def g(w, X):
        m = np.maximum(0, z := X @ w + 1)
        return m.sum(), X.T @ (m == z).astype(w.dtype)

    for code in (f, g):
        rng = np.random.default_rng(3)
        report = check(code, at=(rng.normal(size=4), rng.normal(size=(9, 4))), wrt="w", dtypes=("float32",), laws=("formula",))
        assert report.verdict is Verdict.HOLDS


def test_of_declared_inputs_a_function_may_refuse_a_size():
    def f(x):
        if len(x) < 2:
            raise ValueError("too few")
        return np.sum(x * x), 2 * x

    assert check(f, inputs="x: n", laws=("gradient", "formula"), profile="quick").verdict is Verdict.HOLDS


def test_of_declared_inputs_a_gradient_of_one_size_is_broken():
    (result,) = check(lambda x: (np.sum(x), np.ones(3)), inputs="x: n", laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert "gradient of shape (3,)" in result.diagnosis["message"]


@pytest.mark.parametrize(
    "at", [([[1.0], [2.0, 3.0]], 1.0), (np.nan, 1.0), ([np.inf, 2.0], 2.0), (1 + 2j, 1.0), ([], 1.0), ([10**400, 1], 2.0)]
)
def test_what_is_written_in_numbers_is_looked_at_as_arrays_are(at):
    def f(a, b):
        return np.sum(a) * b, np.ones_like(a) * b, np.sum(a)

    with pytest.raises(UsageError, match=r"^at"):
        check(f, at=at, laws=("gradient",), profile="quick")


@pytest.mark.parametrize(("y", "told"), [([0, 1, 2], "dimension n"), ([0, 7], "labels outside 0..2")])
def test_an_example_that_is_none_of_what_is_declared_is_refused(y, told):
    def f(s, y):
        p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(s)), y]).sum(), p - np.eye(3)[y]

    with pytest.raises(UsageError, match=f"at does not fit what is declared: .*{told}"):
        check(f, at=(np.ones((2, 3)), np.array(y)), inputs="s: n c, y: n | labels(c)", wrt="s", laws=("gradient",), profile="quick")


def test_what_excludes_each_other_is_refused():
    with pytest.raises(UsageError, match=r"loss is 'multiclass_hinge', and what goes with loss=None .* reference"):
        check(several.svm_loss_vectorized, reference=several.svm_loss_naive, loss="multiclass_hinge")
    with pytest.raises(UsageError, match="formula='own' and a reference are both given"):
        check(several.svm_loss_vectorized, reference=several.svm_loss_naive, at=several.SVM, formula="own")
    with pytest.raises(UsageError, match="the reference is int"):
        check(several.svm_loss_vectorized, reference=3, at=several.SVM)
    with pytest.raises(UsageError, match=r"the reference is <lambda>\(x\)"):
        check(several.svm_loss_vectorized, reference=lambda x: 0.0, at=several.SVM)


MINE = """
import numpy as np
W, X, y = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 1.5]]), np.array([0, 1, 1])
example = {"W": W, "X": X, "y": y, "how": "sum"}
def f(W, X, y, how):
    s = X @ W
    return (s[np.arange(3), y] ** 2).sum(), 2 * X.T @ (s * np.eye(2)[y])
def wrong(W, X, y, how):
    loss, dW = f(W, X, y, how)
    dW[1, 0] *= 1 + 1e-7
    return loss, dW
def plain(W, X, y, how):
    return sum(float(x @ W[:, c]) ** 2 if False else (x @ W[:, c]) ** 2 for x, c in zip(X, y))
def nested(params, X):
    return (X @ params["layers"][0]).sum() + params["b"], {"layers": [3 * X.sum(axis=0)], "b": 1.0}
example_of_nested = lambda: ({"layers": [np.ones(2)], "b": 0.5}, X)
"""


@pytest.mark.parametrize(
    ("target", "at", "more", "place"),
    [
        ("mine.py:wrong", "mine.py:example", {}, "W[1, 0]"),
        ("mine.py:wrong", "mine.py:example", {"reference": "mine.py:plain"}, "W[1, 0]"),
        ("mine.py:wrong", "mine.py:example", {"formula": "differences"}, "W"),
        ("mine.py:nested", "mine.py:example_of_nested", {}, "params['layers'][0]"),
    ],
)
def test_a_witness_names_its_inputs_and_is_replayed(tmp_path, monkeypatch, target, at, more, place):
    from verify.pair.literals import read_example

    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = check(target, at=read_example(at), laws=("gradient",), profile="quick", in_process=True, **more)
    (entry,) = report.to_dict()["results"]
    assert entry["verdict"] == "broken"
    assert place in str(report)
    assert set(entry["witness"]["values"]) >= {"X"}
    again = verify.replay(entry["witness"]["id"], in_process=True)
    assert again.verdict is Verdict.BROKEN
    assert again.conventions[target]["wrt"] == report.conventions[target]["wrt"]
    document = json.loads(json.dumps(again.to_dict()))
    assert document["results"][0]["witness"]["values"] == entry["witness"]["values"]


def test_the_command_takes_files_of_arrays_and_names(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from verify.cli import cli

    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "two.py").write_text("def f(w, v):\n    return w @ v, v\n", encoding="utf-8")
    np.savez(tmp_path / "two.npz", w=np.ones(2), v=np.ones(2))
    monkeypatch.chdir(tmp_path)
    common = ["--law", "gradient", "--profile", "quick", "--in-process", "--quiet"]
    with pytest.raises(UsageError, match="Say which by --wrt w"):
        CliRunner().invoke(cli, ["check", "two.py:f", "--at", "two.npz", *common], catch_exceptions=False, standalone_mode=False)
    run = CliRunner().invoke(cli, ["check", "two.py:f", "--at", "two.npz", "--wrt", "w", *common], standalone_mode=False)
    assert run.return_value == 0
    told = ["check", "mine.py:f", "--at", "mine.py:example", "--reference", "mine.py:plain", *common]
    run = CliRunner().invoke(cli, told, standalone_mode=False)
    assert run.return_value == 0, run.output


@pytest.mark.parametrize("formula", ["own", "differences"])
def test_a_point_may_be_judged_alone(formula):
    def right_there(x, c):
        return c * (x**2).sum(), 2 * c * x * (1 if x[0] == 1.0 else 2)

    common = {"at": (np.array([1.0, -2.0]), 3.0), "wrt": "x", "laws": ("gradient",), "profile": "quick", "formula": formula}
    (alone,) = check(right_there, at_only=True, **common).results
    assert (alone.verdict, alone.cases) == (Verdict.HOLDS, 1)
    assert check(right_there, **common).verdict is Verdict.BROKEN
    with pytest.raises(UsageError, match="goes with loss=None"):
        check("verify.core.multiclass_hinge:l2", loss="multiclass_hinge", at_only=True)


def test_where_an_example_has_one_sign_nothing_is_drawn_beyond():
    def f(sigma, x):
        assert sigma > 0
        return x @ x / sigma, (-x @ x / sigma**2, 2 * x / sigma)

    assert (
        check(f, at=(0.5, np.array([0.0, -1.0, 2.0])), laws=("gradient", "membership", "order"), profile="quick").verdict is Verdict.HOLDS
    )


@pytest.mark.parametrize("order", [(None, "differences"), ("differences", None)])
def test_what_is_asked_for_does_not_depend_on_what_was_asked_before(order):
    """What is found out of a pair is kept."""
    how = {"reference": several.svm_loss_naive, "laws": ("gradient",), **REFERENCE}

    def source(formula):
        (told,) = check(several.svm_loss_vectorized, formula=formula, **how).conventions.values()
        return told["formula"]["source"]

    assert [source(formula) for formula in order] == ["reference" if formula is None else "differences" for formula in order]


DECLARED = {
    "layer norm": (several.layer_norm, "x: n d, gamma: d, beta: d, upstream: n d, eps: | positive", None),
    "svm": (several.svm_loss_vectorized, "W: d c, X: n d, y: n | labels(c), reg: | positive", None),
    "likelihood": (several.negative_log_likelihood, {"mu": "", "sigma": "| positive", "data": "n"}, None),
    "beside an example": (several.svm_loss_vectorized, "W: 4 3", several.SVM),
}


@pytest.mark.parametrize("name", DECLARED)
def test_of_declared_inputs_a_right_one_holds_at_all_sizes_and_a_wrong_one_is_broken_at_a_small_one(name):
    f, inputs, at = DECLARED[name]
    report = check(f, inputs=inputs, at=at, laws=("value", "gradient", "formula"), profile="quick")
    assert {r.law: r.diagnosis for r in report.results if r.verdict is not Verdict.HOLDS} == {}
    (result,) = check(slipped(f), inputs=inputs, at=at, laws=("gradient",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    if at is None:
        assert max(np.size(a) for a in result.witness.case.values.values()) <= 4
    assert NAMED.get(name, NAMED["svm"])[0][0] in result.diagnosis.get("measured", "")


def test_what_is_wrong_at_other_sizes_than_that_of_an_example_is_broken():
    def f(x):
        return (x**2).mean(), 2 * x / 3

    assert check(f, at=np.ones(3), laws=("gradient",), profile="quick").verdict is Verdict.HOLDS
    assert check(f, inputs={"x": "n"}, laws=("gradient",), profile="quick").verdict is Verdict.BROKEN


DECLARED_WRONGLY = {
    "no dimensions": ("x", "'x', which is no NAME: DIMENSIONS"),
    "twice": ("x: n, x: n", "names one of them twice"),
    "an unknown domain": ("x: n | positve", "unknown domain of x 'positve'. Did you mean 'positive'"),
    "no dimension": ("x: n-1", "'n-1' is no dimension"),
    "other numbers": ("x: n | labels(1, 2, 3)", "labels takes no such numbers"),
    "an empty count": ("x: n, k: | count(5, 1)", "count\\(5, 1\\) is empty"),
    "no bracket": ("x: n | count(0", "the domain of x is"),
    "no text": ({"x": 3}, "give dimensions by names"),
    "nothing": ({}, "give dimensions by names"),
    "another name": ({"x": "n", "z": "n"}, "at names z, and the candidate is"),
    "labels that are differentiated": ({"x": "n | simplex"}, "its numbers must be real ones"),
}


@pytest.mark.parametrize("name", DECLARED_WRONGLY)
def test_what_cannot_be_declared_is_told(name):
    inputs, message = DECLARED_WRONGLY[name]
    with pytest.raises(UsageError, match=message):
        check(lambda x: (x.sum(), np.ones_like(x)), inputs=inputs)


def careful(x):
    if (x <= 0).any():
        raise ValueError("of positive numbers")
    return np.log(x).sum(), 1 / x


def test_numbers_outside_of_what_is_declared_or_taken_are_wrong_use():
    with pytest.raises(UsageError, match=r"at does not fit what is declared: x holds -2, and its numbers are Positive\(\)"):
        check(careful, at=np.array([1.0, -2.0]), inputs="x: n | positive")
    with pytest.raises(
        UsageError, match=r"raised ValueError: of positive numbers, for numbers that were drawn for x: n\. Say which it takes"
    ):
        check(careful, inputs="x: n")
    assert check(careful, inputs="x: n | positive", laws=("gradient",), profile="quick").verdict is Verdict.HOLDS
    assert check(careful, inputs="x: n", at=np.array([1.0, 2.0]), laws=("gradient",), profile="quick").verdict is Verdict.HOLDS


def test_declared_inputs_are_not_judged_at_one_example_alone():
    with pytest.raises(UsageError, match="at_only asks at one example alone"):
        check(lambda x: (x.sum(), np.ones_like(x)), inputs={"x": "n"}, at_only=True)


def test_inputs_may_stand_in_the_configuration(tmp_path):
    from verify.campaign.configuration import read

    told = 'target = "mine.py:f"\nloss = "none"\ninputs = "x: n d, y: n | labels(d)"\nreference = "mine.py:g"\nwrt = ["x"]\n'
    (tmp_path / "pyproject.toml").write_text(f"[[tool.verify.candidates]]\n{told}", encoding="utf-8")
    (request,) = read(tmp_path).requests()
    assert (request.inputs, request.reference, request.wrt) == ((("x", "n d"), ("y", "n | labels(d)")), "mine.py:g", ("x",))
    assert {name: np.shape(a) for name, a in request.at.given.items()} == {"x": (3, 4), "y": (3,)}


def log_sum(x):
    e = np.exp(x - x.max())
    return x.max() + np.log(e.sum()), e / e.sum()


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (lambda x: np.log(np.exp(x).sum()), "the reference is inf at the example"),
        (lambda x: np.linalg.inv(x).sum(), "the reference gives no answer at the example: it raised LinAlgError"),
        (lambda x: x, "the reference gives no answer at the example: it returned a loss of type float64 and shape"),
    ],
)
@pytest.mark.parametrize("formula", [None, "differences"])
def test_nobody_is_accused_of_a_reference_that_has_no_value(reference, says, formula):
    with np.errstate(all="ignore"), pytest.raises(UsageError, match=says):
        check(log_sum, at=np.array([1000.0, 2.0]), reference=reference, profile="quick", formula=formula)
