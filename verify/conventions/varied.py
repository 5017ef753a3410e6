"""Further parameter values to judge at: what is right at γ = 2 may be wrong at γ = 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, singledispatch
from math import frexp, inf
from typing import Any

import numpy as np

from verify.conventions.parameter import Axis
from verify.errors import UsageError
from verify.form import SCORES
from verify.oracle import truth_of
from verify.problem import Instance, Problem, small
from verify.spec.catalogue import find_penalty
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.loss import LossSpec, Parameter
from verify.spec.objective import Objective

LOG_DISTANCES = (-0.75, 1.25, -2.5, 3.0, 4.5)
"""Distances of values from the default, in the logarithm of their distance from an end: on either side, by factors of 2 and 3, to the
limits of ordinary values, 1/12 and 20; one at 90 times the default, or a 90th of the way from the other end.
"""
ROTATIONS = (1, 3, 2)
"""Rotations of the values of each further parameter, so that two do not always grow together."""
MAX_HALVINGS = 4
"""How often a value that the formula cannot take is moved halfway to the default before it is dropped."""
BITS = 3
"""Bits of a value: short numbers, which both dtypes hold, like the distance from the nearest end."""
DTYPE = "float32"
"""The formula must stay in its range: the narrower one, so that both dtypes are judged at the same values."""


def other_values(claimed: ClaimedFunction, names: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    """Values of the named parameters, at most some of them the defaults: at each the formula is real and satisfies the spec's claims, and
    its numbers stay in the range of float32 on ordinary cases.
    """
    return _other_values(claimed.stated, tuple(claimed.parameters.items()), tuple(names)) if names else ()


@lru_cache(maxsize=64)
def _other_values(
    stated: LossSpec | Problem, defaults: tuple[tuple[str, float], ...], names: tuple[str, ...]
) -> tuple[Mapping[str, float], ...]:
    own, found = dict(defaults), []
    lost = _lost(stated, own)
    for k in range(len(LOG_DISTANCES)):
        steps = [LOG_DISTANCES[(k + i * ROTATIONS[i % len(ROTATIONS)]) % len(LOG_DISTANCES)] for i in range(len(names))]
        for nearer in range(MAX_HALVINGS):
            values = {n: _short(stated.parameters[n], own[n], step / 2**nearer) for n, step in zip(names, steps, strict=True)}
            if _lost(stated, {**own, **values}) <= lost:
                found.append(values)
                break
    return tuple(values for i, values in enumerate(found) if values not in found[:i] and values != {n: own[n] for n in names})


def _short(domain: Parameter, default: float, step: float) -> float:
    """The value at this distance from the default, with few bits; the default if none lies in the domain."""
    axis = Axis(domain)
    value = float(axis.at(axis.of(np.array(default)) + step))
    end = min((e for e in (domain.low, domain.high) if abs(e) < inf), key=lambda e: abs(value - e), default=0.0)
    fraction, exponent = frexp(value - end)
    value = end + round(fraction * 2**BITS) * 2.0 ** (exponent - BITS)
    return value if domain.low < value < domain.high else default


def _lost(stated: LossSpec | Problem, parameters: Mapping[str, float]) -> float:
    """The number of ordinary examples on which a number of the formula may leave the range of float32; infinite if something is undefined
    there, or the spec's claims do not hold.
    """
    try:
        claim, values = _ordinary(stated, parameters)
        truth = truth_of(claim, DTYPE)
        truth.examine()
        point = truth.at(**values)
        known = bool(point.value.exact.is_finite()) and bool(np.isfinite(point.gradient.radius).all())
        return float(point.out_of_range(slopes=True).sum()) if known else inf
    except (UsageError, ArithmeticError, ValueError):
        return inf


@singledispatch
def _ordinary(stated: Any, parameters: Mapping[str, float]) -> tuple[ClaimedFunction, Mapping[str, Any]]:
    """The claim with these values of its parameters, and values of its inputs."""
    return Instance(problem=stated, parameters=parameters), small(stated, size=TRIED_CLASSES, dtype=DTYPE)


@_ordinary.register
def _(stated: LossSpec, parameters: Mapping[str, float]) -> tuple[ClaimedFunction, Mapping[str, Any]]:
    labels = np.array(stated.some_labels(TRIED_CLASSES))
    scores = np.random.default_rng(0).normal(size=(stated.scores(TRIED_CLASSES), len(labels))).T.astype(DTYPE)
    return Objective(loss=stated, penalty=find_penalty("none"), parameters=parameters, form=SCORES), {"scores": scores, "y": labels}


TRIED_CLASSES = 4
"""Number of classes of the scores on which values are tried."""
