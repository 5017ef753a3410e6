"""The parameter of a loss, such as the margin of a hinge, from the candidate's own loss: where no member of the family fits at the
default, one may at another value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite

import numpy as np

from verify.conventions.probes import Probe
from verify.spec.objective import Objective

STEPS = 24
"""Evaluations of the formula for one member: of a piecewise linear function the root is found in a few."""
HIGHEST, LOWEST = 2.0**10, 2.0**-20
"""Where the domain has no end."""
SIZES = (0.125, 4.0)
"""Factors of the weights at which what was found must agree too: with other switches on, an offset of the loss is no margin."""
DIGITS = (2, 4, 8, 15)
"""Significant digits of what is found, the fewest first: people write short numbers, and float32 holds no more than 8."""


def sized(probe: Probe, sizes: tuple[float, ...] = SIZES) -> list[Probe]:
    """The probe with weights of other sizes."""
    W, X, y, reg = probe
    return [(np.asarray(W * W.dtype.type(size)), X, y, reg) for size in sizes]


def solved(objective: Objective, value: float, formula: Callable[[Objective], float]) -> Iterator[Objective]:
    """The members with the parameter at which the formula has the candidate's value, rounded to more and more digits; none where
    there is no such parameter, or not one alone.

    A root of formula(objective) − value by regula falsi (Illinois), which needs a change of sign.
    """
    if len(objective.loss.parameters) != 1 or not isfinite(value):
        return
    ((name, parameter),) = objective.loss.parameters.items()

    def at(t: float) -> float:
        return formula(replace(objective, parameters={name: t})) - value

    a, b = max(parameter.low + LOWEST, -HIGHEST), min(parameter.high - LOWEST, HIGHEST)
    left, right = at(a), at(b)
    if not left * right < 0:
        return
    for _ in range(STEPS):
        t = b - right * (b - a) / (right - left)
        here = at(t)
        if here == 0 or abs(b - a) < 10.0 ** -DIGITS[-1] * abs(t):
            break
        if here * right < 0:
            a, left = b, right
        else:
            left /= 2
        b, right = t, here
    yield from (replace(objective, parameters={name: float(f"{t:.{n}g}")}) for n in DIGITS)
