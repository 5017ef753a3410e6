"""The atlas in reports/atlas: a project of complete entries; a page and a comparison that are made of a report."""

from __future__ import annotations

import ast
import json
import sys
from copy import deepcopy
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

import verify
from verify.documents import as_json
from verify.spec.catalogue import specs

ATLAS = Path(__file__).parents[2] / "reports" / "atlas"
VOID = ("meta", "input", "br", "link")


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(ATLAS))
    try:
        yield import_module("build")
    finally:
        sys.path.remove(str(ATLAS))


@pytest.fixture(scope="module")
def project(build):
    return build.project()


def test_a_hundred_functions_each_entry_complete(project):
    candidates, said = project["tool"]["verify"]["candidates"], project["tool"]["atlas"]["functions"]
    targets, known = [c["target"] for c in candidates], specs()
    assert len(set(targets)) == len(targets) >= 100
    assert set(said) <= set(targets)
    for c in candidates:
        assert c["dtypes"]
        assert set(c["dtypes"]) <= {"float64", "float32"}
        assert (ATLAS / c["loss"]).is_file() if c["loss"].endswith(".py") else c["loss"] in known
        assert ".py:" not in c["target"] or said[c["target"]].keys() == {"library", "name"}


def test_adapters_are_there_and_short(project):
    for c in project["tool"]["verify"]["candidates"]:
        file, _, name = c["target"].partition(":")
        if not file.endswith(".py"):
            continue
        body = ast.parse((ATLAS / file).read_text(encoding="utf-8")).body
        found = [n for n in body if ast.unparse(n).startswith((f"def {name}(", f"{name} = "))]
        assert len(found) == 1, c["target"]
        assert isinstance(found[0], ast.Assign) or len(found[0].body) <= 3, c["target"]


def test_what_is_said_of_a_function_is_of_one_that_is_judged(project):
    targets = {c["target"] for c in project["tool"]["verify"]["candidates"]}
    mine = project["tool"]["atlas"]
    for entry in (*mine.get("documented", ()), *mine["findings"]):
        assert set(entry["targets"]) <= targets
    for finding in mine["findings"]:
        assert finding.keys() >= {"name", "title", "targets", "status", "again", "shows", "due"}
        assert finding["again"].startswith("python -c ")
        assert "verify" not in finding["again"]
        assert finding["status"] != "new" or (ATLAS / "findings" / f"{finding['name']}.md").is_file()


@pytest.fixture(scope="module")
def whole(build, project):
    """Of one function of scipy, which is always installed, and one that is a tenth off."""
    with pytest.MonkeyPatch.context() as here:
        here.chdir(ATLAS)
        how = {"loss": "huber", "gradient": "none", "laws": ("value",), "profile": "quick", "in_process": True}
        document = json.loads(as_json(verify.check("scipy_.py:huber", dtypes=("float64", "float32"), **how).to_dict()))
    return build.atlas(document, project)


def test_the_atlas_of_a_report(whole):
    (f,) = whole["functions"]
    assert (f["library"], f["name"], f["loss"]) == ("scipy", "special.huber", "huber")
    assert "special.huber(delta, scores - y)" in f["adapter"]
    for known in f["dtypes"].values():
        assert known["verdict"] == "holds"
        assert float(known["value"]["ulps"]) < 8


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids = [], [], set()

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.links += [told[a] for a in ("src", "href") if a in told]
        self.ids |= {told["id"]} if "id" in told else set()
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def broken(whole):
    """The same with a fault at float32."""
    other = deepcopy(whole)
    known = other["functions"][0]["dtypes"]["float32"]
    fault = {
        "cause": "the loss is <b>twice</b>",
        "says": "the loss is 2",
        "kind": "wrong",
        "laws": ["value"],
        "documented": "",
        "finding": "",
        "title": "",
    }
    known |= {"verdict": "broken", "faults": [fault], "value": {**known["value"], "ulps": 1e6}}
    return other


def test_the_page_is_whole_and_needs_nothing(build, whole):
    page = Page()
    text = build.page(broken(whole), changes=build.compare(whole, broken(whole)))
    page.feed(text)
    assert not page.open
    assert page.links
    assert all(link[1:] in page.ids if link.startswith("#") else link in {f.get("link") for f in whole["findings"]} for link in page.links)
    assert "the loss is &lt;b&gt;twice" in text
    assert 'data-verdict="broken"' in text


def test_what_got_better_and_worse(build, whole):
    changed = build.compare(whole, broken(whole))
    assert [(c["dtype"], c["what"], c["change"]) for c in changed] == [
        ("float32", "verdict", "worse"),
        ("float32", "ulps of the value", "worse"),
    ]
    assert {c["change"] for c in build.compare(broken(whole), whole)} == {"better"}
    assert build.compare(whole, whole) == []
    assert [c["change"] for c in build.compare(whole, {**whole, "functions": []})] == ["gone", "gone"]
