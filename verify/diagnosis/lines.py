"""The slip in a gradient of code: the place in the loss's code that explains it at several points, to the last digit.

What a gradient's code denotes has no rounding, so an explanation fits or it does not. Of several that fit the plainest is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from verify.mistakes import Lines, Site, Slip, derivative_in_words, in_words, line_in_words, operand_in_words, place_in_words
from verify.mistakes.derivatives import LAST
from verify.rounding import GREATEST_DENOMINATOR
from verify.tape.tape import SourceLine

Floats = NDArray[np.float64]

MOST_WORK = 120_000
"""Instructions that are gone through at the first point, over all slips: a few seconds."""
MOST_EDGES = 1_000_000
"""Edges of code that is looked at."""
EXACT = 2.0**-32
"""Part of the size of a gradient that floats leave of an explanation that is exact."""
LEFT = 0.125
"""Part of what an answer is off by that an explanation may leave at most, where rounding would explain more."""
DIGITS = (2, 4, 6)
"""Significant digits of a factor, or of a constant, the fewest first."""
STEPS = 16
"""Steps of the secant method for a constant."""
ANEW = 4
"""Times that a gradient costs where its numbers and partials are computed anew."""
SEEN = 1e-6
"""Part of the size of a gradient that a slip must change to be looked at."""
GROUPS = 62
"""Inputs, or entries of one, that are told apart: bits of a number."""
WHEREVER = ("times", "mean")
"""What is done to all that comes through a place, and may be so at another one on the same path."""
MOST_LINES = 3
"""Lines that are told beside each other."""
PAIRED = 400
"""Slips of which two together are tried."""


@dataclass(frozen=True, eq=False)
class Answered:
    """The code at a point, what its gradient was said to be and what it is, by the variables in a row, with the name of the input that
    each belongs to. `which` of them are explained. Points may have different sizes.
    """

    lines: Lines
    given: Floats
    due: Floats
    radius: Floats
    inputs: NDArray[np.str_]
    which: NDArray[np.bool_]

    def explained(self, gradient: Floats) -> bool:
        """Whether the slip that makes this of the code's own gradient is all that is wrong."""
        return self.fits(gradient - self.lines.gradient())

    def fits(self, column: Floats) -> bool:
        """Whether this is what the answer is off by."""
        off = np.where(self.which, self.given - self.due, 0.0)
        room = self.radius + EXACT * max(float(np.max(np.abs(self.due))), float(np.max(np.abs(column))))
        if np.any(np.abs(off) > self.radius):
            room = np.minimum(room, LEFT * float(np.max(np.abs(off))))
        return bool(np.all((np.abs(column - off) <= room)[self.which]))


class Found(NamedTuple):
    """The code of what explains answers, the sentence on it after `the gradient`, and the lines that it is about."""

    code: str
    sentence: str
    places: tuple[tuple[str, int], ...]


def slip(points: Sequence[Answered]) -> Found | None:
    """The slip behind all of these answers; None where none explains them."""
    with np.errstate(all="ignore"):  # where numbers leave the range of floats nothing is explained
        inquiry = _Inquiry(points)
        if (found := inquiry.found()) is not None:
            return found
        for still in dict.fromkeys((inquiry.still(shifts=True), inquiry.still())):
            if still and (found := _Inquiry(points, still).found()) is not None:
                return found
        return None


def located(points: Sequence[Answered], *, alike: bool = False) -> Found | None:
    """Where it goes wrong as far as that shows in what is wrong and what is right, where no slip explains all of it: the lines that all of
    what is wrong goes through, and nothing that is right. Where it is wrong everywhere `alike`, by a factor say, which explains it, it may
    be one local factor that is left out, inverted, or there twice. None where there are more than a few.
    """
    with np.errstate(all="ignore"):
        if alike and (found := _Inquiry(points).local()) is not None:
            return found
    first = points[0]
    wrong = np.any([np.abs(p.given - p.due) > p.radius for p in points if p.given.shape == first.given.shape], axis=0)
    _, inputs = np.unique(first.inputs, return_inverse=True)
    entries = np.arange(wrong.size)
    for groups in (entries, inputs) if not np.any(inputs) and not np.all(wrong) else (inputs,):
        if not np.any(wrong) or groups.max() >= GROUPS:
            continue
        right = np.isin(groups, groups[wrong], invert=True)
        lines = first.lines.only_of(groups, frozenset(groups[wrong].tolist()))
        if 0 < len(lines) <= (MOST_LINES if np.any(groups) else 1):
            alone = ", and nothing of what is right" if np.any(right) else ""
            sentence = f"all of what is wrong comes through {' or '.join(map(line_in_words, lines))}{alone}"
            return Found("unknown", sentence, tuple((line.file, line.number) for line in lines))
    return None


class _Inquiry:
    """What explains these answers, where some places are left out `besides` that do not matter to the true gradient."""

    def __init__(self, points: Sequence[Answered], besides: tuple[Slip, ...] = ()) -> None:
        self.points, self.first, self.besides = points, points[0], besides
        self.budget, self.left = MOST_WORK, MOST_WORK
        self.error = np.where(self.first.which, self.first.given - self.first.due, 0.0)
        self.columns: dict[Slip, Floats] = {}
        self.plainly = self.first.lines.gradient()

    def found(self) -> Found | None:
        """The plainest."""
        constant = () if self.besides else (self.constant,)  # it looks at nothing besides
        asks = (
            self.plain,
            self.simple_factor,
            *constant,
            self.unchosen,
            self.unweighted,
            self.derivative,
            self.across,
            self.factor,
            self.exchanged,
            self.taken,
            self.derivative_once,
            self.two,
        )
        return next((found for ask in asks if (found := ask()) is not None), None)

    def still(self, *, shifts: bool = False) -> tuple[Slip, ...]:
        """The places through which nothing comes, all together: the shift of a softmax by its greatest score, which a gradient leaves out,
        whatever else is wrong with it. Only such `shifts`, or all: the 1 of log p + 1 is none, and may be there.
        """
        size = EXACT * float(np.max(np.abs(self.plainly), initial=0.0))
        plain = [s for s, c in self.columns.items() if s.code == "path-missing" and s.place.steps == "all" and np.max(np.abs(c)) <= size]
        plain = [s for s in plain if not shifts or self.first.lines.is_of_greatest(s.place)]
        kept: tuple[Slip, ...] = ()
        for s in plain:
            if float(np.max(np.abs(self.first.lines.gradient((*kept, s)) - self.plainly))) <= size:
                kept = (*kept, s)
        return kept

    def column(self, slip: Slip) -> Floats | None:
        """What a slip adds at the first point; None where there is no more time for it."""
        if slip not in self.columns:
            if self.budget < 0:
                return None
            self.budget -= self.first.lines.cost
            self.columns[slip] = np.where(self.first.which, self.first.lines.gradient((*self.besides, slip)) - self.plainly, 0.0)
        return self.columns[slip]

    def explains(self, *slips: Slip) -> bool:
        """At all points."""
        return all(p.explained(p.lines.gradient((*self.besides, *slips))) for p in self.points)

    def _as_found(self, *slips: Slip) -> Found:
        """The first code, and all sentences."""
        where = [self.first.lines.line(s.place) for s in slips]
        sentences = (in_words(s, line, self.first.lines.when(s.place)) for s, line in zip(slips, where, strict=True))
        sentence = ", and ".join(dict.fromkeys(sentences))
        return Found(slips[0].code, sentence, tuple(dict.fromkeys((line.file, line.number) for line in where)))

    def plain(self) -> Found | None:
        """One slip that leaves no number open."""
        for s in self.first.lines.slips():
            column = self.column(s)
            if column is None:
                return None
            if self.first.fits(column) and self.explains(s):
                return self._found_with_others(s, (other for other in self.columns_of(s) if self.first.fits(self.columns[other])))
        return None

    def across(self) -> Found | None:
        """Sums along another axis than is due."""
        for s in self.first.lines.across():
            if (column := self.column(s)) is not None and self.first.fits(column) and self.explains(s):
                return self._as_found(s)
        return None

    def local(self) -> Found | None:
        """The one line whose local factor is left out; else inverted, as where a gradient is multiplied by what it must be divided by; else
        there twice.
        """
        for how in ("bare", "inverted", "squared"):
            found = dict[tuple[str, int], Slip]()
            for s in self.first.lines.local(how):
                if (column := self.column(s)) is not None and self.first.fits(column) and self.explains(s):
                    found.setdefault(s.place.key[:2], s)
            if len(found) == 1:
                only = self._as_found(*found.values())
                return only._replace(sentence=f"it {only.sentence}")
            if found:
                return None
        return None

    def columns_of(self, found: Slip) -> Iterator[Slip]:
        """The same slip at other places, as far as there is time."""
        for place in self.first.lines.listed:
            other = replace(found, place=place)
            if place != found.place and found.how in WHEREVER and self.column(other) is not None:
                yield other

    def _found_with_others(self, found: Slip, others: Iterator[Slip]) -> Found:
        """With the other lines where it would be the same, which are further along on one path."""
        first, lines = self._as_found(found), dict[tuple[str, int], SourceLine]()
        for s in others:
            line = self.first.lines.line(s.place)
            where = line.file, line.number
            if s.place.slot is None and s.place.steps == found.place.steps and where not in {*first.places, *lines} and self.explains(s):
                lines[where] = line
        if not lines or len(lines) > MOST_LINES:
            return first
        along = " or ".join(map(line_in_words, lines.values()))
        return Found(first.code, f"{first.sentence}, or through {along}, which comes to the same", (*first.places, *lines))

    def simple_factor(self) -> Found | None:
        """A factor that people write."""
        return self._factor(lambda f: [float(Fraction(f).limit_denominator(GREATEST_DENOMINATOR))])

    def factor(self) -> Found | None:
        """Any factor that has few digits."""
        return self._factor(lambda f: [float(f"{f:.{digits}g}") for digits in DIGITS] + [f])

    def _factor(self, nearby: Callable[[float], list[float]]) -> Found | None:
        for place, f in self._factors():
            for c in dict.fromkeys(nearby(f)):
                s = Slip("path-factor", "times", place, c)
                if c not in (0.0, 1.0) and self.explains(s):
                    near = (Slip("path-factor", "times", p, c) for p, g in self._factors() if abs(g - c) <= SEEN * abs(c))
                    return self._found_with_others(s, near)
        return None

    def _factors(self) -> Iterator[tuple[Site, float]]:
        """The places of which a multiple explains the first point, and the factor."""
        for place in self.first.lines.listed:
            column = self.columns.get(Slip("path-missing", "times", place, 0.0))
            if column is None or not np.any(column):
                continue
            f = 1 - float(column @ self.error) / float(column @ column)
            if self.first.fits((1 - f) * column):
                yield place, f

    def constant(self) -> Found | None:
        """Another number in the place of a constant."""
        for place in self.first.lines.constants():
            number = self._number(place)
            if number is None:
                continue
            own = self.first.lines.constant(place)
            nothing = [0.0] if abs(number) <= SEEN * abs(own) else []
            for c in dict.fromkeys([*nothing, *(float(f"{number:.{digits}g}") for digits in DIGITS), number]):
                if c != own and all(p.explained(self._having(p, place, c)) for p in self.points):
                    line = self.first.lines.line(place)
                    told_of = f"is that for {c:g} where the loss has {own:g}, in {place_in_words(replace(place, slot=None), line)}"
                    return Found("constant", told_of, ((line.file, line.number),))
        return None

    def unchosen(self) -> Found | None:
        """What would be right if a maximum, an absolute value or a condition were not there; none where that of another line were, too."""
        found: dict[tuple[str, int], Found] = {}
        for place in self.first.lines.choices() if not self.besides else ():
            if self.left < 0:
                return None
            self.left -= ANEW * self.first.lines.cost
            line = self.first.lines.line(place)
            if all(p.explained(p.lines.taking(place).gradient()) for p in self.points):
                told = f"is that of a loss with {operand_in_words(place, line)} alone in {place_in_words(replace(place, slot=None), line)}"
                found.setdefault((line.file, line.number), Found("path-factor", told, ((line.file, line.number),)))
        return next(iter(found.values())) if len(found) == 1 else None

    def unweighted(self) -> Found | None:
        """What would be right if weights, or a mask, were not there; none where others of another line were, too."""
        found: dict[tuple[str, int], Found] = {}
        for place in self.first.lines.weights():
            if self.left < 0:
                return None
            self.left -= ANEW * self.first.lines.cost
            line = self.first.lines.line(place)
            if all(p.explained(p.lines.having(place, 1.0).gradient()) for p in self.points):
                told = f"is that of a loss without {operand_in_words(place, line)} in {place_in_words(replace(place, slot=None), line)}"
                found.setdefault((line.file, line.number), Found("path-factor", told, ((line.file, line.number),)))
        return next(iter(found.values())) if len(found) == 1 else None

    def _having(self, point: Answered, place: Site, number: float) -> Floats:
        """The gradient at a point with another number in a place: all that is computed there is computed anew."""
        self.left -= ANEW * point.lines.cost
        return point.lines.having(place, number).gradient()

    def _number(self, place: Site) -> float | None:
        """The number at which the error along its own direction vanishes at the first point; None where it is none, or would be too much
        work.
        """
        own = self.first.lines.constant(place)
        size = float(np.max(np.abs(self.error)))

        def left(c: float) -> Floats:
            return np.where(self.first.which, self._having(self.first, place, c) - self.plainly, 0.0) - self.error

        if self.left < 0:
            return None
        before, here = own, own * (1 + BESIDE) if own else BESIDE
        was, now = -self.error, left(here)
        for _ in range(STEPS):
            moved = now - was
            if not np.all(np.isfinite(moved)) or not np.any(moved) or here == before:
                break
            step = float(moved @ now) / float(moved @ moved) * (here - before)
            before, was, here = here, now, here - step
            now = left(here)
            if float(np.max(np.abs(now))) <= EXACT * size or abs(step) <= EXACT * abs(here) or self.left < 0:
                break
        return here if np.all(np.abs(now) <= SEEN * size) else None

    def exchanged(self) -> Found | None:
        """Two places with each other's part; none where other two would do as well."""
        s = self._only(self.first.lines.exchanges())
        if s is None or s.other is None:
            return None
        lines = [self.first.lines.line(p) for p in (s.place, s.other)]
        told = f"has what comes through {self._told(s.place)} and {self._told(s.other)} exchanged"
        return Found(s.code, told, tuple(dict.fromkeys((line.file, line.number) for line in lines)))

    def taken(self) -> Found | None:
        """One place with the factor of another; none where others would do as well."""
        s = self._only(self.first.lines.takings())
        if s is None or s.other is None:
            return None
        line = self.first.lines.line(s.place)
        told = f"has the factor of {self._told(s.other)} for that of {self._told(s.place)}"
        return Found(s.code, told, ((line.file, line.number),))

    def _told(self, place: Site) -> str:
        return place_in_words(place, self.first.lines.line(place)) + self.first.lines.when(place)

    def _only(self, slips: Iterator[Slip]) -> Slip | None:
        """The one of them that explains the answers, of those for which there is time."""
        self.budget = max(self.budget, MOST_WORK // 4)
        found: dict[tuple[Any, ...], Slip] = {}
        for s in islice(slips, PAIRED):
            if (column := self.column(s)) is None:
                break
            if s.other is not None and self.first.fits(column) and self.explains(s):
                found.setdefault(tuple((p.key[: 2 if p.slot is None else 3], p.slot, p.steps) for p in (s.place, s.other)), s)
        return next(iter(found.values())) if len(found) == 1 else None

    def derivative_once(self) -> Found | None:
        """The same in one of the runs of a function, as of one that is called at several places."""
        return self.derivative(apart=True)

    def derivative(self, *, apart: bool = False) -> Found | None:
        """Another derivative of one function; where that of another line would do as well, none is told."""
        lines, found = self.first.lines, dict[tuple[Any, ...], tuple[Slip, str | None]]()
        for s in lines.derivatives(apart=apart):
            column = self.column(s)
            if column is None:
                return None
            if self.first.fits(column) and self.explains(s):
                where, due = (*s.place.key[:2], s.place.steps), lines.derivative(s.place.key)
                if where not in found or (found[where][1] is None and due is not None):
                    found[where] = s, due
        if len(found) > 1:
            found = {where: (s, due) for where, (s, due) in found.items() if s.how != LAST}
        if len(found) != 1:
            return None
        ((s, due),) = found.values()
        line = lines.line(s.place)
        return Found(s.code, derivative_in_words(s, line, due, lines.when(s.place)), ((line.file, line.number),))

    def two(self) -> Found | None:
        """Two slips together, of those that leave no number open."""
        size = float(np.max(np.abs(self.first.due)))
        plain = (s for s in self.columns if s.other is None and s.place.steps == "all")
        known = [(s, c) for s in plain if np.max(np.abs(c := self.columns[s])) > SEEN * size][:PAIRED]
        if len(known) < 2:
            return None
        columns = np.array([c for _, c in known])
        for k, (s, c) in enumerate(known):
            apart = np.max(np.abs(columns[k + 1 :] + c - self.error), axis=1, initial=0.0)
            room = SEEN * max(size, float(np.max(np.abs(self.error))))
            for other in np.flatnonzero(apart <= room)[:PAIRED]:
                both = s, known[k + 1 + int(other)][0]
                if self.explains(*both):
                    return self._as_found(*both)
        return None


BESIDE = 1e-3
"""Relative step of a constant, from which on the secant method goes."""
