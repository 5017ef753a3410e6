"""Term regression: E = Σ c_k T_k over all cases at once, with as few changes T_k as possible and simple rational c_k.

The coefficients are fitted on every other case and must explain all cases within rounding. A change that is not free has the coefficient 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.change import Change, DesignMatrix, union
from verify.diagnosis.decomposition import Floats
from verify.diagnosis.wording import Coefficient
from verify.rounding import EXPLAINED_SLACK, GREATEST_DENOMINATOR


@dataclass(frozen=True)
class Observation:
    """The contribution of one decomposition: the error E (C, D) of the candidate's gradient, the greatest rounding radius of its entries,
    the radius per magnitude, and the matrices of all changes.
    """

    error: Floats
    radius: float
    unit: float
    table: DesignMatrix


@dataclass(frozen=True)
class Explanation:
    """The changes with their coefficients, exact where they are fractions; `left` is the greatest error that they leave, and `removed` the
    greatest that they explain, both in units of the rounding bound.
    """

    terms: tuple[tuple[Change, Coefficient], ...]
    left: float
    removed: float

    @property
    def exact(self) -> bool:
        """Whether every coefficient is a simple fraction."""
        return all(isinstance(c, Fraction) for _, c in self.terms)


class Equations:
    """The stacked and scaled columns of the changes over several decompositions: the part that does not depend on the candidate."""

    def __init__(self, tables: Sequence[tuple[DesignMatrix, float, float]]) -> None:
        names = union([t for t, _, _ in tables])
        rows = [t.of_names(names) / radius for t, radius, _ in tables]
        A = np.concatenate(rows, axis=1).T if rows else np.zeros((0, 0))
        used = np.flatnonzero(np.any(A, axis=0) & np.all(np.isfinite(A), axis=0))
        self.changes = [names[k] for k in used]
        self.A = A[:, used]
        # What one unit of each change may be off: its own rounding, as large as the greatest of its entries.
        blur = [
            np.broadcast_to(unit * np.max(np.abs(r[used]), axis=1), (r.shape[1], len(used)))
            for (_, _, unit), r in zip(tables, rows, strict=True)
        ]
        self.blur = np.concatenate(blur) if blur else np.zeros(self.A.shape)
        self.fitted = np.concatenate([np.full(r.shape[1], i % 2 == 0) for i, r in enumerate(rows)] or [np.zeros(0, dtype=bool)])
        self.norms = np.linalg.norm(self.A, axis=0)
        self.U = self.A / self.norms

    @cached_property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats]:
        """(i, j, 2 cos, 1/sin²) for any two columns that are not parallel and may be combined: a part is not both counted differently and
        reduced, which would be two sentences about one number.
        """
        i, j = np.triu_indices(len(self.changes), 1)
        first = {c.part: k for k, c in reversed([*enumerate(self.changes)]) if c.kind in ONE_NUMBER}
        about = np.array([first[c.part] if c.kind in ONE_NUMBER else k for k, c in enumerate(self.changes)], dtype=np.intp)
        cosines = (self.U.T @ self.U)[i, j]
        apart = 1 - cosines * cosines
        kept = (apart > PARALLEL) & (about[i] != about[j])
        return i[kept], j[kept], 2 * cosines[kept], 1 / apart[kept]


ONE_NUMBER = ("counted", "reduced", "loss counted", "loss reduced")
equations = lru_cache(maxsize=16)(Equations)
"""Cached for the fixed cases of an objective, whatever is judged on them."""


class ErrorSystem:
    """The equations of several observations."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        with np.errstate(all="ignore"):  # a column may be huge beside its radius
            self.of = equations(tuple((s.table, s.radius, s.unit) for s in observations))
        self.changes, self.A, self.blur, self.fitted = self.of.changes, self.of.A, self.of.blur, self.of.fitted
        self.b = np.concatenate([s.error.ravel() / s.radius for s in observations] or [np.zeros(0)])

    def explained(self, most: int = 2) -> list[Explanation]:
        """All explanations of the fewest changes, up to `most`, in the order of the catalogue."""
        with np.errstate(all="ignore"):
            for size in range(1, most + 1):
                found = [e for chosen in self._promising(size) if (e := self._fit(chosen)) is not None]
                if found:
                    return found
        return []

    def is_noise(self) -> bool:
        """Whether the errors look like rounding errors: most entries have one, and no single change explains a considerable share."""
        with np.errstate(all="ignore"):
            shares = (self.of.U.T @ self.b) ** 2 / float(self.b @ self.b)
        return bool(np.mean(np.abs(self.b) > 1) >= MOST_ENTRIES and np.max(shares, initial=0.0) < NOTHING_NAMED + CHANCE / len(self.b))

    def _promising(self, size: int) -> list[tuple[int, ...]]:
        """The sets of changes whose least squares leave almost nothing, by the normal equations of unit columns."""
        if len(self.changes) < size:
            return []
        right, total = self.of.U.T @ self.b, float(self.b @ self.b)
        if size == 1:
            i = j = np.arange(len(self.changes))
            left = total - right**2
        else:
            i, j, cosines, apart = self.of.pairs
            x, y = right[i], right[j]
            left = total - (x * (x - cosines * y) + y * y) * apart
        noise = len(self.b) * EXPLAINED_SLACK**2 * (1 + float(np.max(self.blur, initial=0.0))) + 1e-9 * total
        near = np.flatnonzero(left <= noise)
        best = near[np.argsort(left[near])][:MOST_TRIED]
        return sorted((int(i[k]),) if size == 1 else (int(i[k]), int(j[k])) for k in best)

    def _fit(self, chosen: tuple[int, ...]) -> Explanation | None:
        A = self.A[:, chosen]
        fitted = self.fitted if np.linalg.matrix_rank(A[self.fitted]) == len(chosen) else np.ones_like(self.fitted)
        c = np.linalg.lstsq(A[fitted], self.b[fitted], rcond=None)[0]
        simple = [_simple(x) if self.changes[k].free else Fraction(1) for k, x in zip(chosen, c, strict=True)]
        near: list[Coefficient] = [q if abs(float(q) - x) < NEAR else float(x) for q, x in zip(simple, c, strict=True)]
        free = all(self.changes[k].free for k in chosen)
        for coefficients in (simple, near, list(c)) if free else (simple,):
            found = self._explanation(chosen, coefficients)
            if found is not None:
                return found
        return None

    def _explanation(self, chosen: tuple[int, ...], coefficients: Sequence[Coefficient]) -> Explanation | None:
        c = np.array([float(x) for x in coefficients])
        if not np.all(c):
            return None
        allowed = EXPLAINED_SLACK * (1 + self.blur[:, chosen] @ np.abs(c))
        left = float(np.max(np.abs(self.b - self.A[:, chosen] @ c) / allowed))
        removed = float(np.max(np.abs(self.b) / allowed))
        if not (left <= 1 and removed >= CLEAR):
            return None
        return Explanation(tuple(zip((self.changes[k] for k in chosen), coefficients, strict=True)), left, removed)


def explains(found: Explanation, there: Observation) -> bool:
    """Whether an explanation leaves no more than rounding at another observation, whose table has its changes in the same order."""
    c = np.array([float(x) for _, x in found.terms])
    with np.errstate(all="ignore"):
        allowed = EXPLAINED_SLACK * (there.radius + there.unit * np.max(np.abs(there.table.rows), axis=1) @ np.abs(c))
        return bool(np.max(np.abs(there.error.ravel() - c @ there.table.rows)) <= allowed)


def simplest(system: ErrorSystem, most: int = 2) -> Explanation | None:
    """The first explanation in order; None if there is none."""
    return next(iter(in_order(system.explained(most))), None)


def in_order(found: Sequence[Explanation]) -> list[Explanation]:
    """The explanations with the simplest coefficients first; changes of parts before those of the whole; then in the order of the
    catalogue.
    """

    def order(e: Explanation) -> tuple[bool, bool]:
        return not e.exact, len(e.terms) > 1 and any(change.part == "whole" for change, _ in e.terms)

    return sorted(found, key=order)


def _simple(x: float) -> Fraction:
    return Fraction(float(x)).limit_denominator(GREATEST_DENOMINATOR)


PARALLEL = 1e-12
"""Two unit columns with 1 − cos² below this are one direction."""
MOST_ENTRIES = 0.25
"""Share of the entries whose error must exceed the rounding bound, in units of the greatest: small entries have small rounding errors."""
NOTHING_NAMED = 0.5
"""Share of the squared error that one change may explain in what is called noise."""
CHANCE = 5.0
"""Of M noisy equations the best of hundreds of changes explains about this many by chance."""
NEAR = 1e-9
"""A coefficient this near to a simple fraction is tried as one, also beside others that are not."""
MOST_TRIED = 40
"""Sets of changes to fit; the rest leave a greater error."""
CLEAR = 10.0
"""An explanation must remove at least this multiple of what it may leave: any change would explain an error as small as rounding."""
