"""A candidate that does something else than answer, or answers with something else than numbers, is broken, and told what it does."""

from __future__ import annotations

import io
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from misbehaving import right

import verify
from verify import Verdict
from verify.api import judge_all
from verify.campaign.task import Request

FILE = Path(__file__).parents[1] / "misbehaving.py"

DOES = {
    "writes_to_weights": ("purity", "mutates-input", "changes its input W"),
    "writes_to_data": ("purity", "mutates-input", "changes its input X"),
    "writes_to_labels": ("purity", "mutates-input", "changes its input y"),
    "makes_weights_read_only": ("purity", "mutates-input", "makes its input W read-only"),
    "flattens_weights": ("purity", "mutates-input", "changes its input W"),
    "hands_out_its_buffer": ("purity", "nondeterministic", "hands out its own buffer"),
    "remembers_the_array": ("purity", "nondeterministic", "by the identity of the array"),
    "draws": ("purity", "nondeterministic", "draws from numpy's global random numbers"),
    "seeds": ("purity", "nondeterministic", "draws from numpy's global random numbers"),
    "draws_from_python": ("purity", "nondeterministic", "draws from Python's global random numbers"),
    "sets_errors": ("purity", "nondeterministic", "changes np.seterr"),
    "ignores_errors": ("purity", "nondeterministic", "changes np.seterr"),
    "enters_errors": ("purity", "nondeterministic", "changes np.seterr"),
    "calls_for_errors": ("purity", "nondeterministic", "changes np.seterr"),
    "sets_errors_at_first": ("purity", "nondeterministic", "changes np.seterr"),
    "sets_the_buffer": ("purity", "nondeterministic", "changes np.setbufsize"),
    "replaces_strain": ("purity", "nondeterministic", "replaces verify.evidence.Evidence.strain for the whole process"),
    "hides_all": ("purity", "nondeterministic", "adds verify.evidence.all to the suite that judges it"),
    "looks_up_nothing": ("purity", "nondeterministic", "adds verify.evidence.Evidence.__getattribute__"),
    "replaces_as_it_is_read": ("purity", "nondeterministic", "replaces numpy."),
    "flushes_to_zero": ("purity", "nondeterministic", "flushes subnormal results to zero"),
    "breaks_numpy": ("purity", "nondeterministic", "replaces numpy.abs for the whole process"),
    "drops_modules": ("purity", "nondeterministic", "replaces the module "),
    "finds_no_modules": ("purity", "nondeterministic", "replaces sys.meta_path for the whole process"),
    "finds_no_hooks": ("purity", "nondeterministic", "replaces sys.path_hooks for the whole process"),
    "has_no_modules": ("purity", "nondeterministic", "replaces sys.modules for the whole process"),
    "forbids_open": ("purity", "nondeterministic", "replaces builtins.open for the whole process"),
    "rounds_up": ("purity", "nondeterministic", "rounds in another direction"),
    "reads_in_memory_order": ("purity", "nondeterministic", "answers otherwise for"),
    "counts": ("consistency", "nondeterministic", "answers differently when it is asked the same again"),
    "one_row_too_few": ("gradient", "shape", "returned a gradient of shape (3, 4) for W of shape (4, 4)"),
    "flat": ("gradient", "shape", "returned a gradient of shape (16,)"),
    "contains_itself": ("gradient", "shape", "returned nested sequences that are no array"),
    "loses_itself": ("value", "shape", "returned nested sequences that are no array"),
    "dead": ("gradient", "dtype", "ReferenceError"),
    "a_duration": ("value", "shape", "returned a loss of type timedelta64[s]"),
    "raises_as_the_suite_does": ("value", "crashed", "raised Misbehaviour: hello"),
    "losses_in_an_array": ("value", "shape", "returned a loss of type float64 and shape (3,)"),
    "none": ("value", "shape", "returned NoneType, not a pair"),
    "an_object": ("gradient", "dtype", "Odd"),
    "an_object_for_a_loss": ("value", "dtype", "Odd"),
    "of_objects": ("gradient", "dtype", "dtype object"),
    "masked": ("gradient", "dtype", "masked entries"),
    "complex_numbers": ("gradient", "dtype", "dtype complex128"),
    "text": ("gradient", "dtype", "dtype <U32"),
    "in_single_precision": ("purity", "dtype", "float32"),
    "in_whole_numbers": ("purity", "dtype", "int64"),
    "nan_loss": ("value", "value", "is never a finite number"),
    "nan_gradient": ("gradient", "value", "is never a finite number"),
}


@pytest.fixture(scope="module")
def outcomes():
    """One run over all of them. No process is lost by these, so that one serves for all."""
    requests = [
        Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=(law,)) for name, (law, *_) in DOES.items()
    ]
    return dict(zip(DOES, judge_all(requests, in_process=True, captured=True).outcomes, strict=True))


@pytest.mark.parametrize("name", DOES)
def test_it_is_broken_with_a_code_and_a_witness(outcomes, name):
    _, code, message = DOES[name]
    result = outcomes[name].result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", code)
    assert message in result.diagnosis["message"]
    assert result.witness is not None


@pytest.mark.parametrize("name", ["breaks_numpy", "replaces_float", "replaces_zip"])
def test_functions_that_are_replaced_accuse_no_other_law(name):
    """What the suite has derived with them meanwhile is derived again."""
    request = Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=("value",))
    assert judge_all([request], in_process=True, captured=True).verdict is Verdict.HOLDS


OF_THE_SUITE = {
    "replaces_the_judge": "replaces verify.trial.trial.judge for the whole process",
    "rewrites_strain": "changes what verify.evidence.Evidence.strain does",
    "replaces_a_law": "replaces verify.laws.LAWS for the whole process",
    "replaces_the_engine": "replaces hypothesis.core.given for the whole process",
}


@pytest.mark.parametrize("name", OF_THE_SUITE)
def test_a_candidate_that_replaces_a_part_of_the_suite_holds_no_law(name):
    """Its loss is right; whoever judged it was not the suite. What comes next is judged by the suite again."""
    candidates, value = (name, "right"), {"loss": "softmax_cross_entropy", "profile": "quick", "laws": ("value",)}
    found = judge_all([Request(candidate=f"{FILE}:{c}", **value) for c in candidates], in_process=True, captured=True).outcomes
    assert [o.result.verdict for o in found] == [Verdict.BROKEN, Verdict.HOLDS]
    assert found[0].result.diagnosis["code"] == "nondeterministic"
    assert found[0].result.diagnosis["message"] == f"the candidate {OF_THE_SUITE[name]}"


@pytest.mark.parametrize("name", ["replaces_strain", "hides_all", "looks_up_nothing", "replaces_as_it_is_read"])
def test_a_verdict_that_is_replaced_misleads_no_other_law(name):
    request = Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=("gradient",))
    (outcome,) = judge_all([request], in_process=True, captured=True).outcomes
    assert (outcome.result.verdict, outcome.result.kind) == (Verdict.BROKEN, "wrong")


class Odd:
    """Calls things as the suite calls some of its own, and is neither true nor the same as anything."""

    __hash__ = None
    framework, told, pull, py_func, loss_alone = ["mine"], "abc", "it", 5, 6

    def __call__(self, W, X, y, reg):
        return right(W, X, y, reg)

    def __getattr__(self, name):
        return self

    def __bool__(self):
        raise ValueError("neither")

    __eq__ = __len__ = __bool__


def around_itself(W, X, y, reg):
    return right(W, X, y, reg)


around_itself.__wrapped__ = around_itself


@pytest.mark.parametrize("f", [Odd(), MagicMock(side_effect=right), around_itself], ids=["odd", "mock", "around itself"])
def test_an_object_may_have_attributes_and_answers_of_any_kind(f):
    assert verify.check(f, loss="softmax_cross_entropy", profile="quick", laws=("value", "purity")).verdict is Verdict.HOLDS
    loss = lambda W, X, y, reg: f(W, X, y, reg)[0]  # noqa: E731
    assert verify.Candidate(loss=loss, grad=f).first is loss


@pytest.mark.parametrize("name", ["lowers_the_recursion_limit", "in_a_closed_pair"])
def test_what_harms_nobody_is_no_fault(name):
    request = Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=("value",))
    assert judge_all([request], in_process=True, captured=True).verdict is Verdict.HOLDS


def test_what_an_import_does_to_floats_is_stated_and_put_back(tmp_path):
    """As a library does that was built with -ffast-math. Subnormal numbers are kept again when the candidate is asked."""
    source = FILE.read_text(encoding="utf-8")
    keeps = "def keeps(*a):\n    assert np.float64(2e-308) / 4 > 0\n    return right(*a)\n"
    (tmp_path / "mine.py").write_text(f"{source}\nset_float_control(0x8040)\n{keeps}", encoding="utf-8")
    report = verify.check(f"{tmp_path / 'mine.py'}:keeps", loss="softmax_cross_entropy", profile="quick", laws=("value", "purity"))
    assert report.verdict is Verdict.HOLDS
    told = (
        "limitation: when it is imported, its process flushes subnormal results to zero and takes subnormal numbers for zero from then on"
    )
    assert str(report).count(told) == 1


def test_what_lies_below_the_guard_is_as_before():
    """Judged in this process, and nothing of what the candidates did is left."""
    assert np.geterr()["divide"] == "warn"
    assert np.float64(2e-308) / 4 > 0
    assert np.float64(1) / 3 == 1 / 3
    assert np.abs(-1) == 1
    assert open is vars(io)["open"]


def test_the_user_s_own_interrupt_is_not_the_candidate_s():
    def interrupted(W, X, y, reg):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify.check(interrupted, loss="softmax_cross_entropy", profile="quick", laws=("value",))
