"""A possible change of a gradient, a loss or a Hessian: what it adds on one decomposition, its sentence, and how `verify power` uses it on
purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message
from verify.terms import Reference


@dataclass(frozen=True)
class Change:
    """The `kind` of change, the `part` of the gradient that it concerns, and `how`. A `free` one may have any factor, the others only 1."""

    kind: str
    part: str
    how: str = ""
    free: bool = False


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Changes with what each adds to the gradient of one decomposition: row k of `rows` (K, C·D) belongs to change k."""

    names: tuple[Change, ...]
    rows: Floats

    @classmethod
    def of(cls, added: Mapping[Change, Floats]) -> DesignMatrix:
        """The design matrix from one matrix for each change."""
        return cls(one_object(tuple(added)), np.stack([matrix.ravel() for matrix in added.values()]))

    def of_names(self, names: tuple[Change, ...]) -> Floats:
        """The rows of these changes, zero for changes that the decomposition does not have."""
        if names is self.names:
            return self.rows
        padded = np.vstack([self.rows, np.zeros(self.rows.shape[1])])
        found: Floats = padded[_places(_Same(names), _Same(self.names))]
        return found


def one_object(names: tuple[Change, ...]) -> tuple[Change, ...]:
    """Equal tuples of changes as one object, for fast comparison."""
    return _ONES.setdefault(names, names)


_ONES: dict[tuple[Change, ...], tuple[Change, ...]] = {}


def union(tables: Sequence[DesignMatrix]) -> tuple[Change, ...]:
    """The changes of all tables, each once, in order."""
    return _union(tuple(_Same(names) for names in {id(t.names): t.names for t in tables}.values()))


@dataclass(frozen=True, eq=False)
class _Same:
    """Changes as a key, compared by identity."""

    names: tuple[Change, ...]

    def __hash__(self) -> int:
        return id(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.names is other.names


@lru_cache(maxsize=256)
def _union(several: tuple[_Same, ...]) -> tuple[Change, ...]:
    return one_object(tuple(dict.fromkeys(name for one in several for name in one.names)))


@lru_cache(maxsize=256)
def _places(wanted: _Same, there: _Same) -> NDArray[np.intp]:
    place = {name: k for k, name in enumerate(there.names)}
    return np.array([place.get(name, -1) for name in wanted.names], dtype=np.intp)


Added = Iterator[tuple[Change, Floats]]
Columns = Callable[[Decomposition], Iterator[tuple[Change, Any]]]
"""What each change adds to the true answer on a decomposition: a matrix, for a loss a number."""
Sentence = Callable[[Vocabulary, Change, Coefficient], Message]
"""The sentence on a change with a coefficient, in the vocabulary of an objective."""


@dataclass(frozen=True)
class Mutation:
    """A wrong implementation made by `verify power`: a change added to the right answer `times` times, possibly `instead_of` another one
    that is subtracted; its `name` in the tables, and the `family` of mistakes that it belongs to.
    """

    name: str
    family: str
    change: Change
    times: float = 1.0
    instead_of: Change | None = None

    @property
    def changes(self) -> dict[Change, float]:
        """Each change with its coefficient."""
        return {self.change: self.times} | ({} if self.instead_of is None else {self.instead_of: -1.0})


Mutations = Callable[[Reference], Iterator[Mutation]]
"""The mutations that differ from the right implementation of an objective."""


def no_mutations(_: Reference) -> Iterator[Mutation]:
    """No mutations: for mistakes that `verify power` need not make, since others are like them."""
    return iter(())


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Mistakes of one sort: their columns, the sentence for each kind of change among them, and their mutations for `verify power`."""

    columns: Columns
    sentences: Mapping[str, Sentence]
    mutations: Mutations = no_mutations


def with_sentences(sentences: Mapping[str, Sentence], mutations: Mutations = no_mutations) -> Callable[[Columns], Mistakes]:
    """A decorator that combines columns with their sentences and mutations."""
    return lambda columns: Mistakes(columns, sentences, mutations)


COUNTS = {"left out": -1.0, "counted twice": 1.0, "with the wrong sign": -2.0}
"""The coefficient of a part that is wrong in one of these ways."""
