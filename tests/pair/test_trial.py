"""The trial of a law whose truth is estimated: what it asks, what it counts, and what it leaves of a counterexample."""

from __future__ import annotations

import numpy as np

from verify import Verdict
from verify.diagnosis import NAMING
from verify.pair import Estimated, Pair, start
from verify.trial import Trial


def question(f, x, *, law="gradient", seed=0):
    return Estimated(law=law, pair=Pair(f), at=start(np.asarray(x)), dtype="float64", profile="quick", seed=seed)


def halved(x):
    return (x * x).sum(), x


def test_what_is_asked_to_name_a_mistake_is_told_and_what_is_avoided_is_not_asked():
    asked = []
    mistaken = question(halved, [0.3, -0.7])
    result = Trial(mistaken, asked.append).run()
    to_name = [case for case in asked if case.family == NAMING]
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "scaled")
    assert len(to_name) == 3
    avoided, again = to_name[-1], []
    result = Trial(mistaken, again.append).again(result.witness.case, [avoided])
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "scaled")
    assert avoided.key not in {case.key for case in again}


def test_no_pieces_are_known_and_the_families_are_counted():
    asked = []
    result = Trial(question(lambda x: (np.abs(x).sum(), np.sign(x)), [0.3, -0.7, 0.0]), asked.append).run()
    assert (result.verdict, result.patterns) == (Verdict.HOLDS, 0)
    assert sum(result.families.values()) == result.cases == len(asked)
