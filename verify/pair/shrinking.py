"""Simpler points than one that breaks a law, of the same shape: zeros and ones, then numbers of few bits, then those of the given point.

Signs stay, and zeros and ones are tried only if the given point has zeros or both signs, as for all points around it: a domain may end on
the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.pair.place import Floats, simplified
from verify.problem.sampling import BITS, has_zeros, of_few_bits

MOST_TRIES = 20
"""As many as the profile `ci` has places: each costs a hundred and more evaluations of the loss."""

SECONDS = 10.0
"""Processor time after which no further point is tried. Only losses that take a millisecond reach it."""


def shrunk(case: Case, given: Floats, breaks: Callable[[Case], bool]) -> None:
    """Passes simpler and simpler points to `breaks`, as long as they break the law."""
    points, broke, began = shrink_steps(case, given), None, time.process_time()
    for _ in range(MOST_TRIES):
        try:
            other = next(points) if broke is None else points.send(broke)
        except StopIteration:
            return
        broke = breaks(other)
        if time.process_time() - began > SECONDS:
            return


def shrink_steps(case: Case, given: Floats) -> Generator[Case, bool, None]:
    """Moves all entries at once to each aim, the simplest first; then halves of the remaining ones, down to single entries. Receives by
    `send` whether each point breaks the law too, and then continues from it.
    """
    aims, x, tried = [*_aims(case.x, given)], case.x, set[bytes]()
    reached = np.full(x.shape, len(aims))
    for alone in (False, True):
        for k, aim in enumerate(aims):
            reached[(reached > k) & ~_differ(x, aim)] = k
            waiting = [np.flatnonzero(reached > k)]
            while waiting:
                group = waiting.pop()
                other = x.copy()
                other.flat[group] = aim.flat[group]
                new = group.size > 0 and other.tobytes() not in tried
                tried.add(other.tobytes())
                if new and (yield simplified(case, other)):
                    x = other
                    reached.flat[group] = k
                elif alone and group.size > 1:
                    waiting += np.array_split(group, 2)[::-1]


def _aims(x: Floats, given: Floats) -> Iterator[Floats]:
    """The possible simpler entries, the simplest first."""
    if has_zeros(given):
        yield np.zeros_like(x)
        yield np.sign(x)
    for bits in (1, BITS):
        yield of_few_bits(x, bits)
        yield of_few_bits(x, bits, np.trunc)
    yield given


def _differ(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Which entries differ; −0 differs from 0."""
    return np.asarray((x != y) | (np.signbit(x) != np.signbit(y)))
