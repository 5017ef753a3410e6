"""Counterexamples on disk: the same bits come back, and the same sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import verify
from verify.campaign import witness
from verify.cases import Case
from verify.errors import UsageError
from verify.replay_command import command

SOURCE = """
import numpy as np

def loss(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    value = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return value, P.T @ X / len(X) + FACTOR * reg * W
"""


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """The witness of a penalty that is halved, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(witness, "kept", lambda: tmp_path / "cache")
    (tmp_path / "mine.py").write_text("FACTOR = 1\n" + SOURCE, encoding="utf-8")
    report = verify.check("mine.py:loss", loss="softmax_cross_entropy", laws=("gradient",), profile="quick")
    (file,) = witness.save(report.outcomes, tmp_path / "out")
    return report, file


def mend(folder):
    (folder / "mine.py").write_text("FACTOR = 2\n" + SOURCE, encoding="utf-8")


def told(text):
    return [line for line in text.splitlines() if line.startswith(("gradient law", "  "))]


def test_the_same_case_breaks_again_with_the_same_sentence(stored):
    report, file = stored
    again = verify.replay(file)
    before, now = report.results[0], again.results[0]
    assert now.verdict is verify.Verdict.BROKEN
    assert (now.cases, now.witness.evidence.where) == (1, before.witness.evidence.where)
    for name in ("W", "X", "y"):
        a, b = getattr(before.witness.case, name), getattr(now.witness.case, name)
        assert (a.tobytes(), a.dtype) == (b.tobytes(), b.dtype)
    assert told(str(report)) == told(str(again)) != []


def test_the_command_finds_it_by_path_and_by_id_and_ends_with_1(stored):
    report, file = stored
    identity = report.to_dict()["results"][0]["witness"]["id"]
    assert report.to_dict()["results"][0]["witness"]["replay"] == f"verify replay {identity}"
    for name in (str(file), identity):
        done = CliRunner().invoke(command, [name], standalone_mode=False)
        assert done.return_value == 1
        assert told(done.output) == told(str(report))


def test_what_was_mended_holds(stored, tmp_path):
    _, file = stored
    mend(tmp_path)
    done = CliRunner().invoke(command, [str(file), "--format", "json"], standalone_mode=False)
    assert done.return_value == 0
    assert json.loads(done.output)["verdict"] == "holds"


def test_the_pytest_function_fails_until_the_code_is_mended(stored, tmp_path):
    _, file = stored
    source = CliRunner().invoke(command, [str(file), "--format", "pytest"], standalone_mode=False).output
    names: dict[str, object] = {}
    exec(source, names)
    (test,) = [f for name, f in names.items() if name.startswith("test_")]
    with pytest.raises(AssertionError, match="gradient law broken"):
        test()
    mend(tmp_path)
    test()


def test_odd_numbers_keep_their_bits():
    W = np.array([[0.1, -0.0], [5e-324, 1.7976931348623157e308]])
    case = Case(W=W, X=np.array([[np.nextafter(1, 2), 1.0]]), y=np.array([1]), reg=0.1, family="generic", seed=7)
    again = Case.from_dict(json.loads(json.dumps(case.to_dict())), "float64")
    assert (again.W.tobytes(), again.X.tobytes(), again.reg, again.seed) == (case.W.tobytes(), case.X.tobytes(), 0.1, 7)


SPOILED = {
    "no schema": lambda d: d | {"schema": "verify-report/1"},
    "no law": lambda d: {k: v for k, v in d.items() if k != "law"},
    "an unknown law": lambda d: d | {"law": "gradeint"},
    "no case": lambda d: d | {"case": None},
    "a label too great": lambda d: d | {"case": d["case"] | {"y": [99] * len(d["case"]["y"])}},
    "rows of different lengths": lambda d: d | {"case": d["case"] | {"W": [["0x0p+0"], []]}},
    "words for numbers": lambda d: d | {"case": d["case"] | {"W": [["much"]]}},
    "infinity": lambda d: d | {"case": d["case"] | {"reg": "inf"}},
    "no labels": lambda d: d | {"case": d["case"] | {"y": [True]}},
    "a candidate that is gone": lambda d: d | {"candidate": "gone.py:loss"},
    "conventions that are text": lambda d: d | {"conventions": "none"},
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_witness_is_a_usage_error(stored, tmp_path, how):
    _, file = stored
    spoiled = tmp_path / "spoiled.json"
    spoiled.write_text(json.dumps(SPOILED[how](json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(UsageError):
        verify.replay(spoiled)


def test_what_is_no_witness_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.json").write_text("", encoding="utf-8")
    for name in ("nowhere", "empty.json"):
        with pytest.raises(UsageError, match=name):
            verify.replay(name)


def test_the_cache_keeps_the_latest_only(stored, tmp_path, monkeypatch):
    report, _ = stored
    monkeypatch.setattr(witness, "MOST_KEPT", 1)
    witness.keep(report.outcomes)
    other = verify.check("mine.py:loss", loss="softmax_cross_entropy", laws=("order",), profile="quick")
    assert [p.stem for p in (tmp_path / "cache").glob("*.json")] == [witness.identity(other.outcomes[0])]
