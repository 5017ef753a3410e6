"""Documents of strangers: ten thousand that are almost right, each of which is used or refused in a sentence."""

from __future__ import annotations

import copy
import json
import random
import sys
import tempfile
from contextlib import chdir
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import verify
from verify.bench.comparison import all_beside, stored
from verify.bench.run import SCHEMA as BENCH
from verify.campaign import witness
from verify.campaign.configuration import read as configuration
from verify.campaign.requested import OPTIONS, requested
from verify.errors import UsageError
from verify.gate.baseline import Baseline
from verify.gate.command import policy_here
from verify.gate.policy import Policy
from verify.gate.rules import judged
from verify.pair.literals import read_example
from verify.report import stored as report
from verify.report.formats import render
from verify.report.names import FORMATS
from verify.report.pytest_function import function

HERE = Path(__file__).parent
REPORT = json.loads((HERE / "report" / "document.json").read_text(encoding="utf-8"))
REPORT["conventions"]["svm.py:loss"] |= {
    "varied": {"delta": [1.0, 2.0]},
    "found_out": {"delta": "its loss"},
    "ambiguous": {"reduction": ["mean", "sum"]},
    "wrt": ["W"],
    "formula": {
        "source": "own",
        "operations": 3,
        "why": None,
        "recorded": [{"file": "svm.py", "line": 7, "code": "x", "operations": {"+": 1}}],
    },
}
REPORT["results"][1]["diagnosis"]["places"] = [{"file": "svm.py", "line": 7}]
REPORT["results"][0]["farthest"] |= {"loses": "x - y", "entry": [0, 0], "method": "centred", "h": 0.5}
WITNESS = {
    "schema": 2,
    "id": "ca53b82b",
    "candidate": "mine.py:loss",
    "loss": "softmax_cross_entropy",
    "dtype": "float64",
    "law": "gradient",
    "seed": 0,
    "conventions": {"layout": "(C, D)", "reduction": "mean", "penalty": "l2", "fits": True},
    "case": {"family": "lattice", "seed": 3},
    "values": {"W": [["0x0.0p+0"], ["0x1.0p+0"]], "X": [["0x1.0p+0"]], "y": [0], "reg": "0x1.0p+0"},
    "differentiated": ["W"],
    "diagnosis": {"code": "penalty-factor", "message": "the penalty's gradient is half of what it must be"},
}
PAIR = {
    **WITNESS,
    "loss": "none",
    "conventions": {"at": {"tuple": ["x", {"text": "mean"}]}, "convex": "not claimed", "formula": {"source": "own", "operations": 2}},
    "values": {"x": [["0x1.0p+0", 2.5], ["-0x1.8p+1", "0x1.0p-1"]]},
    "differentiated": ["x"],
}
OLD = {
    **{key: value for key, value in WITNESS.items() if key not in ("values", "differentiated")},
    "schema": "verify-witness/1",
    "loss": "none",
    "case": {"x": ["0x1.0p+0", "0x1.0p+1"], "shape": [2], "family": "given", "seed": 0},
    "conventions": {"convex": "not claimed"},
}
BASELINE = json.loads(str(Baseline.of(REPORT)))
ROW = {"setup": "a", "contestant": "ours", "limit": False, "share": 1.0, "ratio": {"median": 1.0, "low": 0.9, "high": 1.1}}
BENCHMARKS = {
    "schema": BENCH,
    "smoke": False,
    "tables": [{"name": "one", "compares": True, "rows": [ROW, {**ROW, "contestant": "theirs"}]}],
}
PROJECT = """
[tool.verify]
profile = "quick"
seed = 3
[[tool.verify.candidates]]
target = "mine.py:f"
loss = "squared_error"
dtypes = ["float64", "float32"]
reduction = "mean"
classes = 3
parameters = { delta = 1.5, w = [1.0, 2] }
[[tool.verify.candidates]]
target = "nothere.mine:g"
loss = "none"
at = [1.0, [2, 3.5]]
inputs = "x: n d"
wrt = ["x"]
formula = "own"
convex = false
[tool.verify.gate]
baseline = "baseline.json"
deviations = "deviations.toml"
max-strain = 0.5
max-ulps = { float64 = 10 }
min-sensitivity = 1e-3
silent = "warn"
time-budget = 60
"""
DEVIATIONS = """
[[deviation]]
candidate = "svm.py:loss"
law = "gradient"
loss = "multiclass_hinge"
dtype = "float64"
reason = "known"
"""


def deep(n, of=list):
    found = of()
    for _ in range(n):
        found = [found] if of is list else {"x": found}
    return found


WORDS = ["", "none", "nan", "-inf", "0x1p+99999", "0x1.8p+1", "0x", "::error::no", "\x1b[31m\r", "\ud800", "a.py:f", "ü", "\0", "x" * 300]
NUMBERS = [0, 1, -1, 3, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf")]
HOSTILE = [None, True, False, *WORDS, *NUMBERS, [], {}, [[]], [[1], [1, 2]], [1, "x"], {"x": 1}, deep(60), deep(150, dict)]


def places(document):
    """All (container, key) of a document."""
    found, here = [], [document]
    while here:
        one = here.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        found += [(one, key) for key in keys]
        here += [one[key] for key in keys if isinstance(one[key], (dict, list))]
    return found


def spoiled(document, r):
    """The document as text with one to three faults."""
    document = copy.deepcopy(document)
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        there = places(document)
        if not there:
            break
        home, key = r.choice(there)
        how = r.random()
        if how < 0.55:
            home[key] = copy.deepcopy(r.choice(HOSTILE))
        elif how < 0.7:
            del home[key]
        elif how < 0.8:
            home[key] = copy.deepcopy(r.choice([other[k] for other, k in there]))
        elif how < 0.9:
            added = copy.deepcopy(r.choice([other[k] for other, k in there]))
            home.append(added) if isinstance(home, list) else home.__setitem__(r.choice(WORDS), added)
        elif isinstance(home, list):
            home.insert(0, copy.deepcopy(home[key]))
        else:
            home[r.choice([k for _, k in there if isinstance(k, str)] or ["x"])] = home.pop(key)
    return torn(json.dumps(document).encode(), r)


def torn(data, r):
    """Rarely what a disk or an editor does to text."""
    if r.random() > 0.1:
        return data
    i = r.randrange(len(data) + 1)
    return r.choice(
        [
            data[:i],
            data[:i] + bytes([r.randrange(256)]) + data[i + 1 :],
            data[:i] + data[i // 2 : i] + data[i:],
            data.decode().encode("utf-16"),
            b"\xef\xbb\xbf" + data,
            b"[" * 100_000 + data,
        ]
    )


TOML = [
    "3",
    "-1",
    "0.5",
    "nan",
    "inf",
    '""',
    '"x"',
    '"::error\\u001b"',
    "true",
    "[]",
    "{}",
    "[1, 2]",
    '["a"]',
    "[[1], [1, 2]]",
    "9" * 5000,
    "9" * 400,
]
TOML += [
    "1979-05-27",
    "07:32:00",
    '"x.py:f"',
    '["float64"]',
    "{ x = 1 }",
    "[" * 2000 + "]" * 2000,
    "1e999",
    "[[], {}]",
    '"../"',
    '"a\\u0000b"',
]


def spoiled_toml(text, r):
    lines = text.strip().split("\n")
    for _ in range(r.choice((1, 1, 2))):
        i = r.randrange(len(lines))
        key, equals, _ = lines[i].partition(" = ")
        how = r.random()
        if equals and how < 0.7:
            lines[i] = f"{key} = {r.choice(TOML)}"
        elif how < 0.8:
            lines.insert(r.randrange(len(lines)), lines[i])
        elif how < 0.9:
            del lines[i]
        else:
            lines[i] = lines[i].replace(r.choice(lines[i] or " "), r.choice("[]={}\"'\x1b."))
        lines = lines or [""]
    return torn("\n".join(lines).encode(), r)


def use_report(file, r):
    document = report.read(file)
    render(document, r.choice([name for name in FORMATS if name != "html" or r.random() < 0.1]))
    held = judged(document, Policy(folder=Path(), baseline="b", max_ulps={"float64": 1}), Baseline.of(REPORT))
    render(held, "text")


def use_witness(file, r):
    function(witness.read(file))
    witness.task(witness.read(file))


def use_baseline(file, r):
    render(judged(REPORT, Policy(folder=Path(), baseline="b"), Baseline.read(file)), "markdown")


def use_benchmarks(file, r):
    for b in all_beside(stored(file)):
        b.in_words()


def use_project(file, r):
    file.replace("pyproject.toml")
    Path("deviations.toml").write_text(DEVIATIONS, encoding="utf-8")
    configuration(Path()).requests()
    policy_here()


def use_deviations(file, r):
    file.replace("deviations.toml")
    policy = Policy.of({"deviations": "deviations.toml"}, Path())
    judged(REPORT, policy, None)


KINDS = {
    "report": ([REPORT], spoiled, use_report, 1000),
    "witness": ([WITNESS, PAIR, OLD], spoiled, use_witness, 2500),
    "baseline": ([BASELINE], spoiled, use_baseline, 1000),
    "benchmarks": ([BENCHMARKS], spoiled, use_benchmarks, 1500),
    "project": ([PROJECT], spoiled_toml, use_project, 2500),
    "deviations": ([DEVIATIONS], spoiled_toml, use_deviations, 1500),
}


def fuzz(kind, n, seed=0):
    """How many were used and how many refused; what ends otherwise is raised, with the document that it comes from."""
    documents, spoil, use, _ = KINDS[kind]
    r, counts = random.Random(f"{kind} {seed}"), {"used": 0, "refused": 0}
    longest = 0
    for _ in range(n):
        data = spoil(r.choice(documents), r)
        file = Path("stranger.txt")
        file.write_bytes(data)
        try:
            use(file, r)
            counts["used"] += 1
        except UsageError as error:
            counts["refused"] += 1
            longest = max(longest, len(str(error)))
        except BaseException:  # for whoever mends it
            print(data[:3000].decode("utf-8", "backslashreplace"))
            raise
    assert longest < 3000  # a sentence, not the document
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_s_document_is_used_or_refused(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = fuzz(kind, KINDS[kind][3])
    assert counts["refused"] > KINDS[kind][3] / 3
    assert counts["used"] > 5


def test_ten_thousand_of_them():
    assert sum(n for *_, n in KINDS.values()) == 10_000


ARRAYS = {
    "no file": None,
    "nothing": b"",
    "text": b"1,2,3",
    "a header alone": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }".ljust(128) + b"\n",
    "a header that never ends": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "objects": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (3,), }".ljust(128) + b"\nxyz",
    "a shape beyond all memory": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(
        127
    )
    + b"\n",
    "a shape that is text": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': 'x', }".ljust(127) + b"\n",
    "a header of brackets": b"\x93NUMPY\x01\x00v\x27" + b"(" * 10102,
    "a broken archive": b"PK\x03\x04" + bytes(200),
}


@pytest.mark.parametrize("how", ARRAYS)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_example_that_is_none_is_refused(how, ending, tmp_path):
    file = tmp_path / f"at.{ending}"
    if ARRAYS[how] is not None:
        file.write_bytes(ARRAYS[how])
    with pytest.raises(UsageError, match="cannot be read"):
        read_example(str(file))


class Odd:
    """What cannot be shown, compared, counted or hashed."""

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    def __len__(self):
        return -1


GIVEN = [*HOSTILE, b"x", set(), range(3), 1j, object(), Odd(), len, int, sys, iter([1]), Path("x"), {1: 2}, ["value", "value"]]
GIVEN += [
    np.array(1.5),
    np.array([]),
    np.array([1.0, 2.0]),
    np.array([None]),
    np.array("x"),
    np.array([1], "m8[s]"),
    np.float64("nan"),
    np.int64(3),
]
GIVEN += [
    np.float64("nan"),
    np.int64(3),
    {"delta": "x"},
    {"delta": 10**400},
    {"delta": [1, None]},
    "x: n d, x: n",
    {"x": 3},
    (np.ones(3), Odd()),
    {"x": np.ones((2, 0))},
]


def f(W, X, y, reg):
    return 0.0, W * 0


CALLS = {
    "a loss": (requested, {"candidate": f, "loss": "multiclass_hinge"}),
    "a pair at a point": (requested, {"candidate": "nothere.mine:f", "at": np.ones(3)}),
    "a pair with inputs": (requested, {"candidate": "nothere.mine:f", "inputs": "x: n d"}),
    "check": (verify.check, {"candidate": "nothere.mine:f", "loss": "squared_error", "in_process": True, "laws": ("value",)}),
    "audit": (verify.audit, {"candidate": "nothere.mine:f", "loss": "squared_error"}),
    "replay": (verify.replay, {"given": WITNESS | {"candidate": "nothere.mine:f"}, "in_process": True}),
}


@pytest.mark.parametrize("call", CALLS)
def test_arguments_of_every_wrong_type_are_refused_in_a_sentence(call, tmp_path, monkeypatch):
    """Or taken: then the candidate, which does not exist, is what is refused."""
    monkeypatch.chdir(tmp_path)
    (function, right), longest = CALLS[call], 0
    parameters = [name for name, p in signature(function).parameters.items() if p.kind is not p.VAR_KEYWORD]
    for name in dict.fromkeys([*parameters, *(OPTIONS if function is requested else ())]):
        for wrong in GIVEN:
            if (call, name) == ("check", "candidate") or (name, wrong is False) == ("in_process", True):
                continue  # those are judged in other tests
            try:
                function(**{**right, name: wrong})
            except UsageError as error:
                longest = max(longest, len(str(error)))
            except BaseException as error:
                raise AssertionError(f"{name} = {type(wrong).__name__}") from error
    assert longest < 3000


if __name__ == "__main__":  # python tests/test_strangers.py KIND N SEED: as many as one likes
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        print(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
