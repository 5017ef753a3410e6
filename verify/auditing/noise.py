"""The noise of a loss: the standard deviation of its own rounding, from a table of differences.

Nine values at equal small steps: in their fourth differences a smooth function vanishes, and the variance of the noise is multiplied by 70.
Source: J. J. Moré and S. M. Wild, Estimating Computational Noise, SIAM J. Sci. Comput. 33 (2011).
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb, sqrt
from statistics import median

import numpy as np

from verify.difference import Floats

ORDER = 4
POINTS = 9
TABLES = 3
"""Number of tables whose median is taken: a kink inside one of them does not count."""


def noise(f: Callable[[float], float], *, step: float, starts: tuple[float, ...], u: float) -> float:
    """The noise of f(t), a function that moves its scores by about t: the median over tables that begin at `starts`.

    At least u·|f|, the rounding of the value itself: a table of exact values shows no noise.
    """
    found = []
    for start in starts:
        values: Floats = np.array([f(start + i * step) for i in range(POINTS)])
        differences = np.diff(values, n=ORDER)
        found.append(max(sqrt(float(np.mean(differences**2)) / comb(2 * ORDER, ORDER)), u * float(np.max(np.abs(values)))))
    return median(found)
