"""λ Σ ρ(w) over the weights that a penalty counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.elements import ORDER, ZERO, Line, Runs, entry, hull_start, line, magnitude, radius_of
from verify.oracle.formula import Formula, parabola
from verify.oracle.maps import Objects
from verify.oracle.subdifferential import Generator, Scattered
from verify.rounding import gamma
from verify.tape.balls import precision
from verify.tape.reverse import Pieces

Floats = NDArray[np.floating]

QUADRATIC_ROUNDINGS = 3
"""Roundings of one term c·w² or 2c·w, whatever the order of its factors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """ρ as a `formula` of one weight, of all weights W; `counted` is 0 over those columns that the penalty leaves out.

    A quadratic penalty is looked at as a vector, so that a CIFAR-10 classifier costs no run for each of its weights.
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
        """(λR(W), the radius that comes with its terms, their magnitude)."""
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
        flat = [
            self.reg * (entry(p, 0).exact + hull_start(p, 0)) if m else arb(0) for p, m in zip(self._pieces, self._mask.flat, strict=True)
        ]
        # Where the penalty leaves the bias out its size still counts: a right candidate may add it and take it away.
        size = abs(self.reg) * np.array([magnitude(p, 0) for p in self._pieces]).reshape(shape)
        own = abs(self.reg) * np.array([radius_of(p, 0) for p in self._pieces]).reshape(shape)
        return _shaped(flat, shape), own + gamma(4, self.u) * size, size

    def groups(self) -> Iterator[list[Generator]]:
        """The hulls of the weights on kinks."""
        for k, p in enumerate(self._pieces):
            for vertices in p.ambiguous if self._mask.flat[k] else ():
                values = [float(v.get(0, ZERO).exact) for v in vertices]
                yield [Scattered(self.W.shape, np.array([k]), np.array([self.reg * (v - values[0])])) for v in values]

    def lines(self, d: Floats) -> Iterator[Line]:
        """ρ along W + td: of each weight, or of all together where that is a parabola."""
        reg, w, v = exact.ball(self.reg), self.W[self._mask], d[self._mask].astype(self.W.dtype)
        if self.formula.quadratic is None:
            for a, b in zip(w, v, strict=True):
                yield self.formula, line([exact.ball(a)], [exact.ball(b)], list), reg
            return
        c0, c1, c2 = self.formula.quadratic
        (one, w_sum, v_sum), (_, ww, wv), (_, _, vv) = exact.product(*[np.stack([np.ones_like(w), w, v])] * 2)
        along = [c0 * one + c1 * w_sum + c2 * ww, c1 * v_sum + 2 * c2 * wv, c2 * vv]
        yield parabola(), lambda t: [arb_series([t, 1], ORDER), *along], reg


def _shaped(flat: list[arb], shape: tuple[int, ...]) -> Objects:
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(shape)
