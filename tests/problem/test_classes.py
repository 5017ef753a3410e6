"""Parameters that have a number for each class: weights, margins, α and γ, from the spec to the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from field import classes as field
from field import name_of
from sympy import exp

from verify import UsageError, Verdict, check, replay
from verify.campaign.configuration import read
from verify.cli import cli
from verify.conventions import Pins, find_out_inputs
from verify.oracle import InstanceOracle
from verify.oracle.problem_claims import examine_problem
from verify.power import measure_inputs
from verify.power.inputs import Maker, wrong
from verify.problem import Instance, fixed, problem_of, with_classes
from verify.spec import Array, Claims, Embedding, FunctionSpec, Homogeneous, Label, LossSpec, Parameter, positive

FIELD = Path(field.__file__)


def found(f, spec, **pins):
    return find_out_inputs(f, problem_of(spec), Pins(**pins))


@pytest.mark.parametrize(("spec", "f", "code", "told"), field.WRONG, ids=name_of)
def test_wrong_implementations_are_broken_and_named(spec, f, code, told):
    report = check(f, loss=f"{FIELD}:{spec}", laws=("value", "gradient"), dtypes=("float64", "float32"), profile="quick")
    assert [r.verdict for r in report.results if r.law == "gradient"] == [Verdict.BROKEN] * 2
    finding = report.to_dict()["findings"][0]
    assert finding["code"] == code
    assert told is None or told in finding["cause"]


@pytest.mark.parametrize("law", ["gradient", "bracket", "order", "convexity"])
def test_each_law_that_can_catches_it(law):
    report = check(
        field.over_the_kept_in_the_gradient, loss=f"{FIELD}:WEIGHED", laws=(law,), dtypes=("float64", "float32"), profile="quick"
    )
    assert [r.verdict for r in report.results] == [Verdict.BROKEN] * 2


TOLD = "does not compute the loss where a label is -100, which the spec ignores, and is judged where each label is a class"


@pytest.mark.parametrize("f", [field.of_classes_alone, field.of_clipped_labels, field.of_classes_compiled], ids=name_of)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_who_knows_no_ignored_label_is_judged_without_and_told(f, dtype):
    known = find_out_inputs(f, problem_of(field.WEIGHED), Pins(), dtype)
    assert known.fits
    assert known.limitations == (TOLD,)
    assert known.to_dict()["reduction"] == "mean by w"


@pytest.mark.parametrize("f", [field.weighed, field.weighed_over_the_kept, field.unweighed, field.ignored_in_the_loss], ids=name_of)
def test_who_knows_it_is_asked_about_it(f):
    assert TOLD not in found(f, field.WEIGHED).limitations


def test_that_labels_are_ignored_may_be_demanded():
    assert not found(field.of_clipped_labels, field.WEIGHED, reduction="mean of what is kept").fits


@pytest.mark.parametrize(
    ("f", "reduction"),
    [
        (field.weighed, "mean by w"),
        (field.weighed_over_the_kept, "mean of what is kept"),
        (field.weighed_over_all, "mean"),
        (field.weighed_sum, "sum"),
    ],
    ids=name_of,
)
def test_the_reduction_is_found_out_and_may_be_pinned(f, reduction):
    told = found(f, field.WEIGHED).to_dict()
    assert (told["reduction"], told["fits"], told["w"]) == (reduction, True, "varied, one for each class")
    pinned = "sum" if reduction == "sum" else "mean"
    assert found(f, field.WEIGHED, reduction=pinned).to_dict() == told
    assert found(f, field.WEIGHED, reduction=reduction).to_dict() == told
    assert not found(f, field.WEIGHED, reduction="mean" if pinned == "sum" else "sum").fits


def test_what_does_not_take_them_has_the_defaults_and_is_told_so():
    conventions = found(field.unweighed, field.WEIGHED)
    assert (conventions.to_dict()["w"], conventions.fits) == (1.0, True)
    assert conventions.limitations == ("does not take w, and is judged at w = 1 for all classes; --parameter w=… says others",)


def test_an_argument_of_the_name_that_is_something_else_is_left_alone():
    def own(s, y, w=None):
        assert w is None, "no weights of classes"
        return field.unweighed(s, y)

    conventions = found(own, field.WEIGHED)
    assert (conventions.to_dict()["w"], conventions.to_dict()["call"]) == (1.0, "f(prediction, target)")


@pytest.mark.parametrize("given", [(1, 2, 0.3), [1, 2, 0.3], np.array([1, 2, 0.3])], ids=["tuple", "list", "array"])
def test_they_are_pinned(given):
    told = found(field.weighed_by_its_own, field.WEIGHED, parameters={"w": given})
    assert (told.to_dict()["w"], told.fits, told.limitations) == ([1.0, 2.0, 0.3], True, ())
    assert not found(field.weighed_by_others, field.WEIGHED, parameters={"w": given}).fits
    handed = found(field.weighed, field.WEIGHED, parameters={"w": given}).to_dict()
    assert (handed["w"], handed["call"], handed["fits"]) == ([1.0, 2.0, 0.3], "f(prediction, target, w)", True)


def test_one_number_is_pinned_for_all_classes():
    for f, reduction in ((field.weighed_over_all, "mean"), (field.weighed, "mean by w"), (field.unweighed, "mean by w")):
        told = found(f, field.WEIGHED, parameters={"w": 3})
        assert (told.to_dict()["w"], told.to_dict()["reduction"], told.fits) == (3.0, reduction, True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_pinned_is_judged_at_so_many_classes(dtype):
    asked = {"loss": f"{FIELD}:WEIGHED", "parameters": {"w": (1, 2, 0.3)}, "dtypes": (dtype,), "profile": "quick"}
    for f in (field.weighed_by_its_own, field.weighed, field.weighed_sum):
        report = check(f, **asked)
        assert report.verdict is Verdict.HOLDS, str(report)
        assert max(r.strain for r in report.results) < 0.1

    def wrong(s, y):
        return field.weighed_by_its_own(s, y)[0], field.weighed_by_others(s, y)[1]

    assert check(wrong, **asked, laws=("gradient",)).verdict is Verdict.BROKEN


FILE = """
import sys
sys.path.insert(0, {folder!r})
from field.classes import WEIGHED as SPEC, forgotten, weighed, weighed_by_its_own, weighed_by_others
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FILE.format(folder=str(FIELD.parent.parent)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_witness_has_them_and_is_judged_again(folder):
    report = check("mine.py:forgotten", loss="mine.py", laws=("gradient",), profile="quick", in_process=True)
    (result,) = report.to_dict()["results"]
    values = result["witness"]["values"]
    assert set(values) == {"prediction", "target", "w"}
    again = replay(result["witness"]["id"], in_process=True)
    assert again.verdict is Verdict.BROKEN
    assert again.to_dict()["results"][0]["witness"]["values"] == values
    assert "w varied, one for each class" in str(report)
    assert json.dumps(report.to_dict())


def test_a_witness_keeps_what_is_pinned(folder):
    asked = {"parameters": {"w": (1, 2, 0.3)}, "laws": ("value",), "profile": "quick", "in_process": True}
    report = check("mine.py:weighed_by_others", loss="mine.py", **asked)
    again = replay(report.to_dict()["results"][0]["witness"]["id"], in_process=True)
    assert again.verdict is Verdict.BROKEN
    assert again.conventions["mine.py:weighed_by_others"]["w"] == [1.0, 2.0, 0.3]


def test_pyproject_and_the_command_line_pin_them(folder):
    (folder / "pyproject.toml").write_text(
        '[[tool.verify.candidates]]\ntarget = "mine.py:weighed_by_its_own"\nloss = "mine.py"\nparameters = { w = [1, 2, 0.3] }\n',
        encoding="utf-8",
    )
    (request,) = read(folder).requests()
    assert request.pins.parameters == {"w": (1.0, 2.0, 0.3)}
    options = ["--parameter", "w=1,2,0.3", "--law", "value", "--profile", "quick", "--in-process", "--quiet"]
    for target, code in (("weighed_by_its_own", 0), ("weighed_by_others", 1)):
        assert cli.main(["check", f"mine.py:{target}", "--loss", "mine.py", *options], standalone_mode=False) == code


@pytest.mark.parametrize(
    ("spec", "pins", "told"),
    [
        ("WEIGHED", {"w": (1, -2, 3)}, r"parameter w = -2 is outside its domain"),
        ("WEIGHED", {"w": (1,)}, "parameter w is 1, and there are two classes or more"),
        ("WEIGHED", {"w": 0}, "parameter w = 0 is outside its domain"),
        ("WEIGHED", {"v": 1}, "parameter of weighed 'v'"),
        ("FOCAL", {"gamma": (1, 2)}, "parameter gamma is 1, 2; it is one number, not one for each class"),
    ],
)
def test_slips_of_pins_are_told(spec, pins, told):
    with pytest.raises(UsageError, match=told):
        found(field.weighed, getattr(field, spec), parameters=pins)


def test_numbers_are_all_that_may_be_pinned():
    with pytest.raises(UsageError, match="one of parameter w is 'a'; give a number"):
        Pins(parameters={"w": (1, "a")})


def two(s, y, w, v):
    return w[y] * exp(s[y]) + v[y]


def stated(formula=lambda s, y, w: w[y] * exp(s[y]), **fields):
    known = {"name": "x", "source": "x", "claims": Claims(convex=None), "parameters": {"w": positive(default=1, dims="C")}}
    return LossSpec(**known | {"per_example": formula} | fields)


def test_two_that_are_pinned_have_as_many_classes():
    spec = stated(two, parameters={"w": positive(default=1, dims="C"), "v": Parameter(default=0, dims="C")})

    def f(s, y):
        return (np.exp(s[np.arange(len(s)), y])).mean(), s

    with pytest.raises(UsageError, match="parameter v is 1, 2, and x has 3 classes"):
        found(f, spec, parameters={"w": (1, 2, 3), "v": (1, 2)})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: positive(default=1, dims="K"), "dims of a parameter is 'K'; give dims='C'"),
        (lambda: stated(targets=(0, 1)), "parameter w of x has dims='C', and the loss has no classes"),
        (lambda: stated(prediction=Embedding("N", "E"), target=Label()), "and the loss has no classes"),
        (lambda: stated(lambda s, y, target: target[y], parameters={"target": positive(default=1, dims="C")}), "give it another name"),
        (
            lambda: FunctionSpec(
                name="x",
                inputs={"x": Array("n")},
                formula=lambda x, w: x.sum(),
                parameters={"w": positive(default=1, dims="C")},
                source="x",
            ),
            r"parameter w of x has dims; of a function of inputs it is one of them: inputs=\{\"w\"",
        ),
    ],
)
def test_slips_of_specs_are_told(make, told):
    with pytest.raises(UsageError, match=told):
        make()


def test_the_kill_table_has_them():
    problem = problem_of(field.WEIGHED)
    power = measure_inputs(InstanceOracle(Instance(problem=problem, reduction="mean by w"), "float64"), profile="quick", seed=0)
    assert power.false_alarms == ()
    assert all(power.kills.values())


def test_wrong_functions_take_them_by_name():
    """One that does not would be caught for that."""
    squares = LossSpec(
        name="squares",
        per_example=lambda s, y, w: w[y] * sum((s[j] - int(j == y)) ** 2 for j in range(len(s))),
        target=Label(),
        parameters={"w": positive(default=1, dims="C")},
        claims=Claims(convex=True, relations=(Homogeneous("w"),)),
        source="a test",
    )
    maker = Maker(InstanceOracle(Instance(problem=problem_of(squares), reduction="sum"), "float64"))
    values = {"prediction": np.array([[1.0, 0.5]]), "target": np.array([0]), "w": np.array([2.0, 3.0])}
    for mistake in wrong(maker):
        assert np.isfinite(maker.subject(mistake.f).candidate(**values).value), mistake.name


@pytest.mark.parametrize("claims", [{"shift_invariant": True}, {"symmetric": True}, {"relations": (Homogeneous("w"),)}])
def test_what_is_claimed_of_the_loss_is_asked_at_weights_that_are_fixed_as_far_as_it_is_true_there(claims):
    spec = replace(field.WEIGHED, claims=Claims(convex=True, **claims))
    problem = fixed(problem_of(spec), "w", (1, 2, 0.5))
    examine_problem(problem)
    assert [r.along for r in problem.relations] == (["3"] if "shift_invariant" in claims else [])
    examine_problem(with_classes(problem_of(spec), 3))


def test_functions_of_torch_hold():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    F = torch.nn.functional

    def theirs(scores, labels, w):
        return F.cross_entropy(scores, labels, weight=w)

    def theirs_summed(scores, labels, w):
        return F.cross_entropy(scores, labels, weight=w, reduction="sum")

    for f, reduction in ((theirs, "mean by w"), (theirs_summed, "sum")):
        report = check(f, loss=f"{FIELD}:WEIGHED", dtypes=("float64", "float32"), laws=("value", "gradient"), profile="quick")
        assert report.verdict is Verdict.HOLDS, str(report)
        (told,) = report.conventions.values()
        assert told["reduction"] == reduction
