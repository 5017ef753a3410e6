"""`verify check --audit`: exit code, document, and what each format says of a wrong entry."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from verify.cli import cli
from verify.report.formats import render
from verify.report.names import FORMATS
from verify.report.stored import validator

MINE = """
import numpy as np

def right(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W

def wrong(W, X, y, reg):
    loss, dW = right(W, X, y, reg)
    if dW.size > 1000:
        dW[4, 1234] *= 1 + 1e-5
    return loss, dW

def of_scores(scores, y):
    loss, gradient = right(scores.T, np.eye(len(scores)), y, 0.0)
    return loss, gradient.T

def small_only(W, X, y, reg):
    if W.size > 1000:
        raise MemoryError("too many weights")
    return right(W, X, y, reg)
"""


@pytest.fixture
def checked(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(name):
        words = ["check", f"mine.py:{name}", "--loss", "softmax_cross_entropy", "--law", "value", "--profile", "quick", "--audit"]
        done = CliRunner().invoke(cli, [*words, "--quiet", "--format", "json"], standalone_mode=False)
        assert done.exception is None, done.exception
        document = json.loads(done.stdout)
        validator().validate(document)
        return done.return_value, document

    return run


def test_an_entry_that_only_large_problems_have_is_named_in_every_format(checked):
    code, document = checked("wrong")
    assert (code, document["verdict"], document["results"][0]["verdict"]) == (1, "broken", "holds")
    (audit,) = document["audits"]
    assert (audit["shape"], audit["examples"], audit["verdict"]) == ([10, 3073], 50, "broken")
    assert {e["entry"][0] * 3073 + e["entry"][1] for p in audit["parts"] for e in p["entries"]} == {4 * 3073 + 1234}
    text = render(document, "text")
    assert "audit broken for softmax_cross_entropy (float64), mine.py:wrong at 10 × 3073 weights and 50 examples" in text
    assert "entry [4, 1234] is" in text
    assert "broken: 1 of 1 check holds, audit broken" in text
    for format_ in FORMATS:
        if format_ != "json":  # one number a line
            assert re.search(r"(\[|#91;)4, 1234", render(document, format_)), format_


def test_a_candidate_that_gives_no_answer_at_this_size_is_broken(checked):
    code, document = checked("small_only")
    assert (code, document["verdict"]) == (1, "broken")
    assert "it raised MemoryError: too many weights" in render(document, "text")


def test_where_no_gradient_is_large_nothing_is_audited_and_the_laws_are_judged(checked):
    code, document = checked("of_scores")
    (audit,) = document["audits"]
    assert (code, document["verdict"], audit["verdict"]) == (0, "holds", "silent")
    assert "audit silent for softmax_cross_entropy (float64), mine.py:of_scores: it takes no weights" in render(document, "text")


def test_a_pair_without_a_spec_has_no_audit(checked):
    words = ["check", "mine.py:right,wrong", "--loss", "none", "--at", "1,2", "--audit"]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert "--audit looks at a large problem" in str(done.exception)
