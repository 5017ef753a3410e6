"""What is told of what was judged: the document, the page, the text."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from implementations import hinge, softmax

import verify
from verify import Verdict
from verify.report import html
from verify.report.model import Report, number

BIG = 1e30  # a margin so great that no difference sees a slope


def huge(W, X, y, reg):
    """The hinge with this margin: every class is active."""
    rows, A = np.arange(len(y)), np.ones((len(y), len(W)))
    A[rows, y] = 1 - len(W)
    M = X @ W.T - (X @ W.T)[rows, y][:, None] + BIG
    M[rows, y] = 0
    return M.sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W


def judged(kind):
    candidate, loss, law, delta = {
        "holds": (softmax(), "softmax_cross_entropy", "value", None),
        "broken": (softmax(penalty=1.0), "softmax_cross_entropy", "gradient", None),
        "silent": (huge, "multiclass_hinge", "order", BIG),
        "inapplicable": (softmax(), "softmax_cross_entropy", "compiled", None),
        "crashed": (lambda W, X, y, reg: 1 / 0, "softmax_cross_entropy", "value", None),
    }[kind]
    return verify.check(candidate, loss=loss, laws=(law,), delta=delta, profile="quick")


@pytest.fixture(scope="module")
def reports():
    return {kind: judged(kind) for kind in ("holds", "broken", "silent", "inapplicable", "crashed")}


KEYS = {"candidate", "loss", "dtype", "law", "verdict", "kind", "cases", "decided", "strain", "sensitivity", "ulps"}
MORE = {"holds": set(), "silent": set(), "broken": {"witness", "diagnosis"}, "crashed": {"diagnosis"}}


@pytest.mark.parametrize("kind", MORE)
def test_the_document_is_strict_json_with_the_keys_of_the_schema(reports, kind):
    document = json.loads(json.dumps(reports[kind].to_dict(), allow_nan=False))
    assert document.keys() >= {"schema", "verdict", "environment", "seed", "profile", "results", "conventions"}
    assert (document["schema"], document["seed"], document["profile"]) == ("verify-report/1", 0, "quick")
    (entry,) = document["results"]
    assert entry.keys() >= KEYS | MORE[kind]
    assert entry["verdict"] == document["verdict"] == ("broken" if kind == "crashed" else kind)
    assert entry["candidate"] in document["conventions"]
    assert document["environment"].keys() >= {"verify", "python", "platform", "libraries"}


def test_a_witness_holds_the_exact_numbers_and_what_was_measured(reports):
    (entry,) = reports["broken"].to_dict()["results"]
    case = reports["broken"].results[0].witness.case
    assert entry["witness"].keys() >= {"W", "X", "y", "reg", "measured", "allowed"}
    assert [[float.fromhex(w) for w in row] for row in entry["witness"]["W"]] == case["W"].tolist()
    assert entry["witness"]["values"] == {name: entry["witness"][name] for name in ("W", "X", "y", "reg")}
    assert entry["witness"]["differentiated"] == ["W"]
    assert entry["diagnosis"].keys() == {"code", "message", "entries", "measured", "residual"}
    assert entry["kind"] == "wrong"


def test_a_candidate_that_raises_is_told_by_behaviour(reports):
    (entry,) = reports["crashed"].to_dict()["results"]
    assert (entry["kind"], entry["diagnosis"]["code"], entry["strain"]) == ("behaviour", "crashed", "inf")


def test_a_law_that_does_not_apply_is_told_with_its_reason(reports):
    document = reports["inapplicable"].to_dict()
    assert (document["verdict"], document["results"]) == ("silent", [])
    assert [(i["law"], i["reason"]) for i in document["inapplicable"]] == [("compiled", "the candidate is not compiled by numba")]


PRECEDENCE = {
    "holds alone": (["holds"], "holds"),
    "silent before holds": (["holds", "silent"], "silent"),
    "broken before silent": (["silent", "broken", "holds"], "broken"),
    "nothing": ([], "silent"),
    "what does not apply does not count": (["holds", "inapplicable"], "holds"),
}


@pytest.mark.parametrize("kind", ["holds", "broken", "silent"])
def test_a_report_is_true_where_all_holds(reports, kind):
    assert bool(reports[kind]) is (kind == "holds")


@pytest.mark.parametrize("case", PRECEDENCE)
def test_the_worst_verdict_wins(reports, case):
    kinds, verdict = PRECEDENCE[case]
    outcomes = [o for k in kinds for o in (*reports[k].outcomes, *reports[k].inapplicable)]
    assert Report.of(outcomes, profile="quick", seed=0, seconds=0.0).verdict is verify.Verdict(verdict)


def test_one_function_judged_by_two_losses_keeps_the_conventions_of_both():
    f = softmax()
    losses = ("softmax_cross_entropy", "multiclass_hinge")
    outcomes = [o for loss in losses for o in verify.check(f, loss=loss, laws=("value",), profile="quick").outcomes]
    found = Report.of(outcomes, profile="quick", seed=0, seconds=0.0).to_dict()
    name = found["results"][0]["candidate"]
    assert [found["conventions"][k]["fits"] for k in (name, f"{name} (multiclass_hinge)")] == [True, False]
    assert "multiclass_hinge): " in str(Report.of(outcomes, profile="quick", seed=0, seconds=0.0))


@pytest.mark.parametrize(("x", "told"), [(1.5, 1.5), (float("inf"), "inf"), (float("-inf"), "-inf"), (float("nan"), "nan")])
def test_numbers_that_json_lacks_are_words(x, told):
    assert number(x) == told


@pytest.mark.parametrize("kind", ["holds", "broken"])
def test_the_same_seed_gives_the_same_document(reports, kind):
    first, second = reports[kind].to_dict(), judged(kind).to_dict()
    del first["environment"], second["environment"]
    assert second == first


def test_another_seed_draws_other_cases(reports):
    other = verify.check(softmax(), loss="softmax_cross_entropy", laws=("value",), profile="quick", seed=1).results[0]
    assert other.strain != reports["holds"].results[0].strain


SENTENCES = {
    "broken": ("gradient law broken for softmax_cross_entropy (float64)", r"is \S+, allowed \S+ ± \S+", "witness: N="),
    "silent": ("order law silent for multiclass_hinge (float64)", r"nothing was decided \(.*\d+ × no window", "holds, 1 silent"),
    "crashed": ("value law broken for softmax_cross_entropy (float64)", "raised ZeroDivisionError: division by zero", "holds, 1 broken"),
    "holds": ("layout (C, D), reduction mean, penalty l2", r"value +holds", "holds: 1 of 1 check holds"),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_the_text_says_what_happened(reports, kind):
    start, pattern, rest = SENTENCES[kind]
    text = str(reports[kind])
    assert start in text
    assert rest in text
    assert re.search(pattern, text)
    assert "\x1b" not in text


def test_what_holds_gets_no_sentence(reports):
    assert not re.search(r"value law|witness|broken|silent", str(reports["holds"]))


def test_the_text_tells_why_nothing_was_asked(reports):
    assert "the candidate is not compiled by numba" in str(reports["inapplicable"])


@pytest.mark.parametrize("kind", MORE)
def test_the_page_stands_alone(reports, kind):
    page = html.render(reports[kind].to_dict())
    assert f"<title>verify: {reports[kind].verdict.value}</title>" in page
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(""", page)
    assert "<script" not in page


def named(name):
    def f(W, X, y, reg):
        return softmax(penalty=1.0)(W, X, y, reg)

    f.__qualname__ = name
    return verify.check(f, loss="softmax_cross_entropy", laws=("gradient",), profile="quick")


def test_a_name_is_escaped_in_the_page():
    page = html.render(named("<script>alert(1)</script>").to_dict())
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3  # matrix, sentence, results


def test_a_message_is_escaped_in_the_page():
    def f(W, X, y, reg):
        raise ValueError("<img src=x onerror=alert(1)>")

    page = html.render(verify.check(f, loss="softmax_cross_entropy", laws=("value",), profile="quick").to_dict())
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_a_name_is_no_markup_in_the_text():
    assert str(named("[bold red]x[/]")).count("[bold red]x[/]") == 3  # table, conventions, sentence


def test_the_hinge_names_its_margin():
    report = verify.check(hinge(), loss="multiclass_hinge", laws=("value",), profile="quick")
    assert "delta 1.0" in str(report)
    assert "delta 1.0" in html.render(report.to_dict())


def logistic(tail):
    """Binary logistic loss of scores; `tail` is the slope of log(1 + exp(s))."""

    def f(s, y):
        return (np.maximum(s, 0) - s * y + np.log1p(np.exp(-np.abs(s)))).mean(), (tail(s, y) / len(y)).astype(s.dtype)

    return f


def differs(s, y):
    """σ(s) − y, which is 0 where less than half an ulp of 1 is left of it."""
    e = np.exp(-np.abs(s))
    return np.where(s >= 0, 1 / (1 + e), e / (1 + e)) - y


def exactly(s, y):
    """The same without a difference: −σ(−s) for y = 1."""
    e, sign = np.exp(-np.abs(s)), np.where(y == 1, -1, 1)
    return sign * np.where(sign * s >= 0, 1 / (1 + e), e / (1 + e))


@pytest.mark.parametrize(("tail", "lost"), [(differs, True), (exactly, False)])
def test_digits_that_small_entries_lose_are_a_note_with_the_entry(tail, lost):
    report = verify.check(logistic(tail), loss="binary_logistic", laws=("gradient",), dtypes=("float64",), profile="ci", in_process=True)
    assert report.verdict is Verdict.HOLDS
    assert ("note: float64 gradients lose digits of small entries: entry [0, 0] is 0, exactly" in str(report)) is lost


def test_the_document_says_how_steep_each_loss_is(reports):
    slopes = {name: loss["slopes"] for kind in ("holds", "silent") for name, loss in reports[kind].to_dict()["losses"].items()}
    assert "reach 1:" in slopes["softmax_cross_entropy"]
    assert "polynomial" in slopes["multiclass_hinge"]
