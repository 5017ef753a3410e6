"""The points at which a pair is judged: the one that the user gave, and those around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.difference import joined
from verify.pair.slope import on_grid
from verify.problem.sampling import DRAWS, has_zeros, keeping, near, scales, sizes

Floats = NDArray[np.floating]

GIVEN, NEAR, MOVED, SIMPLIFIED = "given", "near", "moved", "simplified"
"""Families that are told apart: the user's own point, points near it, one beside a place where differences decide nothing, and one of
plainer numbers than where a law broke.
"""
ASIDE = (2.0**-6, 2.0**-5)
"""Part of its size by which an entry is moved: some steps longer than the shortest in float32, and less than any two numbers of few bits
are apart.
"""


@dataclass(frozen=True, eq=False)
class Start:
    """What the user gave, in the dtype that is judged; gradients are due for the inputs `differentiated`, and the others stay."""

    values: Mapping[str, Any]
    differentiated: tuple[str, ...] = ("x",)

    @property
    def arrays(self) -> list[Any]:
        """What is differentiated."""
        return [np.asarray(self.values[name]) for name in self.differentiated]

    @cached_property
    def x(self) -> Floats:
        """The point: that array, or the entries of several in a row."""
        return joined(self.arrays)

    def case(self, x: Floats, *, family: str, seed: int = 0) -> Case:
        """Another point, with the seed of its directions."""
        return Case(values=self.values, differentiated=self.differentiated, family=family, seed=seed).at(x)


def case_of(x: Floats, *, family: str, seed: int = 0) -> Case:
    """One point of a function of one array."""
    return Start({"x": x}).case(x, family=family, seed=seed)


def grid(case: Case) -> Floats:
    """The point but for the last bits: steps from there are exact."""
    return on_grid(case.x, scales(case.x))


def moved(case: Case) -> Case:
    """A point a little beside this one, on no kink that goes through it, since each entry is moved by another amount."""
    rng = np.random.default_rng(case.seed)
    by = rng.uniform(*ASIDE, case.x.shape) * rng.choice((-1.0, 1.0), case.x.shape)
    x = np.asarray(case.x + sizes(case.x) * by, dtype=case.dtype)
    return replace(_settled(case, x), family=MOVED, seed=case.seed + 2)  # two directions are asked at each point


def simplified(case: Case, x: Floats) -> Case:
    """A point of plainer numbers, with the directions of the case that it was made from."""
    return replace(_settled(case, x), family=SIMPLIFIED)


def places(at: Start, seed: int) -> Iterator[Case]:
    """The given point as it is, then points around it without end, each on the grid on which steps are exact.

    Signs stay as they are, since a logarithm may wait behind them; where the given point has both, or zeros, there are zeros too, and
    a point that is nothing else.
    """
    rng = np.random.default_rng(seed)
    yield (first := at.case(at.x, family=GIVEN, seed=seed))
    zeros = any(map(has_zeros, at.arrays))
    for round_ in count():
        for family, draw in DRAWS.items():
            if zeros or family != "zeroed":
                drawn = [(draw if family != "zeroed" or has_zeros(a) else near)(a, rng) for a in at.arrays]
                x = joined(
                    drawn
                    if family == "zeroed"
                    else [keeping(a, y, alone=len(at.values) == 1) for a, y in zip(at.arrays, drawn, strict=True)]
                )
                yield replace(_settled(first, x), family=family, seed=int(rng.integers(2**31)))
        if zeros and round_ == 0:
            x = joined([np.zeros_like(a) if has_zeros(a) else a for a in at.arrays])
            yield replace(_settled(first, x), family="zeroed", seed=int(rng.integers(2**31)))


def _settled(case: Case, x: Floats) -> Case:
    """The same at another point, on the grid on which steps from it are exact."""
    return case.at(on_grid(x, scales(x)))
