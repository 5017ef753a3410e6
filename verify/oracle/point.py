"""The truth of a sum over elements at one point, and what a careful candidate may answer there.

A candidate works in floating point, so it is judged for all inputs of each element that careful code may have (for scores the box S ±
γ_{D+2} |X||W|ᵀ). Added to this are the roundings of each formula, of the sum over the elements, of the map back to x and of the penalty,
all times `SLACK`; underflow adds smallest normals. There is no other tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from verify.oracle.elements import ORDER, Elements, Line, Pattern
from verify.oracle.formula import Formula
from verify.oracle.penalty import Groups, Weights
from verify.oracle.subdifferential import Subdifferential
from verify.rounding import SLACK, gamma
from verify.tape.balls import Ball, KinkOnSegment, precision
from verify.tape.enclose import Run
from verify.tape.ranges import overflows
from verify.tape.reverse import Quantity
from verify.tape.series import leaves, turned

Floats = NDArray[np.floating]
T = TypeVar("T")

MARGIN = 2.0**-50
"""Relative amount that exceeds the rounding of a number to a float."""
MOST_LOOKED = 64
"""Kinks on a segment that are examined for a jump of f."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """f(x) as a ball, and the error bound of a right candidate, SLACK included."""

    exact: arb
    radius: float
    magnitude: float

    def rounds_to(self, infinity: float, dtype: str) -> bool:
        """Whether a right candidate may answer this infinity: f(x), up to its error, does not fit the dtype."""
        return overflows(infinity, self.exact, self.radius, dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """The truth at x, any array; each quantity is derived when it is first needed.

    `which` maps each example, if there are any, to its element of `data`. `aside()` is the possible error of the candidate's own way of
    writing the gradient, entry by entry in a row, if it is known, and `loose()` that of the value.
    """

    x: Floats
    data: Elements
    penalty: Weights | Groups | None
    dtype: str
    u: float
    tiny: float
    which: Sequence[int] = ()
    aside: Callable[[], Floats | None] | None = None
    loose: Callable[[], float] = lambda: 0.0
    _known: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def pattern(self) -> Pattern:
        """The active pieces."""
        return self.data.pattern

    @cached_property
    def is_at_a_switch(self) -> bool:
        """Whether more than one piece of a switch is possible, even if all have the same slope there."""
        return any(fat.open for _, _, fat in self.data.runs)

    @cached_property
    def value(self) -> Value:
        """f(x). The radius adds up those of the elements and of the penalty, and γ of all additions on all magnitudes: a right candidate
        may add element after element, or weight after weight, to the sum so far.
        """
        with precision():
            total, own, size, aside = self.data.value()
            penalty, penalty_radius, penalty_size = self._penalty
            total += penalty
        steps = self.data.additions + (0 if self.penalty is None else self.x.size)
        radius = own + penalty_radius + gamma(steps + 2, self.u) * (size + aside + penalty_size) + self.loose()
        return Value(exact=total, radius=SLACK * (radius + self._underflow), magnitude=size + penalty_size)

    @cached_property
    def _penalty(self) -> tuple[arb, float, float]:
        with precision():
            return (arb(0), 0.0, 0.0) if self.penalty is None else self.penalty.value()

    @cached_property
    def curvatures(self) -> list[list[list[Quantity] | None]]:
        """∂²φ/∂s_j² of each distinct element (rows) and input (columns): one quantity for each choice of ambiguous pieces, with the error
        bound of a right candidate. None if there are too many choices.
        """
        with precision():
            rows = zip(self.data.curvatures(), self.data.elements, strict=True)
            return [[None if qs is None else [self._careful(e.formula, q) for q in qs] for qs in row] for row, e in rows]

    def _careful(self, formula: Formula, q: Quantity) -> Quantity:
        radius = q.radius + gamma(formula.additions + 2, self.u) * q.magnitude + self._underflow
        return Quantity(q.exact, SLACK * radius, q.magnitude)

    def curvature_excused(self, element: int, choices: list[Quantity]) -> bool:
        """Whether infinity or NaN as the second derivative of a distinct element is no evidence: see `out_of_range`."""
        most = np.finfo(self.dtype).max
        return bool(self.out_of_range(slopes=True)[element]) or any(not SLACK * c.magnitude < most for c in choices)

    @cached_property
    def gradient(self) -> Subdifferential:
        """∂f(x) over the inputs that careful code may have, with the entrywise error bound of a right candidate relative to one of its
        elements.

        Code that starts from λ∇R rounds at its size once per element, so both get γ of the sum over the elements.
        """
        with precision():
            center, own, size = self.data.gradient()
            groups = list(self.data.groups())
            if self.penalty is not None:
                penalty, penalty_radius, penalty_size = self.penalty.gradient()
                center, own = center + penalty, own + penalty_radius
                size = size + penalty_size
                groups += self.penalty.groups()
            written = None if self.aside is None else self.aside()
            own = own if written is None else own + written.reshape(own.shape)
        underflow = self._underflow * (1 + self.data.lengths)
        radius = own + gamma(self.data.additions + 2, self.u) * size + underflow
        known = np.array([c.is_finite() for c in np.ravel(center)]).reshape(self.x.shape)
        return Subdifferential(
            center=np.asarray(center, dtype=object),
            radius=np.where(known, SLACK * radius, np.inf),
            magnitude=size,
            groups=groups,
            dtype=self.dtype,
            excused=lambda: self.data.map.touched(self.out_of_range(slopes=True)),
            rounds=self.penalty.rounds if self.penalty is not None else (),
        )

    def out_of_range(self, *, slopes: bool) -> NDArray[np.bool_]:
        """For each distinct element, whether a number in the computation of its value, or of its slopes, may not fit the dtype, or is
        undefined, so that infinity and NaN are no evidence against a candidate. If the formula has evaluations that stay finite, those
        count.
        """
        return self.once(("out of range", slopes), lambda: self._out_of_range(slopes))

    def _out_of_range(self, slopes: bool) -> NDArray[np.bool_]:
        with precision():
            fits = SLACK * self._penalty[2] < np.finfo(self.dtype).max
            lost = self.penalty is not None and self.penalty.is_lost
            return self.data.out_of_range(slopes=slopes, number=self.data.number) | (not fits or lost)

    def excuses(self, value: float, gradient: Floats) -> bool:
        """Whether the parts of an answer that are not finite need not be: see `out_of_range`."""
        lost = [slopes for slopes, found in ((False, value), (True, gradient)) if not np.all(np.isfinite(found))]
        return bool(lost) and all(self.out_of_range(slopes=slopes).any() for slopes in lost)

    def careful(self, size: float) -> float:
        """The bound of the difference between two careful sums of as many terms as f has, of this size."""
        return SLACK * gamma(self.data.additions + self.x.size + 2, self.u) * size

    @property
    def _underflow(self) -> float:
        return self.tiny * (self.data.underflow_steps + self.data.additions + self.x.size)

    def along(self, d: Floats, low: float, high: float) -> list[arb]:
        """Enclosures over t in [low, high] of the Taylor coefficients f^(k)(x + td)/k!, k = 0..3.

        Raises KinkOnSegment where a switch that f depends on there may change on the segment.
        """
        return self.once(("along", d.tobytes(), low, high), lambda: self._along(d, low, high))

    def _along(self, d: Floats, low: float, high: float) -> list[arb]:
        with precision():
            t, total = _interval(low, high), arb_series([0], ORDER)
            for formula, line, weight in self._lines(d):
                total += formula.follow(line(t)).total(formula.value_terms) * weight
            return [total[k] for k in range(ORDER)]

    def slopes(self, d: Floats, low: float, high: float) -> arb:
        """A ball around ⟨∂f(x + td), d⟩ for all t in [low, high], kinks or not."""
        return self.once(("slopes", d.tobytes(), low, high), lambda: self._slopes(d, low, high))

    def _slopes(self, d: Floats, low: float, high: float) -> arb:
        with precision():
            t, total = _interval(low, high), arb(0)
            for formula, line, weight in self._lines(d):
                here = line(t)
                run = formula.run([_at(x) for x in here])
                total += formula.slope(run, [_rate(x) for x in here]) * weight
            return total

    def path(self, d: Floats, length: float, most: int) -> list[Stretch]:
        """The smooth stretches of t → f(x + td) on [0, length], at most `most` of them from the start.

        Kinks are where switches change, so a stretch may end where f happens to be smooth. A kink that is no short number is a ball: it
        ends one stretch and starts the next. Raises KinkOnSegment where it is not certain which piece a switch takes.
        """
        return self.once(("path", d.tobytes(), length, most), lambda: self._path(d, length, most))

    def _path(self, d: Floats, length: float, most: int) -> list[Stretch]:
        with precision():
            stretches: list[Stretch] = []
            start, end = arb(0), arb(length)
            legs: list[_Leg] = self.once(("legs", d.tobytes()), list)
            while True:
                if len(stretches) == len(legs):
                    legs.append(_Leg(start))
                leg = legs[len(stretches)]
                stop, runs = leg.until(end), None
                if stop is None:
                    runs = self._from(d, start)
                    stop = leg.learnt(_until(runs, start, end), end)
                if stop is end or leg.stretch is None:
                    stretches.append(_taylor(runs or self._from(d, start), start, stop))
                    leg.stretch = leg.stretch if stop is end else stretches[-1]
                else:
                    stretches.append(leg.stretch)
                if stop is end or len(stretches) == most:
                    return stretches
                start = stop

    def short(self, d: Floats, steps: Sequence[float], slope: float) -> list[float]:
        """The steps without those that certainly reach a kink, or are certainly too long for the `slope` and the curvature at the start:
        double precision decides the former, without searching kinks. Raises KinkOnSegment as `path` does.
        """
        with precision():
            runs = self._from(d, arb(0))
            curvature = float((2 * _together(runs)[2]).lower())
            left = [h for h in steps if not h * (curvature - abs(curvature) * MARGIN) > slope]
            kinked = np.zeros(len(left), bool)
            for r in runs if left else ():
                kinked |= leaves(r.run, r.line, [arb(h) for h in left])
            return [h for h, k in zip(left, kinked.tolist(), strict=True) if not k]

    def turned(self, d: Floats, length: float, most: int) -> int:
        """The number of switches, of formulas that have more than `most`, that are certainly on other pieces at x + length·d."""
        with precision():
            lines = [(f.value_tape, line) for f, line, _ in self._lines(d) if len(f.gaps) > most]
            return sum(turned(tape, line, arb(0), arb(length)) for tape, line in lines)

    def _from(self, d: Floats, start: arb) -> list[_Ahead]:
        """The formulas from a start on, cached for all paths from here."""
        return self._ahead(d, start) if start > 0 else self.once(("ahead", d.tobytes()), lambda: self._ahead(d, start))

    def jumps(self, d: Floats, low: float, high: float) -> bool:
        """Whether f may jump at some x + td, t in [low, high], because it selects by a condition; a maximum does not jump. Also True where
        the pieces are not certain, or beyond the first MOST_LOOKED kinks.
        """
        return self.once(("jumps", d.tobytes(), low, high), lambda: self._jumps(d, low, high))

    def _jumps(self, d: Floats, low: float, high: float) -> bool:
        with precision(), suppress(KinkOnSegment):
            if not any(i.op == "where" for formula, _, _ in self._lines(d) for i in formula.value_tape.instructions):
                return False
            start, end = arb(low), arb(high)
            for _ in range(MOST_LOOKED):
                ahead, back = self._ahead(d, start), self._ahead(-d, -start)
                if not _together(ahead)[0].overlaps(_together(back)[0]):
                    return True
                if start is end:
                    return False
                start = _until(ahead, start, end)
        return True

    def jump(self, d: Floats) -> tuple[float, float] | None:
        """The limits of f behind and ahead of x along d, where f jumps at x by more than half of the digits of its terms, which pieces that
        are meant to meet may differ by; None where it does not, or that is unknown.
        """
        with precision(), suppress(KinkOnSegment):
            if any(i.op == "where" for formula, _, _ in self._lines(d) for i in formula.value_tape.instructions):
                ahead, behind = _together(self._ahead(d, arb(0)))[0], _together(self._ahead(-d, arb(0)))[0]
                if (ahead - behind).abs_lower() > self.value.magnitude * float(np.finfo(d.dtype).eps) ** 0.5:
                    return float(behind), float(ahead)
        return None

    def _ahead(self, d: Floats, start: arb) -> list[_Ahead]:
        """All formulas from a start on."""
        return [_Ahead(f, line, weight, f.follow(line(start), ahead=True)) for f, line, weight in self._lines(d)]

    def _lines(self, d: Floats) -> list[Line]:
        return self.once(("lines", d.tobytes()), lambda: self._lines_along(d))

    def _lines_along(self, d: Floats) -> list[Line]:
        return [*self.data.lines(d), *(() if self.penalty is None else self.penalty.lines(d))]

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The cached result of `answer`, or its KinkOnSegment."""
        if question not in self._known:
            try:
                self._known[question] = answer()
            except KinkOnSegment as kink:
                self._known[question] = kink
        found = self._known[question]
        if isinstance(found, KinkOnSegment):
            raise found
        known: T = found
        return known


@dataclass(frozen=True)
class Stretch:
    """A part of a line on which no switch changes: t in [start, end], the slope f' just after `start`, a ball around f'' on all of it, and
    the rise of f over it.
    """

    start: arb
    end: arb
    slope: arb
    curvature: arb
    rise: arb


@dataclass
class _Leg:
    """What paths in one direction share from a start on: the next kink, or how far there is none, and the stretch up to the kink."""

    start: arb
    kink: arb | None = None
    clear: arb | None = None
    stretch: Stretch | None = None

    def until(self, end: arb) -> arb | None:
        """The kink, or the end if that comes first; None if that is still to be searched."""
        if self.kink is not None and (self.kink < end or self.kink > end):
            return self.kink if self.kink < end else end
        return end if self.clear is not None and end <= self.clear else None

    def learnt(self, stop: arb, end: arb) -> arb:
        """Stores the result of a search up to an end."""
        if stop is end:
            self.clear = end
        else:
            self.kink = stop
        return stop


def _interval(low: float, high: float) -> arb:
    return arb((high + low) / 2, (high - low) / 2) if high > low else arb(low)


def _at(x: Ball) -> arb:
    return x[0] if isinstance(x, arb_series) else x


def _rate(x: Ball) -> arb:
    return x[1] if isinstance(x, arb_series) else arb(0)


class _Ahead(NamedTuple):
    """A formula along a line, its weight in the sum, and its run from the start of a stretch, which determines its pieces."""

    formula: Formula
    line: Callable[[arb], list[Ball]]
    weight: arb
    run: Run


def _until(runs: Sequence[_Ahead], start: arb, end: arb) -> arb:
    """The least t in (start, end) at which a switch may leave the piece that it took ahead of the start, else the end."""
    for r in runs:
        kink = r.formula.next_kink(r.run, r.line, start, end)
        end = end if kink is None else kink
    return end


def _together(runs: Sequence[_Ahead], of: Iterable[Run] | None = None) -> arb_series:
    """The series of f from the runs `of` the formulas, by default those ahead of the start."""
    found = arb_series([0], ORDER)
    for r, run in zip(runs, (r.run for r in runs) if of is None else of, strict=True):
        found += run.total(r.formula.value_terms) * r.weight
    return found


def _taylor(runs: Sequence[_Ahead], start: arb, stop: arb) -> Stretch:
    """The stretch on which every switch keeps the piece that it took ahead of the start."""

    def at(t: arb) -> arb_series:
        return _together(runs, (r.formula.follow(r.line(t), taken=r.run.possible) for r in runs))

    first, length = _together(runs), stop - start
    slope, curvature = first[1], 2 * at((start + stop) / 2 + arb(0, (length / 2).abs_upper()))[2]
    rise = length * slope + curvature * length**2 / 2
    if not rise.rad() < MAX_RISE_ERROR:  # the enclosure of a curve is wide, its values at the ends are not
        rise = at(stop)[0] - first[0]
    return Stretch(start, stop, slope, curvature, rise)


MAX_RISE_ERROR = 2.0**-80
"""Largest uncertainty of a rise before it is computed from the ends: less than rounding in any dtype shows."""
