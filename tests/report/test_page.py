"""The page: it stands alone, its pictures are the same to the byte, and a browser has nothing to complain of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from verify.conventions import Pins, find_out
from verify.figures import PICTURES, pictures
from verify.figures.canvas import svg
from verify.laws import Subject
from verify.oracle import Oracle
from verify.report.html import formula, render
from verify.spec.catalogue import find_loss
from verify.survey import survey
from verify.survey.kinks import kink_map

DOCUMENT = json.loads((Path(__file__).parent / "document.json").read_text(encoding="utf-8"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def hinge(weights):
    import numpy as np

    def f(W, X, y, reg):
        rows, M = np.arange(len(y)), X @ W.T
        M = M - M[rows, y][:, None] + 1
        M[rows, y] = 0
        A = weights(M).astype(W.dtype)
        A[rows, y] = 0
        A[rows, y] = -A.sum(1)
        return np.maximum(M, 0).sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W

    found = find_out(f, find_loss("multiclass_hinge"), Pins())
    return Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64"))


@pytest.fixture(scope="module")
def measured():
    return survey(hinge(lambda M: M > 0))


@pytest.fixture(scope="module")
def page(measured):
    figures = [{"candidate": "svm.py:loss", "loss": "multiclass_hinge", "dtype": "float64", **measured}]
    return render(DOCUMENT | {"figures": figures})


def test_who_has_no_pictures_is_told_why():
    none = {"candidate": "svm.py:loss", "loss": "multiclass_hinge", "dtype": "float64", "reason": "its process was lost"}
    assert "No pictures: its process was lost." in render(DOCUMENT | {"figures": [none]})


def test_every_picture_is_drawn_the_same_to_the_byte(measured):
    first, second = (pictures("a", measured, {"-1": 3, "2": 4, "1025": 1}, tuple(PICTURES)) for _ in range(2))
    assert [p.name for p in first] == list(PICTURES)
    assert first == second
    assert all(re.search(r'<svg viewBox="[^"]+" role="img" aria-label="[^"]{20,}">', p.svg) for p in first)


def test_ticks_of_a_logarithmic_axis_are_plain_text():
    """To parse matplotlib's own way of writing them takes as long as the rest of a picture."""

    def draw(axes):
        axes.plot([2e-4, 5e-4], [1e-12, 1e3])
        axes.set(xscale="log", yscale="log")

    drawn = svg("a", "a line", draw)
    assert "mathdefault" not in drawn
    assert {"10⁻⁸", "10²", "2×10⁻⁴"} <= set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn))


def test_a_curve_shows_both_ends_of_the_v(measured):
    c = measured["curve"]
    assert c["h"][0] == 1.0
    assert c["h"][-1] < 1e-12
    assert max(e for e in c["forward"][-5:] if e is not None) > 1e-6  # garbage at the smallest steps
    assert 1e-9 < c["best"]["forward"] < 1e-5


def test_values_outside_the_subdifferential_are_seen_on_the_kink_map():
    weights = {"right": lambda M: M >= 0, "wrong": lambda M: (M > 0) + 3.0 * (M == 0)}
    states = {name: {r["state"] for r in kink_map(hinge(w))} for name, w in weights.items()}
    assert states["right"] == {"inside"}
    assert "outside" in states["wrong"]


def test_the_page_stands_alone_and_every_link_leads_somewhere(page):
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//|@import|url\((?!#)|<script|\son\w+=""", page)
    ids = Counter(re.findall(r'\sid="([^"]+)"', page))
    assert [i for i, n in ids.items() if n > 1] == []
    assert [t for t in re.findall(r'href="#([^"]+)"', page) if t not in ids] == []
    assert 'href="#r1" aria-label="gradient broken' in page
    assert "0x1.8000000000000p+0" in page  # the input that attains the largest error
    assert page.count("<figure>") == 5  # no spread: the gradient broke before it was counted


def test_the_page_shows_the_kill_table_with_its_sensitivities(page):
    part = page.partition('id="power"')[2].partition('id="inputs"')[0]
    rows = [re.findall(r"<t[hd].*?</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", part, re.DOTALL)]
    told = [[re.sub(r"<.*?>", "", cell) for cell in row] for row in rows]
    assert told == [
        ["wrong implementation", "value", "gradient", "purity"],
        ["catches", "1", "1", "1"],
        ["smallest error of a gradient entry", "–", "5.6e-15", "–"],
        ["smallest error of the loss", "5.6e-15", "–", "–"],
        ["the sign flipped", "", "●caught", ""],
        ["writes to W", "●caught", "", "●caught"],
        ["off by 1e-17 &lt;b&gt;, survives", "", "", ""],
    ]
    assert "2 of 3 wrong implementations caught by 3 laws; survives: off by 1e-17" in part


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<math><mi>x</mi></math>", "<math><mi>x</mi></math>"),
        ('<math onclick="alert(1)"><mi href="javascript:x">x</mi></math>', "<math><mi>x</mi></math>"),
        ("<math><script>alert(1)</script><mi>a&lt;b</mi></math>", "<math><mi>a&lt;b</mi></math>"),
        ("<script>alert(1)</script>", ""),
        ('<!DOCTYPE x [<!ENTITY a "b">]><math>&a;</math>', ""),
        ("<math>", ""),
    ],
)
def test_a_formula_brings_nothing_but_mathematics(text, shown):
    assert formula(text) == shown


FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
 --disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=2000 --dump-dom"""
OWN = re.compile(r"https?://([\w-]+\.)*(google|googleapis|gvt1)\.com/")
"""What the browser asks for itself, whatever page it shows."""


def browsed(page: str, folder: Path, width: int) -> tuple[str, bool, set[str]]:
    """The page as the browser holds it, whether its console said anything, and what else was asked of the network."""
    file, log = folder / "index.html", folder / "net.json"
    file.write_text(page, encoding="utf-8")
    own = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", f"--window-size={width},2000"]
    command = [CHROMIUM, *FLAGS.split(), *own, file.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True)
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log.read_text(encoding="utf-8")))
    return done.stdout, "CONSOLE" in done.stderr, {url for url in asked if not OWN.match(url)}


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_shows_the_page_and_complains_of_nothing(page, tmp_path, width):
    shown, complained, asked = browsed(page, tmp_path, width)
    assert shown.count("<figure>") == 5
    assert not complained
    assert asked == set()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_page_that_does_otherwise_is_noticed(page, tmp_path):
    planted = '<img src="http://elsewhere.invalid/x.png"><script>console.error("x")</script></body>'
    _, complained, asked = browsed(page.replace("</body>", planted), tmp_path, 400)
    assert complained
    assert asked == {"http://elsewhere.invalid/x.png"}


def recorded(code="var = ((x - mu) ** 2).mean()"):
    line, file = 11, "/somewhere/norms.py"
    message = "the gradient lacks what comes through `var` (norms.py:11)"
    place = {
        "family": "near",
        "seed": 0,
        "values": {"x": ["0x1p+0"]},
        "differentiated": ["x"],
        "gap": 0.25,
        "measured": 1.0,
        "expected": 2.0,
    }
    result = DOCUMENT["results"][0] | {
        "candidate": "norms.py:f",
        "loss": "none",
        "law": "formula",
        "verdict": "broken",
        "kind": "wrong",
        "strain": "inf",
        "witness": place | {"error": 1.0, "allowed": 0.0},
        "diagnosis": {"code": "path-missing", "message": message, "entries": "all", "measured": "entry [0] is 1, allowed 2 ± 0"},
    }
    result["diagnosis"]["places"] = [{"file": file, "line": line}]
    lines = [
        {"file": "norms.py", "line": 10, "code": "mu = x.mean()", "operations": {"sum": 1, "div": 1}},
        {"file": "norms.py", "line": 11, "code": code, "operations": {"sub": 4, "square": 4}},
    ]
    formula = {"source": "own", "operations": 10, "why": None, "recorded": lines}
    return DOCUMENT | {"results": [result], "conventions": {"norms.py:f": {"fits": True, "formula": formula}}}


def test_recorded_code_is_shown_with_its_lines_the_gap_and_the_line_that_is_wrong():
    page = render(recorded())
    section = page.partition('id="recorded"')[2].partition('id="candidates"')[0]
    rows = re.findall(r"<tr.*?</tr>", section, re.DOTALL)[1:]
    assert len(rows) == 2
    assert 'href="#finding0"' not in rows[0]
    assert 'class="here"' in rows[1]
    assert re.search(r'<a class="broken" href="#finding0">the gradient lacks what comes through .*? \(norms.py:11\)</a>', rows[1])
    assert "sub ×&nbsp;4, square ×&nbsp;4" in rows[1]
    assert '<span class="broken">0.25</span>' in section
    assert 'id="finding0"' in page
    assert 'id="recorded"' not in render(DOCUMENT)


def test_each_finding_about_a_line_is_shown_at_it():
    document = recorded()
    (first,) = document["results"]
    other = first["diagnosis"] | {"code": "path-doubled", "message": "the gradient has twice what comes through `mu` (norms.py:11)"}
    document["results"] += [first | {"law": "gradient", "diagnosis": other, "witness": first["witness"] | {"id": "other", "seed": 1}}]
    rows = re.findall(r"<tr.*?</tr>", render(document).partition('id="recorded"')[2].partition('id="candidates"')[0], re.DOTALL)[1:]
    assert re.findall(r'href="#finding(\d)"', rows[1]) == ["0", "1"]


def test_a_finding_about_another_line_than_those_of_the_loss_is_shown_below():
    document = recorded()
    document["results"][0]["diagnosis"]["places"] = [{"file": "other.py", "line": 3}]
    section = render(document).partition('id="recorded"')[2].partition('id="candidates"')[0]
    assert re.search(r'<li>other.py:3: <a class="broken" href="#finding0">', section)
    assert 'class="here"' not in section


def test_recorded_code_is_text():
    assert "<script>" not in render(recorded("x = '<script>'"))
    assert "&lt;script&gt;" in render(recorded("x = '<script>'"))


def test_the_schema_knows_every_code_of_the_docs():
    root = Path(__file__).parents[2]
    docs = (root / "docs" / "diagnosis.md").read_text(encoding="utf-8").partition("## Codes")[2].partition("\n## ")[0]
    codes = {code for row in re.findall(r"^\| (`.*?`) \|", docs, re.MULTILINE) for code in re.findall(r"`([\w-]+)`", row)}
    schema = json.loads((root / "reports" / "schema.json").read_text(encoding="utf-8"))
    known = set(schema["$defs"]["result"]["properties"]["diagnosis"]["properties"]["code"]["enum"])
    assert len(codes) > 30
    assert codes <= known


def many_candidates(candidates=57):
    """A report on so many: of every three one holds, one is broken in a way that has a name, one decided nothing."""
    holds, broken = (next(r for r in DOCUMENT["results"] if r["verdict"] == v) for v in ("holds", "broken"))
    named = {
        "code": "penalty-factor",
        "message": "the penalty's gradient is half of what it must be",
        "entries": "all",
        "measured": "entry [0] is 1",
    }
    silent = holds | {"verdict": "silent", "decided": 0, "undecided": {"on a kink": 3}}
    kinds = (holds, broken | {"diagnosis": named, "kind": "wrong"}, silent)
    results = [
        kinds[n % 3] | {"candidate": f"mylib/package_{n}.py:some_loss_with_a_name", "loss": f"loss_{n % 20}", "dtype": dtype, "law": law}
        for n in range(candidates)
        for dtype in ("float64", "float32")
        for law in ("value", "gradient", "order", "purity")
    ]
    place = {k: results[0][k] for k in ("candidate", "loss", "dtype", "law")}
    rulings = [{"rule": "max-strain", "sentence": f"ruling {n}", "accept": "raise it", "told": False, **place} for n in range(60)]
    changes = [place | {"what": "strain", "before": 0.1, "now": 0.1 + n / 1e4} for n in range(250)]
    gate = {"passed": False, "failures": rulings, "warnings": [], "accepted": [], "changes": changes}
    kept = {k: v for k, v in DOCUMENT.items() if k not in ("findings", "power", "losses")}
    return kept | {"results": results, "losses": {}, "conventions": {}, "gate": gate, "verdict": "broken"}


def test_the_page_begins_with_the_verdict_then_the_causes_then_the_candidates_by_loss():
    page = render(many_candidates())
    places = [page.index(f'id="{name}"') for name in ("failures", "overview", "gate", "matrix", "candidates", "inputs", "results")]
    assert page.index("<h1>") < places[0]
    assert places == sorted(places)
    causes = page[places[0] : places[1]]
    assert causes.count("<li>the penalty's gradient is half of what it must be") == 0  # escaped, as all text is
    assert causes.count("<li>the penalty&#39;s gradient is half of what it must be") == 1  # of 19 candidates
    assert len(re.findall(r'href="#finding\d+"', causes)) == 19
    rows = re.findall(r"<tr>.*?</tr>", page[places[1] : places[2]], re.DOTALL)[1:]
    losses = [re.search(r'<td class="dim">(.*?)</td>', row)[1] for row in rows]
    assert len(rows) == 57
    assert losses == sorted(losses)
    assert Counter(re.search(r'<span class="(\w+)">', row)[1] for row in rows) == {"holds": 19, "broken": 19, "silent": 19}


@pytest.mark.skipif(CHROMIUM is None or shutil.which("pdfinfo") is None, reason="there is no chromium, or no pdfinfo here")
def test_fifty_seven_candidates_print_on_two_pages(tmp_path):
    file, printed = tmp_path / "index.html", tmp_path / "page.pdf"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]

    def pages(page):
        file.write_text(page, encoding="utf-8")
        subprocess.run([CHROMIUM, *flags, f"--print-to-pdf={printed}", file.as_uri()], capture_output=True, timeout=60, check=True)
        told = subprocess.run(["pdfinfo", printed], capture_output=True, encoding="utf-8", check=True).stdout
        return int(re.search(r"Pages:\s+(\d+)", told)[1])

    assert pages(render(many_candidates())) <= 2
    assert pages(render(many_candidates()).replace(".detail, .finding { display: none; }", "")) > 20
