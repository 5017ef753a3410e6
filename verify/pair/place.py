"""The points at which a pair is judged: the given one, and points around it."""

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
"""Families: the user's own point, points near it, a point moved off a place where differences decide nothing, and one with plainer numbers
than where a law broke.
"""
ASIDE = (2.0**-6, 2.0**-5)
"""Relative amounts by which entries are moved: longer than some of the shortest steps in float32, and less than the distance of any two
numbers of few bits.
"""


@dataclass(frozen=True, eq=False)
class Start:
    """The given values, in the judged dtype; gradients are due for the inputs `differentiated`, and the others stay."""

    values: Mapping[str, Any]
    differentiated: tuple[str, ...] = ("x",)

    @property
    def arrays(self) -> list[Any]:
        """The differentiated inputs."""
        return [np.asarray(self.values[name]) for name in self.differentiated]

    @cached_property
    def x(self) -> Floats:
        """The point: the differentiated array, or the entries of several in a row."""
        return joined(self.arrays)

    def case(self, x: Floats, *, family: str, seed: int = 0) -> Case:
        """A case at another point, with the seed of its directions."""
        return Case(values=self.values, differentiated=self.differentiated, family=family, seed=seed).at(x)


def case_of(x: Floats, *, family: str, seed: int = 0) -> Case:
    """A case of a function of one array."""
    return Start({"x": x}).case(x, family=family, seed=seed)


def grid(case: Case) -> Floats:
    """The point without its last bits, so that steps from there are exact."""
    return on_grid(case.x, scales(case.x))


def moved(case: Case) -> Case:
    """A point slightly beside this one, off any kink through it, since each entry is moved by another amount."""
    rng = np.random.default_rng(case.seed)
    by = rng.uniform(*ASIDE, case.x.shape) * rng.choice((-1.0, 1.0), case.x.shape)
    x = np.asarray(case.x + sizes(case.x) * by, dtype=case.dtype)
    return replace(_settled(case, x), family=MOVED, seed=case.seed + 2)  # two directions are used at each point


def simplified(case: Case, x: Floats) -> Case:
    """A point of plainer numbers, with the directions of the case that it comes from."""
    return replace(_settled(case, x), family=SIMPLIFIED)


def places(at: Start, seed: int) -> Iterator[Case]:
    """The given point as it is, then infinitely many points around it, each on the grid on which steps are exact.

    Signs stay, since code may take a logarithm; if the given point has both signs, or zeros, there are points with zeros too, and one of
    zeros only.
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
    """The case at another point, on the grid on which steps from it are exact."""
    return case.at(on_grid(x, scales(x)))
