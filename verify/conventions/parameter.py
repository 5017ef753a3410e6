"""The parameters of a loss, such as the margin of a hinge, from the candidate's own loss: where no member of the family fits at the
default, one may at another value of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite

import numpy as np

from verify.conventions.probes import Probe
from verify.spec.loss import Parameter
from verify.spec.objective import Objective

STEPS = 24
"""Evaluations of the formula for one root: of a piecewise linear function it is found in a few."""
HIGHEST, LOWEST = 10, -20
"""Powers of 2 between which the distance from an end of the domain lies, or from 0 where it has none."""
PARTS = 32
"""Of a domain with two ends, which are looked at one by one: the loss need not be monotone in its parameter."""
SIZES = (0.125, 4.0)
"""Factors of the weights at which what was found must agree too: with other switches on, an offset of the loss is no margin."""
DIGITS = (2, 4, 8, 15)
"""Significant digits of what is found, the fewest first: people write short numbers, and float32 holds no more than 8."""

Formula = Callable[[Objective], float]


def sized(probe: Probe, sizes: tuple[float, ...] = SIZES) -> list[Probe]:
    """The probe with weights of other sizes."""
    W, X, y, reg = probe
    return [(np.asarray(W * W.dtype.type(size)), X, y, reg) for size in sizes]


def solved(objective: Objective, value: float, formula: Formula, names: Sequence[str]) -> Iterator[Objective]:
    """The members with one of the named parameters where the formula has the candidate's value, rounded to more and more digits.

    A root of formula(objective) − value by regula falsi (Illinois) between any two neighbours of a grid where the sign changes: over the
    whole domain it may change twice, or be the same at both ends.
    """
    for name in names if isfinite(value) else ():

        def at(t: float, name: str = name) -> float:
            return formula(_with(objective, name, t)) - value

        places = [(t, at(t)) for t in grid(objective.loss.parameters[name])]
        for (a, left), (b, right) in pairwise(places):
            if left * right <= 0:
                root = a if left == 0 else _root(at, a, b, left, right)
                yield from (_with(objective, name, float(f"{root:.{n}g}")) for n in DIGITS)


def _with(objective: Objective, name: str, t: float) -> Objective:
    return replace(objective, parameters={**objective.parameters, name: t})


def _root(at: Callable[[float], float], a: float, b: float, left: float, right: float) -> float:
    t = b
    for _ in range(STEPS if right else 0):
        t = b - right * (b - a) / (right - left)
        here = at(t)
        if here == 0 or abs(b - a) < 10.0 ** -DIGITS[-1] * abs(t):
            break
        if here * right < 0:
            a, left = b, right
        else:
            left /= 2
        b, right = t, here
    return t


def grid(domain: Parameter) -> list[float]:
    """Points of a parameter's domain in order: at powers of √2 from each end that it has, from 0 where it has none, and between two."""
    steps = [2.0 ** (k / 2) for k in range(2 * LOWEST, 2 * HIGHEST + 1)]
    if domain.low > -inf and domain.high < inf:
        length = domain.high - domain.low
        near = [length * step for step in steps if step < 1 / PARTS]
        inside = {domain.low + length * k / PARTS for k in range(1, PARTS)}
        points = inside | {domain.low + step for step in near} | {domain.high - step for step in near}
    elif domain.low > -inf:
        points = {domain.low + step for step in steps}
    elif domain.high < inf:
        points = {domain.high - step for step in steps}
    else:
        points = {0.0, *steps, *(-step for step in steps)}
    return sorted(t for t in points if domain.low < t < domain.high)
