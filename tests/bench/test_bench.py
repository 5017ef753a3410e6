"""The benchmark itself: turns, spread, the guard, exponents, errors that are refused; and every table in its smoke version."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from verify.benchmarks import checked, checkers, peers

from verify.bench import clock, run, text
from verify.bench.comparison import worse
from verify.bench.run import SCHEMA, bench, growth
from verify.bench.table import Setup, Table, tables
from verify.cli import cli
from verify.errors import UsageError


def sleeping(seconds):
    return lambda: time.sleep(seconds)


def test_contestants_take_turns_in_changing_order():
    seen = []
    works = {name: (lambda name=name: seen.append(name)) for name in "abc"}
    times = clock.measure(works, rounds=6, pause=0.0, shortest=0.0)
    assert len(times.rounds) == 6
    turns = ["".join(seen[i : i + 3]) for i in range(6, len(seen), 3)]  # two calls of each come before
    assert {"".join(sorted(t)) for t in turns} == {"abc"}
    assert len(set(turns)) > 1


def test_fast_work_is_repeated_and_its_time_is_that_of_one_call():
    called = []
    times = clock.measure({"fast": lambda: called.append(0), "slow": sleeping(0.01)}, rounds=1, pause=0.0, shortest=2e-3)
    assert len(called) > 100
    assert times.rounds[0]["fast"] < 1e-4
    assert times.rounds[0]["slow"] >= 0.01


@pytest.mark.parametrize("busy_rounds", [0, 2, 99])
def test_rounds_in_which_others_work_are_dropped(monkeypatch, busy_rounds):
    """A clock of the others that runs as fast as the wall for the first rounds and then stands."""
    state = {"asked": 0, "used": 0.0}

    def others():
        state["asked"] += 1
        if state["asked"] % 2 == 0 and state["asked"] <= 2 * busy_rounds:
            state["used"] += 1.0
        return state["used"]

    monkeypatch.setattr(clock, "_others", others)
    monkeypatch.setattr(clock, "STAT", clock.Path(__file__))
    times = clock.measure({"a": sleeping(1e-3)}, rounds=3, pause=0.0, shortest=0.0)
    assert len(times.rounds) == 3
    assert (times.dropped, times.quiet) == {0: (0, True), 2: (2, True), 99: (0, False)}[busy_rounds]


def rows(size, *seconds):
    return [{"contestant": "x", "axis": "N", "size": size, "seconds": {"median": s}} for s in seconds]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_times(exponent):
    (found,) = growth([r for size in (10, 100, 1000) for r in rows(size, 3e-6 * size**exponent)])
    assert found == {"contestant": "x", "axis": "N", "exponent": pytest.approx(exponent), "points": 3}


def one(**options):
    setup = Setup(label="a line", contestants={"ours": sleeping(1e-3), "theirs": sleeping(3e-3)}, **options)
    return Table(name="one", title="One", setups=lambda _: iter([setup]))


def test_ratios_are_to_the_first_and_parts_are_scaled_up():
    found = bench([one(parts={"theirs": 0.5}, problems=2)], rounds=3, smoke=True)["tables"][0]["rows"]
    assert [r["contestant"] for r in found] == ["ours", "theirs"]
    assert found[0]["ratio"]["median"] == 1
    assert found[1]["seconds"]["median"] >= 3e-3  # half of the work for two problems
    assert found[1]["ratio"]["median"] == pytest.approx(found[1]["seconds"]["median"] / found[0]["seconds"]["median"])


def test_a_wrong_answer_has_no_time():
    with pytest.raises(UsageError, match=r"a line: ours is wrong by 0.5, allowed 0.1"):
        bench([one(error=lambda _: 0.5, allowed=0.1)], smoke=True)
    with pytest.raises(UsageError, match="is wrong by nan"):
        bench([one(error=lambda _: float("nan"), allowed=0.1)], smoke=True)


@pytest.mark.parametrize("loss", peers.LOSSES)
def test_the_error_of_a_wrong_gradient_is_seen(loss):
    W, X, y = peers.batch(9, 5, 3, "float64")
    error = peers.error_of(peers.exact(loss, W, X, y))
    value, dW = peers.in_numpy(loss, W, X, y)()
    assert error((value, dW)) < 1e-14
    dW = dW.copy()
    dW[1, 2] += 1e-6 * np.abs(dW).max()
    assert error((value, dW)) == pytest.approx(1e-6, rel=1e-6)


def test_every_table_works_in_its_smoke_version(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "PEERS", {"numpy": peers.in_numpy})  # the others take seconds to import
    monkeypatch.setattr(checkers, "CHECKERS", {"verify": ("numpy", checkers.ours), "scipy check_grad": ("scipy", checkers.scipy)})
    done = CliRunner().invoke(cli, ["bench", "--smoke", "--output", str(tmp_path / "out"), "--quiet"], standalone_mode=False)
    assert done.exception is None, done.exception
    document = json.loads((tmp_path / "out/bench.json").read_text(encoding="utf-8"))
    names = {"accuracy", "checkers", "generating", "gradient", "growth", "numerical", "sizes", "small", "starting"}
    assert {t["name"] for t in document["tables"]} == set(tables()) == names
    everything = [r for t in document["tables"] for r in t["rows"]]
    assert all(r["seconds"]["low"] <= r["seconds"]["median"] <= r["seconds"]["high"] for r in everything)
    assert any(r["limit"] for r in everything)
    assert {g["axis"] for t in document["tables"] for g in t["growth"]} == {"N", "D", "C", "P"}
    assert {r["contestant"]: r["says"] for r in everything if r["setup"].startswith("softplus")} == {
        "verify": "fails",
        "scipy check_grad": "passes",
    }
    assert "these times mean nothing" in done.stdout
    assert "time grows like N^" in (tmp_path / "out/bench.txt").read_text(encoding="utf-8")
    page = (tmp_path / "out/bench.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert all(f'<h2 id="{name}">' in page for name in tables())
    assert page.count('<th scope="row">') >= len(everything)
    svg = (tmp_path / "out/growth.svg").read_text(encoding="utf-8")
    assert svg.count("<svg") == 1
    assert "verify, numerical gradient, P" in svg


def compared_with(name, *, rows=9, slower=1.0, noise=0.1):
    """A document of one setup in which a peer takes 2 / `slower` times as long as we do, give or take."""
    ratios = {"median": 2 / slower, "low": (2 - noise) / slower, "high": (2 + noise) / slower}
    told = {"setup": "a line", "limit": False, "share": 1, "rounds": rows, "axis": "N", "size": 9, "series": ""}
    peers = {"ours": dict.fromkeys(ratios, 1.0), "theirs": ratios, "others": dict.fromkeys(ratios, 9.0)}
    lines = [{**told, "contestant": who, "ratio": ratio} for who, ratio in peers.items()]
    lines.append({**told, "contestant": "a limit", "limit": True, "ratio": dict.fromkeys(ratios, 0.1)})
    return {"schema": SCHEMA, "smoke": False, "tables": [{"name": name, "compares": True, "rows": lines}]}


def test_a_ratio_that_got_worse_by_more_than_its_spread_is_told():
    before = compared_with("sizes")
    assert worse(compared_with("sizes", slower=1.05), before) == []
    assert worse(compared_with("sizes", slower=0.5), before) == []
    (told,) = worse(compared_with("sizes", slower=1.2), before)
    assert told == "sizes, a line: 1.67 × (1.58 … 1.75, theirs), and it was 2.00 × (1.90 … 2.10, theirs)"
    with pytest.raises(UsageError, match="none of the setups"):
        worse(compared_with("sizes"), compared_with("other"))


def test_the_gate_of_a_benchmark(tmp_path, monkeypatch):
    def command(*words):
        return CliRunner().invoke(cli, ["bench", "--table", "one", "--output", str(tmp_path), "--quiet", *words], standalone_mode=False)

    one_table = Table(name="one", title="One", setups=lambda _: iter([Setup(**SLEEPERS)]), compares=True)
    monkeypatch.setattr("verify.bench.table.tables", lambda: {"one": one_table})
    assert command("--rounds", "3").return_value == 0
    stored = tmp_path / "stored.json"
    text = (tmp_path / "bench.json").read_text(encoding="utf-8")
    stored.write_text(text, encoding="utf-8")
    assert "<svg" in (tmp_path / "compared.svg").read_text(encoding="utf-8")
    document = json.loads(text)
    for row in document["tables"][0]["rows"][1:]:
        row["ratio"] = {name: 100 * value for name, value in row["ratio"].items()}
    stored.write_text(json.dumps(document), encoding="utf-8")
    done = command("--rounds", "3", "--gate", str(stored))
    assert done.return_value == 1
    assert "slower beside the fastest peer: one, a line" in done.stderr
    for wrong, told in (
        ({}, "is no bench: at the document"),
        ({**document, "schema": "x"}, "no document of the schema"),
        ({**document, "smoke": True}, "of a smoke run"),
    ):
        stored.write_text(json.dumps(wrong), encoding="utf-8")
        assert told in str(command("--gate", str(stored)).exception)
    assert "cannot be read" in str(command("--gate", str(tmp_path / "none.json")).exception)
    assert "Leave --smoke or --gate out" in str(command("--smoke", "--gate", str(stored)).exception)


SLEEPERS = {"label": "a line", "contestants": {"ours": sleeping(1e-3), "theirs": sleeping(3e-3)}, "axis": "N", "size": 1}


def told_of_checkers():
    """What docs/checkers.md says, by function and tool."""
    text = (Path(__file__).parents[2] / "docs" / "checkers.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {what: (is_, dict(zip(checkers.CHECKERS, said, strict=True))) for what, is_, *said in rows[1:]}


@pytest.mark.parametrize("name", checked.FUNCTIONS)
def test_checkers_say_what_the_document_says(name):
    """And verify is right of each function; torch's and jax's where they are installed."""
    c = checked.FUNCTIONS[name]
    is_, said = told_of_checkers()[f"{name}: {c.because}"]
    assert is_ == ("right" if c.right else "wrong")
    assert said["verify"] == (checkers.PASSES if c.right else checkers.FAILS)
    for tool, ask in checkers.installed().items():
        assert ask(c) == said[tool], tool


@pytest.mark.parametrize("name", checkers.SMOKE)
def test_the_command_says_the_same(name):
    c = checked.FUNCTIONS[name]
    assert checkers.command(c) == (checkers.PASSES if c.right else checkers.FAILS)


def test_what_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(run, "LIBRARIES", ("numpy", "no-such-library"))
    told = text.machine({"environment": run.environment()})
    assert told.endswith(f"numpy {np.__version__}; not installed: no-such-library")


def test_the_document_counts_what_they_say():
    *rows, (_, counted) = told_of_checkers().values()
    assert len(rows) == len(checked.FUNCTIONS)
    due = {"right": checkers.PASSES, "wrong": checkers.FAILS}
    assert {tool: int(n) for tool, n in counted.items()} == {
        tool: sum(said[tool] == due[is_] for is_, said in rows) for tool in checkers.CHECKERS
    }


@pytest.mark.parametrize("first", ["the report", "the benchmark"])
def test_the_report_links_the_page_and_is_linked(tmp_path, monkeypatch, first):
    monkeypatch.setattr(peers, "PEERS", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        "[[tool.verify.candidates]]\ntarget = 'verify.core.softmax_cross_entropy:l2'\nloss = 'softmax_cross_entropy'\n", encoding="utf-8"
    )
    commands = [["run", "--law", "value", "--profile", "quick", "--quiet"], ["bench", "--smoke", "--table", "growth", "--quiet"]]
    for words in commands if first == "the report" else commands[::-1]:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
    latest = tmp_path / "reports" / "latest"
    assert 'href="bench.html"' in (latest / "index.html").read_text(encoding="utf-8")
    assert ('href="index.html"' in (latest / "bench.html").read_text(encoding="utf-8")) is (first == "the report")


@pytest.mark.parametrize("peer", ["torch", "jax", "sklearn"])
def test_a_peer_that_is_installed_computes_the_same(peer):
    pytest.importorskip(peer)
    for loss in peers.LOSSES if peer != "sklearn" else ("softmax",):
        W, X, y = peers.batch(9, 5, 3, "float64")
        assert peers.error_of(peers.exact(loss, W, X, y))(peers.PEERS[peer](loss, W, X, y)()) < 1e-13
        assert peers.PEERS[peer](loss, W, X, y)()[0] == pytest.approx(peers.in_numpy(loss, W, X, y)()[0], rel=1e-12)


def test_wrong_use_is_told(tmp_path):
    done = CliRunner().invoke(cli, ["bench", "--table", "gradeint", "--output", str(tmp_path)], standalone_mode=False)
    assert "Did you mean 'gradient'?" in str(done.exception)
    listed = CliRunner().invoke(cli, ["bench", "--list"], standalone_mode=False)
    assert "gradient     Loss and gradient, one call" in listed.stdout


def test_times_are_told_in_their_units():
    assert [text.seconds(x) for x in (2.0, 0.35, 2e-6, 5e-12)] == ["2 s", "350 ms", "2 µs", "0.005 ns"]
