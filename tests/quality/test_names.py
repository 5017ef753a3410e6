"""The name of the bug: for each wrong implementation its code and the words that tell the mistake."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from implementations import OVERFLOWS, WRONG, softmax

from verify.candidates import Linear
from verify.conventions import Pins, find_out
from verify.diagnosis import diagnose
from verify.evidence import Measurement, Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import Result, run

ORACLES: dict[tuple[str, str, str], Oracle] = {}


@cache
def judged(loss: str, f: Callable[..., object], law: str = "gradient", dtype: str = "float64", penalty: str = "l2") -> Result:
    key = (loss, penalty, dtype)
    if key not in ORACLES:
        ORACLES[key] = Oracle(Objective(loss=find_loss(loss), penalty=find_penalty(penalty)), dtype)
    return run(LAWS[law], Subject(candidate=Linear(f=f), oracle=ORACLES[key]), profile="quick", seed=0)


NAMED = {
    "penalty halved": ("penalty-factor", "half of what it must be: λW where 2λW is due"),
    "penalty missing": ("penalty-missing", "+ 2λW is not added"),
    "penalty subtracted": ("sign", "the penalty's gradient has the wrong sign"),
    "labels off by one": ("label-term", "the class before"),
    "last example left out": ("example-missing", "the last example is left out"),
    "N left out": ("reduction", "lacks its 1/N"),
    "divided by N twice": ("reduction", "divided by N twice"),
    "sign of everything": ("sign", "the whole gradient has the wrong sign"),
    "first class left out": ("class-missing", "row 0"),
    "everything off by 1e-3": ("scaled", "(1 + 0.001) × what it must be"),
    "everything off by 1e-10": ("scaled", "(1 + 1e-10) × what it must be"),
    "bias column left out": ("entries", "in the last column"),
    "one entry off by 1e-9": ("entries", "the last entry of row 0 is (1 + 1e-09)"),
    "wrong for two classes only": ("scaled", "twice what it must be, only when C = 2"),
    "wrong for one example only": ("scaled", "only when N = 1"),
    "wrong for an absent class only": ("scaled", "(1 + 0.001) × what it must be, only when a class is absent"),
    "single precision inside": ("precision", "something inside is computed in float32"),
    "ties as 2": ("kink-outside", "counts 2 times, where 0 to 1 is allowed"),
    "ties below 0": ("kink-outside", "counts -1/10 times"),
    "> in one row, ≥ in the other": ("kink-inconsistent", "1 times in the label's row and 0 times in the other rows"),
    "indicator with a tolerance": ("margin", "about -1e-09 beside the kink"),
    "scores instead of probabilities": ("term-extra", "the scores"),
    "temperature of 2": ("term-extra", "at half of the scores"),
    "own class counted once": ("label-term", "−x is counted once in the label's row instead of once per active margin"),
    "own class left out": ("label-term", "the label's own part of the data gradient is missing"),
    "own class with the wrong sign": ("sign", "the label's own part"),
    "margin missing in the indicator": ("margin", "delta = 1 is missing"),
    "margin doubled in the indicator": ("margin", "delta is 2"),
    "margins instead of indicators": ("scaled", "the margins themselves"),
    "1 not taken from the own class": ("label-term", "missing"),
    "1 added to the own class": ("sign", "of the label has the wrong sign"),
    "normalised over the examples": ("term-extra", "divided by its sum over the examples"),
    "not normalised": ("scaled", "exp of the shifted scores"),
}


BUGS = [(loss, name) for loss, table in WRONG.items() for name in table if name in NAMED]


@pytest.mark.parametrize(("loss", "name"), BUGS)
def test_a_wrong_gradient_gets_the_name_of_its_bug(loss, name):
    result = judged(loss, WRONG[loss][name])
    code, words = NAMED[name]
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]
    assert " allowed " in result.diagnosis["measured"]
    assert result.diagnosis.get("residual", 0.0) <= 1  # nothing is left but rounding


def in_steps(f, bits):
    """The gradient in steps of a common size, the greatest entry's 2^(1 − bits)."""

    def stepped(W, X, y, reg):
        loss, gradient = f(W, X, y, reg)
        most = max(np.abs(gradient).max(), np.finfo(float).tiny) / (2 ** (bits - 1) - 1)
        return loss, np.round(gradient / most) * most

    return stepped


@pytest.mark.parametrize("bits", [8, 12, 24])
def test_steps_of_a_common_size_are_no_floats(bits):
    """A float rounds each number at its own size; these errors are as small and scale with the whole gradient, too."""
    result = judged("softmax_cross_entropy", in_steps(softmax(), bits))
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "wrong", "unknown"), result.diagnosis


KINDS = {"single precision inside": "precision", "penalty halved": "wrong"}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_follows_from_the_evidence(name):
    assert judged("softmax_cross_entropy", WRONG["softmax_cross_entropy"][name]).kind == KINDS[name]


@pytest.mark.parametrize(
    ("name", "law", "what"), [("exp not shifted", "gradient", "gradient"), ("log-sum-exp not shifted", "value", "loss")]
)
def test_what_leaves_the_range_of_the_dtype_is_told_with_the_score_from_which_on(name, law, what):
    result = judged("softmax_cross_entropy", OVERFLOWS[name], law)
    assert (result.kind, result.diagnosis["code"]) == ("precision", "overflow")
    assert (
        f"the {what} is not finite, though its true value is, when a |score| > 70" in result.diagnosis["message"]
    )  # exp overflows at 709.8


def test_a_right_implementation_of_another_member_breaks_a_convention():
    """Loss and gradient are those of λ‖W‖² as a mean; half of that was asked for."""
    for law in ("value", "gradient"):
        result = judged("softmax_cross_entropy", softmax(), law, penalty="half-l2")
        assert (result.verdict, result.kind) == (Verdict.BROKEN, "convention")
        assert "a mean with the penalty l2, where a mean with the penalty half-l2 is asked for" in result.diagnosis["message"]


def pinned(f, loss, law, **pins):
    found = find_out(f, find_loss(loss), Pins(**pins), "float64")
    return run(LAWS[law], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="quick", seed=0)


@pytest.mark.parametrize("margin", [2.0, 1.37])
def test_another_margin_than_the_pinned_one_is_a_convention(margin):
    def f(W, X, y, reg):
        rows, S = np.arange(len(y)), X @ W.T
        M = np.maximum(0, S - S[rows, y][:, None] + margin)
        M[rows, y] = 0
        A = (M > 0) * 1.0
        A[rows, y] = -A.sum(1)
        return M.sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W

    for law in ("value", "gradient"):
        result = pinned(f, "multiclass_hinge", law, delta=1.0)
        assert (result.verdict, result.kind) == (Verdict.BROKEN, "convention")
        assert f"delta = {margin:g}, where a mean with the penalty l2 and delta = 1 is asked for" in result.diagnosis["message"]


def first_entry_lost(g, s):
    g[0, -1] = 0
    return g


OF_SCORES = {
    "the scores": (lambda g, s: g + s / 2, "term-extra", "1/2 × the matrix of scores is added to the gradient"),
    "a constant": (lambda g, s: g + 0.25 / len(s), "term-extra", "1/4 × a constant, divided by N, is added to the gradient"),
    "a sum": (lambda g, s: g.sum(0) + 0 * g, "entries", "in place of the data term's gradient stands its sum over the examples"),
    "a class": (lambda g, s: g * (np.arange(s.shape[1]) < s.shape[1] - 1), "class-missing", "is missing in the last class"),
    "an example": (lambda g, s: g * (np.arange(len(s)) > 0)[:, None], "example-missing", "the first example is left out"),
    "an order": (lambda g, s: g[::-1].copy(), "entries", "the whole gradient has its examples reversed"),
    "an order of classes": (lambda g, s: g[:, ::-1].copy(), "class-swapped", "the whole gradient has its classes reversed"),
    "an entry": (first_entry_lost, "entries", "the first entry of the last class is 0"),
}


@pytest.mark.parametrize("mistake", OF_SCORES)
def test_of_scores_the_gradient_has_classes_and_examples(mistake):
    change, code, told = OF_SCORES[mistake]

    def f(scores, y):
        P = np.exp(scores - scores.max(1, keepdims=True))
        P /= P.sum(1, keepdims=True)
        value = -np.log(P[np.arange(len(y)), y]).mean()
        P[np.arange(len(y)), y] -= 1
        return value, change(P / len(y), scores)

    result = pinned(f, "softmax_cross_entropy", "gradient")
    assert result.diagnosis["code"] == code
    assert told in result.diagnosis["message"]


def test_of_scores_a_sum_for_a_mean_is_a_convention_with_a_loss_and_without():
    def p(s):
        return 1 / (1 + np.exp(-s))

    whole = pinned(
        lambda s, y: (np.logaddexp(0, s).sum() - y @ s, p(s) - y), "binary_logistic", "value", signature="scores", reduction="mean"
    )
    assert (whole.kind, whole.diagnosis["message"]) == (
        "convention", "loss and gradient agree with each other: they are a sum, where a mean is asked for",
    )  # fmt: skip
    alone = pinned(lambda s, y: (p(s) - y, p(s) * p(-s)), "binary_logistic", "gradient", signature="objective", reduction="mean")
    assert (alone.kind, alone.diagnosis["code"]) == ("convention", "reduction")
    assert alone.diagnosis["message"] == "the gradient is that of a sum, where a mean is asked for"


@pytest.mark.parametrize("penalty", [None, "l2", "half-l2"])
def test_a_gradient_of_another_member_than_its_loss_is_wrong_whatever_is_pinned(penalty):
    f = WRONG["multiclass_hinge"]["penalty halved"]
    broken = [r for law in ("value", "gradient") if (r := pinned(f, "multiclass_hinge", law, penalty=penalty)).verdict is Verdict.BROKEN]
    assert {r.kind for r in broken} == {"wrong"}


def wrong_loss(change):
    f = WRONG["multiclass_hinge"]["penalty halved"]
    return lambda W, X, y, reg: (change(f(W, X, y, reg)[0], W, X, y, reg), f(W, X, y, reg)[1])


LOSSES = {
    "the penalty is missing in the loss": wrong_loss(lambda loss, W, X, y, reg: loss - reg * (W * W).sum()),
    "the data term lacks its 1/N": wrong_loss(lambda loss, W, X, y, reg: (loss - reg * (W * W).sum()) * len(X) + reg * (W * W).sum()),
    "the label's own margin counted": wrong_loss(lambda loss, W, X, y, reg: loss + 1),
}
TOLD = {
    "the penalty is missing in the loss": "in the loss, the penalty is missing",
    "the data term lacks its 1/N": "the data term lacks its 1/N",
    "the label's own margin counted": "a constant, 1 for each example, is added",
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_loss_is_told_by_its_terms(name):
    result = judged("multiclass_hinge", LOSSES[name], "value")
    assert (result.kind, result.diagnosis["code"]) == ("wrong", "value")
    assert TOLD[name] in result.diagnosis["message"]


ENTRIES = {
    "first class left out": "row 0",
    "bias column left out": "the last column",
    "one entry off by 1e-9": "the last entry of row 0",
    "wrong for two classes only": "all, only when C = 2",
    "wrong for one example only": "all, only when N = 1",
    "wrong for an absent class only": "all, only when a class is absent",
    **dict.fromkeys(("ties as 2", "ties below 0", "> in one row, ≥ in the other"), "all, only when on a kink"),
    **dict.fromkeys(
        (
            "own class counted once",
            "own class left out",
            "own class with the wrong sign",
            "1 not taken from the own class",
            "1 added to the own class",
        ),
        "the row of each example's label",
    ),
}
"""Where not all entries are concerned, or not always."""

SIZES = {
    "N left out": (2, 1, 2),
    "divided by N twice": (2, 1, 2),
    "last example left out": (2, 1, 2),
    "own class counted once": (1, 1, 3),  # two active margins
}
"""(N, D, C) where one example, one feature and two classes do not show the mistake."""


@pytest.mark.parametrize(("loss", "name"), BUGS)
def test_the_entries_and_the_smallest_case_are_those_that_the_mistake_needs(loss, name):
    result = judged(loss, WRONG[loss][name])
    assert result.diagnosis["entries"] == ENTRIES.get(name, "all")
    case = result.witness.case
    size = (len(case["X"]), case["W"].shape[1], len(case["W"]))
    if name == "single precision inside":  # a case on which the roundings do not happen to cancel
        assert size <= (3, 1, 3)
        return
    assert size == SIZES.get(name, (1, 1, 2))
    if name != "indicator with a tolerance":
        assert {abs(float(x)) for x in case["W"].ravel()} <= {0.0, 1.0, 1.5}  # a person can check it by hand


def test_there_are_enough_of_them():
    assert len(BUGS) >= 40


@pytest.mark.parametrize(("name", "most"), [("penalty halved", 12), ("own class counted once", 12), ("wrong for two classes only", 70)])
def test_a_diagnosis_asks_no_more_than_it_needs(name, most):
    """The ordinary cases suffice for what is wrong everywhere, and nothing is asked on the others."""
    f, asked = WRONG["multiclass_hinge"][name], []

    def counted(*arguments):
        asked.append(arguments)
        return f(*arguments)

    result = judged("multiclass_hinge", f)
    oracle = ORACLES["multiclass_hinge", "l2", "float64"]
    diagnose(
        "gradient",
        Subject(candidate=Linear(f=counted), oracle=oracle),
        result.witness.case,
        Measurement(evidence=(result.witness.evidence,)),
    )
    assert len(asked) <= most


def test_the_score_from_which_on_an_answer_is_not_finite_is_that_of_the_targets_that_break():
    """log(1 − p) is −∞ from 36.7 on, where its factor is 0; the other target's answers are finite at any score."""

    def lost(scores, y):
        p = 1 / (1 + np.exp(-scores))
        return (np.logaddexp(0, scores) - y * scores).mean(), (p - y + np.where(y == 0, 0 * np.log(1 - p), 0)) / len(y)

    told = pinned(lost, "binary_logistic", "gradient").diagnosis
    assert told["code"] == "overflow"
    assert "when a score > 36.7" in told["message"], told
