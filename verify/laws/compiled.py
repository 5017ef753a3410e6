"""A numba candidate agrees with its own Python source: compiled and interpreted differ by rounding at most.

Gradients are compared where no switch is ambiguous: contraction may move a score by one rounding, and a tie with it. A candidate that
claims the same bits on any number of threads (`same_bits = True`) is run on several, at a size where threads start.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verify.candidates import Misbehaviour, Way, claims_same_bits, python_of, thread_counts, threads
from verify.cases import Case
from verify.evidence import LOSS, Measurement
from verify.form import LINEAR
from verify.laws.compared import close, entrywise
from verify.laws.law import Law, Subject

MULTIPLY_ADDS = 2**24
"""Multiply-adds N·C·D of the problem that is run on several numbers of threads: some milliseconds, which pays for threads."""

MIN_FEATURES, DISTINCT_EXAMPLES = 64, 1000
"""The least number of features, since a million short examples take longer; and the number of different examples: drawing all of them would
take longest.
"""


def inapplicable(subject: Subject) -> str | None:
    """Applies to functions that numba compiled."""
    return None if python_of(subject.candidate.f) is not None else "the candidate is not compiled by numba"


def measure(subject: Subject, case: Case) -> Measurement:
    """Compares loss and gradient of both."""
    source = python_of(subject.candidate.f)
    assert source is not None
    interpreted = replace(subject, candidate=replace(subject.candidate, f=source), answers=None)
    compiled, plain, truth = subject.answer(case), interpreted.answer(case), subject.truth(case)
    evidence = []
    if subject.candidate.has_loss:
        allowed = 2 * (truth.value.radius + truth.careful(abs(plain.value)))
        evidence.append(close("loss", compiled.value, plain.value, allowed, truth.value.magnitude, answer=LOSS))
    if truth.gradient.is_single:
        radius, size = 2 * (truth.gradient.radius + truth.careful(float(np.max(np.abs(plain.gradient))))), truth.gradient.magnitude
        evidence.append(entrywise("gradient", compiled.gradient, plain.gradient, radius, size))
    candidate, unseen = subject.candidate, None
    if claims_same_bits(candidate.f) and candidate.form is LINEAR:
        unseen = subject.once("threads", lambda: _threads(candidate, case))
    return Measurement(evidence=tuple(evidence), limitations=(unseen,) if unseen else ())


def _threads(candidate: Way, case: Case) -> str | None:
    """Raises Misbehaviour where the number of threads changes a bit; returns a note where there is only one thread."""
    rng, C, D = np.random.default_rng(case.seed), len(case["W"]), max(MIN_FEATURES, case["W"].shape[1])
    N = -(-MULTIPLY_ADDS // (C * D))
    W, some = (rng.normal(size=(rows, D)).astype(case.dtype) for rows in (C, DISTINCT_EXAMPLES))
    X, y, first, counts = np.resize(some, (N, D)), rng.integers(0, C, N), None, thread_counts()
    for n in counts:
        with threads(n):
            answer = candidate(W=W, X=X, y=y, reg=case["reg"])
        bits = np.float64(answer.value).tobytes() + answer.gradient.tobytes()
        if first not in (None, bits):
            raise Misbehaviour(
                "nondeterministic", f"answers with other bits on {n} threads than on {counts[0]}, and claims that it does not"
            )
        first = bits
    return None if len(counts) > 1 else "claims the same bits on any number of threads, but there is only one core to try"


LAW = Law(
    name="compiled",
    statement="compiled and interpreted agree; threads change no bit where that is claimed",
    measure=measure,
    inapplicable=inapplicable,
)
