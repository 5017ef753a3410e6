"""Multipliers that are not negative leave no more than scipy's do, and heavy rows hide no light ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear, nnls

from verify.oracle.least_squares import non_negative, of_simplices


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


@pytest.mark.parametrize("seed", range(12))
def test_the_nearest_point_of_many_simplices_is_no_farther_than_scipys(seed):
    rng = np.random.default_rng(seed)
    pairs = rng.integers(-4, 5, (6, 70, 2)) if seed % 2 else rng.normal(size=(6, 70, 2))  # with columns that are the same, and without
    shares = rng.uniform(size=70) if seed % 3 else np.sign(pairs[2, :, 0] - pairs[2, :, 1]).clip(0, 1)  # within, or on a facet
    b = (pairs[..., 0] * shares + pairs[..., 1] * (1 - shares)).sum(1)
    b = b + np.eye(6)[2] * (seed % 4 == 3)
    tau = of_simplices(pairs.reshape(6, -1), b, np.arange(0, 140, 2))
    assert np.all(tau >= 0)
    assert tau.reshape(70, 2).sum(1) == pytest.approx(1)
    scipys = lsq_linear(pairs[..., 0] - pairs[..., 1], b - pairs[..., 1].sum(1), (0, 1), method="bvls").fun
    assert np.linalg.norm(pairs.reshape(6, -1) @ tau - b) <= (1 + 1e-9) * np.linalg.norm(scipys) + 1e-12 * np.abs(pairs).sum()


def test_what_light_rows_ask_for_is_heard_beside_heavy_ones():
    light = 2.0**-30
    tau = non_negative(np.array([[light, -light, 0.0], [10.0, 10.0, 10.0]]), np.array([light / 2, 10.0]))
    assert tau @ [1, -1, 0] == pytest.approx(0.5, rel=1e-5)  # to a few roundings of the heavy row


def test_of_columns_that_are_the_same_any_share_is_right():
    tau = non_negative(np.ones((3, 4)), np.full(3, 2.0))
    assert tau.sum() == pytest.approx(2)


def test_nothing_is_taken_where_all_pull_away():
    assert non_negative(np.eye(2), -np.ones(2)).tolist() == [0, 0]
