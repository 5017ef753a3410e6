"""A candidate may do what it wants: it costs its own verdict only, with a code and the case that it was asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify import Verdict
from verify.api import judge_all
from verify.campaign.task import Request

FILE = Path(__file__).parents[1] / "misbehaving.py"
LAWS = ("value", "purity")


def judged(*names: str, timeout: float | None = None, laws: tuple[str, ...] = LAWS):
    """{candidate: {law: outcome}} of one run over all of them."""
    requests = [Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=laws) for name in names]
    report = judge_all(requests, timeout=timeout, on_start=lambda _: None, on_done=lambda _: None)
    return {n: {o.task.law: o for o in report.outcomes if o.task.request.candidate == f"{FILE}:{n}"} for n in names}


ENDS = {
    "raises": "raised ValueError: one example is too few",
    "interrupts": "raised KeyboardInterrupt",
    "exits": "raised SystemExit: 3",
    "exits_at_once": "ended its process (exit code 7)",
    "exits_as_if_done": "ended its process (exit code 0)",
    "exits_from_c": "ended its process (exit code 0)",
    "aborts": "ended its process (SIGABRT: Aborted)",
    "reads_at_0": "ended its process (SIGSEGV: Segmentation fault)",
}


@pytest.fixture(scope="module")
def ended():
    return judged(*ENDS, "right")


@pytest.mark.parametrize("name", ENDS)
def test_a_candidate_that_ends_its_process_is_broken_at_the_case_where_it_did(ended, name):
    for outcome in ended[name].values():
        result = outcome.result
        assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", "crashed")
        assert result.diagnosis["message"] == f"the candidate {ENDS[name]}"
        assert len(result.witness.case.X) == 1
        assert outcome.conventions["penalty"] == "l2"


def test_the_others_are_judged_all_the_same(ended):
    assert {law: o.result.verdict for law, o in ended["right"].items()} == dict.fromkeys(LAWS, Verdict.HOLDS)


@pytest.mark.parametrize("name", ["loops", "sleeps_in_c"])
def test_a_candidate_that_hangs_is_broken_at_the_case_where_it_did(name):
    (outcome,) = judged(name, timeout=2, laws=("value",))[name].values()
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("behaviour", "hung")
    assert outcome.result.diagnosis["message"] == "the candidate gave no answer within 2 s"
    assert len(outcome.result.witness.case.X) == 1


def test_a_candidate_that_hangs_on_the_first_question_is_asked_it_once():
    outcomes = judged("always_sleeps", timeout=2, laws=("value", "gradient", "order", "purity", "batches"))["always_sleeps"]
    assert [o.result.diagnosis["code"] for o in outcomes.values()] == ["hung"] * 5
    assert {o.result.witness.case.family for o in outcomes.values()} == {"probe"}


def test_a_candidate_that_always_ends_its_process_has_the_first_question_for_a_witness():
    outcomes = judged("always_aborts")["always_aborts"]
    assert [(o.result.diagnosis["code"], o.result.witness.case.family) for o in outcomes.values()] == [("crashed", "probe")] * 2


def test_slow_is_not_broken():
    (outcome,) = judged("slow", timeout=2, laws=("order",))["slow"].values()
    assert outcome.result.verdict is Verdict.SILENT
    assert list(outcome.result.undecided) == ["the law takes longer than 2 s; --timeout and --profile set how much"]


def test_a_file_that_ends_the_process_when_it_is_imported_is_broken(tmp_path):
    (tmp_path / "mine.py").write_text("import os\nos.abort()\n", encoding="utf-8")
    request = Request(candidate=f"{tmp_path / 'mine.py'}:f", loss="softmax_cross_entropy", laws=("value",))
    (outcome,) = judge_all([request], timeout=None, on_start=lambda _: None, on_done=lambda _: None).outcomes
    assert outcome.result.diagnosis["message"] == "the candidate ended its process (SIGABRT: Aborted) while it was imported"
    assert outcome.result.witness is None
