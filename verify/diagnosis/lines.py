"""The slip in a gradient of code: the place in the loss's code that explains it at several points, to the last digit.

What a gradient's code denotes has no rounding, so an explanation either fits or not. Of several that fit the plainest is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from verify.mistakes import (
    AGAINST,
    CUT,
    DUE,
    Kind,
    Lines,
    Site,
    Slip,
    Summation,
    derivative_in_words,
    in_words,
    line_in_words,
    operand_in_words,
    place_in_words,
    product_in_words,
)
from verify.mistakes.derivatives import DERIVATIVES, ROOT_DERIVATIVE
from verify.rounding import GREATEST_DENOMINATOR
from verify.tape.tape import SourceLine

Floats = NDArray[np.float64]

MOST_WORK = 120_000
"""Instructions to evaluate at the first point, over all slips: a few seconds."""
MOST_EDGES = 1_000_000
"""Largest code, in edges."""
EXACT = 2.0**-32
"""Relative to the size of a gradient, the floating-point error of an exact explanation."""
LEFT = 0.125
"""Largest share of an error that an explanation may leave where rounding would allow more."""
DIGITS = (2, 4, 6)
"""Significant digits of a factor, or of a constant, that are tried, the fewest first."""
STEPS = 16
"""Steps of the secant method for a constant."""
ANEW = 4
"""Cost, in gradients, of one with its values and partials computed again."""
SEEN = 1e-6
"""Relative to the size of a gradient, the least change by a slip that is considered."""
GROUPS = 62
"""Most inputs, or entries of one, that are distinguished: bits of a number."""
WHEREVER = ("times", "mean")
"""Changes of everything that comes through a place, which may equally be at another one on the same path."""
ALONE = {*DERIVATIVES, *AGAINST}
"""Slips that are not tried in pairs."""
MOST_LINES = 3
"""Lines that are reported together."""
PAIRED = 400
"""Number of slips that are tried in pairs."""


@dataclass(frozen=True, eq=False)
class Answered:
    """The code at a point, with the `given` gradient and the true one (`due`), in the variables in a row, and the name of the input of
    each. `which` of them are to be explained. Points may have different sizes.
    """

    lines: Lines
    given: Floats
    due: Floats
    radius: Floats
    inputs: NDArray[np.str_]
    which: NDArray[np.bool_]

    def explained(self, gradient: Floats) -> bool:
        """Whether the slip that turns the code's own gradient into this one is the only mistake."""
        return self.fits(gradient - self.lines.gradient())

    def fits(self, column: Floats) -> bool:
        """Whether the answer's error is this column."""
        off = np.where(self.which, self.given - self.due, 0.0)
        room = self.radius + EXACT * max(float(np.max(np.abs(self.due))), float(np.max(np.abs(column))))
        if np.any(np.abs(off) > self.radius):
            room = np.minimum(room, LEFT * float(np.max(np.abs(off))))
        return bool(np.all((np.abs(column - off) <= room)[self.which]))


class Found(NamedTuple):
    """The code of an explanation, its sentence after `the gradient`, and the lines that it is about."""

    code: str
    sentence: str
    places: tuple[tuple[str, int], ...]


def slip(points: Sequence[Answered]) -> Found | None:
    """The slip behind all of these answers; None if none explains them."""
    with np.errstate(all="ignore"):  # numbers out of range explain nothing
        inquiry = _Inquiry(points)
        if (found := inquiry.found()) is not None:
            return found
        for still in dict.fromkeys((inquiry.still(shifts=True), inquiry.still())):
            if still and (found := _Inquiry(points, still).found()) is not None:
                return found
        return None


def local(points: Sequence[Answered], *, powers: bool = False) -> Found | None:
    """The one line whose local factor is left out, inverted, or squared, where the gradient is a multiple of what it must be; of `powers`
    the exponent, too, as the 2 of a square.
    """
    with np.errstate(all="ignore"):
        return _Inquiry(points).local(powers=powers)


def located(points: Sequence[Answered]) -> Found | None:
    """The location of a mistake that no slip explains: the lines through which everything wrong passes, and nothing right. None if there
    are more than a few lines.
    """
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
    """The search for what explains these answers, with slips `besides` at places that do not matter to the true gradient."""

    def __init__(self, points: Sequence[Answered], besides: tuple[Slip, ...] = ()) -> None:
        self.points, self.first, self.besides = points, points[0], besides
        self.budget, self.left = MOST_WORK, MOST_WORK
        self.error = np.where(self.first.which, self.first.given - self.first.due, 0.0)
        self.columns: dict[Slip, Floats] = {}
        self.plainly = self.first.lines.gradient()

    def found(self) -> Found | None:
        """The plainest explanation."""
        constant = () if self.besides else (self.constant,)  # it looks at nothing besides
        asks = (
            self.plain,
            self.simple_factor,
            *constant,
            self.unchosen,
            self.unweighted,
            self.derivative,
            self.across,
            self.multiplied,
            self.against,
            self.ordered,
            self.lacking,
            self.along,
            self.factor,
            self.exchanged,
            self.taken,
            self.derivative_once,
            self.two,
        )
        return next((found for ask in asks if (found := ask()) is not None), None)

    def still(self, *, shifts: bool = False) -> tuple[Slip, ...]:
        """The places with a total contribution of 0, left out together, such as the shift of a softmax by its greatest score, which a
        gradient may omit whatever else is wrong with it. Only such `shifts`, or all: the 1 of log p + 1 is no shift, and may be there.
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
        """What a slip adds at the first point; None if the budget is used up."""
        if slip not in self.columns:
            if self.budget < 0:
                return None
            self.budget -= self.first.lines.cost
            self.columns[slip] = np.where(self.first.which, self.first.lines.gradient((*self.besides, slip)) - self.plainly, 0.0)
        return self.columns[slip]

    def explains(self, *slips: Slip) -> bool:
        """Whether these slips explain the answers at all points."""
        return all(p.explained(p.lines.gradient((*self.besides, *slips))) for p in self.points)

    def _as_found(self, *slips: Slip) -> Found:
        """The explanation by these slips: the first code, and all sentences."""
        where = [self.first.lines.line(s.place) for s in slips]
        sentences = (in_words(s, line, self.first.lines.when(s.place)) for s, line in zip(slips, where, strict=True))
        sentence = ", and ".join(dict.fromkeys(sentences))
        return Found(slips[0].code, sentence, tuple(dict.fromkeys((line.file, line.number) for line in where)))

    def plain(self) -> Found | None:
        """One slip without an open number."""
        for s in self.first.lines.slips():
            column = self.column(s)
            if column is None:
                return None
            if self.first.fits(column) and self.explains(s):
                return self._found_with_others(s, (other for other in self.columns_of(s) if self.first.fits(self.columns[other])))
        return None

    def across(self) -> Found | None:
        """Sums along another axis than the right one."""
        for s in self.first.lines.across():
            if (column := self.column(s)) is not None and self.first.fits(column) and self.explains(s):
                return self._found_with_others(s, (other for other in self.columns_of(s) if self.first.fits(self.columns[other])))
        return None

    def along(self) -> Found | None:
        """Reductions that belong together, of which one or two are summed along another axis; none where others, no more of them, would do
        as well.
        """
        for _, groups in groupby(self.first.lines.groups if not self.besides else (), key=len):
            found = dict[tuple[tuple[str, int], ...], Found]()
            for one in (one for group in groups for one in self._along(group)):
                found.setdefault(one.places, one)
            if found:
                return next(iter(found.values())) if len(found) == 1 else None
        return None

    def _along(self, group: tuple[Kind, ...]) -> Iterator[Found]:
        for axes_in, gradient in ((self._apart, _apart), (self._together, _together)):
            for axes in axes_in(group):
                if all(p.explained(gradient(p.lines, group, axes)) for p in self.points):
                    off = [(Site(k[:3]), a) for k, a in zip(group, axes, strict=True) if a not in (CUT, DUE)]
                    through = " and ".join(dict.fromkeys(self._told(place) for place, _ in off))
                    told = f"has what comes through {through} {' and '.join(dict.fromkeys(a.words for _, a in off))}"
                    yield Found("broadcast-sum", told, tuple(dict.fromkeys(place.key[:2] for place, _ in off)))

    def _together(self, group: tuple[Kind, ...]) -> Iterator[tuple[Summation, ...]]:
        """The axes that explain the first point where all of them are summed along the same."""
        wrong = [k for k, kind in enumerate(group) if not kind[3]]
        for a in self.first.lines.weighted(group) if len(wrong) > 1 else ():
            if self.left < 0:
                return
            self.left -= self.first.lines.cost
            axes = tuple(CUT if k not in wrong else a if k == wrong[-1] else replace(a, power=0) for k in range(len(group)))
            if self.first.explained(_together(self.first.lines, group, axes)):
                yield axes

    def _apart(self, group: tuple[Kind, ...]) -> Iterator[tuple[Summation, ...]]:
        """The axes of one or two of them that explain the first point, where what comes through one does not go through another."""
        none: tuple[Summation, ...] = (CUT,) * len(group)

        def only(k: int, a: Summation) -> Floats:
            self.left -= self.first.lines.cost
            return _together(self.first.lines, group, (*none[:k], a, *none[k + 1 :]))

        nothing = only(0, CUT)
        due = [only(k, DUE) - nothing for k in range(len(group))]
        if not self._alike(nothing + sum(due), self.plainly):
            return
        met: dict[Summation, list[tuple[int, Summation, Floats]]] = {}
        for a in self.first.lines.weighted(group):
            if self.left < 0:
                return
            plain = replace(a, power=0, by=None)
            for k in (k for k, kind in enumerate(group) if not kind[3]):
                column = np.where(self.first.which, only(k, a) - nothing - due[k], 0.0)
                axes = tuple(a if m == k else DUE for m in range(len(group)))
                if self.first.fits(column):
                    yield axes
                for other, b, more in met.get(plain, ()):
                    if other != k and self.first.fits(column + more):
                        yield tuple(b if m == other else c for m, c in enumerate(axes))
                met.setdefault(plain, []).append((k, a, column))

    def _alike(self, one: Floats, two: Floats) -> bool:
        return float(np.max(np.abs(one - two))) <= EXACT * float(np.max(np.abs(two)))

    def multiplied(self) -> Found | None:
        """A product of matrices with something transposed, or another matrix; none where that of another line would do as well."""
        found: dict[tuple[str, int], Slip] = {}
        for s in self.first.lines.products():
            if (column := self.column(s)) is None:
                return None
            if self.first.fits(column) and self.explains(s):
                found.setdefault(s.place.key[:2], s)
        if len(found) != 1:
            return None
        ((where, s),) = found.items()
        lines = self.first.lines
        partner = None if s.other is None else lines.line(s.other)
        return Found(s.code, product_in_words(s, lines.line(s.place), partner, lines.when(s.place)), (where,))

    def ordered(self) -> Found | None:
        """An operand that is carried back in another order."""
        return self._of_lines(self.first.lines.ordered())

    def against(self) -> Found | None:
        """A cumulative sum that is carried back in its own direction."""
        return self._of_lines(self.first.lines.against())

    def _of_lines(self, slips: Iterator[Slip]) -> Found | None:
        """The first of these slips that explains the answers, with the other lines where one would do as well; None if there are more than
        a few. They are many, and leave the budget of others alone.
        """
        before, self.budget = self.budget, MOST_WORK
        found = self._by_line(slips)
        left, self.budget = self.budget, before
        if not 0 < len(found) <= 1 + MOST_LINES or left < 0:
            return None
        first, *others = (self._as_found(s) for s in found.values())
        lines = [line_in_words(self.first.lines.line(s.place)) for s in [*found.values()][1:]]
        same = f"; or so in {' or '.join(lines)}, which comes to the same" if lines else ""
        return Found(first.code, first.sentence + same, tuple(dict.fromkeys(place for f in (first, *others) for place in f.places)))

    def lacking(self) -> Found | None:
        """An ε that is not in some partials; none where that of another line would do as well."""
        found: dict[tuple[str, int], Slip] = {}
        for s in self.first.lines.lacking() if not self.besides else ():
            if self.left < 0:
                return None
            self.left -= ANEW * self.first.lines.cost
            if all(p.explained(p.lines.gradient([s])) for p in self.points):
                found.setdefault(s.place.key[:2], s)
        if len(found) != 1:
            return None
        ((where, s),) = found.items()
        lines = self.first.lines
        through = dict.fromkeys("it" if site.slot is None else self._told(site) for site, _ in s.parts)
        place = place_in_words(replace(s.place, slot=None), lines.line(s.place))
        told = f"lacks {operand_in_words(s.place, lines.line(s.place))} of {place} in what comes through {' and '.join(through)}"
        return Found(s.code, told, (where,))

    def local(self, *, powers: bool = False) -> Found | None:
        """The one line whose local factor is left out; else inverted, as where a gradient is multiplied by what it must be divided by; else
        there twice; else what one of several calls uses several times is averaged; else a power has lost its exponent.
        """
        lines = self.first.lines
        averaged = lines.spread((("reduction-mean", "mean"),), apart=True)
        for slips in (*map(lines.local, ("bare", "inverted", "squared")), averaged, *([lines.powers()] if powers else [])):
            if found := self._by_line(slips):
                if len(found) > 1:
                    return None
                only = self._as_found(*found.values())
                return only._replace(sentence=f"it {only.sentence}")
        return None

    def _by_line(self, slips: Iterator[Slip]) -> dict[tuple[str, int], Slip]:
        """The first of these slips that explains the answers, for each line."""
        found: dict[tuple[str, int], Slip] = {}
        for s in slips:
            if (column := self.column(s)) is not None and self.first.fits(column) and self.explains(s):
                found.setdefault(s.place.key[:2], s)
        return found

    def columns_of(self, found: Slip) -> Iterator[Slip]:
        """The same slip at all places, within the budget; of a sum, all of its kind."""
        lines = self.first.lines
        if found.along is not None:
            others = lines.across() if found.along.by else lines.summed()
        else:
            others = (replace(found, place=place) for place in lines.listed if found.how in WHEREVER)
        yield from (other for other in others if self.column(other) is not None)

    def _found_with_others(self, found: Slip, others: Iterator[Slip]) -> Found:
        """The explanation with the other lines where the slip would have the same effect, further along on one path."""
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
        """A factor with few digits."""
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
            own = self.first.lines.constant(place)
            left_out = self.left >= 0 and own != 0 and self.first.explained(self._having(self.first, place, 0.0))
            number = 0.0 if left_out else self._number(place)
            if number is None:
                continue
            nothing = [0.0] if abs(number) <= SEEN * abs(own) else []
            for c in dict.fromkeys([*nothing, *(float(f"{number:.{digits}g}") for digits in DIGITS), number]):
                if c != own and self._has(place, c) and not self._has(place, c + BESIDE * (c or own)):
                    line = self.first.lines.line(place)
                    told_of = f"is that for {c:g} where the loss has {own:g}, in {place_in_words(replace(place, slot=None), line)}"
                    return Found("constant", told_of, ((line.file, line.number),))
        return None

    def unchosen(self) -> Found | None:
        """The line whose maximum, absolute value or condition is missing, if without it the gradient is right; None if there are several
        such lines.
        """
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
        """The line whose weights, mask or targets are missing, if without them the gradient is right; None if there are several."""
        found: dict[tuple[str, int], Found] = {}
        for place, neutral in self.first.lines.weights():
            if self.left < 0:
                return None
            self.left -= ANEW * self.first.lines.cost
            line = self.first.lines.line(place)
            if all(p.explained(p.lines.having(place, neutral).gradient()) for p in self.points):
                told = f"is that of a loss without {operand_in_words(place, line)} in {place_in_words(replace(place, slot=None), line)}"
                found.setdefault((line.file, line.number), Found("path-factor", told, ((line.file, line.number),)))
        return next(iter(found.values())) if len(found) == 1 else None

    def _has(self, place: Site, number: float) -> bool:
        """Whether the gradients are those with another number there. What is so with others, too, acts by a comparison alone."""
        return all(p.explained(self._having(p, place, number)) for p in self.points)

    def _having(self, point: Answered, place: Site, number: float) -> Floats:
        """The gradient at a point with another number in a place: everything is computed again."""
        self.left -= ANEW * point.lines.cost
        return point.lines.having(place, number).gradient()

    def _number(self, place: Site) -> float | None:
        """The number at which the error along its own direction vanishes at the first point; None if there is none, or the budget is used
        up.
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
        """Two places that exchange their parts; None if another pair would do as well."""
        s = self._only(self.first.lines.exchanges())
        if s is None or s.other is None:
            return None
        lines = [self.first.lines.line(p) for p in (s.place, s.other)]
        told = f"has what comes through {self._told(s.place)} and {self._told(s.other)} exchanged"
        return Found(s.code, told, tuple(dict.fromkeys((line.file, line.number) for line in lines)))

    def taken(self) -> Found | None:
        """One place with the factor of another; None if others would do as well."""
        s = self._only(self.first.lines.takings())
        if s is None or s.other is None:
            return None
        line = self.first.lines.line(s.place)
        told = f"has the factor of {self._told(s.other)} for that of {self._told(s.place)}"
        return Found(s.code, told, ((line.file, line.number),))

    def _told(self, place: Site) -> str:
        return place_in_words(place, self.first.lines.line(place)) + self.first.lines.when(place)

    def _only(self, slips: Iterator[Slip]) -> Slip | None:
        """The only one of these slips that explains the answers, among those within the budget."""
        self.budget = max(self.budget, MOST_WORK // 4)
        found: dict[tuple[Any, ...], Slip] = {}
        for s in islice(slips, PAIRED):
            if (column := self.column(s)) is None:
                break
            if s.other is not None and self.first.fits(column) and self.explains(s):
                found.setdefault(tuple((p.key[: 2 if p.slot is None else 3], p.slot, p.steps) for p in (s.place, s.other)), s)
        return next(iter(found.values())) if len(found) == 1 else None

    def derivative_once(self) -> Found | None:
        """Another derivative in one of the runs of a function, as of one that is called at several places."""
        return self.derivative(apart=True)

    def derivative(self, *, apart: bool = False) -> Found | None:
        """Another derivative of one function; None if that of another line would do as well."""
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
            found = {where: (s, due) for where, (s, due) in found.items() if s.how != ROOT_DERIVATIVE}
        if len(found) != 1:
            return None
        ((s, due),) = found.values()
        line = lines.line(s.place)
        told = derivative_in_words(s, line, due, lines.when(s.place), root=lines.is_root(s.place.key))
        return Found(s.code, told, ((line.file, line.number),))

    def two(self) -> Found | None:
        """Two slips together, without an open number."""
        size = float(np.max(np.abs(self.first.due)))
        plain = (s for s in self.columns if s.other is None and s.order is None and s.place.steps == "all" and s.how not in ALONE)
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


def _together(lines: Lines, group: tuple[Kind, ...], axes: Sequence[Summation]) -> Floats:
    """The gradient with reductions along other axes."""
    done = (replace(a, inside=kind[3]) for kind, a in zip(group, axes, strict=True))
    return lines.gradient([Slip("broadcast-sum", "along", Site(kind[:3]), along=a) for kind, a in zip(group, done, strict=True)])


def _apart(lines: Lines, group: tuple[Kind, ...], axes: Sequence[Summation]) -> Floats:
    """The same where what comes through one of them does not go through another."""
    none: tuple[Summation, ...] = (CUT,) * len(group)
    nothing, found = _together(lines, group, none), np.zeros(lines.tape.variables.shape)
    for k, a in enumerate(axes):
        found += _together(lines, group, (*none[:k], a, *none[k + 1 :])) - nothing
    return nothing + found


BESIDE = 1e-3
"""Relative step of a constant with which the secant method starts."""
