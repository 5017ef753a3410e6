"""What changed since the baseline: what matters stands first, and noise is counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from verify.cli import cli
from verify.gate.baseline import Baseline
from verify.gate.policy import Policy
from verify.gate.rules import judged
from verify.report.changes import line, matters, split
from verify.report.html import render

DOCUMENT = json.loads((Path(__file__).parents[1] / "report" / "document.json").read_text(encoding="utf-8"))
PLACE = {"candidate": "mine.py:f", "loss": "huber", "dtype": "float64", "law": "value"}


@pytest.mark.parametrize(
    ("what", "before", "now", "expected"),
    [
        ("verdict", "holds", "silent", True),
        ("result", None, "holds", True),
        ("strain", 0.1, 0.19, False),
        ("strain", 0.1, 0.21, True),
        ("strain", 0.21, 0.1, True),
        ("strain", 0.001, 0.019, False),  # both are noise
        ("strain", 0.001, 0.05, True),
        ("strain", 0.1, "inf", True),
        ("strain", "inf", "inf", False),
        ("strain", 0.1, "nan", True),
        ("sensitivity", 1e-15, 1.9e-15, False),
        ("sensitivity", 1e-15, 3e-15, True),
        ("sensitivity", "inf", 1e-15, True),
        ("ulps", 1.0, 1e9, False),
    ],
)
def test_what_matters(what, before, now, expected):
    assert matters(PLACE | {"what": what, "before": before, "now": now}) is expected


def changes(*told):
    return [PLACE | dict(zip(("law", "what", "before", "now"), t, strict=True)) for t in told]


NOISE = [("value", "strain", 0.1, 0.101 + n / 1e4) for n in range(250)]


def gated(*told):
    gate = {"passed": True, "failures": [], "warnings": [], "accepted": [], "changes": changes(*told)}
    return DOCUMENT | {"gate": gate}


def test_verdicts_come_first_and_new_results_are_one_row():
    told = [
        ("order", "strain", 0.1, 0.9),
        *((law, "result", None, "holds") for law in ("value", "purity")),
        ("curvature", "result", "holds", None),
        ("gradient", "verdict", "holds", "broken"),
    ]
    first, rest = split(gated(*NOISE, *told))
    assert [line(c) for c in first] == [
        "mine.py:f (huber, float64), gradient: holds → broken",
        "mine.py:f (huber, float64), 2 laws: none → 2 holds",
        "mine.py:f (huber, float64), curvature: holds → none",
        "mine.py:f (huber, float64), order: strain 0.1 → 0.9",
    ]
    assert len(rest) == len(NOISE)


def test_figures_of_a_result_whose_verdict_changed_are_folded():
    """Whoever reads that a law is broken knows that its strain has grown."""
    changed = [("gradient", "verdict", "holds", "broken"), ("gradient", "strain", 0.1, 2.16e12), ("order", "strain", 0.1, 2.16e12)]
    first, rest = split(gated(*changed))
    assert [line(c) for c in first] == [
        "mine.py:f (huber, float64), gradient: holds → broken",
        "mine.py:f (huber, float64), order: strain 0.1 → 2.16e+12",
    ]
    assert [(c["law"], c["what"]) for c in rest] == [("gradient", "strain")]


def test_the_page_shows_them_first_and_folds_the_rest():
    page = render(gated(*NOISE, ("gradient", "verdict", "holds", "broken")))
    section = page.partition('id="changes"')[2].partition("<h2")[0]
    shown, folded = section.split("<details")
    assert shown.count("<tr>") == 2  # the head, and the verdict
    assert "broken" in shown
    assert "250 other figures moved" in folded
    assert not re.search(r"<details[^>]*\bopen", section)
    assert (
        "No verdict changed, and no strain or sensitivity by more than a factor of 2." in render(gated(*NOISE)).partition('id="changes"')[2]
    )


def test_the_command_tells_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = [r for r in DOCUMENT["results"] if r["verdict"] == "holds"]
    environment = DOCUMENT["environment"] | {"seconds": [0.0] * len(results)}
    now = {k: v for k, v in DOCUMENT.items() if k not in ("gate", "findings")} | {
        "results": results,
        "selection": None,
        "environment": environment,
    }
    before = now | {"results": [r | {"strain": float(r["strain"]) / 3 + 0.5, "ulps": 77.0} for r in results]}
    Path("report.json").write_text(json.dumps(now), encoding="utf-8")
    Path("baseline.json").write_text(str(Baseline.of(before)), encoding="utf-8")
    policy = Policy.of({"baseline": "baseline.json"}, tmp_path)
    expected, rest = split(judged(now, policy, Baseline.of(before)))
    assert expected
    assert rest
    run = CliRunner().invoke(cli, ["gate", "report.json", "--baseline", "baseline.json"])
    assert f"changed: {line(expected[0])}\n" in run.output
    assert f"{len(expected) + len(rest)} changes since the baseline, {len(expected)} in meaning" in run.output
    run = CliRunner().invoke(cli, ["gate", "report.json", "--baseline", "baseline.json", "--update-baseline"])
    assert f"baseline.json: {len(expected)} changes in meaning, {len(rest)} other figures moved (--diff shows them)" in run.output
    assert '"strain"' not in run.output
    run = CliRunner().invoke(cli, ["gate", "report.json", "--baseline", "baseline.json", "--update-baseline"])
    assert "baseline.json is as it was" in run.output
