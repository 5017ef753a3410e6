"""Large searches: parts that anybody may judge, and one result whatever order they end in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verify import Verdict
from verify.api import judge_all
from verify.campaign.executor import execute
from verify.campaign.ledger import FILE_NAME, Ledger
from verify.campaign.task import Request
from verify.cases.case import IN_BULK
from verify.documents import as_json

SOURCE = Path(__file__).parents[1] / "misbehaving.py"
RARE = """
def rare(W, X, y, reg):
    loss, gradient = right(W, X, y, reg)
    return loss, gradient * (1 + 1e-3 * (len(X) == 61 and W.shape == (6, 16)))
"""
PROBLEMS = 10_000


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    file = tmp_path_factory.mktemp("mine") / "mine.py"
    file.write_text(SOURCE.read_text(encoding="utf-8") + RARE, encoding="utf-8")
    return file


def request(mine: Path, name: str, laws: tuple[str, ...] = ("gradient",)) -> Request:
    return Request(candidate=f"{mine}:{name}", loss="softmax_cross_entropy", profile="quick", laws=laws)


def told(report) -> str:
    return as_json({**report.to_dict(), "environment": None})


def test_problems_are_counted_and_the_order_of_parts_does_not_matter(mine, tmp_path):
    def backwards(tasks, **how):
        return execute([*tasks][::-1], **how)[::-1]

    asked = request(mine, "right", laws=("gradient", "order"))
    reports = [judge_all([asked], problems=PROBLEMS, **how) for how in ({}, {"elsewhere": backwards})]
    assert told(reports[0]) == told(reports[1])
    gradient, order = (o.result for o in reports[0].outcomes)
    (plain, _) = (o.result for o in judge_all([asked]).outcomes)
    assert gradient.verdict is Verdict.HOLDS
    assert gradient.families[IN_BULK] >= PROBLEMS
    assert gradient.cases == plain.cases + gradient.families[IN_BULK]
    assert gradient.decided - plain.decided > PROBLEMS / 2
    assert gradient.strain >= plain.strain
    assert IN_BULK not in order.families


def test_what_is_wrong_for_one_size_in_thousands_is_found_and_made_simple(mine):
    """61 examples of 16 features and 6 classes: one problem in some thousands."""
    report = judge_all([request(mine, "rare")], problems=15_000)
    (outcome,) = report.outcomes
    assert (outcome.result.verdict, outcome.task.part) == (Verdict.BROKEN, 0)
    assert outcome.result.witness.case["X"].shape == (61, 16)
    assert outcome.result.families[IN_BULK] > 6_000
    assert judge_all([request(mine, "rare")]).verdict is Verdict.HOLDS


def test_what_breaks_elsewhere_and_not_here_accuses_nobody(mine):
    def lies(tasks, **how):
        found = execute(tasks, **how)
        if not tasks[0].part:
            return found
        (wrong,) = execute([replace(tasks[0], request=request(mine, "wrong_and_aborts"), part=0)], timeout=None)
        return [replace(o, result=replace(wrong.result)) for o in found]

    (outcome,) = judge_all([request(mine, "right")], problems=10, elsewhere=lies).outcomes
    assert outcome.result.verdict is Verdict.SILENT
    assert "not when its case was asked again here" in " ".join(outcome.result.undecided)


def test_parts_are_kept_in_the_ledger(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(mine.parent)
    asked = replace(request(mine, "right"), candidate="mine.py:right", folder=str(mine.parent))
    reports = []
    for _ in range(2):
        ledger = Ledger(tmp_path / FILE_NAME)
        counted = []
        reports.append(judge_all([asked], problems=PROBLEMS, ledger=ledger, on_done=lambda o, to=counted: to.append(o.reused)))
        ledger.close()
    assert told(reports[0]) == told(reports[1])
    assert counted == [True] * 3


def test_no_problems_are_searched_where_nothing_can_be_looked_at_in_bulk(mine):
    asked = Request(candidate=f"{mine}:right", loss="softmax_cross_entropy", profile="quick", laws=("purity",))
    assert judge_all([asked], problems=PROBLEMS).outcomes[0].result.cases < 1000
