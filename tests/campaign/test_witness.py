"""Counterexamples on disk: the same bits come back, and the same sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import verify
from verify.campaign import witness
from verify.cases import Case
from verify.commands.replay import command
from verify.errors import UsageError

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
        a, b = before.witness.case[name], now.witness.case[name]
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
    quiet = CliRunner().invoke(command, [identity, "--quiet"], standalone_mode=False)
    assert quiet.return_value == 1
    assert quiet.output.split(" s, ")[1] == done.output.splitlines(keepends=True)[-1].split(" s, ")[1]
    assert quiet.output.startswith("broken: ")


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
    case = Case(values={"W": W, "X": np.array([[np.nextafter(1, 2), 1.0]]), "y": np.array([1]), "reg": 0.1}, family="generic", seed=7)
    again = Case.from_dict(json.loads(json.dumps(case.to_dict())), "float64")
    assert (again["W"].tobytes(), again["X"].tobytes(), again["reg"], again.seed) == (case["W"].tobytes(), case["X"].tobytes(), 0.1, 7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_of_any_shape_keep_their_bits_and_their_names(dtype):
    rng = np.random.default_rng(0)
    values = {
        "x": rng.normal(size=(2, 1, 3)).astype(dtype),
        "gamma": np.array([0.1, -0.0, 5e-45]).astype(dtype),
        "eps": np.array(1 / 3, dtype),
        "mask": np.array([[0], [7]]),
        "weights": np.array([1.0, 2.0], dtype),  # whole, and no whole numbers
        "rate": 0.1,
        "k": 3,
    }
    case = Case(values=values, family="test", seed=5, differentiated=("gamma", "x", "eps"))
    text = json.loads(json.dumps(case.to_dict(), sort_keys=True))
    assert text["values"]["gamma"] == [float(v).hex() for v in values["gamma"]]
    assert (text["values"]["mask"], text["values"]["k"]) == ([[0], [7]], 3)
    again = Case.from_dict(text, dtype)
    assert (again.family, again.seed, again.differentiated) == ("test", 5, ("gamma", "x", "eps"))
    for name, value in values.items():
        assert type(again[name]) is type(value)
        assert (np.asarray(again[name]).tobytes(), np.asarray(again[name]).dtype) == (np.asarray(value).tobytes(), np.asarray(value).dtype)
        assert np.shape(again[name]) == np.shape(value)


SPOILED = {
    "no schema": lambda d: d | {"schema": "verify-report/1"},
    "no law": lambda d: {k: v for k, v in d.items() if k != "law"},
    "an unknown law": lambda d: d | {"law": "gradeint"},
    "no case": lambda d: d | {"case": None},
    "no values": lambda d: d | {"values": None},
    "nothing that is differentiated": lambda d: d | {"differentiated": []},
    "a gradient for the data": lambda d: d | {"differentiated": ["X"]},
    "a value too few": lambda d: d | {"values": {"W": d["W"], "X": d["X"], "y": d["y"]}},
    "a label too great": lambda d: d | {"values": d["values"] | {"y": [99] * len(d["y"])}},
    "rows of different lengths": lambda d: d | {"values": d["values"] | {"W": [["0x0p+0"], []]}},
    "a row too few": lambda d: d | {"values": d["values"] | {"X": ["0x0p+0"]}},
    "words for numbers": lambda d: d | {"values": d["values"] | {"W": [["much"]]}},
    "infinity": lambda d: d | {"values": d["values"] | {"reg": "inf"}},
    "a number beyond all others": lambda d: d | {"values": d["values"] | {"reg": "0x1p+99999"}},
    "no labels": lambda d: d | {"values": d["values"] | {"y": [True]}},
    "fractions for labels": lambda d: d | {"values": d["values"] | {"y": [0.0]}},
    "a row of λ": lambda d: d | {"values": d["values"] | {"reg": [0.5]}},
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


FIRST = {
    "schema": "verify-witness/1",
    "id": "ca53b82b",
    "candidate": "mine.py:loss",
    "loss": "softmax_cross_entropy",
    "dtype": "float64",
    "law": "gradient",
    "seed": 0,
    "conventions": {"layout": "(C, D)", "reduction": "mean", "penalty": "l2", "fits": True},
    "case": {
        "W": [["0x0.0p+0"], ["0x1.0000000000000p+0"]],
        "X": [["0x1.0000000000000p+0"]],
        "y": [0],
        "reg": "0x1.0000000000000p+0",
        "family": "lattice",
        "seed": 3,
    },
    "diagnosis": {"code": "penalty-factor", "message": "the penalty's gradient is half of what it must be: λW where 2λW is due"},
}
"""A document of the first schema, as it was written: it stays as it is."""

FIRST_OF_A_PAIR = {
    "schema": "verify-witness/1",
    "candidate": "pair.py:square",
    "loss": "none",
    "dtype": "float64",
    "law": "gradient",
    "conventions": {"signature": "one array of shape (2, 2)", "convex": "not claimed", "fits": True},
    "case": {
        "x": ["0x1.0000000000000p+0", "0x1.4000000000000p+1", "-0x1.8000000000000p+1", "0x1.999999999999ap-4"],
        "shape": [2, 2],
        "family": "given",
        "seed": 0,
    },
}


@pytest.mark.usefixtures("stored")
def test_a_document_of_the_first_schema_is_still_read(tmp_path):
    (tmp_path / "first.json").write_text(json.dumps(FIRST), encoding="utf-8")
    for given in (FIRST, tmp_path / "first.json"):
        report = verify.replay(given)
        case = report.results[0].witness.case
        assert report.verdict is verify.Verdict.BROKEN
        assert (case["W"].tolist(), case["X"].tolist(), case["y"].tolist(), case["reg"]) == ([[0.0], [1.0]], [[1.0]], [0], 1.0)
        assert (case.differentiated, case.family, case.seed) == (("W",), "lattice", 3)
        assert "entry [1, 0] is 1.7310585786300048, allowed 2.7310585786300048" in str(report)
    source = CliRunner().invoke(command, [str(tmp_path / "first.json"), "--format", "pytest"], standalone_mode=False).output
    assert "'values': {'W': [[0.0], [1.0]], 'X': [[1.0]], 'y': [0], 'reg': 1.0}" in source


OF_SCORES = """
import numpy as np

def loss(scores, y):
    P = np.exp(scores - scores.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    value = -np.log(P[np.arange(len(y)), y]).mean()
    P[np.arange(len(y)), y] -= 1
    return value, P
"""
PICKED = {
    "W": [["0x0.0p+0", "0x1.0000000000000p+0"], ["0x0.0p+0", "0x1.8000000000000p+1"], ["0x0.0p+0", "0x0.0p+0"]],
    "X": [["0x1.0000000000000p+0", "0x0.0p+0"], ["0x0.0p+0", "0x1.0000000000000p+0"]],
    "y": [0, 2],
    "reg": "0x0.0p+0",
}
"""As scores were written before they had a name: W their transpose, of which each row of X picks a column."""


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.usefixtures("stored")
def test_scores_that_were_written_as_weights_are_still_read(tmp_path, schema):
    (tmp_path / "scores.py").write_text(OF_SCORES, encoding="utf-8")
    rest = {"candidate": "scores.py:loss", "conventions": {"signature": "scores", "reduction": "mean", "fits": True}}
    drawn = {"family": "lattice", "seed": 0}
    if schema == 1:
        told = {**FIRST, **rest, "case": {**PICKED, **drawn}}
    else:
        told = {**FIRST, **rest, "schema": 2, "case": drawn, "values": PICKED, "differentiated": ["W"], **PICKED}
    report = verify.replay(told)
    case = report.results[0].witness.case
    assert (case.differentiated, case["scores"].tolist(), case["y"].tolist()) == (("scores",), [[0, 0, 0], [1, 3, 0]], [0, 2])
    assert "scores=[[0.0, 0.0, 0.0], [1.0, 3.0, 0.0]]" in str(report)
    assert "the whole gradient lacks its 1/N" in str(report)
    document = witness.document(report.outcomes[0])
    assert (document["differentiated"], [*document["values"]], "W" in document) == (["scores"], ["scores", "y"], False)
    assert str(verify.replay(document)).split(" s, ")[0].splitlines()[3:-1] == str(report).splitlines()[3:-1]


def test_that_of_a_pair_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pair.py").write_text("def square(x):\n    return float((x * x).sum()), 3 * x\n", encoding="utf-8")
    report = verify.replay(FIRST_OF_A_PAIR)
    assert report.verdict is verify.Verdict.BROKEN
    assert report.results[0].witness.case.x.tolist() == [[1.0, 2.5], [-3.0, 0.1]]
    assert "x=[[1.0, 2.5], [-3.0, 0.1]]" in str(report)
    document = witness.document(report.outcomes[0])
    assert (document["schema"], document["differentiated"]) == (2, ["x"])
    assert document["values"] == {
        "x": [["0x1.0000000000000p+0", "0x1.4000000000000p+1"], ["-0x1.8000000000000p+1", "0x1.999999999999ap-4"]]
    }
    told = report.to_dict()["results"][0]["witness"]
    assert (told["values"], told["x"], told["shape"]) == (document["values"], FIRST_OF_A_PAIR["case"]["x"], [2, 2])


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
