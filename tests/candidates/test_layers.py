"""Layers without a spec: a forward and its backward, classes with a cache, residuals with a Jacobian."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from candidates import layers
from candidates.layers import BETA, BUFFERED, EXAMPLE, GAMMA, B, W, X
from click.testing import CliRunner

import verify
from verify.campaign.configuration import read
from verify.cli import cli
from verify.errors import UsageError


def pair(forward, backward, **how):
    return verify.Candidate(forward=forward, backward=backward, **how)


NORM = (X, GAMMA, BETA)
HIDDEN = np.random.default_rng(1).normal(size=(4, 2))
RIGHT = {
    "saved": (pair(layers.norm, layers.norm_back), NORM),
    "saved, said": (pair(layers.norm, layers.norm_back, saved=True), NORM),
    "offset of 1e4": (pair(layers.norm, layers.norm_back), (X + 1e4, GAMMA, BETA)),
    "float32": (pair(layers.norm, layers.norm_back), tuple(a.astype(np.float32) for a in NORM)),
    "kinks": (pair(layers.rectify, layers.rectify_back), np.array([0.0, 1.0, -1.0, 0.0])),
    "inputs and upstream": (pair(layers.squared, layers.squared_back), X[0]),
    "upstream and inputs": (pair(layers.squared, lambda up, x: 2 * x * up), X[0]),
    "names that tell nothing": (pair(layers.squared, lambda a, b: 2 * a * b), X[0]),
    "outputs and a mask": (pair(layers.several, layers.several_back), (X, GAMMA)),
    "outputs in a tuple": (pair(layers.several, lambda d, x, w: layers.several_back(x, w, *d)), (X, GAMMA)),
    "a Jacobian": (pair(layers.residuals, layers.jacobian), [1.0, 0.5]),
    "a class": (layers.Affine, EXAMPLE),
    "a class by position": (layers.Affine, (W, B, X)),
    "an object": (layers.Affine(W, B), X),
    "lists": (layers.Lists, X),
    "a dict of parameters": (layers.Cell(), (X, HIDDEN)),
    "running means": (layers.Running(GAMMA, BETA), X),
    "objects inside": (layers.Held, X),
}
WRONG = {
    "a path left out": (pair(layers.norm, layers.forgets_the_variance), NORM, "x", None),
    "1e-9": (pair(layers.norm, layers.gamma_off), NORM, "gamma", None),
    "1e-9 in float32": (pair(layers.norm, layers.gamma_off), tuple(a.astype(np.float32) for a in NORM), "gamma", "formula"),
    "a mean": (pair(layers.norm, layers.averages), NORM, "beta", None),
    "one of two outputs": (pair(layers.several, layers.several_halved), (X, GAMMA), "x", None),
    "a Jacobian": (pair(layers.residuals, layers.jacobian_off), [1.0, 0.5], "x", None),
    "a class": (layers.Averages, EXAMPLE, "b", None),
    "a dict of parameters": (layers.Transposed(), (X, HIDDEN), "params['Wh']", None),
}
LAWS = ("gradient", "formula", "purity")


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_holds_and_is_judged_by_its_own_code(name):
    f, at = RIGHT[name]
    report = verify.check(f, at=at, profile="quick", laws=LAWS)
    (told,) = report.conventions.values()
    assert {r.law: r.verdict.value for r in report.results if r.verdict.value != "holds"} == {}, str(report)
    assert told["formula"]["source"] == "own"
    assert "drawn at random" in told["upstream"]


@pytest.mark.parametrize("at", [NORM, tuple(a.astype(np.float32) for a in NORM)], ids=["float64", "float32"])
@pytest.mark.parametrize("back", [layers.norm_back, layers.gamma_off])
def test_running_means_in_a_dict_beside_the_layer_are_no_obstacle(back, at):
    bn_param = {}

    def forward(x, gamma, beta):
        mean = bn_param.get("running_mean", np.zeros_like(gamma))
        bn_param["running_mean"] = 0.9 * mean + 0.1 * x.mean(0)
        return layers.norm(x, gamma, beta)

    report = verify.check(pair(forward, back), at=at, profile="quick", laws=("formula",))
    assert [r.verdict.value for r in report.results] == ["holds" if back is layers.norm_back else "broken"], str(report)
    assert type(bn_param["running_mean"]) is np.ndarray


def test_the_code_of_a_jacobian_is_judged():
    verdicts = [
        [r.verdict.value for r in verify.check(pair(layers.residuals, jac), at=[1.0, 0.5], profile="quick", laws=("formula",)).results]
        for jac in (layers.jacobian, lambda x: layers.jacobian(x) * (1 + 1e-12))
    ]
    assert verdicts == [["holds"], ["broken"]]


def test_a_layer_that_seeds_its_random_numbers_with_an_input_holds_and_this_is_told():
    report = verify.check(pair(layers.dropped, layers.dropped_back), at=(X, {"p": 0.7, "seed": 3}), profile="quick", laws=LAWS)
    assert report.verdict is verify.Verdict.HOLDS, str(report)
    assert "seeds the global random numbers with its own seed" in str(report)


def test_a_layer_that_draws_without_a_seed_is_broken():
    report = verify.check(pair(layers.dropped, layers.dropped_back), at=(X, {"p": 0.7}), profile="quick", laws=("consistency", "purity"))
    assert report.verdict is verify.Verdict.BROKEN


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_layer_is_broken_by_the_name_of_the_input(name):
    f, at, due, law = WRONG[name]
    report = verify.check(f, at=at, profile="quick", laws=("gradient", "formula"))
    broken = {r.law: r.witness.evidence.where.get("input", "x") for r in report.results if r.verdict.value == "broken"}
    assert broken
    assert set(broken.values()) == {due}
    assert law in (None, *broken)


def test_a_law_that_float32_swamps_is_not_asked_of_a_right_layer():
    at = tuple(a.astype(np.float32) for a in (X + 1e3, GAMMA, BETA))
    report = verify.check(pair(layers.norm, layers.norm_back), at=at, profile="quick", laws=("order", "gradient"))
    assert report.verdict.value == "holds", str(report)


def code_of(f, at, law="purity"):
    (result,) = verify.check(f, at=at, profile="quick", laws=(law,)).results
    return (result.diagnosis or {}).get("code"), result.limitations


def test_an_upstream_gradient_that_is_changed_or_ignored_is_told():
    assert code_of(pair(layers.rectify, layers.rectify_in_place), X)[0] == "upstream-changed"
    assert code_of(pair(layers.rectify, layers.rectify_deaf), X)[0] == "upstream-ignored"
    assert code_of(pair(layers.rectify, layers.rectify_back), X)[0] is None


@pytest.mark.parametrize("formula", [None, "differences"])
def test_buffers_that_are_kept_are_told_and_no_fault(formula):
    report = verify.check(pair(layers.buffered, layers.norm_back), at=BUFFERED, profile="quick", laws=("purity",), formula=formula)
    (result,) = report.results
    assert result.verdict.value == "holds"
    assert any("writes into bn_param['running_mean'], which it keeps" in told for told in result.limitations)


def test_an_input_that_is_changed_is_a_fault():
    def centres(x, gamma, beta):
        x -= x.mean(0)
        return layers.norm(x, gamma, beta)

    assert code_of(pair(centres, layers.norm_back), NORM)[0] == "mutates-input"


def by_loops(x, gamma, beta):
    y = np.empty(x.shape)
    for j in range(x.shape[1]):
        column = x[:, j]
        mean = sum(column) / len(column)
        variance = sum((column - mean) ** 2) / len(column)
        y[:, j] = gamma[j] * (column - mean) / np.sqrt(variance + layers.EPS) + beta[j]
    return y


def test_a_layer_is_judged_by_a_reference():
    def off(x, gamma, beta):
        y, saved = layers.norm(x, gamma, beta)
        return 2 * y, saved

    how = {"at": NORM, "profile": "quick", "reference": by_loops}
    assert verify.check(pair(layers.norm, layers.norm_back), laws=("value", "gradient"), **how).verdict.value == "holds"
    (result,) = verify.check(pair(off, lambda up, c: layers.norm_back(2 * up, c)), laws=("value",), **how).results
    assert result.verdict.value == "broken"


def test_declared_sizes_are_those_of_the_output_too():
    inputs = "x: n d, gamma: d, beta: d"
    right = verify.check(pair(layers.norm, layers.norm_back), inputs=inputs, profile="quick", laws=("gradient", "formula"))
    assert right.verdict.value == "holds"
    wrong = verify.check(pair(layers.norm, layers.averages), inputs=inputs, profile="quick", laws=("gradient",))
    assert wrong.results[0].witness.case.values["upstream"].shape == wrong.results[0].witness.case.values["x"].shape
    assert wrong.verdict.value == "broken"


SOURCE = Path(layers.__file__)


@pytest.mark.parametrize("target", ["norm,averages", "Averages"])
def test_a_witness_is_judged_again(target, tmp_path, monkeypatch):
    text = SOURCE.read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(f"{text}\nNORM = (X, GAMMA, BETA)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    at = EXAMPLE if target == "Averages" else NORM
    report = verify.check(f"mine.py:{target}", at=at, profile="quick", laws=("gradient",), in_process=True)
    (entry,) = report.to_dict()["results"]
    assert entry["verdict"] == "broken"
    (again,) = verify.replay(entry["witness"]["id"], in_process=True).to_dict()["results"]
    assert again["witness"]["upstream" if "upstream" in again["witness"] else "id"]
    assert again["diagnosis"] == entry["diagnosis"]


WRONG_USE = {
    "a class that is not made": (layers.Affine, X, r"Affine is a class, made as Affine\(W, b\), and at has no W"),
    "a backward of other arguments": (pair(layers.norm, lambda a, b, c: a), NORM, r"Let it be backward\(upstream, saved\)"),
    "a layer that raises": (layers.Cell, (X, HIDDEN[:2]), "gives no gradient at the example: it raised ValueError"),
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use_is_told(name):
    f, at, message = WRONG_USE[name]
    with pytest.raises(UsageError, match=message):
        verify.check(f, at=at, profile="quick", laws=("gradient",))


STAIRS = np.array([0.3, -1.7, 2.2, 0.8])


def straight_through(backward, forward=lambda x: np.round(x)):
    return pair(forward, backward)


def clipped(x):
    return np.clip(x, -1.0, 1.0)


@pytest.mark.parametrize("formula", [None, "differences"])
def test_a_straight_through_estimator_is_judged_by_its_surrogate(formula):
    how = {"at": STAIRS, "surrogate": clipped, "formula": formula, "profile": "quick", "laws": ("value", *LAWS)}
    right = verify.check(straight_through(lambda upstream, x: upstream * (np.abs(x) <= 1)), **how)
    assert right.verdict is verify.Verdict.HOLDS, str(right)
    assert "formula of the gradient: " in str(right)
    assert ("value" in {r.law for r in right.results}) is (formula is None)  # that of the stairs, by their own code
    wrong = verify.check(straight_through(lambda upstream, x: upstream * (np.abs(x) <= 2)), **how)
    broken = {r.law for r in wrong.results if r.verdict is verify.Verdict.BROKEN}
    assert broken == {"gradient", *(() if formula else ("formula",))}, str(wrong)


def test_an_estimator_of_a_number_keeps_what_its_gradient_needs():
    kept = {}

    def loss(x):
        kept["sign"] = np.abs(x) <= 1
        return np.round(x).sum()

    def grad(x):
        return kept["sign"] * 1.0

    how = {"at": STAIRS, "profile": "quick", "laws": LAWS}
    report = verify.check(verify.Candidate(loss=loss, grad=grad), surrogate=lambda x: clipped(x).sum(), **how)
    assert report.verdict is verify.Verdict.HOLDS, str(report)
    both = verify.check(lambda x: (np.round(x).sum(), np.ones(4)), surrogate=lambda x: x.sum(), **how)
    assert both.verdict is verify.Verdict.HOLDS, str(both)


def test_a_surrogate_is_told_to_a_replay_and_goes_with_no_other_formula(tmp_path, monkeypatch):
    (tmp_path / "stairs.py").write_text(
        "import numpy as np\ndef f(x): return np.round(x).sum(), np.ones(4)\ndef g(x): return np.clip(x, -1, 1).sum()\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    how = {"at": STAIRS, "profile": "quick", "laws": ("gradient",), "in_process": True}
    report = verify.check("stairs.py:f", surrogate="stairs.py:g", **how)
    (entry,) = report.to_dict()["results"]
    assert entry["verdict"] == "broken"
    again = verify.replay(entry["witness"]["id"], in_process=True)
    assert again.verdict is verify.Verdict.BROKEN
    assert again.conventions["stairs.py:f"]["formula"]["surrogate"] is True
    for other in ({"reference": "stairs.py:g"}, {"formula": "own"}):
        with pytest.raises(UsageError, match="either is the formula of the gradient"):
            verify.check("stairs.py:f", surrogate="stairs.py:g", **how, **other)
    with pytest.raises(UsageError, match="the surrogate is int"):
        verify.check("stairs.py:f", surrogate=1, **how)


@pytest.mark.parametrize(("surrogate", "verdict"), [("g", "broken"), ("h", "holds")])
def test_the_command_and_a_project_take_a_surrogate_and_the_second_derivative(tmp_path, monkeypatch, surrogate, verdict):
    (tmp_path / "stairs.py").write_text(
        "import numpy as np\nX = np.array([0.3, -1.7, 2.2])\n"
        "def f(x): return np.round(x).sum(), np.ones(3)\n"
        "def g(x): return np.clip(x, -1, 1).sum()\ndef h(x): return x.sum()\n",
        encoding="utf-8",
    )
    table = f'[[tool.verify.candidates]]\ntarget = "stairs.py:f"\nloss = "none"\nat = "stairs.py:X"\nsurrogate = "stairs.py:{surrogate}"\n'
    twice = '[[tool.verify.candidates]]\ntarget = "stairs.py:f"\nloss = "none"\nat = "stairs.py:X"\nderivative = 2\n'
    (tmp_path / "pyproject.toml").write_text(table + twice, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = f"check stairs.py:f --at stairs.py:X --surrogate stairs.py:{surrogate} --law gradient --profile quick --in-process --quiet"
    run = CliRunner().invoke(cli, words.split(), standalone_mode=False)
    assert verdict in run.output, run.output
    assert [(r.surrogate, r.derivative) for r in read(tmp_path).requests()] == [(f"stairs.py:{surrogate}", 1), (None, 2)]
    with pytest.raises(UsageError, match="derivative is 3; give 1 for the gradient, or 2"):
        cli(["check", "stairs.py:f", "--at", "stairs.py:X", "--derivative", "3"], standalone_mode=False)


def gates(x, h):
    a = np.tanh(x + h)
    return (a * h, a + x), (a, h)


def gates_back(upstream, saved):
    (dy, da), (a, h) = upstream, saved
    inner = (dy * h + da) * (1 - a * a)
    return inner + da, inner + dy * a


def gates_back_apart(dy, da, saved):
    return gates_back((dy, da), saved)


def gates_back_wrong(dy, da, saved):
    dx, dh = gates_back((dy, da), saved)
    return dx - da, dh


@pytest.mark.parametrize("back", [gates_back, gates_back_apart])
def test_several_outputs_in_a_tuple_beside_what_is_saved(back):
    report = verify.check(pair(gates, back), at=(X, 0.5 - X), profile="quick", laws=("gradient", "formula"))
    assert report.verdict is verify.Verdict.HOLDS, str(report)
    wrong = verify.check(pair(gates, gates_back_wrong), at=(X, 0.5 - X), profile="quick", laws=("gradient",))
    assert wrong.verdict is verify.Verdict.BROKEN
    assert "for x" in str(wrong) or "x[" in str(wrong)
