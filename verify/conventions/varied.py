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

FARTHER = (-0.75, 1.25, -2.5, 3.0, 4.5)
"""How far values lie from the default in the logarithm of their distance from an end: on either side of it, by a factor of 2 and of 3 to
where ordinary values end, 1/12 and 20; one at 90 times the default, or a 90th of the way from the other end.
"""
TURNED = (1, 3, 2)
"""By how many places the values of each further parameter are turned, so that two do not always grow together."""
NEARER = 4
"""How often a value that the formula does not bear is brought halfway to the default before it is left out."""
BITS = 3
"""Of a value: short numbers, which both dtypes hold, and so is the distance from the nearest end."""
DTYPE = "float32"
"""Whose range the formula must stay in: the narrower one, so that both are judged at the same values."""


def other_values(claimed: ClaimedFunction, names: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    """Values of the named parameters, none of them all the defaults: at each the formula is real and what the spec claims of it, and its
    numbers stay in the range of float32 on ordinary cases.
    """
    return _other_values(claimed.stated, tuple(claimed.parameters.items()), tuple(names)) if names else ()


@lru_cache(maxsize=64)
def _other_values(
    stated: LossSpec | Problem, defaults: tuple[tuple[str, float], ...], names: tuple[str, ...]
) -> tuple[Mapping[str, float], ...]:
    own, found = dict(defaults), []
    lost = _lost(stated, own)
    for k in range(len(FARTHER)):
        steps = [FARTHER[(k + i * TURNED[i % len(TURNED)]) % len(FARTHER)] for i in range(len(names))]
        for nearer in range(NEARER):
            values = {n: _short(stated.parameters[n], own[n], step / 2**nearer) for n, step in zip(names, steps, strict=True)}
            if _lost(stated, {**own, **values}) <= lost:
                found.append(values)
                break
    return tuple(values for i, values in enumerate(found) if values not in found[:i] and values != {n: own[n] for n in names})


def _short(domain: Parameter, default: float, step: float) -> float:
    """The value so far from the default, of few bits; the default where none lies in the domain."""
    axis = Axis(domain)
    value = float(axis.at(axis.of(np.array(default)) + step))
    end = min((e for e in (domain.low, domain.high) if abs(e) < inf), key=lambda e: abs(value - e), default=0.0)
    fraction, exponent = frexp(value - end)
    value = end + round(fraction * 2**BITS) * 2.0 ** (exponent - BITS)
    return value if domain.low < value < domain.high else default


def _lost(stated: LossSpec | Problem, parameters: Mapping[str, float]) -> float:
    """On how many ordinary examples a number of the formula may leave the range of float32; infinite where something has no value there,
    or the spec does not hold what it claims.
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
    """What is stated at these values of its parameters, and values of its inputs."""
    return Instance(problem=stated, parameters=parameters), small(stated, size=SOME, dtype=DTYPE)


@_ordinary.register
def _(stated: LossSpec, parameters: Mapping[str, float]) -> tuple[ClaimedFunction, Mapping[str, Any]]:
    labels = np.array(stated.some_labels(SOME))
    scores = np.random.default_rng(0).normal(size=(stated.scores(SOME), len(labels))).T.astype(DTYPE)
    return Objective(loss=stated, penalty=find_penalty("none"), parameters=parameters, form=SCORES), {"scores": scores, "y": labels}


SOME = 4
"""Classes of the scores on which values are tried."""
