"""Two hundred slips in right functions: none is proved unless balls show no gap at 50 generic points of each pattern of labels."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import numpy as np
import pytest
from proof.mutants import mutants
from proof.test_proof import LINEAR, RIGHT

import verify
from verify.campaign.pair_formula import own_code_of
from verify.campaign.proving import proof_request
from verify.errors import UsageError
from verify.proof.shapes import patterns

DEEP = os.environ.get("VERIFY_TEST_PROFILE") == "deep"
ALL = [(told, f, RIGHT[right]) for right in RIGHT for told, f in mutants(right)]
CHOSEN = Random(0).sample(ALL, 200)
POINTS = 50


def largest_gap(f, how):
    """By balls, of its size, at points that are drawn with the signs of the example; and at how many there is one or none."""
    request = proof_request(f, **how)
    own, found = own_code_of(request)
    problem = found[0].objective.stated
    given, _ = patterns(problem.inputs, own.at("float64"), bool(request.inputs), {})
    rng, worst, seen = np.random.default_rng(0), 0.0, 0
    for pattern in given:
        for _ in range(POINTS):
            gap = problem.code.gap({name: drawn(a, rng) for name, a in pattern.items()})
            if gap is not None:
                worst, seen = max(worst, gap.distance), seen + 1
    return worst, seen


def drawn(a, rng):
    if np.asarray(a).dtype.kind != "f":
        return a
    found = rng.normal(size=np.shape(a)) * 2
    return np.abs(found) + 2.0**-10 if np.all(np.asarray(a) > 0) else found


@pytest.mark.parametrize(("told", "f", "how"), CHOSEN if DEEP else CHOSEN[::20], ids=lambda x: x if isinstance(x, str) else "")
def test_slips_are_proved_only_where_there_is_no_gap(told, f, how, record_property):
    try:
        found = verify.prove(f, **how, limit=5).proof
    except UsageError:  # it answers in no known way any more
        return
    record_property("status", found.status)
    if found.status == "proved":
        worst, seen = largest_gap(f, how)
        assert worst == 0, found
        assert seen >= POINTS // 2


def test_a_refutation_is_told_where_ordinary_cases_cannot_be_recorded():
    """It divides by the weight of the penalty, which may be 0."""
    divided = next(f for told, f, _ in ALL if told.endswith("2 / reg"))
    assert verify.prove(divided, inputs=LINEAR, wrt="W", limit=5).status == "refuted"


def test_most_slips_are_of_gradients():
    """The slips are what they are said to be: most of those that are looked at change something."""
    assert len(ALL) > 200
    some = [(told, f) for told, f, how in ALL if told.startswith(("gelu:", "layer_norm:"))][::12]
    assert Counter(verify.prove(f, at=[1.0, 2.0, 0.5]).status for _, f in some)["refuted"] >= len(some) // 2
