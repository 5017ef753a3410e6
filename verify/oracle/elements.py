"""A sum Σ wᵢ φᵢ(Aᵢ x; θᵢ) over elements: each a formula of a few inputs, which a map computes from x.

Equal elements are derived once, and counted as often as they occur.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, arb_series, fmpq
from numpy.typing import NDArray

from verify.oracle.formula import Formula
from verify.oracle.maps import Map, Objects
from verify.oracle.subdifferential import Generator
from verify.rounding import ELEMENTARY, SLACK, gamma
from verify.tape.balls import Ball, precision
from verify.tape.enclose import Run
from verify.tape.reverse import Pieces, Quantity

Floats = NDArray[np.floating]
Runs = tuple[Formula, Run, Run]
"""A formula, its run at the point, and its run over the inputs that careful code may have."""

Pattern = frozenset[tuple[Hashable, tuple[tuple[int, ...], ...]]]
"""For each element its key and, switch by switch, the possible pieces."""
Line = tuple[Formula, Callable[[arb], list[Ball]], arb]
"""A formula, its inputs as series in t − t₀ around a given t₀, and its weight in the sum."""

ROUNDINGS = ELEMENTARY + 2
"""Roundings of each of two numbers whose difference a slope is: an exponential, a sum, a quotient."""

WAYS = 2
"""Roundings of a loss written with its asymptotes: of the product with the slope, and of the sum."""

ORDER = 4
"""Taylor coefficients up to the third derivative, which a centred difference needs."""

ZERO = Quantity(arb(0), 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Element:
    """φ(·; θ): its formula, the further `ways` of writing it, and θ as the `constants` of the formula after its inputs, exact and as
    careful code may have them. Elements with the same formula and constants have the same `key`.

    `steep()` is L for each input and `curved(j)` that of the second derivative: see `steepness`. `aside` is the size of a term that may be
    added and subtracted again, and `asymptotic` says that the element may be written with its asymptotes though no L is known. `everywhere`
    is the formula with more constants in front: where it is undefined no candidate needs to be defined. A `cancelled` element simplifies to
    a constant, such as log exp s − s, which code that computes it need not know.
    """

    formula: Formula
    key: Hashable = None
    ways: tuple[Formula, ...] = ()
    constants: tuple[arb, ...] = ()
    rounded: tuple[arb, ...] = ()
    steep: Callable[[], Floats] | None = None
    curved: Callable[[int], float] | None = None
    aside: float = 0.0
    asymptotic: bool = False
    cancelled: bool = False
    everywhere: tuple[Formula, tuple[arb, ...]] | None = None

    def inputs(self, at: Sequence[Ball]) -> list[Ball]:
        """All inputs of the formula."""
        return [*at, *self.constants]

    def seen(self, at: Sequence[arb], radii: Floats) -> list[arb]:
        """All inputs of the formula as a candidate may have them."""
        return [*(s + arb(0, float(r)) for s, r in zip(at, radii, strict=True)), *self.rounded]


@dataclass(frozen=True, kw_only=True, eq=False)
class Elements:
    """The distinct `elements` (n) of a sum with their `map`, the count of each (`counts`), which includes its weight if it has one, and the
    common factor `share`; `number` is the number of summands.

    `u` and `tiny` are those of the dtype in which candidates compute, `coarse` if that is half precision.
    """

    elements: Sequence[Element]
    map: Map
    counts: Sequence[float]
    number: int
    share: fmpq
    dtype: str
    u: float
    tiny: float
    coarse: bool = False

    @cached_property
    def _roundoff(self) -> arb:
        return arb(self.u)

    @cached_property
    def _steep(self) -> Floats:
        """L for each element and input (n, m): the size of the numbers as whose difference a slope may be computed."""
        m = len(self.map.inputs[0]) if self.elements else 0
        steep = [
            np.zeros(m) if e.steep is None or (f.is_polynomial_at(fat) and not e.cancelled) else e.steep()
            for (f, _, fat), e in zip(self.runs, self.elements, strict=True)
        ]
        return np.array(steep).reshape(-1, m)

    @cached_property
    def runs(self) -> list[Runs]:
        """The runs of each element."""
        with precision():
            return [self._run(e, e.formula, s, r) for e, s, r in zip(self.elements, self.map.inputs, self.map.radii, strict=True)]

    @cached_property
    def _ways(self) -> list[list[Runs]]:
        """The runs of each element in every further way of writing it."""
        inputs = zip(self.elements, self.map.inputs, self.map.radii, strict=True)
        with precision():
            return [[self._run(e, way, s, r) for way in e.ways] for e, s, r in inputs]

    def _run(self, e: Element, f: Formula, at: Sequence[arb], radii: Floats) -> Runs:
        return f, f.follow(e.inputs(at)), f.follow(e.seen(at, radii), self._roundoff)

    @property
    def pattern(self) -> Pattern:
        """The active pieces."""
        return frozenset((e.key, tuple(map(tuple, fat.possible.values()))) for e, (_, _, fat) in zip(self.elements, self.runs, strict=True))

    def value(self) -> tuple[arb, float, float, float]:
        """(the sum, the rounding radius of its terms, their magnitude, and that of terms that may be added and subtracted again)."""
        parts = [
            widest([f.value(thin, fat), *(w.value(*runs) for w, *runs in ways)])
            for (f, thin, fat), ways in zip(self.runs, self._ways, strict=True)
        ]
        total = sum((n * p.exact for n, p in zip(self.counts, parts, strict=True)), arb(0)) * self.share
        share = float(self.share)
        own = share * sum(n * max(p.radius, r) for n, p, r in zip(self.counts, parts, self._shifts, strict=True))
        size = share * sum(n * p.magnitude for n, p in zip(self.counts, parts, strict=True))
        aside = share * sum(n * e.aside for n, e in zip(self.counts, self.elements, strict=True))
        return total, own, size, aside

    @property
    def _shifts(self) -> list[float]:
        """The possible error of each element if it is written with its asymptotes, as log σ(s) − s and s + log(1 + e⁻ˢ) are: roundings of
        L·|s|, though the element itself may be almost 0.
        """
        if not self._steep.any() and not any(e.asymptotic for e in self.elements):
            return [0.0] * len(self.elements)
        sizes = np.array([[float(s.abs_upper()) for s in row] for row in self.map.inputs]).reshape(self._steep.shape)
        steep = np.maximum(self._steep, [[float(e.asymptotic)] for e in self.elements])
        return [float(x) for x in WAYS * self.u * np.sum(steep * sizes, axis=1)]

    def gradient(self) -> tuple[Objects, Floats, Floats]:
        """(the corner from which the hulls of ambiguous switches are spanned, the rounding radius of its terms, their magnitude)."""
        pieces, m = self.pieces, self._steep.shape[1]
        slopes = [corner(p, m) for p in pieces]
        center = np.asarray(self.map.back(slopes, self.counts) * arb(self.share), object)  # of one number, too
        size = np.array([magnitudes(p, m) for p in pieces]).reshape(-1, m)
        radius = np.array([radii(p, m) for p in pieces]).reshape(-1, m)
        for i, p in ((i, w.pieces(*runs)) for i, ways in enumerate(self._ways) for w, *runs in ways):
            size[i] = np.maximum(size[i], magnitudes(p, m))
            radius[i] = np.maximum(radius[i], radii(p, m))
        # The entries of one element's gradient may be computed from each other (1 − p for the other class, minus the sum
        # of the rest), so each carries the errors of all and roundings of the largest.
        largest = np.max(size, axis=1, initial=0.0, keepdims=True)
        steepest = ROUNDINGS * self.u * np.max(self._steep, axis=1, initial=0.0, keepdims=True)
        joint = np.maximum(np.sum(radius, axis=1, keepdims=True), steepest) + gamma(m, self.u) * largest
        if self.coarse:  # these would hide any error: half precision is more often the format of the answers than of the computation
            joint = radius + ROUNDINGS * self.u * largest
        return center, self._reach(np.broadcast_to(joint, size.shape)), self._reach(size)

    def _reach(self, sizes: Floats) -> Floats:
        return self.map.reach(sizes, float(self.share) * np.array(self.counts))

    @property
    def lengths(self) -> Floats:
        """The weighted sums of the sizes of all factors for each entry of x."""
        return self._reach(np.ones(self._steep.shape))

    @cached_property
    def pieces(self) -> list[Pieces]:
        """∂φ of each element over the inputs that careful code may have."""
        return [f.pieces(thin, fat) for f, thin, fat in self.runs]

    def groups(self) -> Iterator[list[Generator]]:
        """The hulls that span the subdifferential from the corner. Equal elements choose separately: n times a simplex is the sum of n."""
        m = self._steep.shape[1]
        for i, (p, n) in enumerate(zip(self.pieces, self.counts, strict=True)):
            for vertices in p.ambiguous:
                rows = np.array([[float(v.get(j, ZERO).exact) for j in range(m)] for v in vertices])
                yield [self.map.generator(i, row - rows[0], n * float(self.share)) for row in rows]

    def curvatures(self) -> list[list[list[Quantity] | None]]:
        """∂²φ/∂s_j² of each element (rows) and input (columns): one quantity for each choice of ambiguous pieces."""
        m = self._steep.shape[1]
        return [[self._choices(i, j, f.curvature(j, thin, fat)) for j in range(m)] for i, (f, thin, fat) in enumerate(self.runs)]

    def _choices(self, i: int, j: int, found: list[Quantity] | None) -> list[Quantity] | None:
        """The second derivatives, each with the radius of the widest way of writing it."""
        if found is None:
            return None
        also = [q for w, *runs in self._ways[i] for q in w.curvature(j, *runs) or ()]
        curved = self.elements[i].curved
        least = 0.0 if curved is None else ROUNDINGS * self.u * curved(j)
        choices = [widest([q, *also]) for q in found]
        return [Quantity(q.exact, max(q.radius, least), q.magnitude) for q in choices]

    def out_of_range(self, *, slopes: bool, number: int) -> NDArray[np.bool_]:
        """For each element, whether a number in the computation of its value, or of its slopes, may not fit the dtype, or is undefined, in
        a sum of `number` terms.
        """
        factor = SLACK * number * max(1.0, self.map.largest if slopes else 1.0)
        return np.array(
            [
                f.leaves(fat, self.dtype, factor, slopes=slopes) or self._is_outside(e, s, slopes)
                for (f, _, fat), e, s in zip(self.runs, self.elements, self.map.inputs, strict=True)
            ]
        )

    def _is_outside(self, e: Element, at: Sequence[arb], slopes: bool) -> bool:
        """Whether the formula for any target is undefined, though that for this target may be defined: s − t·log s for t = 0."""
        if e.everywhere is None:
            return False
        formula, more = e.everywhere
        return formula.leaves(formula.follow([*at, *more, *e.constants]), self.dtype, 1.0, slopes=slopes)

    @property
    def additions(self) -> int:
        """The most additions that one entry of the sum may take, in any arrangement."""
        return self.number * max((e.formula.additions for e in self.elements), default=1) + 4

    @property
    def underflow_steps(self) -> int:
        """The number of operations of an element that may each lose one smallest normal."""
        return max((e.formula.underflow_steps for e in self.elements), default=1)

    def lines(self, d: Floats) -> Iterator[Line]:
        """The lines of all formulas along x + td."""
        share = arb(self.share)
        for e, s, v, n in zip(self.elements, self.map.inputs, self.map.along(d), self.counts, strict=True):
            yield e.formula, line(s, v, e.inputs), n * share


def line(at: Sequence[arb], rate: Sequence[arb], inputs: Callable[[list[Ball]], list[Ball]]) -> Callable[[arb], list[Ball]]:
    """Inputs that start `at` a point and change at constant rates, as series in t − t₀."""
    return lambda t: inputs([arb_series([a + t * b, b], ORDER) for a, b in zip(at, rate, strict=True)])


def widest(written: Sequence[Quantity]) -> Quantity:
    """The first quantity, with the greatest radius and magnitude of all ways of writing it."""
    return Quantity(written[0].exact, max(q.radius for q in written), max(q.magnitude for q in written))


def entry(p: Pieces, j: int) -> Quantity:
    """The certain part of a slope."""
    return p.certain.get(j, ZERO)


def corner(p: Pieces, m: int) -> list[arb]:
    """The certain part plus the first vertices: from there the hulls of the ambiguous switches are spanned."""
    found = [entry(p, j).exact for j in range(m)]
    for vs in p.ambiguous:
        for j, q in vs[0].items():
            found[j] += q.exact
    return found


def radii(p: Pieces, m: int) -> list[float]:
    """The radius of each slope, for any choice of pieces."""
    return _greatest(p, m, lambda q: q.radius)


def magnitudes(p: Pieces, m: int) -> list[float]:
    """The magnitude of each slope's terms, for any choice of pieces."""
    return _greatest(p, m, lambda q: q.magnitude)


def _greatest(p: Pieces, m: int, of: Callable[[Quantity], float]) -> list[float]:
    found = [of(entry(p, j)) for j in range(m)]
    for vs in p.ambiguous:
        for j in dict.fromkeys(j for v in vs for j in v):
            found[j] += max(of(v.get(j, ZERO)) for v in vs)
    return found
