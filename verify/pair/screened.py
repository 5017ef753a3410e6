"""Laws in double precision with radii: what they decide clearly need not be derived in balls.

An answer is *explained* if it is certainly no farther from the truth than careful code may be, without any slack: a quarter of what the
laws allow. If the values at the ends of a difference are explained, and the gradient is, all laws about differences follow from the truth
of the loss, whatever its truncation: |D(h) − ⟨g, d⟩ − truncation| ≤ 2ε/h + Σ r|d|.

Unexplained answers, ties, and cases that the radii leave open are undecided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.difference import coarse, direction, moved
from verify.errors import NoGPUError
from verify.evidence import Evidence, Measurement
from verify.laws import OutOfRange, Subject
from verify.laws.best_step import GARBAGE
from verify.laws.crossing import NO_KINK
from verify.laws.descent import EXPONENTS as DOWNHILL
from verify.laws.formula import MAX_ALLOWANCE
from verify.laws.gradient import input_of
from verify.laws.line import Line, through
from verify.laws.paths import moved_by_careful_code, there
from verify.oracle import InstanceOracle
from verify.problem import Values
from verify.rounding import BEYOND_BEST_STEP, SLACK, WINDOW, ulps
from verify.traced import Code, NotTraced, ahead
from verify.traced.approximate import Approximate

Floats = NDArray[np.floating]

EXPONENTS = (0, 1, 2, 3, 4, 8, 9, 12, 16, 20)
"""Exponents of the steps h = 2^-k for differences: those of all laws, or steps beside them, some of them neighbours, as an order needs."""
ON_A_KINK, OFF_KINKS = "on a kink", "not on a kink"


def screened(law: str, subject: Subject, case: Case) -> Measurement | None:
    """The law's measurement; None if balls must decide. Raises what the law raises, including NotTraced."""
    asked = ASKED.get(law)
    return None if asked is None else asked(subject, case)


def _code(subject: Subject) -> tuple[Code, InstanceOracle]:
    code: Code = subject.oracle.code
    return code, subject.named


def _values(subject: Subject, case: Case, points: NDArray[np.float64]) -> tuple[Approximate, list[object]]:
    code, oracle = _code(subject)
    found, patterns = ahead.values_along(code, case.values, points, moved_by_careful_code(oracle, case))
    return found, [*patterns]


def _finite(answer: Answer) -> bool:
    return isfinite(answer.value) and bool(np.all(np.isfinite(answer.gradient)))


def _value(subject: Subject, case: Case) -> Measurement | None:
    value = subject.raw_answer(case).value
    approximate, _ = _values(subject, case, case.x.reshape(1, -1).astype(np.float64))
    if not approximate.explains(np.array([value])):
        return None
    expected = float(approximate.value[0])
    error = abs(value - expected)
    told = {"measured": value, "expected": expected}
    allowed = SLACK * float(approximate.careful[0])
    digits = ulps(error, expected, case.dtype)
    return Measurement(evidence=(Evidence(measured=error, allowed=allowed, magnitude=abs(expected), ulps=digits, where=told),))


def _gradient(subject: Subject, case: Case) -> Measurement | None:
    here, g = there(subject, case), subject.raw_answer(case).gradient
    approximate, flat = here.gradient, np.ravel(g).astype(np.float64)
    if here.kinked or flat.shape != approximate.value.shape or not approximate.explains(flat):
        return None
    error = np.abs(flat - approximate.value)
    k = int(np.argmax(np.where(approximate.careful > 0, error / np.where(approximate.careful > 0, approximate.careful, 1.0), 0.0)))
    entry = tuple(int(i) for i in np.unravel_index(k, g.shape))
    expected, allowed = float(approximate.value[k]), SLACK * float(approximate.careful[k])
    told = {"entry": [*entry], **input_of(case, entry), "measured": float(flat[k]), "expected": expected, "ambiguous switches": 0}
    finest = float(np.min(approximate.careful / np.maximum(approximate.size, approximate.careful))) or 1.0
    return Measurement(
        evidence=(
            Evidence(
                measured=float(error[k]),
                allowed=allowed,
                magnitude=allowed / (SLACK * finest),
                ulps=ulps(float(error[k]), expected, case.dtype),
                where=told,
            ),
        )
    )


def _formula(subject: Subject, case: Case) -> Measurement | None:
    code, _ = _code(subject)
    here = there(subject, case)
    width = None if here.kinked else code.is_near(case.values, here)
    if width is None:
        return None
    size = float(np.max(here.gradient.size, initial=0.0))
    return Measurement(evidence=(Evidence(measured=0.0, allowed=MAX_ALLOWANCE * size, magnitude=size, width=width * size),))


def _membership(subject: Subject, case: Case) -> Measurement | None:
    return None if there(subject, case).kinked else Measurement(undecided=OFF_KINKS)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Steps:
    """Steps along a line, and all `points` that are asked: its start, the ends ahead of it, and those behind it."""

    line: Line
    lengths: list[float]
    points: list[Floats]

    @property
    def rows(self) -> NDArray[np.float64]:
        """The points in rows."""
        return np.array([p.ravel() for p in self.points], np.float64)


def _steps(subject: Subject, case: Case, d: Floats, *, downhill: bool) -> _Steps:
    """The steps from a case: downhill only ahead, those of `descent`; else those of all other laws, and the tiny one of `best-step`."""

    def found() -> _Steps:
        line = through(subject, case, d)
        steps = line.steps(*(DOWNHILL if downhill else EXPONENTS))
        points = [line.case.x, *(x for _, x, _ in steps)]
        if not downhill:
            garbage = moved(line.case.x, line.d, GARBAGE)
            points += [x for _, _, x in steps] + ([] if garbage is None else [garbage])
        return _Steps(line=line, lengths=[h for h, _, _ in steps], points=points)

    return _code(subject)[0].once(("steps", case.key, d.tobytes(), downhill), found)


class _Along:
    """The approximate truth at steps along a line, and the candidate's answers, computed once for all laws."""

    def __init__(self, subject: Subject, steps: _Steps) -> None:
        line = steps.line
        self.steps = steps.lengths
        self.direction = np.ravel(line.d).astype(np.float64)
        self.d = np.abs(self.direction)
        answer = line.here
        self.values = np.array([answer.value, *(line.value(x) for x in steps.points[1:])])
        here = there(subject, line.case)
        self.gradient, self.kinked = here.gradient, here.kinked
        self.approximate, self.patterns = _values(subject, line.case, steps.rows)
        self.slopes = np.ravel(answer.gradient).astype(np.float64)
        self.explained = _finite(answer) and self.approximate.explains(self.values)

    @property
    def slopes_explained(self) -> bool:
        """Whether the gradient is explained."""
        return not self.kinked and self.gradient.explains(self.slopes)

    @cached_property
    def slope(self) -> float:
        """⟨g, d⟩ with the candidate's gradient."""
        return float(np.sum(self.slopes * self.direction))

    @cached_property
    def true_slope(self) -> float:
        """⟨g, d⟩ with the true gradient."""
        return float(np.sum(self.gradient.value * self.direction))

    @cached_property
    def noise(self) -> float:
        """The error bound of the true slope."""
        return float(np.sum(self.gradient.radius * self.d))

    @cached_property
    def size(self) -> float:
        """The magnitude of the terms of the true slope."""
        return float(np.sum(self.gradient.size * self.d))

    @cached_property
    def slope_off(self) -> tuple[float, float]:
        """At most how far the candidate's slope is from the true one, and how far it may be."""
        return float(np.sum(self.gradient.off(self.slopes) * self.d)), SLACK * float(np.sum(self.gradient.careful * self.d))

    @cached_property
    def off(self) -> Floats:
        """At most how far the candidate's losses are from the true ones."""
        return self.approximate.off(self.values)

    def rise(self, h: float) -> tuple[float, float]:
        """D⁺(h) of the true loss, and its error bound."""
        k = 1 + self.steps.index(h)
        rise = float(self.approximate.value[k] - self.approximate.value[0]) / h
        return rise, float(self.approximate.radius[k] + self.approximate.radius[0]) / h

    def confirms(self, law: str) -> bool:
        """Whether forward differences answer the law's own question: their known error falls like h on two neighbouring steps where
        rounding does not hide it; or a longer step than the best one is certainly worse.
        """
        seen: dict[float, tuple[float, float, float]] = {}
        for h in self.steps:
            rise, unsure = self.rise(h)
            truncation, unsure = rise - self.true_slope, unsure + self.noise
            seen[h] = abs(truncation) - unsure, abs(truncation) + unsure, self.evidence(h, slope=True).allowed
        if law == "order":
            windows = {h for h, (least, _, rounding) in seen.items() if least >= WINDOW * rounding}
            return any(
                h / 2 in windows and seen[h][0] >= 2**0.5 * seen[h / 2][1] and seen[h][1] <= 2**1.5 * seen[h / 2][0] for h in windows
            )
        best = min(seen, key=lambda h: seen[h][1] + seen[h][2])
        return any(h >= BEYOND_BEST_STEP * best and least - rounding > sum(seen[best][1:]) for h, (least, _, rounding) in seen.items())

    def evidence(self, h: float, *, slope: bool) -> Evidence:
        """The forward difference at a step of the ladder against the true one; with `slope` against the slope, whose error counts then."""
        k, careful = 1 + self.steps.index(h), self.approximate.careful
        measured, allowed = float(self.off[0] + self.off[k]) / h, 2 * SLACK * float(max(careful[0], careful[k])) / h
        if slope:
            measured, allowed = measured + self.slope_off[0], allowed + self.slope_off[1]
        told = {
            "method": "forward",
            "h": h,
            "measured": float(self.values[k] - self.values[0]) / h,
            "expected": float(self.approximate.value[k] - self.approximate.value[0]) / h,
        }
        return Evidence(measured=measured, allowed=allowed, magnitude=self.size, where=told)


def _along(subject: Subject, case: Case, d: Floats, *, downhill: bool = False) -> _Along:
    steps = _steps(subject, case, d, downhill=downhill)
    return _code(subject)[0].once(("along", case.key, d.tobytes(), downhill), lambda: _Along(subject, steps))


def _differences(law: str, *, slope: bool) -> Callable[[Subject, Case], Measurement | None]:
    """A law on differences along the direction that the case draws; with `slope` also on their limit."""

    def asked(subject: Subject, case: Case) -> Measurement | None:
        along = _along(subject, case, _own_direction(subject, case))
        if slope and along.kinked:
            return Measurement(undecided=ON_A_KINK)
        if not along.explained or not along.steps or (slope and not along.slopes_explained):
            return None
        found = tuple(along.evidence(h, slope=slope) for h in along.steps)
        return Measurement(evidence=found) if (along.confirms(law) if slope else any(e.sees for e in found)) else None

    return asked


def _own_direction(_: Subject, case: Case) -> Floats:
    """The direction that the case draws."""
    return direction(case.seed, case.x.shape, case.dtype)


def _crossing(subject: Subject, case: Case) -> Measurement | None:
    """The law `crossing`, if other pieces are active at the end of a step than at its start."""
    along = _along(subject, case, _own_direction(subject, case))
    if not along.explained:
        return None
    turned = [h for k, h in enumerate(along.steps) if along.patterns[1 + k] != along.patterns[0]]
    found = tuple(along.evidence(h, slope=False) for h in turned)
    return Measurement(evidence=found, undecided=None if any(e.sees for e in found) else NO_KINK) if not turned or found else None


def _downhill(subject: Subject, case: Case) -> Floats | None:
    """−g, rounded; None on a kink, and where g may be 0."""
    here, g = there(subject, case), subject.raw_answer(case).gradient
    if here.kinked or not np.all(np.isfinite(g)) or np.max(np.abs(g) - 16 * here.gradient.careful.reshape(g.shape)) <= 0:
        return None
    return coarse(-g.astype(np.float64), case.dtype)


def _descent(subject: Subject, case: Case) -> Measurement | None:
    """The law `descent` along −g, right or not: at the steps after which the true loss has fallen by half of what the slope predicts.
    Otherwise sup f'' ≥ 2(D⁺(h) − f') must show that the step is longer than the law demands.
    """
    d = _downhill(subject, case)
    if d is None:
        return None
    along = _along(subject, case, d, downhill=True)
    slope = along.slope
    if along.kinked or not along.explained or not slope < 0:
        return None
    found = []
    for h in along.steps:
        rise, unsure = along.rise(h)
        if rise + unsure <= slope / 2:
            lost = along.evidence(h, slope=False)
            found.append(replace(lost, magnitude=-slope / 2))
        elif not along.slopes_explained and not 2 * (rise - unsure - along.true_slope - along.noise) > -slope:
            return None
    return Measurement(evidence=tuple(found)) if any(e.sees for e in found) else None


ASKED: dict[str, Callable[[Subject, Case], Measurement | None]] = {
    "value": _value,
    "gradient": _gradient,
    "formula": _formula,
    "membership": _membership,
    "one-sided": _membership,
    "enclosure": _differences("enclosure", slope=False),
    "order": _differences("order", slope=True),
    "best-step": _differences("best-step", slope=True),
    "crossing": _crossing,
    "descent": _descent,
}

Way = Callable[[Subject, Case], Floats | None]
WAYS: dict[str, Way] = {"own direction": _own_direction, "downhill": _downhill}
ALONG = {**dict.fromkeys(("enclosure", "order", "best-step", "crossing"), "own direction"), "descent": "downhill"}
"""The laws along lines, each with the direction of these."""
NO_POINTS = np.empty((0, 0))


def look_ahead(law: str, subject: Subject, cases: Callable[[], Iterable[Case]]) -> None:
    """Has the truth known at these cases, and along the lines from there that the law asks about."""
    for way in dict.fromkeys(("", ALONG.get(law, ""))):
        subject.once(f"looked ahead {way}", partial(_look_ahead, subject, cases, WAYS.get(way)))


def _look_ahead(subject: Subject, cases: Callable[[], Iterable[Case]], way: Way | None) -> None:
    ahead.look_ahead(_code(subject)[0], _asked(subject, cases(), way))


def _asked(subject: Subject, cases: Iterable[Case], way: Way | None) -> Iterator[tuple[Values, NDArray[np.float64], NDArray[np.float64]]]:
    """What will be asked for at the cases, or along a line from each."""
    oracle = subject.named
    for case in cases:
        with suppress(NotTraced, OutOfRange, Misbehaviour, NoGPUError):
            if way is None:
                yield case.values, moved_by_careful_code(oracle, case), NO_POINTS
            elif (d := way(subject, case)) is not None:
                steps = _steps(subject, case, d, downhill=way is _downhill)
                yield steps.line.case.values, moved_by_careful_code(oracle, steps.line.case), steps.rows
