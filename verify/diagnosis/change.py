"""A change that may have been made to a gradient, a loss or a Hessian: what it adds on one decomposition, the sentence that tells it, and
how often `verify power` adds it on purpose.
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
    """`kind` of what is done to a `part` of the gradient, and `how`."""

    kind: str
    part: str
    how: str = ""
    free: bool = False


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Changes with what each adds to the gradient of one decomposition: row k of `rows` (K, C·D) belongs to name k."""

    names: tuple[Change, ...]
    rows: Floats

    @classmethod
    def of(cls, added: Mapping[Change, Floats]) -> DesignMatrix:
        """From one matrix for each change."""
        return cls(one_object(tuple(added)), np.stack([matrix.ravel() for matrix in added.values()]))

    def of_names(self, names: tuple[Change, ...]) -> Floats:
        """The rows of these changes, zeros for those that the decomposition does not have."""
        if names is self.names:
            return self.rows
        padded = np.vstack([self.rows, np.zeros(self.rows.shape[1])])
        found: Floats = padded[_places(_Same(names), _Same(self.names))]
        return found


def one_object(names: tuple[Change, ...]) -> tuple[Change, ...]:
    """Equal names as one object, which is quickly compared."""
    return _ONES.setdefault(names, names)


_ONES: dict[tuple[Change, ...], tuple[Change, ...]] = {}


def union(tables: Sequence[DesignMatrix]) -> tuple[Change, ...]:
    """The names of all tables, each once, in order."""
    return _union(tuple(_Same(names) for names in {id(t.names): t.names for t in tables}.values()))


@dataclass(frozen=True, eq=False)
class _Same:
    """Names as a key: by their identity."""

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
"""What each change adds to the true answer on a decomposition: a matrix, of a loss a number."""
Sentence = Callable[[Vocabulary, Change, Coefficient], Message]
"""A change that was made so many times, in the words of an objective."""


@dataclass(frozen=True)
class Mutation:
    """A wrong implementation that `verify power` makes: a change added so many `times` to the right answer, or put `instead_of` another one
    that is taken away; its `name` in the tables, and the `family` of mistakes that it belongs to.
    """

    name: str
    family: str
    change: Change
    times: float = 1.0
    instead_of: Change | None = None

    @property
    def changes(self) -> dict[Change, float]:
        """Each change with how often it is added."""
        return {self.change: self.times} | ({} if self.instead_of is None else {self.instead_of: -1.0})


Mutations = Callable[[Reference], Iterator[Mutation]]
"""Those that differ from the right implementation of an objective."""


def no_mutations(_: Reference) -> Iterator[Mutation]:
    """Of mistakes that `verify power` need not make: others are like them."""
    return iter(())


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Mistakes of one sort: their columns, the sentence for each kind of change among them, and those that `verify power` makes."""

    columns: Columns
    sentences: Mapping[str, Sentence]
    mutations: Mutations = no_mutations


def with_sentences(sentences: Mapping[str, Sentence], mutations: Mutations = no_mutations) -> Callable[[Columns], Mistakes]:
    """The columns together with the sentences that tell them, and with what `verify power` makes of them."""
    return lambda columns: Mistakes(columns, sentences, mutations)


COUNTS = {"left out": -1.0, "counted twice": 1.0, "with the wrong sign": -2.0}
"""How often a part is added that is wrong in one of these ways."""
