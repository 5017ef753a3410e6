"""`verify.check`: one result for each dtype and law, what was found out, and what it says to wrong arguments."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from functools import partial

import pytest
import sympy
from implementations import hinge, softmax

import verify
from verify.campaign.requested import CODE, OPTIONS
from verify.commands.check import command
from verify.conventions import PINS
from verify.spec import Claims, LossSpec, Penalty, Real
from verify.spec.catalogue import losses

QUICK = partial(verify.check, loss="softmax_cross_entropy", profile="quick", laws=("value",))


def test_there_is_one_result_for_each_dtype_and_law_in_that_order():
    report = QUICK(softmax(), dtypes=("float32", "float64"), laws=("gradient", "value"))
    assert [(r.dtype, r.law) for r in report.results] == [(d, w) for d in ("float32", "float64") for w in ("gradient", "value")]
    assert report.verdict is verify.Verdict.HOLDS
    assert all(r.cases >= r.decided > 0 for r in report.results)


def test_without_laws_every_law_is_asked_or_says_why_not():
    from verify.laws import LAWS

    report = QUICK(softmax(), laws=None)
    asked, not_asked = [r.law for r in report.results], {i.task.law: i.reason for i in report.inapplicable}
    assert sorted([*asked, *not_asked]) == sorted(LAWS)
    assert not_asked["compiled"] == "the candidate is not compiled by numba"


VERDICTS = {
    "right": (softmax(), "value", verify.Verdict.HOLDS),
    "wrong gradient": (softmax(penalty=1.0), "gradient", verify.Verdict.BROKEN),
    "nothing to ask": (softmax(), "compiled", verify.Verdict.SILENT),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict(case):
    candidate, law, verdict = VERDICTS[case]
    assert QUICK(candidate, laws=(law,)).verdict is verdict


def test_a_broken_law_has_a_witness_and_a_diagnosis():
    (result,) = QUICK(softmax(penalty=1.0), laws=("gradient",)).results
    assert result.kind == "wrong"
    assert result.witness.evidence.strain > 1
    assert result.diagnosis["message"]


def test_conventions_are_told():
    assert list(QUICK(softmax()).conventions.values()) == [{"layout": "(C, D)", "reduction": "mean", "penalty": "l2", "fits": True}]


def test_conventions_can_be_pinned():
    report = QUICK(softmax(), penalty="none", reduction="sum", layout="CD")
    assert report.verdict is verify.Verdict.BROKEN
    assert list(report.conventions.values()) == [{"layout": "(C, D)", "reduction": "sum", "penalty": "none", "fits": False}]


def right(W, X, y, reg):
    return softmax()(W, X, y, reg)


FORMS = {
    "a function": right,
    "a pair": verify.Candidate(loss=lambda *a: right(*a)[0], grad=lambda *a: right(*a)[1]),
    "a target": "implementations:softmax_right",
    "partly bound": partial(right),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_candidate_comes_in_any_form(form, monkeypatch):
    import implementations

    monkeypatch.setattr(implementations, "softmax_right", right, raising=False)
    assert QUICK(FORMS[form], in_process=True).verdict is verify.Verdict.HOLDS


def test_an_object_that_cannot_be_hashed_is_judged():
    class Model:
        __hash__ = None

        def __call__(self, W, X, y, reg):
            return right(W, X, y, reg)

    assert QUICK(Model()).verdict is verify.Verdict.HOLDS


def test_the_margin_can_be_given():
    report = QUICK(hinge(), loss="multiclass_hinge", delta=1)
    assert (report.verdict, next(iter(report.conventions.values()))["delta"]) == (verify.Verdict.HOLDS, 1.0)


def test_what_is_true_of_one_margin_is_not_said_of_the_next():
    """Candidates of one objective share what is true of it; those of another do not."""
    verdicts = [QUICK(hinge(), loss="multiclass_hinge", laws=("value",), delta=delta).verdict for delta in (1, 2, 1)]
    assert verdicts == [verify.Verdict.HOLDS, verify.Verdict.BROKEN, verify.Verdict.HOLDS]


def test_a_candidate_that_raises_is_broken_by_behaviour():
    def f(W, X, y, reg):
        raise ValueError("weights are wrong")

    (result,) = QUICK(f).results
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (verify.Verdict.BROKEN, "behaviour", "crashed")
    assert result.diagnosis["message"] == "the candidate raised ValueError: weights are wrong"


def test_a_candidate_that_exits_is_broken_by_behaviour():
    def f(W, X, y, reg):
        raise SystemExit(3)

    assert [r.diagnosis["code"] for r in QUICK(f).results] == ["crashed"]


SQUARED = LossSpec(name="squared", per_example=lambda s, t: (s - t) ** 2, target=Real(), claims=Claims(convex=True), source="a textbook")


def squared(s, t):
    return ((s - t) ** 2).mean(), 2 * (s - t) / len(s)


def test_a_spec_is_given_as_it_is_and_named_by_its_file():
    report = verify.check(squared, loss=SQUARED, laws=("value", "gradient"), profile="quick")
    assert (report.verdict, [*report.losses]) == (verify.Verdict.HOLDS, ["tests/test_api.py:SQUARED"])


def test_a_worker_process_finds_a_spec_by_its_file(tmp_path, monkeypatch):
    stated = "from verify.spec import Claims, LossSpec, Real\n"
    stated += "SPEC = LossSpec(name='own', per_example=lambda s, t: (s - t) ** 2, target=Real(), claims=Claims(convex=True), source='none')"
    (tmp_path / "own_spec.py").write_text(stated, encoding="utf-8")
    (tmp_path / "own_loss.py").write_text("def f(s, t):\n    return ((s - t) ** 2).mean(), (s - t) / len(s)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    given = importlib.import_module("own_spec").SPEC
    report = verify.check("own_loss.py:f", loss=given, laws=("gradient",), profile="quick")
    assert (report.verdict, [*report.losses]) == (verify.Verdict.BROKEN, ["own_spec.py:SPEC"])


def test_a_spec_that_no_file_holds_is_judged_in_this_process_alone():
    first, second = (replace(SQUARED, per_example=lambda s, t, k=k: k * (s - t) ** 2) for k in (1, 2))
    verdicts = [verify.check(squared, loss=spec, laws=("value",), profile="quick").verdict for spec in (first, second, first)]
    assert verdicts == [verify.Verdict.HOLDS, verify.Verdict.BROKEN, verify.Verdict.HOLDS]
    with pytest.raises(verify.UsageError, match="is no variable of a file"):
        verify.check("mine.py:f", loss=second)


def test_a_shipped_spec_and_a_penalty_are_given_as_they_are():
    penalty = Penalty(name="cubes", per_weight=lambda w: sympy.Abs(w) ** 3)
    report = verify.check(
        softmax(penalty=0.0), loss=losses()["softmax_cross_entropy"], penalty=penalty, laws=("gradient",), profile="quick"
    )
    assert report.verdict is verify.Verdict.BROKEN
    assert [*report.losses] == ["softmax_cross_entropy"]


WRONG = {
    "candidate": ({"candidate": 3}, "the candidate is int; give a function"),
    "target": ({"candidate": "nothing"}, "target 'nothing' has no function"),
    "loss": ({"loss": "softmax_cross_entrop"}, "Did you mean 'softmax_cross_entropy'"),
    "loss of another type": ({"loss": None}, "give the name of a spec"),
    "file without a loss": ({"candidate": "nothere.py:f", "loss": None}, "there is no file nothere.py"),
    "target without a loss": ({"candidate": "nothing", "loss": None}, "target 'nothing' has no function"),
    "signature": ({"signature": "score"}, "unknown signature 'score'. Did you mean 'scores'"),
    "law": ({"laws": ("gradent",)}, "unknown law 'gradent'. Did you mean 'gradient'"),
    "dtype": ({"dtypes": ("float46",)}, "unknown dtype 'float46'. Did you mean 'float64'"),
    "profile": ({"profile": "quik"}, "unknown profile 'quik'. Did you mean 'quick'"),
    "penalty": ({"penalty": "l3"}, "unknown penalty 'l3'. Did you mean 'l2'"),
    "layout": ({"layout": "DD"}, "unknown layout 'DD'"),
    "reduction": ({"reduction": "Sum"}, "unknown reduction 'Sum'. Did you mean 'sum'"),
    "delta of a loss without one": ({"delta": 1.0}, "unknown parameter of softmax_cross_entropy 'delta'"),
    "delta out of its domain": ({"loss": "multiclass_hinge", "delta": -1.0}, "delta = -1 is outside"),
    "timeout in this process": ({"candidate": "json:loads", "timeout": 1.0, "in_process": True}, "Leave out either timeout or in_process"),
    "a worker without a target": ({"in_process": False}, "in_process=False needs a candidate that is named"),
    "timeout without a target": ({"timeout": 1.0}, "timeout needs a candidate that is named"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_named(case):
    given, message = WRONG[case]
    with pytest.raises(verify.UsageError) as caught:
        QUICK(**({"candidate": right} | given))
    assert message in str(caught.value)


WRONG_TYPES = {
    "one dtype for several": {"dtypes": "float64"},
    "one law for several": {"laws": "value"},
    "a dtype that is a number": {"dtypes": (64,)},
    "no dtype": {"dtypes": ()},
    "a layout that is a number": {"layout": 3},
    "a margin that is text": {"loss": "multiclass_hinge", "delta": "x"},
    "a seed that is text": {"seed": "x"},
    "a timeout that is text": {"candidate": "json:loads", "timeout": "x"},
    "a timeout of 0": {"candidate": "json:loads", "timeout": 0},
    "a timeout below 0": {"candidate": "json:loads", "timeout": -1},
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_an_argument_of_a_wrong_type_is_a_usage_error(case):
    given = WRONG_TYPES[case]
    with pytest.raises(verify.UsageError, match=next(k[:-1] if k in ("dtypes", "laws") else k for k in reversed(given))):
        QUICK(**({"candidate": right} | given))


def test_options_are_those_of_the_command_and_of_a_request():
    """All but what says where and how long the candidate runs."""
    options = {*inspect.signature(verify.check).parameters} - {"candidate", "loss", "timeout", "in_process"}
    assert options == {*OPTIONS}
    assert {*CODE, *PINS, "dtypes"} <= {p.name for p in command.params}


def test_the_names_of_the_package_are_found_when_used():
    assert set(verify.__all__) <= set(dir(verify))
    assert all(getattr(verify, name).__module__.startswith("verify.") for name in verify.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'verify' has no attribute 'chek'"):
        verify.chek  # noqa: B018


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "mine.py:SPEC"])
def test_a_file_of_the_same_name_in_another_folder_is_another_one(tmp_path, monkeypatch, loss):
    """Which a process remembers."""
    own = "\nfrom sympy import log, exp, Add\nfrom verify.spec import Claims, LossSpec\nSPEC = LossSpec("
    own += "name='mine', per_example=lambda s, y: {} * (log(Add(*map(exp, s))) - s[y]), claims=Claims(convex=True), source='none')"
    found = []
    for factor in ("1", "3"):
        (tmp_path / factor).mkdir()
        monkeypatch.chdir(tmp_path / factor)
        code = (
            f"import implementations\nright = implementations.softmax()\ndef f(W, X, y, reg): return {factor} * right(W, X, y, 0)[0], 0 * W"
        )
        (tmp_path / factor / "mine.py").write_text(code + own.format(factor), encoding="utf-8")
        found.append(verify.check("mine.py:f", loss=loss, laws=("value",), profile="quick", in_process=True).verdict)
    fits = verify.Verdict.HOLDS if loss == "mine.py:SPEC" else verify.Verdict.BROKEN
    assert found == [verify.Verdict.HOLDS, fits]
