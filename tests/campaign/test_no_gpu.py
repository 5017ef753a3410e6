"""Code that reaches for a GPU where there is none: nothing is said of it, but a fault that was found stands."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from verify import Verdict, as_test, check, replay
from verify.api import judge_all
from verify.campaign import witness
from verify.campaign.ledger import Ledger
from verify.campaign.requested import requested
from verify.campaign.task import Inapplicable
from verify.candidates.answer import guarded_call
from verify.cases import Case
from verify.errors import UsageError
from verify.evidence import Evidence, Measurement
from verify.trial import Trial

AT = np.array([0.3, -1.2, 2.5])


def on_the_gpu():
    raise RuntimeError("Found no NVIDIA driver on your system.")


TOLD = "it needs a GPU, and there is none here (RuntimeError: Found no NVIDIA driver on your system.)"


def late(slope=2.0):
    """Right for slope 2; where the loss is asked for numbers that are not contiguous, it takes a kernel."""

    def f(x):
        if not x.flags.c_contiguous:
            on_the_gpu()
        return float((x * x).sum()), slope * x

    return f


def test_a_fault_stands_that_was_found_before_a_gpu_was_needed():
    report = check(late(2.002), at=AT, profile="quick", laws=("purity", "gradient"))
    assert {r.law: r.verdict for r in report.results} == {"gradient": Verdict.BROKEN}
    (skipped,) = report.inapplicable
    assert (skipped.task.law, skipped.reason) == ("purity", TOLD)


@pytest.mark.parametrize("ask", [lambda f: check(f, at=AT, profile="quick"), lambda f: as_test(f, at=AT, profile="quick")()])
def test_nothing_is_said_where_no_fault_was_found(ask):
    with pytest.raises(UsageError, match=f"^{re.escape(TOLD)}: it was skipped"):
        ask(late())


LATE = """
def f(x, slope=2.0):
    if not x.flags.c_contiguous:
        raise RuntimeError("Found no NVIDIA driver on your system.")
    return float((x * x).sum()), slope * x
def wrong(x):
    return f(x, 2.002)
def never(x):
    raise RuntimeError("Found no NVIDIA driver on your system.")
"""


def test_workers_and_the_ledger_keep_to_it(tmp_path, monkeypatch):
    """What a machine without a GPU has skipped is asked again."""
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    request = requested("late.py:wrong", at=AT, profile="quick", laws=("gradient", "purity"))
    asked = []
    with closing(Ledger(tmp_path / "ledger")) as ledger:
        for reused in (False, True):
            report = judge_all([request], ledger=ledger, on_done=asked.append)
            (broken,), (skipped,) = report.outcomes, report.inapplicable
            assert (broken.task.law, broken.result.verdict, broken.reused) == ("gradient", Verdict.BROKEN, reused)
            assert (skipped.task.law, skipped.skipped, skipped.reused) == ("purity", True, False)
        with pytest.raises(UsageError, match="needs a GPU"):
            judge_all([replace(request, candidate="late.py:f")], ledger=ledger)


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A request for one of the functions above by its name, which worker processes judge."""
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda name, *laws: requested(f"late.py:{name}", at=AT, profile="quick", laws=laws)


def test_workers_without_a_ledger_keep_to_it(named):
    told = []
    report = judge_all([named("wrong", "gradient", "purity")], on_done=told.append)
    assert [(o.task.law, o.result.verdict) for o in report.outcomes] == [("gradient", Verdict.BROKEN)]
    assert [(o.task.law, o.skipped) for o in report.inapplicable] == [("purity", True)]
    assert len({id(o.task.request) for o in told}) == 1


def test_a_request_of_which_two_laws_are_skipped_is_refused_once(named):
    report = judge_all([named("never", "value", "gradient"), named("wrong", "gradient")])
    assert [r.request.candidate for r in report.refused] == ["late.py:never"]
    assert [(o.task.law, o.result.verdict) for o in report.outcomes] == [("gradient", Verdict.BROKEN)]


def test_a_witness_that_needs_a_gpu_by_now_is_not_judged(named, tmp_path, monkeypatch):
    monkeypatch.setattr(witness, "kept", lambda: tmp_path / "cache")
    (file,) = witness.save(judge_all([named("wrong", "gradient")]).outcomes, tmp_path / "out")
    (tmp_path / "late.py").write_text(f"{LATE}wrong = never\n", encoding="utf-8")
    with pytest.raises(UsageError, match="needs a GPU"):
        replay(file)


def test_a_request_that_is_skipped_and_refused_counts_once():
    first, second = (requested(late(), at=AT, profile="quick", laws=("gradient", "purity")) for _ in range(2))

    def elsewhere(tasks, *, on_refused, **_):
        on_refused(tasks[1], UsageError("it lacks"))
        return [Inapplicable(tasks[0], "needs a GPU", skipped=True), *(Inapplicable(task, "nothing to ask") for task in tasks[2:])]

    report = judge_all([first, second], elsewhere=elsewhere)
    assert [(r.request, r.reason) for r in report.refused] == [(first, "it lacks")]
    assert [o.task.request is second for o in report.inapplicable] == [True, True]


class LateQuestion:
    """Broken at the first case; simpler ones, and what names the mistake, need a GPU."""

    name, dtype = "gradient", "float64"

    def __init__(self):
        self.measured = 0

    def measure(self, case):
        self.measured += 1
        if self.measured > 1:
            on_the_gpu_here()
        return Measurement(evidence=(Evidence(measured=1.0, allowed=0.1, where={"measured": 1.0, "expected": 0.0, "entry": [1]}),))

    def pattern(self, case):
        return None

    def search(self, trial):
        trial.examine(Case(values={"x": AT}, family="given", differentiated=("x",)))

    def simplify(self, case, breaks):
        assert not breaks(Case(values={"x": AT / 2}, family="given", differentiated=("x",)))

    def diagnose(self, case, what, watch, avoided):
        on_the_gpu_here()


def on_the_gpu_here():
    guarded_call(on_the_gpu, ())


def test_a_fault_stands_where_a_simpler_case_or_its_name_needs_a_gpu():
    result = Trial(LateQuestion()).run()
    assert (result.verdict, result.witness.case["x"].tolist()) == (Verdict.BROKEN, AT.tolist())
    assert result.diagnosis["message"] == "entry [1] is 1, allowed 0 ± 0.1"
