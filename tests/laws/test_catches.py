"""Every law breaks something, and holds for the same code done right."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numba
import numpy as np
import pytest
from implementations import RIGHT, hinge, hinge_loss, margins, softmax, softmax_loss, stale

from verify import Verdict, check
from verify.candidates import Linear, forked
from verify.cases import Case
from verify.evidence import judge
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty


def smoothed(W, X, y, reg):
    """The hinge with its kink rounded off over a width of 0.05: wrong only near kinks."""
    M = margins(W, X, y)
    loss = np.where(M <= -0.05, 0.0, np.where(M >= 0.05, M, (M + 0.05) ** 2 / 0.2))
    return loss.sum() / len(X) + reg * (W * W).sum()


def with_random_ties(W, X, y, reg):
    """A valid subgradient every time, and another one every time."""
    ties = np.random.default_rng().random((len(X), len(W)))
    return hinge(weights=lambda M: np.where(M == 0, ties, M > 0))(W, X, y, reg)


def writes_to_W(W, X, y, reg):
    answer = softmax()(W, X, y, reg)
    W -= 0.1 * answer[1]
    return answer


def returns_its_buffer():
    buffers = {}

    def f(W, X, y, reg):
        loss, gradient = softmax()(W, X, y, reg)
        buffer = buffers.setdefault((W.shape, W.dtype), np.empty(W.shape, W.dtype))
        buffer[...] = gradient
        return loss, buffer

    return f


def remembers_by_identity():
    kept = {}

    def f(W, X, y, reg):
        if kept.get("W") is not W:
            kept.update(W=W, answer=softmax()(W, X, y, reg))
        return kept["answer"]

    return f


def draws_globally(W, X, y, reg):
    np.random.random()  # noqa: NPY002
    return softmax()(W, X, y, reg)


def assumes_c_order(W, X, y, reg):
    """Reads the memory of W as if it were always in C order."""
    flat = W.ravel(order="K").reshape(W.shape)
    return softmax()(flat, X, y, reg)


def clipped_softmax_loss(W, X, y, reg):
    """Probabilities kept from 0, so that the loss stops to grow at 690."""
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E[np.arange(len(X)), y] / E.sum(1)
    return -np.log(np.maximum(P, 1e-300)).mean() + reg * (W * W).sum()


FACTOR = 1.0


@numba.njit
def frozen_constant(W, X, y, reg):
    """numba keeps the global that it saw when it compiled; Python reads the present one."""
    loss, G = 0.0, 2 * reg * FACTOR * W
    for i in range(len(X)):
        s = W @ X[i]
        e = np.exp(s - s.max())
        p = e / e.sum()
        loss -= np.log(p[y[i]]) / len(X)
        p[y[i]] -= 1
        G += np.outer(p, X[i]) / len(X)
    return loss + reg * FACTOR * (W * W).sum(), G


def _negative(f):
    return lambda W, X, y, reg: tuple(-a for a in f(W, X, y, reg))


CATCHES = {
    "value": {"off by 1e-10": ("multiclass_hinge", hinge(loss=lambda *a: hinge_loss(*a) * (1 + 1e-10)))},
    "gradient": {"1e-10 in all entries": ("softmax_cross_entropy", softmax(after=lambda G, *_: G * (1 + 1e-10)))},
    "enclosure": {
        "stale loss": ("multiclass_hinge", stale(hinge())),
        "slope of the loss 1e-4 too great": ("softmax_cross_entropy", softmax(loss=lambda *a: softmax_loss(*a) * (1 + 1e-4))),
    },
    "bracket": {
        "penalty halved": ("multiclass_hinge", hinge(penalty=1.0)),
        "ties as 2": ("multiclass_hinge", hinge(weights=lambda M: np.where(M == 0, 2.0, M > 0))),
        "own class left out": ("softmax_cross_entropy", softmax(own=0.0)),
    },
    "order": {"penalty halved": ("softmax_cross_entropy", softmax(penalty=1.0))},
    "best-step": {"1e-3 in all entries": ("softmax_cross_entropy", softmax(after=lambda G, *_: G * (1 + 1e-3)))},
    "crossing": {"kink rounded off": ("multiclass_hinge", hinge(loss=smoothed))},
    "membership": {
        "ties as 2": ("multiclass_hinge", hinge(weights=lambda M: np.where(M == 0, 2.0, M > 0))),
        "ties below 0": ("multiclass_hinge", hinge(weights=lambda M: np.where(M == 0, -0.1, M > 0))),
    },
    "one-sided": {"kink rounded off": ("multiclass_hinge", hinge(loss=smoothed))},
    "consistency": {"ties at random": ("multiclass_hinge", with_random_ties)},
    "convexity": {
        "concave": ("softmax_cross_entropy", _negative(softmax())),
        "gradient of the wrong sign": ("multiclass_hinge", hinge(after=lambda G, *_: -G)),
    },
    "descent": {
        "gradient of the wrong sign": ("softmax_cross_entropy", softmax(after=lambda G, *_: -G)),
        "gradient three times too long": ("multiclass_hinge", hinge(after=lambda G, *_: 3 * G)),
    },
    "batches": {
        "wrong for one example only": ("softmax_cross_entropy", softmax(after=lambda G, W, X, y, reg: G * (2 if len(X) == 1 else 1))),
        "last example left out": (
            "multiclass_hinge",
            lambda W, X, y, reg: hinge()(W, X[: max(1, len(X) - 1)], y[: max(1, len(X) - 1)], reg),
        ),
    },
    "symmetry": {
        "first class left out": ("softmax_cross_entropy", softmax(after=lambda G, W, *_: G * (np.arange(len(W)) > 0)[:, None])),
        "own class left out": ("multiclass_hinge", hinge(own=lambda A: 0 * A.sum(1))),
        "λ squared": ("multiclass_hinge", lambda W, X, y, reg: hinge()(W, X, y, reg**2)),
    },
    "purity": {
        "writes to W": ("softmax_cross_entropy", writes_to_W),
        "returns its buffer": ("softmax_cross_entropy", returns_its_buffer()),
        "remembers by identity": ("softmax_cross_entropy", remembers_by_identity()),
        "draws global random numbers": ("softmax_cross_entropy", draws_globally),
        "assumes C order": ("softmax_cross_entropy", assumes_c_order),
    },
    "bad-input": {
        "NaN taken for 0": ("multiclass_hinge", lambda W, X, y, reg: hinge()(np.nan_to_num(W), X, y, reg)),
        "infinity clipped": ("softmax_cross_entropy", lambda W, X, y, reg: softmax()(np.clip(W, -1e6, 1e6), X, y, reg)),
        "scores clipped far out": ("softmax_cross_entropy", softmax(loss=clipped_softmax_loss)),
    },
}

BEHAVIOUR = {"consistency": "nondeterministic", "writes to W": "mutates-input", "returns its buffer": "nondeterministic"}


@pytest.mark.parametrize(("law", "name"), [(law, name) for law, table in CATCHES.items() for name in table])
def test_the_law_breaks_what_it_is_for(law, name):
    loss, implementation = CATCHES[law][name]
    (result,) = check(implementation, loss=loss, laws=(law,), penalty="l2", reduction="mean").results
    assert result.verdict is Verdict.BROKEN
    assert result.strain > 10 or result.kind == "behaviour"
    expected = BEHAVIOUR.get(law) or BEHAVIOUR.get(name)
    assert expected is None or (result.kind, result.diagnosis["code"]) == ("behaviour", expected)


def test_every_law_is_in_the_table():
    elsewhere = {"compiled", "curvature", "formula"}  # these have tests of their own
    for law in LAWS:
        assert law in CATCHES or law in elsewhere, f"{law}: give it a wrong implementation in CATCHES"
    assert {*CATCHES, *elsewhere} == set(LAWS)


def test_every_law_is_explained_where_a_user_looks():
    root = Path(__file__).parents[2]
    explained = (root / "docs" / "laws.md").read_text(encoding="utf-8")
    listed = (root / "docs" / "judged.md").read_text(encoding="utf-8")
    assert [law for law in LAWS if f"\n## {law}: " not in explained] == []
    assert [law for law in LAWS if f"\n| `{law}` | " not in listed] == []


@pytest.mark.parametrize("name", ["ties at random", "assumes C order", "draws global random numbers"])
def test_what_value_and_gradient_do_not_see(name):
    loss, implementation = next(table[name] for table in CATCHES.values() if name in table)
    report = check(implementation, loss=loss, laws=("value", "gradient"), profile="quick")
    assert report.verdict is Verdict.HOLDS


def test_compiled_sees_a_constant_that_numba_froze(monkeypatch):
    frozen_constant(np.ones((2, 2)), np.ones((1, 2)), np.zeros(1, np.int64), 0.5)
    right = check(frozen_constant, loss="softmax_cross_entropy", laws=("compiled", "value"), profile="quick")
    assert {r.law: r.verdict for r in right.results} == {"compiled": Verdict.HOLDS, "value": Verdict.HOLDS}
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    stale_now = check(frozen_constant, loss="softmax_cross_entropy", laws=("compiled", "value"), profile="quick")
    assert {r.law: r.verdict for r in stale_now.results} == {"compiled": Verdict.BROKEN, "value": Verdict.HOLDS}


class SplitsByThreads:
    """Sums the examples in as many parts as there are threads, as a parallel reduction does."""

    same_bits = True

    def __call__(self, W, X, y, reg):
        parts = max(1, min(self.parts(), len(X)))
        sums = [softmax(penalty=0)(W, x, t, 0.0) for x, t in zip(np.array_split(X, parts), np.array_split(y, parts), strict=True)]
        counts = [len(x) for x in np.array_split(X, parts)]
        loss, G = (sum(n * s[k] for n, s in zip(counts, sums, strict=True)) / len(X) for k in (0, 1))
        return loss + reg * np.sum(W * W), G + 2 * reg * W

    def parts(self):
        return numba.get_num_threads()

    def py_func(self, *arguments):
        return self(*arguments)


class SplitsAlways(SplitsByThreads):
    def parts(self):
        return 2


class ClaimsNothing(SplitsByThreads):
    same_bits = False


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core: no second number of threads to try")
def test_a_claim_that_threads_change_no_bit_is_tested():
    def judged(candidate):
        return check(candidate(), loss="softmax_cross_entropy", laws=("compiled", "value", "consistency"), profile="quick")

    assert judged(SplitsAlways).verdict is judged(ClaimsNothing).verdict is Verdict.HOLDS
    found = {r.law: r.diagnosis for r in judged(SplitsByThreads).results if r.verdict is Verdict.BROKEN}
    assert set(found) == {"compiled"}
    assert found["compiled"]["code"] == "nondeterministic"
    assert "other bits on 2 threads than on 1" in found["compiled"]["message"]


def test_one_core_can_test_no_claim_of_threads_and_says_so(monkeypatch):
    monkeypatch.setattr("verify.laws.compiled.thread_counts", lambda: [1])
    (result,) = check(SplitsByThreads(), loss="softmax_cross_entropy", laws=("compiled",), profile="quick").results
    assert result.limitations == ("claims the same bits on any number of threads, but there is only one core to try",)


def test_a_refused_memory_layout_is_a_limitation_and_not_a_break():
    def refuses(W, X, y, reg):
        if not (W.flags.c_contiguous and W.flags.writeable):
            raise ValueError("W must be writeable and in C order")
        return softmax()(W, X, y, reg)

    (result,) = check(refuses, loss="softmax_cross_entropy", laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert result.limitations == ("refuses Fortran-ordered arrays", "refuses read-only arrays", "refuses strided arrays")


def test_what_right_code_takes_without_a_word_is_a_limitation_and_not_a_break():
    (result,) = check(RIGHT["multiclass_hinge"]["loops"], loss="multiclass_hinge", laws=("bad-input",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert {"takes a negative label", "takes NaN in X without a sign of it"} <= set(result.limitations)


def test_misuse_that_ends_the_process_is_survived_and_told():
    def trusts_its_labels(W, X, y, reg):
        if y.max() >= len(W):
            os.kill(os.getpid(), signal.SIGSEGV)
        return softmax()(W, X, y, reg)

    (result,) = check(trusts_its_labels, loss="softmax_cross_entropy", laws=("bad-input",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert "crashes the interpreter on a label beyond the last class" in result.limitations


def test_misuse_that_hangs_is_ended_and_told(monkeypatch):
    monkeypatch.setattr(forked, "ANSWER_TIMEOUT", 0.2)

    def waits(W, X, y, reg):
        while y.max() >= len(W):
            pass
        return softmax()(W, X, y, reg)

    (result,) = check(waits, loss="softmax_cross_entropy", laws=("bad-input",), profile="quick").results
    assert "hangs on a label beyond the last class" in result.limitations


def test_an_infinite_loss_far_out_is_a_limitation():
    implementation = RIGHT["softmax_cross_entropy"]["through the log of the probability"]
    (result,) = check(implementation, loss="softmax_cross_entropy", laws=("bad-input",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert "answers inf where the scores of an example differ by 1000 and the loss is finite" in result.limitations


@pytest.mark.parametrize("above", [256.0, 280.0])
def test_a_probability_that_would_be_subnormal_is_no_break(above):
    """A label whose score lies above the others by so much that moving it down by a fixed gap left p subnormal: found by reading."""
    implementation = RIGHT["softmax_cross_entropy"]["through the log of the probability"]
    objective = Objective(loss=find_loss("softmax_cross_entropy"), penalty=find_penalty("none"))
    subject = Subject(candidate=Linear(f=implementation), oracle=Oracle(objective, "float64"))
    W = np.array([[above], [0.0], [0.0]])
    measurement = LAWS["bad-input"].measure(
        subject, Case(values={"W": W, "X": np.ones((2, 1)), "y": np.array([0, 1]), "reg": 0.0}, family="given")
    )
    assert judge([measurement]) is Verdict.HOLDS
    assert any(told.startswith("answers inf where the scores") for told in measurement.limitations)


def test_laws_that_do_not_apply_say_why():
    report = check(RIGHT["softmax_cross_entropy"]["shifted by the maximum"], loss="softmax_cross_entropy", profile="quick")
    reasons = {o.task.law: o.reason for o in report.inapplicable}
    assert set(reasons) == {"crossing", "membership", "one-sided", "compiled", "curvature", "formula"}
    assert reasons["crossing"] == "the formula has no switches: no max, abs or comparison"


def test_a_negative_subgradient_on_a_kink_need_not_descend_and_holds():
    """N=1, W=[[1,0],[0,0]], x=(1,0), tie taken as 0: the loss rises for every step along −g, which is right code."""
    (result,) = check(hinge(), loss="multiclass_hinge", laws=("descent",), profile="ci").results
    assert result.verdict is Verdict.HOLDS


def test_infinity_is_not_handed_to_what_decomposes_matrices():
    """numpy's singular values of a matrix with an infinity in it need not come to an end."""
    handed = set()

    def nuclear(X):
        if type(X) is np.ndarray and not np.isfinite(X).all():
            handed.add("NaN" if np.isnan(X).any() else "infinity")
            raise ValueError("not finite")
        U, s, Vt = np.linalg.svd(X, full_matrices=False)
        return s.sum(), U @ Vt

    at = np.array([[1.0, 2.0], [-0.5, 3.0]])
    report = check(nuclear, at=at, dtypes=("float64",), laws=("gradient", "bad-input"), profile="quick", in_process=True)
    assert [r.verdict for r in report.results] == [Verdict.HOLDS] * 2
    assert handed == {"NaN"}
