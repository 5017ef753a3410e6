"""The gate: each of its rules can turn it red, says why in a sentence, and says how to accept it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from implementations import softmax

import verify
from verify import UsageError
from verify.cli import WRONG_USAGE, cli
from verify.documents import as_json
from verify.gate import Baseline, Policy, judged
from verify.gate.baseline import rounded
from verify.gate.rules import NOISE_FLOORS, WORSE_FACTORS, exit_code
from verify.report import stored

LAWS = ("value", "gradient", "order")


def document(candidate, laws=LAWS):
    found = verify.check(candidate, loss="softmax_cross_entropy", laws=laws, profile="quick").to_dict()
    found["selection"] = None  # as if these were all laws that there are
    for entry in found["results"]:
        entry["candidate"] = "mine:f"
    return found


@pytest.fixture(scope="module")
def good():
    return document(softmax())


def policy(**table):
    return Policy.of(table, Path.cwd())


def gate(found, before=None, /, **table):
    after = judged(found, policy(**table), before)
    stored.validator().validate(json.loads(json.dumps(after)))
    return after["gate"]


def rules(found):
    return [f["rule"] for f in found["failures"]]


def test_what_holds_passes_with_its_own_baseline(good):
    found = gate(good, Baseline.of(good), baseline="b.json")
    assert (found["passed"], found["failures"], found["warnings"], found["changes"]) == (True, [], [], [])


def test_a_gradient_made_worse_by_1e9th_is_red_and_says_why(good):
    worse = document(softmax(after=lambda G, W, X, y, reg: G * (1 + 1e-9)))
    found = gate(worse, Baseline.of(good), baseline="b.json")
    assert not found["passed"]
    said = next(f for f in found["failures"] if f["law"] == "gradient")
    assert said["rule"] == "broken"
    assert "breaks the law gradient: entry [" in said["sentence"]
    assert "declare it with a reason" in said["accept"]
    assert {"what": "verdict", "before": "holds", "now": "broken"}.items() <= next(
        c for c in found["changes"] if c["law"] == "gradient"
    ).items()


def changed(good, law, **values):
    found = copy.deepcopy(good)
    next(r for r in found["results"] if r["law"] == law).update(values)
    return found


def test_a_law_made_silent_is_red_and_says_why(good):
    silent = changed(good, "order", verdict="silent", decided=0, undecided={"no window": 25}, strain=0.0, sensitivity="inf")
    found = gate(silent, Baseline.of(good), baseline="b.json")
    assert rules(found) == ["silent"]
    assert "the law order is silent for mine:f" in found["failures"][0]["sentence"]
    assert "nothing was decided (25 × no window)" in found["failures"][0]["sentence"]
    assert 'silent = "warn"' in found["failures"][0]["accept"]
    assert exit_code({"gate": found}) == 4
    lenient = gate(silent, Baseline.of(good), baseline="b.json", silent="warn")
    assert (lenient["passed"], [w["rule"] for w in lenient["warnings"]]) == (True, ["silent"])


def test_a_law_that_is_no_longer_judged_is_red_unless_others_were_asked_for(good):
    less = copy.deepcopy(good)
    less["results"] = less["results"][:2]
    found = gate(less, Baseline.of(good), baseline="b.json")
    assert rules(found) == ["not-judged"]
    assert "the law order is in the baseline for mine:f (1 result), and was not judged" in found["failures"][0]["sentence"]
    less["selection"] = ["value", "gradient"]
    assert gate(less, Baseline.of(good), baseline="b.json")["passed"]


def test_a_new_law_is_told_and_passes(good):
    less = copy.deepcopy(good)
    less["results"] = less["results"][:2]
    found = gate(good, Baseline.of(less), baseline="b.json")
    assert found["passed"]
    assert "order (1)" in found["warnings"][0]["sentence"]


@pytest.fixture
def declared(tmp_path):
    def write(text):
        (tmp_path / "d.toml").write_text(text, encoding="utf-8")
        return Policy.of({"deviations": "d.toml"}, tmp_path)

    return write


ENTRY = '[[deviation]]\ncandidate = "mine:f"\nlaw = "gradient"\nreason = "known since 1999"\n'


def test_a_declared_deviation_passes_with_its_reason_and_a_stale_one_is_red(good, declared):
    broken = changed(good, "gradient", verdict="broken", strain=9.0)
    ruled = judged(broken, declared(ENTRY), None)["gate"]
    assert ruled["passed"]
    assert ruled["accepted"][0]["reason"] == "known since 1999"
    stale = judged(good, declared(ENTRY), None)["gate"]
    assert rules(stale) == ["stale-deviation"]
    assert "mine:f breaking the law gradient is declared as a deviation, but it holds now" in stale["failures"][0]["sentence"]
    assert stale["failures"][0]["accept"] == "remove its [[deviation]] from d.toml"


def test_a_deviation_of_what_was_not_judged_is_stale_in_a_full_run_only(good, declared):
    other = declared(ENTRY.replace("gradient", "purity"))
    assert "no such result was judged" in judged(good, other, None)["gate"]["failures"][0]["sentence"]
    assert judged({**good, "selection": list(LAWS)}, other, None)["gate"]["passed"]


def test_a_deviation_covers_its_own_dtype_only(good, declared):
    broken = changed(good, "gradient", verdict="broken", strain=9.0)
    assert rules(judged(broken, declared(ENTRY + 'dtype = "float32"\n'), None)["gate"]) == ["broken", "stale-deviation"]


EVERY = ENTRY.replace("gradient", "*")


def test_a_deviation_of_every_law_covers_whatever_the_candidate_breaks_and_is_stale_when_nothing_is(good, declared):
    both = changed(changed(good, "gradient", verdict="broken", strain=9.0), "order", verdict="broken", strain=9.0)
    ruled = judged(both, declared(EVERY), None)["gate"]
    assert ruled["passed"]
    assert [(a["law"], a["reason"]) for a in ruled["accepted"]] == [("gradient", "known since 1999"), ("order", "known since 1999")]
    assert judged(changed(good, "order", verdict="broken", strain=9.0), declared(EVERY), None)["gate"]["passed"]  # one law still fails
    stale = judged(good, declared(EVERY), None)["gate"]
    assert rules(stale) == ["stale-deviation"]
    assert "mine:f breaking any law is declared as a deviation, but every law holds now" in stale["failures"][0]["sentence"]
    assert judged({**good, "selection": list(LAWS)}, declared(EVERY), None)["gate"]["passed"]  # the others may still be broken


def test_a_deviation_of_every_law_is_of_one_candidate_and_yields_to_one_that_names_the_law(good, declared):
    broken = changed(good, "gradient", verdict="broken", strain=9.0)
    assert "broken" in rules(judged(broken, declared(EVERY.replace("mine:f", "mine:g")), None)["gate"])
    two = judged(broken, declared(EVERY + ENTRY.replace("1999", "2001")), None)["gate"]
    assert [a["reason"] for a in two["accepted"]] == ["known since 2001"]


@pytest.mark.parametrize("what", WORSE_FACTORS)
def test_a_figure_far_worse_than_the_baseline_is_red_and_one_within_the_margin_is_not(good, what):
    base = changed(good, "gradient", **{what: 2 * NOISE_FLOORS[what] or 1e-15})
    at = float(next(r for r in base["results"] if r["law"] == "gradient")[what])
    within = gate(changed(good, "gradient", **{what: 0.99 * WORSE_FACTORS[what] * at}), Baseline.of(base), baseline="b.json")
    beyond = gate(changed(good, "gradient", **{what: 1.02 * WORSE_FACTORS[what] * at}), Baseline.of(base), baseline="b.json")
    assert (within["passed"], within["warnings"]) == (True, [])
    severe, other = ("warnings", "failures") if what == "ulps" else ("failures", "warnings")  # ulps have too heavy a tail to fail by
    assert ([f["rule"] for f in beyond[severe]], beyond[other]) == ([f"worse-{what}"], [])
    assert "of the law gradient on mine:f" in beyond[severe][0]["sentence"]
    assert "--update-baseline" in beyond[severe][0]["accept"]


def test_a_sensitivity_that_is_lost_is_red(good):
    blind = changed(good, "gradient", sensitivity="inf")
    assert rules(gate(blind, Baseline.of(good), baseline="b.json")) == ["worse-sensitivity"]


def test_an_edited_baseline_is_red(good, tmp_path):
    file = tmp_path / "b.json"
    file.write_text(str(Baseline.of(good)), encoding="utf-8")
    assert Baseline.read(file).intact
    edits = (('"strain": 0.0', '"strain": 0.5'), ('"seed": 0', '"seed": 1'), ('"verdict": "holds"', '"verdict": "silent"'))
    for before, after in edits:
        text = str(Baseline.of(good))
        assert before in text
        file.write_text(text.replace(before, after, 1), encoding="utf-8")
        found = judged(good, policy(baseline="b.json"), Baseline.read(file))["gate"]
        assert rules(found)[0] == "baseline-edited"
        assert "edited by hand" in found["failures"][0]["sentence"]
    line = str(Baseline.of(good)).splitlines()
    file.write_text("\n".join([*line[:6], *line[7:]]), encoding="utf-8")  # one result taken out
    assert not Baseline.read(file).intact


def test_a_baseline_that_is_missing_or_of_another_profile_is_red(good):
    assert rules(gate(good, None, baseline="b.json")) == ["baseline-missing"]
    other = Baseline.of(good | {"profile": "deep"})
    assert rules(gate(good, other, baseline="b.json")) == ["baseline-profile"]
    assert gate(good, None)["passed"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "verify-baseline/1"}', '{"schema": "x"}', "\ufeff{"])
def test_a_baseline_that_is_none_is_wrong_usage(tmp_path, text):
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="Write it anew"):
        Baseline.read(tmp_path / "b.json")


TABLE = {
    "loss": "multiclass_hinge",
    "penalty": "l2",
    "dtype": "float64",
    "cases": 36,
    "laws": ["value", "gradient"],
    "mutants": [{"name": "the sign flipped", "family": "sign"}, {"name": "off by 1e-3", "family": "relative"}],
    "kills": {"the sign flipped": ["gradient"], "off by 1e-3": ["gradient", "value"]},
    "sensitivity": {"value": {"loss": 5.6e-15}, "gradient": {"gradient": 5.6e-15}},
    "survivors": [],
    "idle": [],
    "false alarms": [],
}
WEAK = {
    "a mutant survives": (
        {"survivors": ["off by 1e-3"]},
        "power-survivor",
        "1 of 2 wrong implementations of multiclass_hinge with",
    ),
    "a law is idle": ({"idle": ["value"]}, "power-idle", "not one is caught by the law value"),
    "a false alarm": ({"false alarms": ["order"]}, "power-false-alarm", "is called broken by the law order"),
    "it sees too little": (
        {"sensitivity": {"value": {"loss": 1e-15}, "gradient": {"gradient": 1e-3}}},
        "power-sensitivity",
        "no law sees a relative error of one entry of the gradient of multiclass_hinge with penalty l2 (float64) below 0.001",
    ),
    "it sees nothing": ({"sensitivity": {"gradient": {"gradient": 1e-15}}}, "power-sensitivity", "an error of the loss"),
}


@pytest.mark.parametrize("case", WEAK)
def test_a_kill_table_with_a_gap_is_red_and_says_where(good, case):
    change, rule, told = WEAK[case]
    found = gate(good | {"power": [TABLE | change]}, **{"min-sensitivity": 1e-4})
    assert rules(found) == [rule]
    assert told.replace("an error", "a relative error") in found["failures"][0]["sentence"]


def test_a_whole_kill_table_passes_and_a_selection_of_laws_may_leave_survivors(good):
    assert gate(good | {"power": [TABLE]}, **{"min-sensitivity": 1e-4})["passed"]
    survivors = TABLE | {"survivors": ["off by 1e-3"], "sensitivity": {}}
    assert gate(good | {"power": [survivors], "selection": ["value"]}, **{"min-sensitivity": 1e-4})["passed"]


LIMITS = {
    "max-strain": ({"max-strain": 1e-9}, "max-strain is 1e-09"),
    "max-ulps": ({"max-ulps": {"float64": 1e-9}}, "max-ulps is 1e-09"),
    "min-sensitivity": ({"min-sensitivity": 1e-17}, "min-sensitivity is 1e-17"),
    "time-budget": ({"time-budget": 1e-6}, "time-budget of 1e-06 s"),
}


@pytest.mark.parametrize("rule", LIMITS)
def test_a_limit_is_kept(good, rule):
    table, told = LIMITS[rule]
    found = gate(good, **table)
    assert set(rules(found)) == {rule}
    assert told in found["failures"][0]["sentence"]
    assert f"raise {rule}" in found["failures"][0]["accept"]


WRONG = {
    "an unknown key": ({"max-strian": 1}, "Did you mean 'max-strain'"),
    "a word for a number": ({"max-strain": "1"}, "max-strain is '1'"),
    "a negative strain": ({"max-strain": -1}, "greater than 0"),
    "not a number": ({"max-ulps": float("nan")}, "greater than 0"),
    "an unknown way of silence": ({"silent": "fial"}, "Did you mean 'fail'"),
    "a dtype that does not exist": ({"max-ulps": {"float63": 1}}, "Did you mean 'float64'"),
    "a path that is a number": ({"baseline": 3}, "the path of a file"),
    "no time at all": ({"time-budget": 0}, "seconds greater than 0"),
    "deviations that are not there": ({"deviations": "nowhere.toml"}, "nowhere.toml cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_policy_is_a_usage_error(case):
    table, told = WRONG[case]
    with pytest.raises(UsageError, match=told):
        policy(**table)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[deviation]]\ncandidate = 'a'\nlaw = 'b'\n", "has no reason"),
        ("[[deviation]]\ncandidate = 'a'\nlaw = 'b'\nreason = ' '\n", "has no reason"),
        ("[[deviation]]\ncandidate = 'a'\nlaw = 'b'\nreason = 'c'\ndtyp = 'd'\n", "Did you mean 'dtype'"),
        ("[[deviations]]\n", "Did you mean 'deviation'"),
        ("deviation = 3\n", r"give tables, \[\[deviation\]\]"),
    ],
)
def test_a_wrong_deviation_is_a_usage_error(declared, text, told):
    with pytest.raises(UsageError, match=told):
        declared(text)


@pytest.mark.parametrize("x", [0.0123456, 9.999, 1.0, 3e-15, 1.2345e36, 0.0, "inf", None])
def test_rounding_never_makes_a_figure_better(x):
    assert x is None or isinstance(x, str) or x <= rounded(x) <= x * 1.02


def test_the_committed_baseline_is_intact_and_of_the_core():
    found = Baseline.read(Path(__file__).parents[2] / "reports" / "baseline.json")
    assert found.intact, "regenerate it: verify run; verify gate reports/latest/report.json --update-baseline"
    assert all(candidate.startswith("verify.core.") for candidate, *_ in found.entries)
    assert {law for *_, law in found.entries} >= {"value", "gradient", "order"}


MINE = """
import numpy as np

def f(W, X, y, reg):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -(S - S.max(1, keepdims=True))[np.arange(len(X)), y].mean() + np.log(E.sum(1)).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, (P.T @ X / len(X) + 2 * reg * W) * FACTOR
"""
HINGE = """

def hinge(W, X, y, reg):
    M = X @ W.T
    M = M - M[np.arange(len(X)), y][:, None] + 1e30
    M[np.arange(len(X)), y] = 0
    A = (M > 0) * 1.0
    A[np.arange(len(X)), y] = -A.sum(1)
    return M.sum() / len(X) + reg * (W * W).sum(), A.T @ X / len(X) + 2 * reg * W
"""
PROJECT = """
[tool.verify]
profile = "quick"
[[tool.verify.candidates]]
target = "mine.py:f"
loss = "softmax_cross_entropy"
[tool.verify.gate]
baseline = "baseline.json"
"""


HUGE = """
[[tool.verify.candidates]]
target = "mine.py:hinge"
loss = "multiclass_hinge"
delta = 1e30
penalty = "l2"
"""
DEVIATION = """
[[deviation]]
candidate = "mine.py:f"
law = "gradient"
reason = "known since 1999"
"""


def test_the_life_of_a_baseline(tmp_path, monkeypatch):
    """Each of the four that must turn the gate red does so from end to end: worse by 1e-9, silent, stale, edited."""
    report, baseline = tmp_path / "reports" / "latest" / "report.json", tmp_path / "baseline.json"
    monkeypatch.chdir(tmp_path)

    def run(words, code):
        """On processes of its own where candidates are judged."""
        if words.startswith("run"):
            done = subprocess.run(
                [sys.executable, "-m", "verify", *words.split()], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout
        done = CliRunner().invoke(cli, words.split(), standalone_mode=False)
        assert (WRONG_USAGE if isinstance(done.exception, UsageError) else done.return_value) == code, done.output
        return done.stdout

    def written():
        """The report outside its header and without the gate, to the byte."""
        document = json.loads(report.read_text(encoding="utf-8"))
        del document["environment"], document["gate"]
        return as_json(document)

    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "mine.py").write_text(MINE.replace("FACTOR", "1"), encoding="utf-8")
    first = run("run --quiet", 1)
    assert "the baseline baseline.json does not exist" in first
    kept = written()
    told = run("gate reports/latest/report.json --update-baseline", 0)
    assert "baseline.json: 13 results" in told
    assert "gate: passed, 0 changes since the baseline, 0 in meaning" in told
    baseline.unlink()
    assert '+  {"candidate": "mine.py:f"' in run("gate reports/latest/report.json --update-baseline --diff", 0)
    assert "gate: passed" in run("run --quiet --fresh", 0)
    assert written() == kept  # same seed, same machine, same report outside its header
    fresh = report.read_bytes()
    assert "gate: passed" in run("run --quiet", 0)
    assert written() == kept
    told = run("gate reports/latest/report.json", 1)
    assert "13 of 13 results were not judged by this run but taken from its ledger (mine.py:f (softmax_cross_entropy, float64): 13)" in told
    stored = baseline.read_bytes()
    run("gate reports/latest/report.json --update-baseline", 2)
    assert baseline.read_bytes() == stored
    assert "gate: passed" in run("gate reports/latest/report.json --accept-reused", 0)
    report.write_bytes(fresh)

    (tmp_path / "deviations.toml").write_text(DEVIATION, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT + 'deviations = "deviations.toml"\n', encoding="utf-8")
    told = run("gate reports/latest/report.json", 1)
    assert "failed: mine.py:f breaking the law gradient is declared as a deviation, but it holds now\n  to accept: remove its" in told
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")

    right = baseline.read_text(encoding="utf-8")
    baseline.write_text(right.replace('"strain": 0.0', '"strain": 0.9'), encoding="utf-8")
    told = run("gate reports/latest/report.json", 1)
    assert "failed: the baseline baseline.json was edited by hand: its digest does not fit what it says\n  to accept: " in told
    baseline.write_text(right, encoding="utf-8")
    assert "gate: passed" in run("gate reports/latest/report.json", 0)

    (tmp_path / "mine.py").write_text(MINE.replace("FACTOR", "(1 + 1e-9)") + HINGE, encoding="utf-8")
    assert "::error file=mine.py,line=4" in run("run --quiet --law gradient --format github", 1)
    told = run("gate reports/latest/report.json", 1)
    assert "failed: mine.py:f (softmax_cross_entropy, float64) breaks the law gradient: entry [" in told
    assert "to accept: mend it, or declare it" in told
    assert "changed: " in told
    quiet = run("gate reports/latest/report.json --quiet", 1)
    assert quiet == "".join(line for line in told.splitlines(keepends=True) if line.startswith(("failed: ", "  to accept: ", "gate: ")))
    assert "gate:" not in run("run --quiet --no-gate --law value", 0)

    (tmp_path / "mine.py").write_text(MINE.replace("FACTOR", "1") + HINGE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT.replace("[tool.verify.gate]", HUGE + "[tool.verify.gate]"), encoding="utf-8")
    told = run("run --quiet --law order", 4)
    assert "the law order is silent for mine.py:hinge (multiclass_hinge, float64): nothing was decided" in told
    assert "and silent is not green\n  to accept: " in told


def test_run_stores_the_kill_tables_and_the_gate_judges_them(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT.replace('baseline = "baseline.json"', ""), encoding="utf-8")
    (tmp_path / "mine.py").write_text(MINE.replace("FACTOR", "1"), encoding="utf-8")
    command = [sys.executable, "-m", "verify", "run", "--quiet", "--power", "--law", "consistency", "--law", "value"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = stored.read(tmp_path / "reports" / "latest" / "report.json")
    (table,) = document["power"]
    assert (table["loss"], table["dtype"], table["laws"]) == ("softmax_cross_entropy", "float64", ["consistency", "value"])
    assert table["sensitivity"]["value"]["loss"] < 1e-12
    assert len(table["survivors"]) > 10  # the other laws would catch them
    assert f"of {len(table['mutants'])} wrong implementations caught by 2 laws; survives: " in done.stdout
    whole = judged({**document, "selection": None}, policy(), None)["gate"]
    assert {"power-survivor"} == set(rules(whole))


@pytest.mark.parametrize("place", ["tool =", "[tool]\nverify =", "[tool.verify]\nprofile =", "[tool.verify]\ngate ="])
def test_a_number_that_python_does_not_write_out_is_told_by_its_size(tmp_path, monkeypatch, place):
    (tmp_path / "pyproject.toml").write_text(f"{place} 0x{'f' * 5000}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="a whole number of 20000 bits"):
        cli(["run", "--quiet"], standalone_mode=False)


def test_a_baseline_that_is_no_text_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.json").write_text(as_json(document(softmax())), encoding="utf-8")
    (tmp_path / "baseline.json").write_bytes(b'{"a": "\xd1"}')
    words = ["gate", "report.json", "--baseline", "baseline.json", "--update-baseline"]
    CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    assert json.loads((tmp_path / "baseline.json").read_text(encoding="utf-8"))
