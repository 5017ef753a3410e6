"""A change that may have been made to a gradient or a loss, and what each adds on one scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from verify.diagnosis.scene import Floats


@dataclass(frozen=True)
class Change:
    """`kind` of what is done to a `part` of the gradient, and `how`."""

    kind: str
    part: str
    how: str = ""
    free: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """Changes with what each adds to the gradient of one scene: row k of `rows` (K, C·D) belongs to name k."""

    names: tuple[Change, ...]
    rows: Floats

    @classmethod
    def of(cls, added: Mapping[Change, Floats]) -> Table:
        """From one matrix for each change."""
        return cls(tuple(added), np.stack([matrix.ravel() for matrix in added.values()]))

    def of_names(self, names: tuple[Change, ...]) -> Floats:
        """The rows of these changes, zeros for those that the scene does not have."""
        if names == self.names:
            return self.rows
        padded = np.vstack([self.rows, np.zeros(self.rows.shape[1])])
        found: Floats = padded[[self._place.get(name, -1) for name in names]]
        return found

    @cached_property
    def _place(self) -> dict[Change, int]:
        return {name: k for k, name in enumerate(self.names)}


Added = Iterator[tuple[Change, Floats]]
