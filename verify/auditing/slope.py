"""The slope of a loss along a direction: a ladder of steps that ends where shorter ones would tell no more."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from verify.slope import Slope

LONGEST, SHORTEST = 3, 30
"""Exponents of the ladder 2^-k: from steps that cross kinks to those in which nothing is left but noise."""

TREMBLE = 3.0
"""Standard deviations of noise that a value is allowed. What an estimate is allowed is the sum of that over its values, whatever their
signs: more than four and a half standard deviations of its own, and more than as much again for a kink that may hide.
"""

AT_LEAST = 6.5
"""Times a rung's noise over its step that an estimate made with it is off by: 3/2 by the extrapolated centred quotients, and half of
4 · 5/2 by the bend, on which a kink may hide.
"""

FEWEST = 3
"""Rungs of a tableau in which two step sizes and two orders can agree."""

CONFIRMED = 1
"""Rungs below those of an estimate that leave it as it is: kinks, and periods that its own steps share, show on others."""


def slope(f: Callable[[float], float], noise: float) -> Slope:
    """The slope of t → f(t) at 0; f is one along a direction that moves scores by about t, and its values have this standard deviation."""
    here, ahead, behind, stood, found = f(0.0), list[float](), list[float](), 0, (0.0, 0.0, inf)
    for h in (2.0**-k for k in range(LONGEST, SHORTEST)):
        if stood >= CONFIRMED and AT_LEAST * TREMBLE * noise / h > found[2]:
            break
        ahead.append(f(h))
        behind.append(f(-h))
        line = Slope(here, np.array(ahead), np.array(behind), TREMBLE * noise, 0.0, LONGEST)
        if len(ahead) >= FEWEST:
            before, found = found, line.interval
            stood = stood + 1 if found == before else 0
    return line
