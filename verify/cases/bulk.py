"""Problems of the grid by the hundred thousand, decoded together: for errors that occur once in thousands of cases, or for one size only.

Each is a string of bytes from which a strategy builds the same case, so that the engine can shrink a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify.cases.case import IN_BULK, Case
from verify.cases.conversion import adapted, among, of_targets
from verify.cases.grid import CLASSES, Decoded, GridBytes, lattice
from verify.oracle import Oracle

if TYPE_CHECKING:
    from hypothesis import strategies as st

FAMILY = IN_BULK
EXAMPLES, FEATURES = (1, 80), (1, 16)
"""Ranges of sizes: every number of examples up to more than one block, every tail of four and of eight features."""

ROUND = EXAMPLES[1]
"""Batches that together have every number of examples once."""


def layout(oracle: Oracle) -> GridBytes:
    """The byte layout of its problems."""
    return GridBytes(examples=EXAMPLES, features=FEATURES, classes=among(oracle, CLASSES))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B problems of one `size` (N, D, C): their bytes, and their values for `oracle`'s objective in its dtype, by name, with a leading axis
    of length B.
    """

    oracle: Oracle
    size: tuple[int, int, int]
    raw: NDArray[np.uint8]
    problems: Mapping[str, NDArray[Any]]

    def part(self, b: int) -> Batch:
        """The b-th problem alone."""
        problems = {name: value[b : b + 1].copy() for name, value in self.problems.items()}
        return Batch(oracle=self.oracle, size=self.size, raw=self.raw[b : b + 1].copy(), problems=problems)

    def drawn(self, b: int) -> tuple[st.SearchStrategy[Case], bytes]:
        """A strategy of problems that are no larger, and the serialized choices by which it draws the b-th. A string of the general layout
        would be thousands of bytes long, and the engine takes milliseconds for each pass over it.
        """
        from hypothesis.database import choices_to_bytes

        there, oracle = layout(self.oracle), self.oracle
        here = there.up_to(*self.size)
        cases = lattice(oracle.dtype, family=FAMILY, examples=here.examples, features=here.features, classes=here.classes)
        return cases.map(lambda c: adapted(c, oracle)), choices_to_bytes((here.of_largest(self.raw[b], there),))

    def case(self, b: int) -> Case:
        """The b-th problem as a case."""
        return adapted(layout(self.oracle).case(self.raw[b].tobytes(), dtype=self.oracle.dtype, family=FAMILY), self.oracle)


def batches(oracle: Oracle, *, seed: int, examples: int, rounds: int, part: int = 0) -> Iterator[Batch]:
    """Batches with every number of examples, `rounds` times, with features and classes in turn; about `examples` examples in a batch, but
    at least one problem. The same for the same seed and part of a search.
    """
    rng = np.random.default_rng((seed, 7, part) if part else (seed, 7))
    own = layout(oracle)
    turns = [_turns(rng, *bounds) for bounds in (own.examples, own.features, own.classes)]
    for _ in range(rounds * ROUND):
        N, _, _ = size = (next(turns[0]), next(turns[1]), next(turns[2]))
        raw = own.with_sizes(rng.integers(0, 256, (max(1, examples // N), own.length), dtype=np.uint8), *size)
        yield Batch(oracle=oracle, size=size, raw=raw, problems=_fitted(own.decoded(raw), oracle))


def _turns(rng: np.random.Generator, least: int, greatest: int) -> Iterator[int]:
    """All numbers of the range in random order, again and again."""
    while True:
        yield from rng.permutation(np.arange(least, greatest + 1)).tolist()


def _fitted(d: Decoded, oracle: Oracle) -> Mapping[str, NDArray[Any]]:
    """The values of all problems, converted as `cases.adapted` converts those of one case."""
    loss, W, X, y = oracle.objective.loss, d.W.astype(oracle.dtype), d.X.astype(oracle.dtype), d.y
    if loss.targets:
        W, y = np.ascontiguousarray(W[:, :1]), of_targets(loss, y, d.seed[:, None])
    return oracle.objective.form.of_linear({"W": W, "X": X, "y": y, "reg": d.reg})
