"""The hiker's page: every number that it shows is recomputed here, in plain numpy and fractions, from the seed alone."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from verify.cli import cli
from verify.data import digits
from verify.descent.page import pictures, render

SEED, EVALUATIONS, REG = 1, 12, 1e-4


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hiker")
    words = ["descend", "hiker", "--seed", str(SEED), "--evaluations", str(EVALUATIONS), "--output", str(folder), "--quiet"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return (folder / "hiker.html").read_text(encoding="utf-8"), json.loads((folder / "hiker.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def drawn(written):
    """The pictures of the document, which do not depend on what the page links."""
    return pictures(written[1])


@cache
def data(white):
    """The split as its documentation describes it: (X, y, X_test, y_test)."""
    images, labels = digits()
    order = np.random.default_rng(0).permutation(1797)
    X = np.hstack([images / white, np.ones((1797, 1))])
    return X[order[450:]], labels[order[450:]].astype(int), X[order[:450]], labels[order[:450]].astype(int)


def hinge(W, X, y, reg=REG):
    """(loss, gradient)."""
    rows = np.arange(len(y))
    M = X @ W.T
    M = M - M[rows, y][:, None] + 1
    M[rows, y] = 0
    A = (M > 0).astype(float)
    A[rows, y] = -A.sum(1)
    return np.maximum(M, 0).sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W


def start():
    return 1e-3 * np.random.default_rng(SEED).normal(size=(10, 65))


def normal(k):
    return np.random.default_rng([SEED, k]).normal(size=(10, 65))


def walked(method):
    """(best loss, best weights) of one method, as its docstring describes it."""
    X, y, _, _ = data(16)
    W, best, at = start(), np.inf, None
    step = 1 / ((X**2).sum(1).mean() / 2 + 2 * REG)

    def seen(V):
        nonlocal best, at
        loss = hinge(V, X, y)[0]
        if loss < best:
            best, at = loss, V

    if method in ("minibatch", "sgd"):
        seen(W)
    for k in range(EVALUATIONS):
        if method == "random-search":
            seen(0.1 * normal(k))
        elif method == "local-search":
            seen((W if at is None else at) + 0.03 * normal(k))
        elif method == "gradient":
            seen(W)
            W = W - step * hinge(W, X, y)[1]
        else:
            batch, eta = (64, step) if method == "minibatch" else (1, step / 4)
            order = np.random.default_rng([SEED, k]).permutation(len(X))
            for i in range(0, len(X), batch):
                rows = order[i : i + batch]
                W = W - eta * hinge(W, X[rows], y[rows])[1]
            seen(W)
    return best, at


METHODS = ("random-search", "local-search", "gradient", "minibatch", "sgd")


@cache
def cached(method):
    return walked(method)


@pytest.mark.parametrize("method", METHODS)
def test_the_comparison_is_what_the_methods_do(written, method):
    _, document = written
    (row,) = (r for r in document["comparison"]["results"] if r["method"] == method)
    best, at = cached(method)
    _, _, X_test, y_test = data(16)
    assert row["best"] == pytest.approx(best, rel=1e-6)
    assert row["test_accuracy"] == pytest.approx(np.mean((X_test @ at.T).argmax(1) == y_test), abs=1 / 450)
    assert row["iteration"] == EVALUATIONS * {"minibatch": 22, "sgd": 1347}.get(method, 1)
    assert row["evaluations"] == EVALUATIONS
    assert document["curves"][method][-1]["best"] == row["best"]


def test_the_promises(written):
    X, y, _, _ = data(16)
    promised = written[1]["promises"]
    W = start()
    value, g = hinge(W, X, y)
    margins = []
    for direction in (W, -g):
        S = X @ direction.T
        margins.append(S - S[np.arange(len(y)), y][:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -(margins[0] + 1) / margins[1]
    roots[np.arange(len(y)), y] = np.inf
    assert promised["certain_step"] == pytest.approx(roots[roots > 0].min(), rel=1e-9)
    assert promised["ends_at_kink"]
    assert promised["square"] == pytest.approx((g * g).sum(), rel=1e-12)
    half = promised["certain_step"] / 2
    assert promised["half_step"] == half
    assert promised["half_fall_promised"] == pytest.approx(half / 2 * (g * g).sum(), rel=1e-9)
    assert promised["half_fall"] == pytest.approx(value - hinge(W - half * g, X, y)[0], rel=1e-9)
    assert promised["half_fall"] >= promised["half_fall_promised"]
    assert promised["smoothness"] == pytest.approx((X**2).sum(1).mean() / 2 + 2 * REG)


def test_the_gap_and_its_bound(written):
    X, y, _, _ = data(16)
    promised = written[1]["promises"]
    bests = {m: cached(m) for m in METHODS}
    against = min(bests, key=lambda m: bests[m][0])
    assert promised["against"] == against
    distance, step, squares, W = np.linalg.norm(start() - bests[against][1]), promised["step"], [], start()
    for _ in range(EVALUATIONS):
        g = hinge(W, X, y)[1]
        squares.append((g * g).sum())
        W = W - step * g
    assert step == pytest.approx(1 / promised["smoothness"])
    assert promised["distance"] == pytest.approx(distance, rel=1e-6)
    assert promised["gap"] == pytest.approx(bests["gradient"][0] - bests[against][0], rel=1e-6)
    assert promised["bound"] == pytest.approx((distance**2 + step**2 * sum(squares)) / (2 * step * EVALUATIONS), rel=1e-6)
    assert promised["gap"] <= promised["bound"]


def test_the_sweep(written):
    X, y, _, _ = data(1)
    found, W = written[1]["sweep"], start()
    g, noise, errors = hinge(W, X, y)[1], [], []
    for j, k in [*np.ndindex(*W.shape)][::13]:
        E = np.zeros_like(W)
        E[j, k] = 1e-5
        errors.append(abs((hinge(W + E, X, y)[0] - hinge(W - E, X, y)[0]) / 2e-5 - g[j, k]) / np.abs(g).max())
    assert max(errors) - 1e-9 <= found["gradient"][0]["relative_error"] < 1e-8  # so the gradient serves for the centred one below
    assert found["original"] == pytest.approx(hinge(W, X, y)[0], rel=1e-13)
    assert found["square"] == pytest.approx((g * g).sum(), rel=1e-8)
    assert [r["step"] for r in found["steps"]] == [10.0**k for k in range(-10, 0)]
    for r in found["steps"]:
        assert r["loss"] == pytest.approx(hinge(W - r["step"] * g, X, y)[0], rel=1e-6)
        assert r["predicted"] == pytest.approx((REG * r["step"] ** 2 - r["step"]) * (g * g).sum(), rel=1e-6)
        noise.append(abs(r["change"] - r["predicted"]) <= 2 * found["value_noise"])
        assert r["before_kink"] == (r["step"] < found["kink"])
    assert noise == [r["before_kink"] for r in found["steps"]]
    assert [(t["method"], t["h"], t["evaluations"]) for t in found["gradient"]] == [
        ("centred", 1e-5, 1300), ("forward", 1e-5, 651), ("centred", 1e-15, 1300), ("forward", 1e-15, 651)
    ]  # fmt: skip
    assert min(t["relative_error"] for t in found["gradient"][2:]) > 0.1


def test_where_the_sweep_turns(written):
    """Along −g the margins are lines in η: the loss's kinks, its least point and its return, without asking the loss often."""
    X, y, _, _ = data(1)
    found, W, rows = written[1]["sweep"], start(), np.arange(len(y))
    f, g = hinge(W, X, y)
    here, along = (S - S[rows, y][:, None] for S in (X @ W.T, X @ -g.T))
    here = here + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -here / along
    roots[rows, y] = np.inf
    assert found["kink"] == pytest.approx(roots[roots > 0].min(), rel=1e-7)

    def slope(eta):
        ahead = here + eta * along
        ahead[rows, y] = -1
        return (along * (ahead > 0)).sum() / len(y) + 2 * REG * (eta * (g * g).sum() - (W * g).sum())

    lowest = next(t for t in np.unique(roots[roots > 0]) if slope(t * (1 + 1e-9)) >= 0)
    assert found["lowest"] == pytest.approx(lowest, rel=1e-6)
    assert slope(lowest * (1 - 1e-6)) < 0
    for side in (-1e-6, 1e-6):
        assert (hinge(W - (1 + side) * found["rises_from"] * g, X, y)[0] > f) == (side > 0)


def directions():
    """W₁ and W₂, as `direction` describes them: uniform entries, rounded to 4 bits, of about unit length."""
    for k in (1, 2):
        v = np.random.default_rng(10 * SEED + k).uniform(-1, 1, size=(10, 65))
        v = np.round(v / np.abs(v).max() * 16)
        yield v * 2.0 ** -np.round(np.log2(np.linalg.norm(v)))


def losses(loss, W, X, y):
    """Each example's own."""
    S, rows = X @ W.T, np.arange(len(y))
    if loss == "softmax_cross_entropy":
        top = S.max(1)
        return np.log(np.exp(S - top[:, None]).sum(1)) + top - S[rows, y]
    M = np.maximum(0, S - S[rows, y][:, None] + 1)
    M[rows, y] = 0
    return M.sum(1)


@pytest.mark.parametrize("loss", ["multiclass_hinge", "softmax_cross_entropy"])
def test_the_landscape_has_the_losses_and_kinks_that_it_draws(written, loss):
    X, y = (part[:20] for part in data(16)[:2])
    scenery, (first, second), W = written[1]["landscape"][loss], directions(), np.round(start() * 2.0**51) / 2.0**51
    line = scenery["line"]
    due = np.array([losses(loss, W + a * first, X, y) for a in line["a"]])
    assert np.allclose(np.transpose([e["losses"] for e in line["examples"]]), due, rtol=1e-12, atol=1e-13)
    assert np.allclose(line["average"], due.mean(1), rtol=1e-12)
    assert (line["a"][0], line["a"][128], line["a"][-1]) == (-32, 0, 32)
    if loss == "softmax_cross_entropy":
        assert not any(e["kinks"] for e in line["examples"])
        return
    for x, label, example in zip(X, y, line["examples"], strict=True):
        here, along = ((M - M[label]) @ x for M in (W, first))
        roots = [-(here[j] + 1) / along[j] for j in range(10) if j != label]
        assert [k["a"] for k in example["kinks"]] == pytest.approx(sorted(r for r in roots if abs(r) < 32), rel=1e-10, abs=1e-12)
    plane = scenery["plane"]
    for i, a in enumerate(plane["a"]):
        for j, b in enumerate(plane["b"]):
            due = losses(loss, W + a * first + b * second, X, y)
            assert (plane["first"][j][i], plane["average"][j][i]) == pytest.approx((due[0], due.mean()), rel=1e-11, abs=1e-12)
    assert len(plane["kink_lines"]) == 9


class Cells(HTMLParser):
    """The texts of a page outside its pictures."""

    def __init__(self):
        super().__init__()
        self.depth, self.rows, self.text, self.inside = 0, [], "", False

    def handle_starttag(self, tag, attrs):
        self.depth += tag in ("svg", "style")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and not self.depth:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.depth -= tag in ("svg", "style")
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, found):
        if not self.depth:
            self.text += found
            if self.inside:
                self.rows[-1][-1] += found.strip()


def test_the_page_shows_the_document(written):
    page, d = written
    shown = Cells()
    shown.feed(page)
    for r in d["comparison"]["results"]:
        told = [r["method"], f"{r['iteration']:,}", f"{r['evaluations']:g}", f"{r['best']:.4f}", f"{100 * r['test_accuracy']:.1f} %"]
        assert told in shown.rows
    for t in d["sweep"]["gradient"]:
        assert [t["method"], f"{t['h']:g}", f"{t['evaluations']:,}", f"{t['relative_error']:.2g}"] in shown.rows
    for r in d["sweep"]["steps"]:
        told = [
            f"{r['step']:.0e}",
            f"{r['loss']:.6f}",
            f"{r['change']:.6g}",
            f"{r['predicted']:.6g}",
            "" if r["before_kink"] else "beyond a kink",
        ]
        assert told in shown.rows
    text = " ".join(shown.text.split())
    p, s = d["promises"], d["sweep"]
    numbers = [s["kink"], s["lowest"], s["rises_from"], s["square"], p["square"], p["certain_step"], p["half_fall"], p["bound"], p["gap"]]
    assert [x for x in numbers if f"{x:.6g}" not in text] == []
    kinks = [len(e["kinks"]) for e in d["landscape"]["multiclass_hinge"]["line"]["examples"]]
    assert f"this one has {kinks[0]} for" in text
    assert f"have {sum(kinks)} together" in text


def test_the_page_stands_alone_in_light_and_dark(written):
    page, _ = written
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//|@import|<script""", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count('<svg role="img" aria-label=') == 6
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', page))
    assert {a or b for a, b in used} <= set(ids)
    assert 'href="index.html"' not in page


def test_the_page_links_the_report_beside_it(written):
    page, document = written
    link = '<p class="dim"><a href="index.html">the report</a></p>'
    linked = render(document, report=True)
    assert "".join(linked.split()).replace("".join(link.split()), "") == "".join(page.split())
    assert link in linked


@pytest.mark.parametrize("first", ["the report", "the hiker", "both"])
def test_the_report_links_the_hiker_whichever_comes_first(tmp_path, monkeypatch, written, drawn, first):
    (tmp_path / "pyproject.toml").write_text(
        "[[tool.verify.candidates]]\ntarget = 'verify.core.softmax_cross_entropy:l2'\nloss = 'softmax_cross_entropy'\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("verify.descent.hiker_command.hiker", lambda **_: written[1])
    monkeypatch.setattr("verify.descent.page.pictures", lambda _: drawn)
    commands = [["run", "--law", "value", "--profile", "quick", "--quiet"], ["descend", "hiker", "--quiet"]]
    if first == "both":
        commands = [[*commands[0], "--hiker"]]
    for words in commands if first == "the report" else commands[::-1]:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
    latest = tmp_path / "reports" / "latest"
    assert 'href="hiker.html"' in (latest / "index.html").read_text(encoding="utf-8")
    assert ('href="index.html"' in (latest / "hiker.html").read_text(encoding="utf-8")) is (first != "the hiker")
