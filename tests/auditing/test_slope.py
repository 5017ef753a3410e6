"""Noise and slopes of known functions: the estimate is near, the error bar holds the truth and is not idle."""

from __future__ import annotations

from itertools import count
from math import cos, exp, pi, sin

import numpy as np
import pytest

from verify.auditing.noise import noise
from verify.auditing.slope import slope

U = 2.0**-53
STARTS = (2.0**-8, -(2.0**-8), 2.0**-7)


def trembling(f, sigma, seed=0):
    rng = np.random.default_rng(seed)
    return lambda t: f(t) + sigma * rng.standard_normal()


@pytest.mark.parametrize("sigma", [1e-13, 1e-9, 1e-6])
@pytest.mark.parametrize("f", [exp, lambda t: 3 * t, lambda t: abs(t) + t * t], ids=["exp", "linear", "a kink"])
def test_the_noise_is_found_within_a_factor_of_two(f, sigma):
    found = [noise(trembling(f, sigma, seed), step=2.0**-26, starts=STARTS, u=U) for seed in range(20)]
    assert 0.5 * sigma < np.median(found) < 2 * sigma


def test_a_kink_in_one_table_does_not_count():
    assert noise(lambda t: abs(t - 2.0**-8 - 4 * 2.0**-26), step=2.0**-26, starts=STARTS, u=U) < 1e-15


def test_exact_values_still_have_the_rounding_of_the_answer():
    assert noise(lambda t: 1024.0, step=2.0**-26, starts=STARTS, u=U) == 1024 * U


FUNCTIONS = {
    "smooth": (lambda t: exp(t) + sin(3 * t), 4.0, 4.0),
    "cubic": (lambda t: 5 * t**3 + 2 * t, 2.0, 2.0),
    "linear": (lambda t: 0.3 * t, 0.3, 0.3),
    "a kink here": (lambda t: abs(t) + t + cos(t), 0.0, 2.0),
    "a kink near by": (lambda t: max(0.0, t - 2.0**-12) * 5 + t, 1.0, 1.0),
    "a kink nearer than noise allows": (lambda t: max(0.0, t - 1e-12) * 5 + t, 1.0, 1.0),
    "many kinks": (lambda t: sum(abs(t - (k + 0.5) / 700) for k in range(-50, 50)), 0.0, 0.0),
    "a period of the longest steps": (lambda t: t + sin(32 * pi * t) / (32 * pi), 2.0, 2.0),
    "high curvature": (lambda t: sin(200 * t) / 200, 1.0, 1.0),
}


@pytest.mark.parametrize("case", FUNCTIONS)
@pytest.mark.parametrize("sigma", [1e-15, 1e-9])
def test_the_error_holds_every_subgradient(case, sigma):
    f, low, high = FUNCTIONS[case]
    for seed in range(50):
        least, most, error = slope(trembling(f, sigma, seed), sigma).interval
        assert least - error <= low
        assert high <= most + error


@pytest.mark.parametrize("case", ["smooth", "cubic", "linear", "a kink near by"])
def test_the_error_is_no_idle_one(case):
    f, low, _ = FUNCTIONS[case]
    least, most, error = slope(trembling(f, 1e-15), 1e-15).interval
    assert most - least + error < 1e-9 * max(1, abs(low)) * 10


def test_no_more_values_are_asked_for_than_the_noise_allows():
    asked = count()
    slope(lambda t: (next(asked), 0.3 * t)[1], 1e-6)
    assert next(asked) < 20
