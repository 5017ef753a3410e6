"""λ Σ ρ(w) over the weights, or groups of weights, that a penalty counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import inf

import numpy as np
from flint import arb, arb_series, fmpq
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.elements import ORDER, ZERO, Element, Elements, Line, Runs, corner, line, magnitudes, radii
from verify.oracle.formula import Formula, group_formula, norms_of, parabola
from verify.oracle.maps import Objects, Select
from verify.oracle.subdifferential import BallGenerator, Generator, Scattered
from verify.rounding import SLACK, gamma
from verify.spec.penalty import Penalty
from verify.tape.balls import Ball, precision
from verify.tape.reverse import Pieces

Floats = NDArray[np.floating]

QUADRATIC_ROUNDINGS = 3
"""Roundings of one term c·w² or 2c·w, in any order of its factors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """ρ as a `formula` of one weight, for all weights W; `counted` is 0 for the columns that the penalty leaves out.

    A quadratic penalty is evaluated as a vector, so that a CIFAR-10 classifier does not need a run for each of its weights.
    """

    formula: Formula
    W: Floats
    counted: Floats
    reg: float
    u: float

    @cached_property
    def _mask(self) -> NDArray[np.bool_]:
        return np.broadcast_to(self.counted, self.W.shape) > 0

    @cached_property
    def _runs(self) -> list[Runs]:
        f, u = self.formula, arb(self.u)
        with precision():
            return [(f, f.follow([w]), f.follow([w], u)) for w in map(exact.ball, self.W.ravel())]

    def value(self) -> tuple[arb, float, float]:
        """(λR(W), the rounding radius of its terms, their magnitude)."""
        if self.formula.quadratic is not None:
            c0, c1, c2 = self.formula.quadratic
            w, absolute = self.W[self._mask][None], np.abs(self.W).astype(np.float64)
            ((ww,),) = exact.product(w, w)
            w_sum = arb(0) if c1.is_zero() else exact.product(np.ones_like(w), w)[0][0]
            total = c0 * w.size + c1 * w_sum + c2 * ww
            terms = [float(abs(c)) * float(p.sum()) for c, p in ((c0, absolute**0), (c1, absolute), (c2, absolute**2))]
            size = abs(self.reg) * sum(terms)
            own = QUADRATIC_ROUNDINGS * self.u * size
        else:
            parts = [f.value(thin, fat) for f, thin, fat in self._runs]
            total = sum((p.exact for p, m in zip(parts, self._mask.flat, strict=True) if m), arb(0))
            size = abs(self.reg) * sum(p.magnitude for p in parts)
            own = abs(self.reg) * sum(p.radius for p in parts)
        return self.reg * total, own + gamma(self.W.size + 2, self.u) * size, size

    @cached_property
    def _pieces(self) -> list[Pieces]:
        return [] if self.formula.quadratic is not None else [f.pieces(thin, fat) for f, thin, fat in self._runs]

    def gradient(self) -> tuple[Objects, Floats, Floats]:
        """(λ∇R(W), its rounding radius, the magnitude of its terms), each (C, D)."""
        shape = self.W.shape
        if self.formula.quadratic is not None:
            _, c1, c2 = self.formula.quadratic
            exacts = [self.reg * (c1 + 2 * c2 * exact.ball(w)) if m else arb(0) for w, m in zip(self.W.flat, self._mask.flat, strict=True)]
            size = abs(self.reg) * (float(abs(c1)) + 2 * float(abs(c2)) * np.abs(self.W).astype(np.float64))
            return _shaped(exacts, shape), (QUADRATIC_ROUNDINGS * self.u + gamma(4, self.u)) * size, size
        flat = [self.reg * corner(p, 1)[0] if m else arb(0) for p, m in zip(self._pieces, self._mask.flat, strict=True)]
        # Where the penalty leaves the bias out its size still counts: a right candidate may add and subtract it.
        size = abs(self.reg) * np.array([magnitudes(p, 1)[0] for p in self._pieces]).reshape(shape)
        own = abs(self.reg) * np.array([radii(p, 1)[0] for p in self._pieces]).reshape(shape)
        return _shaped(flat, shape), own + gamma(4, self.u) * size, size

    rounds, is_lost = (), False

    def groups(self) -> Iterator[list[Generator]]:
        """The hulls of the weights on kinks."""
        for k, p in enumerate(self._pieces):
            for vertices in p.ambiguous if self._mask.flat[k] else ():
                values = [float(v.get(0, ZERO).exact) for v in vertices]
                yield [Scattered(self.W.shape, np.array([k]), np.array([self.reg * (v - values[0])])) for v in values]

    def lines(self, d: Floats) -> Iterator[Line]:
        """ρ along W + td: for each weight, or for all together if that is a parabola."""
        reg, w, v = exact.ball(self.reg), self.W[self._mask], d[self._mask].astype(self.W.dtype)
        if self.formula.quadratic is None:
            for a, b in zip(w, v, strict=True):
                yield self.formula, line([exact.ball(a)], [exact.ball(b)], list), reg
            return
        c0, c1, c2 = self.formula.quadratic
        (one, w_sum, v_sum), (_, ww, wv), (_, _, vv) = exact.product(*[np.stack([np.ones_like(w), w, v])] * 2)
        along = [c0 * one + c1 * w_sum + c2 * ww, c1 * v_sum + 2 * c2 * wv, c2 * vv]
        yield parabola(), lambda t: [arb_series([t, 1], ORDER), *along], reg


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """λ Σ ρ(w) over groups of the weights W: elements, each of which may contain norms. A norm at 0 has a ball of subgradients."""

    penalty: Penalty
    W: Floats
    reg: float
    dtype: str
    u: float
    tiny: float

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """The indices of entries of W (groups, group size)."""
        places = _grouped(self.penalty, self.W.shape)
        return places if self.penalty.bias else _grouped(self.penalty, self.W.shape, left_out=1)

    @property
    def is_empty(self) -> bool:
        """Whether there are no groups."""
        return self._places.size == 0

    def _norms_of(self, size: int) -> list[tuple[Floats, Formula]]:
        return [(np.array(lengths), ray) for lengths, ray in norms_of(self.penalty, size)]

    @cached_property
    def _norms(self) -> list[tuple[Floats, Formula]]:
        return self._norms_of(self._places.shape[1])

    def _of(self, places: NDArray[np.intp]) -> Elements:
        size = places.shape[1]
        gone = [tuple(self._is_zero(row, lengths) for lengths, _ in self._norms_of(size)) for row in places]
        return Elements(
            elements=[Element(formula=group_formula(self.penalty, size, g), key=(size, g)) for g in gone],
            map=Select(self.W, places, self.u, self.tiny),
            counts=[1] * len(places),
            number=len(places),
            share=self._share,
            dtype=self.dtype,
            u=self.u,
            tiny=self.tiny,
        )

    def _is_zero(self, row: NDArray[np.intp], lengths: Floats) -> bool:
        return not np.any(self.W.ravel()[row[lengths > 0]])

    @property
    def _share(self) -> fmpq:
        reg = Fraction(self.reg)
        return fmpq(reg.numerator, reg.denominator)

    @cached_property
    def _counted(self) -> Elements:
        return self._of(self._places)

    @cached_property
    def _all(self) -> Elements | None:
        """The groups of all weights, if the bias is left out: a right candidate may add it and subtract it again."""
        return None if self.penalty.bias else self._of(_grouped(self.penalty, self.W.shape))

    @cached_property
    def _lost(self) -> list[tuple[NDArray[np.intp], float]]:
        """The places of groups whose squares leave the range of the dtype, and the error of the norm that this causes."""
        found, most = [], float(np.finfo(self.dtype).max) / SLACK
        for row, (lengths, _) in product(self._places, self._norms):
            with np.errstate(over="ignore"):
                w = np.abs(self.W.ravel()[row]).astype(np.longdouble) * lengths
                square = float(np.sum(w * w) / max(np.max(lengths) ** 2, self.tiny))
            if 0 < square < len(row) * self.tiny / self.u or not square < most or (square == 0 and w.any()):
                found.append((row, 2 * abs(self.reg) * float(np.sum(w)) if square < most else inf))
        return found

    @property
    def is_lost(self) -> bool:
        """Whether right code may answer anything for some group."""
        return bool(self._lost)

    def value(self) -> tuple[arb, float, float]:
        """(λR(W), the rounding radius of its terms, their magnitude)."""
        total, own, size, _ = self._counted.value()
        more = 0.0 if self._all is None else self._all.value()[2]
        return total, own + sum(radius for _, radius in self._lost), size + more

    def gradient(self) -> tuple[Objects, Floats, Floats]:
        """(a subgradient of λR(W), its rounding radius, the magnitude of its terms), each (C, D)."""
        center, own, size = self._counted.gradient()
        if self._all is not None:
            size = size + self._all.gradient()[2]
        size, own = size.copy(), own.copy()
        for r in self.rounds:
            np.add.at(size.ravel(), r.places, r.lengths)
        for row, _ in self._lost:
            own.ravel()[row] = np.inf
        return center, own, size

    def groups(self) -> Iterator[list[Generator]]:
        """The hulls of the parts that have vertices."""
        yield from self._counted.groups()

    @cached_property
    def rounds(self) -> list[BallGenerator]:
        """The balls of the norms that are 0."""
        groups = product(self._places, self._norms)
        return [
            BallGenerator(self.W.shape, row[lengths > 0], abs(self.reg) * lengths[lengths > 0])
            for row, (lengths, _) in groups
            if self._is_zero(row, lengths)
        ]

    def lines(self, d: Floats) -> Iterator[Line]:
        """ρ along W + td: for a norm that passes through 0 its form there, a multiple of |t + k|."""
        reg = exact.ball(self.reg)
        for row in self._places:
            w, v = self.W.ravel()[row], d.ravel()[row].astype(self.W.dtype)
            through = [_through_zero(w[lengths > 0], v[lengths > 0]) for lengths, _ in self._norms]
            formula = group_formula(self.penalty, len(row), tuple(k is not None for k in through))
            yield formula, line([*map(exact.ball, w)], [*map(exact.ball, v)], list), reg
            for k, (_, ray) in zip(through, self._norms, strict=True):
                if k is not None and np.any(v):
                    yield ray, _ray([*map(exact.ball, v)], arb(fmpq(k.numerator, k.denominator))), reg


def _grouped(penalty: Penalty, shape: tuple[int, ...], left_out: int = 0) -> NDArray[np.intp]:
    """The groups of all columns, without the last ones that are left out."""
    numbers = np.arange(shape[0] * shape[1], dtype=np.intp).reshape(shape)[:, : shape[1] - left_out]
    return np.ascontiguousarray(numbers.T if penalty.group == "feature" else numbers)


def _through_zero(w: Floats, v: Floats) -> Fraction | None:
    """The k of w = k·v, where the line w + tv = (t + k)·v passes through 0; None if it does not."""
    moving = np.flatnonzero(v)
    if not moving.size:
        return None if np.any(w) else Fraction(0)
    k = Fraction(float(w[moving[0]])) / Fraction(float(v[moving[0]]))
    return k if all(Fraction(float(a)) == k * Fraction(float(b)) for a, b in zip(w, v, strict=True)) else None


def _ray(v: list[arb], k: arb) -> Callable[[arb], list[Ball]]:
    return lambda t: [arb_series([t, 1], ORDER), *v, k]


def _shaped(flat: list[arb], shape: tuple[int, ...]) -> Objects:
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(shape)
