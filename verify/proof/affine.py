"""Sign patterns that no real numbers have, detected by linear programs over affine forms.

The variables of the forms are expressions that are not affine, each treated as an independent number that may be known to be nonnegative. A
pattern that is infeasible for independent numbers is infeasible for the expressions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from verify.proof.field import Element
    from verify.proof.path import Path

POSITIVE = {"sqrt", "square", "ndtr", "rsqrt"}
"""Primitives that are never negative."""
POSITIVE_BY_EXP = {"exp", "logistic", "softplus", "cosh"}
"""Primitives made of the exponential of their operand: that of log x is x, which is positive on this path only."""
TOLERANCE = 1e-9

Parts = Mapping[Any, Fraction]


@dataclass(frozen=True)
class Affine:
    """Σ `parts` + `constant`; the keys of the parts are values of elements."""

    parts: Parts
    constant: Fraction

    @property
    def line(self) -> tuple[Any, Fraction]:
        """A key shared by forms that differ by a factor and a constant, and the factor."""
        if not self.parts:
            return None, Fraction(1)
        first = min(self.parts, key=_order)
        factor = self.parts[first]
        return frozenset((k, c / factor) for k, c in self.parts.items()), factor


def _order(key: Any) -> int:
    return int(key[0])


class Forms:
    """The affine forms of the registers of one path. `positive` collects the keys of nonnegative variables."""

    def __init__(self, path: Path, positive: set[Any]) -> None:
        self.path, self.positive, self.known = path, positive, dict[int, Affine]()
        self.elements: dict[Any, Element] = {}  # by their keys

    def of(self, register: int) -> Affine:
        """The form of a computed register."""
        waiting = [register]
        while waiting:
            r = waiting[-1]
            if r in self.known:
                waiting.pop()
                continue
            made = self.path.made.get(r)
            missing = [] if made is None else [k for k in made[1] if k not in self.known]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            self.known[r] = self._form(r, made)
        return self.known[register]

    def _form(self, r: int, made: tuple[str, tuple[int, ...], Any] | None) -> Affine:
        element = self.path.elements[r]
        if element.fixed:
            q = self.path.f.rational(element, self.path.f.one)
            if q is not None:
                return Affine({}, q)
        if made is None:
            return self._alone(r)
        op, ins, parameter = made
        xs = [self.known[k] for k in ins]
        if op == "alias":
            return xs[0]
        if op in ("add", "sum"):
            return _sum((x, Fraction(1)) for x in xs)
        if op == "sub":
            return _sum(((xs[0], Fraction(1)), (xs[1], Fraction(-1))))
        if op == "neg":
            return _sum(((xs[0], Fraction(-1)),))
        if op in ("mul", "dot"):
            half = len(ins) // 2
            return _sum((self._product(a, b, x, y), Fraction(1)) for a, b, x, y in zip(ins, ins[half:], xs, xs[half:], strict=False))
        if op == "div" and not xs[1].parts and xs[1].constant:
            return _sum(((xs[0], 1 / xs[1].constant),))
        if op in POSITIVE_BY_EXP and self.path.f.is_positive_everywhere(self.path.elements[ins[0]]):
            self.positive.add(element.v)
        if op in POSITIVE or (op == "pow_c" and parameter.denominator == 1 and int(parameter) % 2 == 0):
            self.positive.add(element.v)
        if op == "div" and all(map(self.is_positive, xs)):
            self.positive.add(element.v)
        return self._alone(r)

    def _product(self, a: int, b: int, x: Affine, y: Affine) -> Affine:
        if not x.parts or not y.parts:
            scaled, factor = (y, x.constant) if not x.parts else (x, y.constant)
            return _sum(((scaled, factor),))
        elements = self.path.elements
        product = self.path.f.times(elements[a], elements[b])
        key = product.v
        self.elements[key] = product
        if elements[a].v == elements[b].v or (self.is_positive(x) and self.is_positive(y)):
            self.positive.add(key)
        return Affine({key: Fraction(1)}, Fraction(0))

    def _alone(self, r: int) -> Affine:
        element = self.path.elements[r]
        self.elements[element.v] = element
        return Affine({element.v: Fraction(1)}, Fraction(0))

    def is_positive(self, x: Affine) -> bool:
        """Whether a form is certainly nonnegative."""
        return x.constant >= 0 and all(c > 0 and k in self.positive for k, c in x.parts.items())

    def apart(self, x: int, y: int) -> Affine:
        """The form of the difference x − y."""
        return _sum(((self.of(x), Fraction(1)), (self.of(y), Fraction(-1))))


def _sum(terms: Iterable[tuple[Affine, Fraction]]) -> Affine:
    parts: dict[Any, Fraction] = {}
    constant = Fraction(0)
    for x, factor in terms:
        constant += factor * x.constant
        for k, c in x.parts.items():
            parts[k] = parts.get(k, Fraction(0)) + factor * c
    return Affine({k: c for k, c in parts.items() if c}, constant)


def contradicts(x: Affine, above: bool, others: Iterable[tuple[Affine, bool]]) -> bool:
    """Whether a form cannot have a sign together with another form that differs from it by a factor and a constant."""
    key, factor = x.line
    if key is None:
        return False
    low, high = _bounds(x.constant / factor, above is (factor > 0))
    for other, sign in others:
        there, f = other.line
        if there == key:
            a, b = _bounds(other.constant / f, sign is (f > 0))
            low, high = max(low, a), min(high, b)
    return bool(low >= high)


def _bounds(constant: Fraction, above: bool) -> tuple[Any, Any]:
    """The interval where t + constant is above 0, or below."""
    return (-constant, float("inf")) if above else (float("-inf"), -constant)


def infeasible(signs: Sequence[tuple[Affine, bool]], positive: set[Any]) -> bool:
    """Whether no numbers have all these signs, with a certificate: a sum of the forms with positive weights, which would be positive, is
    not.
    """
    from scipy.optimize import linprog

    rows = [(x if above else _sum(((x, Fraction(-1)),))) for x, above in signs]
    keys = list(dict.fromkeys(k for x in rows for k in x.parts))
    known = [k for k in keys if k in positive]
    if not rows:
        return False
    columns = [[x.parts.get(k, Fraction(0)) for k in keys] for x in rows] + [[Fraction(int(k == one)) for k in keys] for one in known]
    equal = np.array([[float(c[j]) for c in columns] for j in range(len(keys))] + [[1.0] * len(rows) + [0.0] * len(known)])
    cost = [float(x.constant) for x in rows] + [0.0] * len(known)
    found = linprog(cost, A_eq=equal, b_eq=[0.0] * len(keys) + [1.0], bounds=(0, None), method="highs")
    if not found.success or found.fun > TOLERANCE:
        return False
    support = [j for j, w in enumerate(found.x) if w > TOLERANCE]
    exact = [[columns[j][k] for j in support] for k in range(len(keys))] + [[Fraction(int(j < len(rows))) for j in support]]
    weights = solved(exact, [Fraction(0)] * len(keys) + [Fraction(1)])
    if weights is None or any(w < 0 for w in weights):
        return False
    return bool(sum((w * rows[j].constant for j, w in zip(support, weights, strict=True) if j < len(rows)), Fraction(0)) <= 0)


def inside(signs: Sequence[tuple[Affine, bool]], known: Collection[Any]) -> dict[Any, float] | None:
    """Numbers that have all these signs, as floats, if the forms only contain `known` variables."""
    from scipy.optimize import linprog

    keys = list(dict.fromkeys(k for x, _ in signs for k in x.parts))
    if not keys or not all(k in known for k in keys):
        return None
    factors = [1.0 if above else -1.0 for _, above in signs]
    matrix = [[-f * float(x.parts.get(k, 0)) for k in keys] + [1.0] for (x, _), f in zip(signs, factors, strict=True)]
    right = [f * float(x.constant) for (x, _), f in zip(signs, factors, strict=True)]
    ends: list[tuple[float | None, float | None]] = [(None, None)] * len(keys) + [(None, 1.0)]
    found = linprog([0.0] * len(keys) + [-1.0], A_ub=matrix, b_ub=right, bounds=ends, method="highs")
    return dict(zip(keys, found.x.tolist(), strict=False)) if found.success and found.x[-1] > 0 else None


def solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """An exact solution of linear equations; None if there is none, or free variables do not end as 0."""
    rows, n = [[*r, b] for r, b in zip(matrix, right, strict=True)], len(matrix[0]) if matrix else 0
    pivots: list[int] = []
    for column in range(n):
        k = next((k for k in range(len(pivots), len(rows)) if rows[k][column]), None)
        if k is None:
            continue
        at = len(pivots)
        rows[at], rows[k] = rows[k], rows[at]
        rows[at] = [x / rows[at][column] for x in rows[at]]
        for j, row in enumerate(rows):
            if j != at and row[column]:
                rows[j] = [x - row[column] * y for x, y in zip(row, rows[at], strict=True)]
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    found = [Fraction(0)] * n
    for at, column in enumerate(pivots):
        found[column] = rows[at][-1]
    return found
