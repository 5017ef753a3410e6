"""Multipliers that are not negative leave no more than scipy's do, and heavy rows hide no light ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from verify.oracle.least_squares import non_negative


@pytest.mark.parametrize("seed", range(60))
def test_what_is_left_is_no_more_than_beside_scipys(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, rng.integers(1, 5))
    light = 10.0 ** rng.uniform(-rng.choice([0, 3, 8]), 0, (rng.integers(1, 30), 1))
    A = np.vstack([light * rng.integers(-4, 5, (len(light), sizes.sum())), 10.0 * np.repeat(np.eye(len(sizes)), sizes, axis=1)])
    right = np.concatenate([rng.dirichlet(np.ones(s)) if rng.random() < 0.5 else np.eye(s)[rng.integers(s)] for s in sizes])
    b = A @ right + (rng.normal(size=len(A)) * 10.0 ** rng.uniform(-16, 0) if rng.random() < 0.7 else 0)
    tau = non_negative(A, b)
    assert np.all(tau >= 0)
    assert np.linalg.norm(A @ tau - b) <= (1 + 1e-9) * nnls(A, b)[1] + 1e-14 * np.linalg.norm(b)


@pytest.mark.parametrize("seed", range(20))
def test_multipliers_that_another_one_makes_needless_are_let_go(seed):
    """Columns that are much alike: the first to enter leave again."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(12, 1)) + 0.3 * rng.normal(size=(12, 8))
    b = A @ rng.normal(size=8)
    assert np.linalg.norm(A @ non_negative(A, b) - b) <= (1 + 1e-9) * nnls(A, b)[1]


def test_what_light_rows_ask_for_is_heard_beside_heavy_ones():
    light = 2.0**-30
    tau = non_negative(np.array([[light, -light, 0.0], [10.0, 10.0, 10.0]]), np.array([light / 2, 10.0]))
    assert tau @ [1, -1, 0] == pytest.approx(0.5, rel=1e-5)  # to a few roundings of the heavy row


def test_of_columns_that_are_the_same_any_share_is_right():
    tau = non_negative(np.ones((3, 4)), np.full(3, 2.0))
    assert tau.sum() == pytest.approx(2)


def test_nothing_is_taken_where_all_pull_away():
    assert non_negative(np.eye(2), -np.ones(2)).tolist() == [0, 0]
