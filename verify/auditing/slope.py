"""The slope of a loss along a direction, from a ladder of steps that ends where shorter ones would add nothing."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from verify.slope import Slope

LONGEST, SHORTEST = 3, 30
"""Exponents of the ladder 2^-k: from steps that cross kinks to those where only noise is left."""

TREMBLE = 3.0
"""Standard deviations of noise that are allowed for a value. The allowance of an estimate is the sum over its values, whatever their signs:
more than four and a half standard deviations of the estimate, and more than as much again for a kink that may hide.
"""

AT_LEAST = 6.5
"""Lower bound of an estimate's error, in units of a rung's noise over its step: 3/2 for the extrapolated centred quotients, and half of 4 ·
5/2 for the bend, on which a kink may hide.
"""

MIN_RUNGS = 3
"""Rungs of a tableau with which two step sizes and two orders can agree."""

CONFIRMING_RUNGS = 1
"""Rungs below those of an estimate that must leave it unchanged: kinks, and periods that its own steps share, show on others."""


def slope(f: Callable[[float], float], noise: float) -> Slope:
    """The slope of t → f(t) at 0, for f along a direction that moves scores by about t, with values of this standard deviation."""
    here, ahead, behind, stood, found = f(0.0), list[float](), list[float](), 0, (0.0, 0.0, inf)
    for h in (2.0**-k for k in range(LONGEST, SHORTEST)):
        if stood >= CONFIRMING_RUNGS and AT_LEAST * TREMBLE * noise / h > found[2]:
            break
        ahead.append(f(h))
        behind.append(f(-h))
        line = Slope(here, np.array(ahead), np.array(behind), TREMBLE * noise, 0.0, LONGEST)
        if len(ahead) >= MIN_RUNGS:
            before, found = found, line.interval
            stood = stood + 1 if found == before else 0
    return line
