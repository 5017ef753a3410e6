"""Every format tells the same facts, as the golden files show; nothing that a candidate says acts as markup."""

from __future__ import annotations

import copy
import html
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

import verify
from verify import UsageError
from verify.report import stored
from verify.report.formats import emit, render
from verify.report.github import MAX_ANNOTATIONS
from verify.report.names import RENDERINGS

HERE = Path(__file__).parent
DOCUMENT = json.loads((HERE / "document.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("format_", RENDERINGS)
def test_the_golden_file(format_):
    """After a wanted change: VERIFY_GOLDEN=write pytest tests/report, and look at the diff."""
    golden, now = HERE / "golden" / f"report.{format_}", render(DOCUMENT, format_)
    if os.environ.get("VERIFY_GOLDEN") == "write":
        golden.write_text(now, encoding="utf-8")
    assert now == golden.read_text(encoding="utf-8")


def test_the_schema_is_one_and_the_golden_document_fits():
    Draft202012Validator.check_schema(stored.validator().schema)
    stored.validator().validate(DOCUMENT)


SARIF = Draft4Validator(json.loads((HERE / "sarif-2.1.0.json").read_text(encoding="utf-8")))
"""The schema of SARIF 2.1.0 (rtm.5); where it comes from stands in sarif-2.1.0.LICENSE."""


def test_sarif_fits_its_own_schema_whatever_is_in_it():
    silent = [r for r in DOCUMENT["results"] if r["verdict"] == "silent"]
    for document in (DOCUMENT, DOCUMENT | {"results": silent}, DOCUMENT | {"results": [], "gate": DOCUMENT["gate"] | {"failures": []}}):
        SARIF.validate(json.loads(render(document, "sarif")))
    spoilt = json.loads(render(DOCUMENT, "sarif"))
    spoilt["runs"][0]["results"][0]["level"] = "severe"
    assert not SARIF.is_valid(spoilt)


def wrong(W, X, y, reg):
    return 0.0, W


@pytest.mark.parametrize(
    ("candidate", "laws"), [(wrong, None), ("verify.core.multiclass_hinge:l2", ("value", "gradient", "compiled", "purity"))]
)
def test_a_report_fits_the_schema(candidate, laws):
    document = verify.check(candidate, loss="multiclass_hinge", profile="quick", laws=laws, dtypes=("float64", "float32")).to_dict()
    assert {r["dtype"] for r in document["results"]} == {"float64", "float32"}
    stored.validator().validate(json.loads(json.dumps(document, allow_nan=False)))


SPOILT = {
    "another schema": lambda d: d.update(schema="verify-report/2"),
    "a verdict that does not exist": lambda d: d["results"][0].update(verdict="fine"),
    "a number as text": lambda d: d["results"][0].update(strain="much"),
    "a decimal in a witness": lambda d: d["results"][1]["witness"].update(W=[["0.5"]]),
    "a decimal among the values": lambda d: d["results"][1]["witness"].update(values={"x": [[0.5]]}),
    "a case without numbers": lambda d: d["results"][1]["witness"].pop("reg"),
    "a diagnosis without a code": lambda d: d["results"][1]["diagnosis"].pop("code"),
    "no seed": lambda d: d.pop("seed"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_document_that_is_none_is_refused_in_a_sentence(tmp_path, case):
    document = copy.deepcopy(DOCUMENT)
    SPOILT[case](document)
    (tmp_path / "report.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError, match="no report: at "):
        stored.read(tmp_path / "report.json")


HEX = {x: float(x).hex() for x in (1.5, -0.25, 0.1, 2.0)}
VALUES = {"x": [[[HEX[1.5]], [HEX[-0.25]]]], "gamma": [HEX[0.1], HEX[2.0]], "eps": HEX[0.1], "mask": [[0, 1]], "k": 3}
SIZES = "x of shape (1, 2, 1), gamma of shape (2,), eps of shape (), mask of shape (1, 2), k of shape ()"


def with_values(values):
    document = copy.deepcopy(DOCUMENT)
    case = document["results"][1]["witness"]
    for name in ("W", "X", "y", "reg"):
        del case[name]
    case |= {"values": values, "differentiated": ["x", "gamma"]}
    return document


def test_inputs_of_any_shape_are_shown_by_their_names():
    document = with_values(VALUES)
    stored.validator().validate(document)
    for format_ in ("text", "markdown", "junit"):
        told = html.unescape(render(document, format_))
        assert SIZES in told
        for line in ("x=[[[1.5], [-0.25]]]", "gamma=[0.1, 2.0]", "eps=0.1", "mask=[[0, 1]]", "k=3"):
            assert line in told
    page = html.unescape(render(document, "html"))
    assert SIZES in page
    assert f"x = [[[{HEX[1.5]}], [{HEX[-0.25]}]]]\ngamma = [{HEX[0.1]}, {HEX[2.0]}]\neps = {HEX[0.1]}\nmask = [[0, 1]]\nk = 3</pre>" in page
    assert "evil" not in render(with_values({"<b>evil": HEX[0.1]}), "html").replace("&lt;b&gt;evil", "")


def test_large_inputs_are_not_shown_whole():
    for large in ({"x": [[HEX[0.1]] * 41]}, {"x": [HEX[0.1]], "mask": [1] * 41}):
        document = with_values(large)
        assert f"x={[0.1]}" not in render(document, "text")
        assert "large; the report.json has them" in render(document, "html")


def test_a_case_of_an_earlier_report_is_shown_like_one_with_values():
    document = copy.deepcopy(DOCUMENT)
    for r in document["results"]:
        for case in (r[k] for k in ("witness", "worst", "farthest") if "W" in r.get(k, {})):
            case |= {"values": {k: case[k] for k in ("reg", "y", "X", "W")}, "differentiated": ["W"]}
    assert document != DOCUMENT
    for format_ in RENDERINGS:
        assert format_ == "json" or render(document, format_) == render(DOCUMENT, format_)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    for name, told in (("report.json", "is not JSON"), ("nothing.json", "cannot be read")):
        with pytest.raises(UsageError, match=told):
            stored.read(tmp_path / name)


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'markdown'"):
        render(DOCUMENT, "markdwn")


@pytest.mark.parametrize("format_", RENDERINGS)
def test_every_format_tells_the_same_facts(format_):
    told = re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), render(DOCUMENT, format_)).replace("\\n", " ")
    assert "entry [0, 1] is 0.5, allowed 1 ± 1e-14" in told
    assert "λW where 2λW is due" in told or format_ in ("github", "sarif")  # one sentence a finding
    assert "no window: rounding swamps every step" in told
    assert "it no longer does" in told
    assert "remove the entry from reports/deviations.toml" in told


EVIL = {
    "a script": "<script>alert(1)</script>",
    "an image": "<img src=x onerror=alert(1)>",
    "a command": "::error file=x::owned",
    "an old command": "##[error]owned",
    "lines": "a\n::error::owned\r::warning::owned",
    "the end of CDATA": "]]></failure><script>",
    "a table": "a|b|`c`|**d**|_e_|[f](http://evil)|@you",
    "colours": "\x1b[31mred\x00",
    "markup of rich": "[bold red]x[/]",
    "a template": "{{ 7 * 7 }}{% raw %}",
    "the other direction": "\u202egnp.exe",
    "half a pair": "\ud800",
}


def renamed(name):
    document = copy.deepcopy(DOCUMENT)
    for entry in (*document["results"], *document["inapplicable"], *document["gate"]["changes"]):
        entry["candidate"] = name
    document["conventions"] = {name: document["conventions"]["svm.py:loss"]}
    document["places"] = {name: {"file": name, "line": 1}}
    document["results"][1]["diagnosis"]["message"] = name
    document["gate"]["failures"][0]["sentence"] = name
    return document


@pytest.mark.parametrize("case", EVIL)
def test_a_name_does_no_harm(case):
    texts = {f: render(renamed(EVIL[case]), f) for f in RENDERINGS if f != "json"}
    for format_, text in texts.items():
        assert not set(text) & set("\x1b\x00\r\u202e"), format_
    assert not re.search(r"<script>alert|<img src=x|</failure><script", texts["html"] + texts["markdown"])
    assert "49" not in re.findall(r"\{\{|49", texts["html"])
    for line in (texts["text"] + texts["markdown"]).splitlines():
        assert not re.match(r"\s*(::|##\[)", line)
    commands = [line for line in texts["github"].splitlines() if re.match(r"\s*(::|##\[)", line)]
    assert len(commands) == 3  # one broken, one silent, one of the gate
    assert all(re.match(r"::(error|warning) [^:]*title=verify%3A [^:,]*::", line) for line in commands)
    root = ET.fromstring(texts["junit"])
    assert [e.tag for e in root.iter("testcase")] == ["testcase"] * 5
    assert {e.tag for e in root.iter()} == {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped"}
    SARIF.validate(json.loads(texts["sarif"]))
    assert json.loads(render(renamed(EVIL[case]), "json").encode()) == renamed(EVIL[case])
    for line in texts["markdown"].splitlines():
        assert not re.search(r"\[f\]\(|\*\*d\*\*|@you|`c`", line)


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_what_is_said_of_several_candidates_is_said_once(format_):
    """Their limitations, and the laws that were not asked of them."""
    names = [f"{n}.py:f" for n in "abcdef"]
    (law,) = DOCUMENT["inapplicable"]
    (result,) = [r for r in DOCUMENT["results"] if r["verdict"] == "holds"]
    said = {
        **DOCUMENT,
        "inapplicable": [{**law, "candidate": n} for n in names] + [{**law, "candidate": "a.py:f", "law": "order", "reason": "alone"}],
        "results": [{**result, "candidate": n, "limitations": ["takes anything"]} for n in names],
        "environment": {**DOCUMENT["environment"], "seconds": [0.1] * len(names)},
    }
    told = html.unescape(render(said, format_))
    assert told.count(law["reason"]) == told.count("takes anything") == 1
    assert told.count("a.py:f, b.py:f, c.py:f and three more") == 2
    assert re.search(r"a\.py:f(</code>|`)?: (not asked: )?order \(alone\)", told)


def test_laws_that_were_asked_of_no_case_are_one_row_of_the_text():
    (result,) = [r for r in DOCUMENT["results"] if r["verdict"] == "silent"]
    laws = ("value", "gradient", "order", "descent", "purity")
    results = [{**result, "law": law, "cases": 0 if law != "purity" else 3} for law in laws]
    told = render({**DOCUMENT, "results": results, "environment": {**DOCUMENT["environment"], "seconds": [0.5] * 5}}, "text")
    rows = [line.split() for line in told.splitlines() if " silent " in line and " s" in line[-3:]]
    assert [row[1:6] for row in rows[:1]] == [["float64", "value,", "gradient,", "order", "and"]]
    assert [row[-2] for row in rows] == ["2.0", "0.5"]


@pytest.mark.parametrize(
    ("verdicts", "rows"),
    [
        ("holds holds holds holds", ["4 laws holds 0.4 8/8 4.0 s"]),
        ("holds holds", ["value and order holds 0.2 4/4 2.0 s"]),
        ("holds silent holds", ["value and descent holds 0.3 4/4 2.0 s", "order silent 0.2 2/2 1.0 s"]),
        ("holds holds broken", ["value holds 0.1 2/2 1.0 s", "order holds 0.2 2/2 1.0 s", "descent broken 0.3 2/2 1.0 s"]),
    ],
)
def test_laws_that_hold_are_one_row_of_the_text_unless_one_is_broken(verdicts, rows):
    of_verdict = {r["verdict"]: r for r in DOCUMENT["results"]}
    results = [
        of_verdict[verdict] | {"law": law, "strain": strain, "cases": 2, "decided": 2}
        for verdict, law, strain in zip(verdicts.split(), ("value", "order", "descent", "purity"), (0.1, 0.2, 0.3, 0.4), strict=False)
    ]
    told = render(DOCUMENT | {"results": results, "environment": DOCUMENT["environment"] | {"seconds": [1.0] * len(results)}}, "text")
    table = [" ".join(line.split()) for line in told.split("\n\n")[0].splitlines()[1:]]
    assert [row.partition("float64 ")[2] for row in table] == rows


def test_annotations_stop_at_the_ten_worst():
    document = copy.deepcopy(DOCUMENT)
    broken = document["results"][1]
    document["results"] = [broken | {"strain": float(s), "candidate": f"c{s}"} for s in range(2, 30)]
    lines = render(document, "github").splitlines()
    assert sum(line.startswith("::") for line in lines) == MAX_ANNOTATIONS
    assert "c29" in lines[0]
    assert "19 more of 29 findings" in lines[MAX_ANNOTATIONS]


def test_a_rendering_goes_to_a_file_or_to_standard_output(tmp_path, capsys):
    emit(DOCUMENT, "markdown", tmp_path / "new" / "summary.md")
    emit(DOCUMENT, "markdown", None)
    assert (tmp_path / "new" / "summary.md").read_text(encoding="utf-8") == capsys.readouterr().out == render(DOCUMENT, "markdown")
