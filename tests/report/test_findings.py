"""One mistake is one finding, two mistakes are two, in every format; what is told of it is there once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from implementations import WRONG, softmax
from misbehaving import counts, raises

import verify
from verify.report import stored
from verify.report.findings import counts as counted
from verify.report.findings import declarations, findings, folded, paragraph, silences, with_findings
from verify.report.formats import RENDERINGS, render
from verify.report.github import MAX_ANNOTATIONS
from verify.report.reading import cause

DOCUMENT = json.loads((Path(__file__).parent / "document.json").read_text(encoding="utf-8"))
HALF = "the penalty's gradient is half of what it must be: λW where 2λW is due"


def case(*weights: float) -> dict:
    return {
        "W": [[w.hex() for w in weights]],
        "X": [[(1.0).hex()] * len(weights)],
        "y": [0],
        "reg": (1.0).hex(),
        "family": "lattice",
        "seed": 0,
    }


def broken(law, message=None, *, code="unknown", dtype="float64", candidate="svm.py:loss", kind="wrong", at=(1.0,), strain=9.0, **more):
    """A result: with a message the mistake has a name, unless it is a misbehaviour, which has no other."""
    measured = f"entry [0, 0] is {strain}, allowed 1 ± 1e-14"
    told = {"code": code, "message": message or measured, "entries": "all"} | (
        {"measured": measured} if message and kind != "behaviour" else {}
    )
    place = {} if at is None else {"witness": case(*at) | {"id": f"{law}{dtype}", "replay": f"verify replay {law}{dtype}"}}
    entry = {
        "candidate": candidate,
        "loss": "multiclass_hinge",
        "dtype": dtype,
        "law": law,
        "verdict": "broken",
        "kind": kind,
        "strain": strain,
    }
    rest = {"cases": 3, "decided": 3, "undecided": {}, "families": {}, "patterns": 1, "sensitivity": 1e-15, "ulps": None}
    return entry | rest | place | {"diagnosis": told | more}


def of(*results, **more):
    environment = DOCUMENT["environment"] | {"seconds": [0.0] * len(results)}
    document = {k: v for k, v in DOCUMENT.items() if k not in ("gate", "power")} | {"results": list(results), "environment": environment}
    return with_findings(document | more)


NAMED = {"code": "penalty-factor"}
PAIRS = {
    # what: (two results, how many findings)
    "one name": ([broken("gradient", HALF, **NAMED), broken("order", HALF, **NAMED, at=(2.0, 1.0))], 1),
    "one name at two dtypes": ([broken("gradient", HALF, **NAMED), broken("gradient", HALF, **NAMED, dtype="float32")], 1),
    "one name, a condition for one law": ([broken("gradient", HALF, **NAMED), broken("order", f"{HALF}, only when λ > 1", **NAMED)], 1),
    "one name, a bound of each dtype": (
        [
            broken("gradient", f"it is not finite, when a |score| > {b}", code="overflow", dtype=d)
            for b, d in ((708.8, "float64"), (88.7, "float32"))
        ],
        1,
    ),
    "one name under two conditions": (
        [broken("gradient", f"{HALF}, only when C = 2", **NAMED), broken("order", f"{HALF}, only when N = 7", **NAMED)],
        2,
    ),
    "figures of each dtype": ([broken("gradient", f"the whole gradient is (1 + {x}) × it", code="scaled") for x in (0.001, 0.00100002)], 1),
    "one row and another": ([broken("gradient", f"row {j} is left out", code="class-missing") for j in (0, 1)], 2),
    "two names": ([broken("gradient", HALF, **NAMED), broken("value", "a constant is added to the loss", code="value")], 2),
    "one name, and something else on one case": (
        [
            broken("gradient", HALF, **NAMED),
            broken("batches", f"{HALF} (on all ordinary cases; elsewhere it is not even finite)", **NAMED),
        ],
        2,
    ),
    "a number and a mutation": (
        [broken("value"), broken("purity", "the candidate changes its input W", code="mutates-input", kind="behaviour")],
        2,
    ),
    "one crash": (
        [broken(law, "the candidate ended its process", code="crashed", kind="behaviour", at=None) for law in ("value", "order")],
        1,
    ),
    "one crash with other numbers": (
        [broken("value", f"the candidate raised ValueError: shapes ({n},) and (4,)", code="crashed", kind="behaviour") for n in (2, 3)],
        1,
    ),
    "two crashes": (
        [broken("value", f"the candidate raised {e}", code="crashed", kind="behaviour") for e in ("KeyError: 'a'", "ValueError")],
        2,
    ),
    "no name, the same case": ([broken("gradient"), broken("order")], 1),
    "no name, other cases": ([broken("gradient"), broken("order", at=(2.0,))], 2),
    "no name, other entries": ([broken("gradient", entries=[[0, 0]]), broken("membership", entries=[[0, 1]])], 2),
    "no name, the gradient is wrong on both": ([broken("gradient", answer="gradient"), broken("order", at=(2.0,), answer="gradient")], 1),
    "no name, the loss on one": ([broken("gradient", answer="gradient"), broken("value", at=(2.0,), answer="loss")], 2),
    "a place but no name, the same answer": (
        [broken("gradient", "wrong only when C = 2", answer="gradient"), broken("order", at=(2.0,), answer="gradient")],
        1,
    ),
    "a name and none": ([broken("gradient", HALF, **NAMED), broken("order", at=(2.0,), answer="gradient")], 2),
    "roundings, and one that is not told apart": (
        [
            broken("gradient", "as accurate as float32", code="precision", kind="precision"),
            broken("convexity", at=(2.0,), answer="gradient"),
        ],
        1,
    ),
    "two candidates": ([broken("gradient", HALF, **NAMED), broken("gradient", HALF, **NAMED, candidate="svm.py:other")], 2),
}


@pytest.mark.parametrize("what", PAIRS)
def test_what_shares_a_cause_is_one_finding_and_nothing_else_is(what):
    results, n = PAIRS[what]
    for order in (results, results[::-1]):
        document = of(*order)
        assert len(document["findings"]) == n
        stored.validator().validate(json.loads(json.dumps(document)))


def test_a_crash_while_the_mistake_was_named_hides_no_name():
    lost = "{}. The candidate ended its process (SIGABRT: Aborted), when it was asked more, to name what had broken the law {}"
    (found,) = findings(of(*(broken(law, lost.format(HALF, law), **NAMED) for law in ("gradient", "order"))))
    assert found.laws == ["gradient", "order"]


SEVEN = ("gradient", "bracket", "order", "best-step", "membership", "convexity", "descent")


def seven(**more):
    """The README's example: seven laws at two dtypes, one mistake; `order` has the smallest case."""
    sizes = {"order": (1.0,)}
    return of(
        *(broken(law, HALF, **NAMED, dtype=d, at=sizes.get(law, (1.0, 2.0))) for d in ("float64", "float32") for law in SEVEN), **more
    )


def test_the_finding_has_the_cause_the_smallest_case_once_and_the_laws():
    (found,) = seven()["findings"]
    assert found.keys() >= {"cause", "code", "kind", "candidate", "dtypes", "laws", "witness"}
    assert (found["cause"], found["code"], found["kind"], found["candidate"]) == (HALF, "penalty-factor", "wrong", "svm.py:loss")
    assert (found["dtypes"], sorted(found["laws"])) == (["float64", "float32"], sorted(SEVEN))
    assert (found["laws"][0], found["witness"]["id"]) == ("order", "orderfloat64")
    assert paragraph(findings(seven())[0], seven()).splitlines() == [
        f"cause: {HALF}",
        "  order law broken for multiclass_hinge (float64), svm.py:loss: entry [0, 0] is 9.0, allowed 1 ± 1e-14",
        "  order law broken for multiclass_hinge (float32), svm.py:loss: entry [0, 0] is 9.0, allowed 1 ± 1e-14",
        "  witness: N=1 D=1 C=1, family lattice, reg=1.0",
        "  W=[[1.0]]",
        "  X=[[1.0]]",
        "  y=[0]",
        "  replay: verify replay orderfloat64",
        "  breaks order, gradient, bracket and four more, at float64 and float32",
    ]
    assert counted(seven()) == "0 of 14 checks hold, 14 broken in 1 finding"


@pytest.mark.parametrize("format_", [f for f in RENDERINGS if f not in ("json", "junit")])
def test_every_format_tells_the_cause_and_the_case_once(format_):
    told = re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), render(seven(), format_))
    told = told.partition('id="failures"')[2].partition('id="losses"')[0] if format_ == "html" else told
    assert told.count(HALF) == 1
    assert told.count("law broken for") == (1 if format_ in ("github", "sarif") else 2)  # once a dtype where there is room
    assert told.count("W=[[1.0]]") == 1
    assert "breaks order, gradient, bracket and four more" in told


def test_junit_keeps_a_test_a_law_that_points_to_the_finding():
    cases = list(ET.fromstring(render(seven(), "junit")).iter("testcase"))
    failures = [c.find("failure") for c in cases if c.get("name").endswith(("[float64]", "[float32]")) and c.find("failure") is not None]
    assert len(failures) == 14
    assert all(f"finding 1 of 1: {HALF}; breaks order, gradient, bracket and four more" in f.text for f in failures)
    assert all("its smallest case: order[float64]" in f.text for f in failures)
    assert {f.get("message").partition(" law broken")[0] for f in failures} == set(SEVEN)
    assert len({p.get("value") for p in ET.fromstring(render(seven(), "junit")).iter("property") if p.get("name") == "finding"}) == 1


def test_ten_annotations_are_ten_findings_the_gravest_first():
    kinds = {
        "precision": "precision",
        "convention": "convention",
        "wrong": "wrong",
        "mutates-input": "behaviour",
        "hung": "behaviour",
        "crashed": "behaviour",
    }
    results = [
        broken(
            law,
            f"told of {code}",
            code=code if code in ("precision", "mutates-input", "hung", "crashed") else "scaled",
            kind=kind,
            candidate=f"c{n}",
            strain=1e9 if kind == "precision" else 2.0,
        )
        for n, (code, kind) in enumerate([*kinds.items()] * 2)
        for law in SEVEN
    ]
    lines = [line for line in render(of(*results), "github").splitlines() if line.startswith("::")]
    assert len(lines) == MAX_ANNOTATIONS
    graver = ["crashed", "hung", "mutates-input", "wrong", "convention"]
    assert [next(g for g in (*graver, "precision") if f"told of {g}" in line) for line in lines] == [g for g in graver for _ in range(2)]
    assert "2 more of 12 findings are in the report." in render(of(*results), "github")


def silent(law, reasons, dtype="float64"):
    entry = broken(law, dtype=dtype, at=None) | {"verdict": "silent", "kind": None, "decided": 0, "strain": 0.0, "undecided": reasons}
    return {k: v for k, v in entry.items() if k != "diagnosis"}


def test_laws_that_are_silent_for_one_reason_are_told_once():
    document = of(silent("crossing", {"no kink": 3}), silent("one-sided", {"no kink": 4}), silent("order", {"no window": 4}))
    told = [paragraph(s, document).splitlines() for s in silences(document)]
    assert [t[0].partition(" law silent")[0] for t in told] == ["crossing", "order"]
    assert told[0][1:] == ["  silent for the same reason: crossing and one-sided"]
    assert (document["findings"], counted(document)) == ([], "0 of 3 checks hold, 3 silent")
    assert render(document, "github").count("::warning") == 2


def test_a_report_of_an_earlier_version_has_its_findings_too(tmp_path):
    old = {k: v for k, v in seven().items() if k != "findings"}
    (tmp_path / "report.json").write_text(json.dumps(old), encoding="utf-8")
    read = stored.read(tmp_path / "report.json")
    assert read["findings"] == seven()["findings"]
    for format_ in RENDERINGS:
        assert render(old, format_) == render(read, format_) or format_ == "json"


def ruled(document, accepted=()):
    laws = [(r, a) for r in document["results"] for a in [next((a for law, a in accepted if law == r["law"]), None)]]
    place = ("candidate", "loss", "dtype", "law")
    failures = [
        {k: r[k] for k in place} | {"rule": "broken", "sentence": f"it breaks the law {r['law']}", "accept": "mend it", "told": True}
        for r, a in laws
        if a is None
    ]
    gate = {"passed": not failures, "failures": failures, "warnings": [], "changes": []}
    return document | {"gate": gate | {"accepted": [{k: r[k] for k in place} | {"reason": a} for r, a in laws if a is not None]}}


def test_the_gate_tells_a_finding_once_and_a_declaration_once():
    document = ruled(seven(), [("order", "known")])
    (told,) = folded(document["gate"]["failures"], document)
    assert told["sentence"] == "it breaks the law gradient; breaks gradient, bracket, best-step and three more, at float64 and float32"
    assert "gate: 1 failure\n" in render(document, "text")
    assert "declared for order: known" in render(document, "text")
    every = ruled(seven(), [(law, "known") for law in SEVEN])
    assert declarations(every) == [
        f"svm.py:loss (multiclass_hinge, {d}), laws gradient, bracket, order and four more: known" for d in ("float64", "float32")
    ]
    assert "\n  declared: known\n" in render(every, "text")
    assert render(every, "github").startswith("::warning")  # what is declared is no error


def judged(f, loss="softmax_cross_entropy", **more):
    return verify.check(f, loss=loss, profile="quick", **more).to_dict()


WRONG_HINGES = ("N left out", "labels off by one", "penalty subtracted", "single precision inside")


@pytest.mark.parametrize("name", WRONG_HINGES)
def test_a_mistake_that_shows_where_a_law_asks_besides_is_still_one(name):
    """In the parts of a batch, with classes renamed, at the other end of a chord: there the answer is wrong that was right on the case."""
    laws = ("gradient", "convexity", "batches", "symmetry")
    document = judged(WRONG["multiclass_hinge"][name], "multiclass_hinge", laws=laws)
    assert len(document["findings"]) == 1, [(f["cause"], f["laws"]) for f in document["findings"]]
    assert len(document["findings"][0]["laws"]) >= 2


def added(value=lambda W: 0.0, gradient=lambda W: 0.0, do=lambda W: None):
    def f(W, X, y, reg):
        loss, dW = softmax()(W, X, y, reg)
        loss, dW = loss + value(W), dW + gradient(W)
        do(W)
        return loss, dW

    return f


def test_a_gradient_that_nothing_explains_is_one_finding_whatever_its_cases_are():
    document = judged(
        added(gradient=lambda W: np.sin(3 * W.sum() + 1)), laws=("gradient", "bracket", "order", "convexity"), dtypes=("float64", "float32")
    )
    assert [(f["code"], len(f["laws"]), f["dtypes"]) for f in document["findings"]] == [("unknown", 4, ["float64", "float32"])]


def zero(W):
    W[0] = 0


TWO = {
    "a wrong loss and a changed input": (added(value=lambda W: 0.25, do=zero), ("value", "purity"), {"value", "mutates-input"}),
    "a wrong loss and half a penalty": (
        added(value=lambda W: np.sin(W.sum()), gradient=lambda W: 0.1 * W),
        ("value", "gradient", "order"),
        None,
    ),
    "noise and half a penalty": (
        added(gradient=lambda W: 0.1 * W, do=lambda W: np.random.random()),  # noqa: NPY002
        ("gradient", "order", "purity"),
        None,
    ),
}


@pytest.mark.parametrize("what", TWO)
def test_two_mistakes_are_two_findings(what):
    f, laws, codes = TWO[what]
    found = judged(f, laws=laws)["findings"]
    assert len(found) == 2, found
    assert codes is None or {x["code"] for x in found} == codes


def test_who_answers_differently_each_time_is_told_so_by_every_law():
    (found,) = judged(counts, laws=("gradient", "consistency", "batches"))["findings"]
    assert (found["code"], found["kind"], len(found["laws"])) == ("nondeterministic", "behaviour", 3)


def test_a_crash_is_told_once_with_the_laws_that_it_cost():
    document = judged(raises, laws=("value", "gradient", "order", "purity", "batches"))
    (found,) = document["findings"]
    assert (found["code"], len(found["laws"])) == ("crashed", 5)
    assert render(document, "text").count("one example is too few") == 1
    assert document["findings"][0]["cause"] == "the candidate raised ValueError: one example is too few"


def test_what_holds_has_no_findings():
    assert judged(softmax(), laws=("value", "gradient"))["findings"] == []


def test_a_condition_that_the_message_tells_is_told_once():
    told = {"measured": "1", "message": "the loss is not finite, when a |score| > 708.8", "entries": "all, only when a |score| > 708.8"}
    assert cause({"diagnosis": told}) == "the loss is not finite, when a |score| > 708.8"
    some = told | {"entries": "row 0, only when a |score| > 708.8"}
    assert cause({"diagnosis": some}) == "the loss is not finite, when a |score| > 708.8 (in row 0)"
    other = told | {"entries": "all, only when C = 2"}
    assert cause({"diagnosis": other}).endswith("(in all, only when C = 2)")
