"""Membership of an input's domain and the distance from its ends, of many numbers at once."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from verify.problem import Input
from verify.spec import Count, Positive, Probability, Real


@pytest.mark.parametrize(
    ("domain", "a", "held"),
    [
        (Real(-1, 2), [-1.5, -1.0, 0.0, 2.0, 2.5], [False, True, True, True, False]),
        (Probability(), [0.0, 5e-324, 0.5, 1.0], [False, True, True, False]),
        (Count(), [-1.0, 0.0, 0.5, 3.0], [False, True, False, True]),
        (Real(), [-inf, 0.0, np.nan], [True, True, False]),
    ],
    ids=str,
)
def test_a_number_belongs_to_a_domain_alone_as_among_others(domain, a, held):
    assert domain.holds(np.array(a)).tolist() == [t in domain for t in a] == held


def test_room_is_the_distance_from_the_nearest_end_and_reach_no_more_than_the_size():
    a = np.array([-0.5, 0.0, 0.25, 1.5], "float32")
    bounded, positive, free = (Input(name="x", dims=("n",), domain=d) for d in (Real(-1, 2), Positive(), Real()))
    assert bounded.room(a).tolist() == [0.5, 1.0, 1.25, 0.5]
    assert bounded.reach(a).tolist() == [0.5, 1.0, 0.25, 0.5]
    assert positive.reach(np.array([0.0, 3.0])).tolist() == [0.0, 3.0]
    assert free.reach(np.array([0.0, -3.0])).tolist() == [inf, 3.0]
