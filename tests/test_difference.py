"""Steps are exact, and difference quotients err by what their docstring says: h/2·f'' and h²/6·f'''."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.difference import backward, centred, coarse, direction, forward, joined, ladder, moved, on_grid, parted
from verify.rounding import DIRECTION_BITS, LADDER

DTYPES = ("float64", "float32")
few = settings(deadline=None, max_examples=60, database=None)


def fractions(A):
    return [Fraction(float(v)) for v in np.ravel(A)]


def cubic(t):
    """f = 2 − 3t + 5t² − 7t³: at 0, f' = −3, f'' = 10, f''' = −42."""
    return 2 - 3 * t + 5 * t**2 - 7 * t**3


@pytest.mark.parametrize("h", [Fraction(1), Fraction(1, 8), Fraction(1, 1000)], ids=str)
def test_quotients_of_a_cubic_err_by_their_truncation_terms(h):
    here, ahead, behind = cubic(0), cubic(h), cubic(-h)
    second, third = Fraction(10), Fraction(-42)
    assert forward(ahead, here, h) - (-3) == h / 2 * second + h**2 / 6 * third
    assert backward(behind, here, h) - (-3) == -h / 2 * second + h**2 / 6 * third
    assert centred(ahead, behind, h) - (-3) == h**2 / 6 * third


@pytest.mark.parametrize("shapes", [[(2, 3)], [()], [(2, 3), (), (3,)], [(0, 2), (1,)]], ids=str)
def test_what_is_joined_is_parted_again(shapes):
    arrays = [np.arange(k, k + np.prod(shape, dtype=int), dtype=float).reshape(shape) for k, shape in enumerate(shapes)]
    for x in (joined(arrays), joined(arrays).ravel()):
        for part, a in zip(parted(x, arrays), arrays, strict=True):
            assert (part.shape, part.tolist()) == (a.shape, a.tolist())
            assert not part.size or np.shares_memory(part, x)


def test_quotients_of_a_line_are_exact_and_of_a_parabola_the_centred_one_is():
    h = Fraction(1, 4)
    assert forward(3 * h, 0, h) == backward(-3 * h, 0, h) == centred(3 * h, -3 * h, h) == 3
    assert centred(h + h**2, -h + h**2, h) == 1
    assert forward(h + h**2, 0, h) == 1 + h


@st.composite
def weights(draw, dtype):
    C, D = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    seed, scale = draw(st.integers(0, 2**16)), draw(st.sampled_from([0.0, 1e-3, 1.0, 7.0, 300.0]))
    return (scale * np.random.default_rng(seed).normal(size=(C, D))).astype(dtype), seed


@few
@given(st.sampled_from(DTYPES).flatmap(weights))
def test_the_points_of_the_ladder_are_exact(drawn):
    W, seed = drawn
    d, W = direction(seed, W.shape, W.dtype.name), on_grid(W)
    rungs = list(ladder(W, d))
    assert len(rungs) >= len(LADDER[W.dtype.name]) / 2
    assert all(longer[0] > shorter[0] for longer, shorter in pairwise(rungs))
    for h, ahead, behind in rungs:
        assert ahead.dtype == behind.dtype == W.dtype
        assert np.log2(h) == round(np.log2(h))
        for there, t in ((ahead, h), (behind, -h)):
            assert fractions(there) == [w + Fraction(t) * v for w, v in zip(fractions(W), fractions(d), strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_whole_ladder_is_exact_for_weights_of_order_one(dtype):
    W = on_grid(np.random.default_rng(0).uniform(-0.5, 0.5, size=(3, 4)).astype(dtype))
    steps = [h for h, _, _ in ladder(W, direction(0, W.shape, dtype))]
    assert steps == [2.0**-k for k in LADDER[dtype]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_point_that_would_have_to_be_rounded_is_left_out(dtype):
    W, d = np.array([[1.0]], dtype), np.array([[1.0]], dtype)
    eps = float(np.finfo(dtype).eps)
    assert moved(W, d, eps) == 1 + eps
    assert moved(W, d, eps / 2) is None
    assert moved(W, d, -eps / 2) == 1 - eps / 2
    assert list(ladder(W * dtype_top(dtype), d)) == []


def dtype_top(dtype):
    return np.dtype(dtype).type(4 / np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ladder_has_just_the_steps_that_are_exact(dtype):
    W = np.random.default_rng(7).normal(size=(3, 2)).astype(dtype)
    for at in (W, on_grid(W), on_grid(W) / np.array(1024, dtype)):
        d = direction(2, W.shape, dtype)
        known = {h: (ahead, behind) for h, ahead, behind in ladder(at, d)}
        for h in (2.0**-k for k in LADDER[dtype]):
            ends = moved(at, d, h), moved(at, d, -h)
            assert (h in known) == all(end is not None for end in ends)
            if h in known:
                assert [a.tobytes() for a in known[h]] == [b.tobytes() for b in ends]


def test_off_the_grid_the_ladder_is_shorter():
    W = np.array([[0.1, 300.1]])
    d = np.array([[0.5, 0.25]])
    assert len(list(ladder(W, d))) < len(list(ladder(on_grid(W), d)))


@few
@given(st.sampled_from(DTYPES).flatmap(weights))
def test_the_grid_changes_weights_by_two_units_in_the_last_place_of_the_largest_at_most(drawn):
    W, _ = drawn
    top = np.spacing(W.dtype.type(max(1.0, float(np.max(np.abs(W))))))
    rounded = on_grid(W)
    assert rounded.dtype == W.dtype
    assert rounded.shape == W.shape
    assert np.max(np.abs(rounded.astype("f8") - W.astype("f8"))) <= 2 * top
    assert np.array_equal(rounded / (2 * top), np.round(rounded / (2 * top)))
    assert np.array_equal(on_grid(rounded), rounded)


def test_the_grid_leaves_dyadic_weights_alone_and_moves_others():
    assert np.array_equal(on_grid(np.array([[0.5, -3.25, 0.0]])), [[0.5, -3.25, 0.0]])
    assert on_grid(np.array([[1e-17, 0.1]]))[0, 0] == 0
    assert not np.array_equal(on_grid(np.array([[0.1, 300.0]])), [[0.1, 300.0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (10, 65)], ids=str)
def test_directions_are_about_unit_long_with_few_bits(shape, dtype):
    seen = set()
    for seed in range(10):
        d = direction(seed, shape, dtype)
        assert d.dtype == dtype
        assert d.shape == shape
        assert 2**-0.5 <= np.linalg.norm(d.astype("f8")) <= 2**0.5
        mantissas = np.frexp(d)[0] * 2 ** (DIRECTION_BITS + 1)
        assert np.array_equal(mantissas, np.round(mantissas))
        ratios = d / np.max(np.abs(d)) * 2**DIRECTION_BITS
        assert np.array_equal(ratios, np.round(ratios))
        assert np.array_equal(d, direction(seed, shape, dtype))
        seen.add(d.tobytes())
    assert len(seen) >= (2 if shape == (1, 1) else 10)


@pytest.mark.parametrize("v", [[[0.0, 0.0]], [[1e-300, -1e-300]], [[1e300, 1.0]], [[3.0, -4.0]]], ids=["zero", "tiny", "huge", "plain"])
def test_coarse_keeps_the_direction_and_is_never_zero(v):
    v = np.array(v)
    d = coarse(v, "float64")
    assert 2**-0.5 <= np.linalg.norm(d) <= 2**0.5
    if v.any():
        top = np.max(np.abs(v))
        assert np.max(np.abs(d / np.max(np.abs(d)) - v / top)) <= 2.0 ** -(DIRECTION_BITS + 1)
