"""A law: a name, its inequality, and a function that measures it on one case."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from math import isfinite
from typing import Any, TypeVar

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.candidates import NO_GRADIENT, Answer, Misbehaviour, Way, process_globals
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.form import Form
from verify.oracle import InstanceOracle, Oracle, Point, Truth
from verify.oracle.vectorised import Vectorised
from verify.traced import NotTraced

T = TypeVar("T")

OUT_OF_RANGE = "the truth, or a number on the way to it, does not fit the dtype: smaller scores would decide it"


class OutOfRange(Exception):
    """The answer is not finite where careful code need not be finite: it decides nothing."""


Screen = Callable[[NDArray[np.float64], NDArray[np.float64], Vectorised], tuple[NDArray[np.float64], NDArray[np.bool_]]]
"""A function of values (B,), gradients (B, …) and an approximate truth that returns the strains (B,) and whether each was judged as
strictly as by the law, (B,).
"""

LEAST_POINTS = 8
"""Points whose truth is always cached: more than any law needs again."""


NUMBERS = 1_000_000
"""Numbers in the cached answers and their cases: some ten thousand small ones."""


VALUES = 4096
"""Cached losses of calls without a gradient: those of some hundred lines."""


class AnswerCache:
    """The latest answers of a candidate, by case: laws share many of their cases."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[Answer, int]] = OrderedDict()
        self._values: OrderedDict[Hashable, float] = OrderedDict()
        self._numbers = 0
        self._others: dict[Hashable, Any] = {}

    def of(self, case: Case, ask: Callable[[Case], Answer]) -> Answer:
        """The cached or new answer at a case. Raises the candidate's error again each time."""
        known = self._known.get(case.key)
        if known is not None:
            return known[0]
        found = ask(case)
        size = sum(np.size(a) for a in (*case.values.values(), *found.gradients.values(), found.curvature))
        self._known[case.key] = found, size
        self._numbers += size
        while self._numbers > NUMBERS:
            self._numbers -= self._known.popitem(last=False)[1][1]
        return found

    def value(self, case: Case, ask: Callable[[], float]) -> float:
        """The loss at a case, cached or computed by `ask`."""
        known = self._known.get(case.key)
        if known is not None:
            return known[0].value
        if case.key not in self._values:
            self._values[case.key] = ask()
            if len(self._values) > VALUES:
                self._values.popitem(last=False)
        return self._values[case.key]

    def once(self, question: Hashable, ask: Callable[[], T]) -> T:
        """The cached result of `ask` under the key `question`, which laws share."""
        if question not in self._others:
            self._others[question] = ask()
        found: T = self._others[question]
        return found

    def clear(self) -> None:
        """Empties the cache."""
        self._known.clear()
        self._others.clear()
        self._values.clear()
        self._numbers = 0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A candidate beside the truth it is judged by. Subjects of the same objective may share `truths`, the latest `kept` of them.

    With `answers`, cached answers are reused: only while no code but the suite runs that might change the candidate's behaviour.
    `approximate` says that the candidate's Hessian is declared an approximation. `other_values` are further values of the candidate's
    parameters at which it is judged: a case that names one is judged by the subject `at` that value.
    """

    candidate: Way
    oracle: Truth
    truths: OrderedDict[Hashable, Point] = field(default_factory=OrderedDict, repr=False, compare=False)
    kept: int = LEAST_POINTS
    answers: AnswerCache | None = field(default=None, repr=False, compare=False)
    answered: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    approximate: bool = False
    other_values: tuple[Mapping[str, float], ...] = ()
    elsewhere: dict[Hashable, Subject] = field(default_factory=dict, repr=False, compare=False)

    @property
    def own(self) -> dict[str, float]:
        """The present values of the parameters that vary."""
        return {name: self.oracle.parameters[name] for name in (self.other_values[0] if self.other_values else ())}

    def at(self, parameters: Mapping[str, float]) -> Subject:
        """The subject with these values of the loss's parameters. Raises UsageError for a parameter that the candidate does not take."""
        own = self.oracle.parameters
        if all(own[name] == value for name, value in parameters.items()):
            return self
        key = tuple({**own, **parameters}.items())
        if key not in self.elsewhere:
            oracle = self.oracle.with_parameters(parameters)
            self.elsewhere[key] = replace(
                self,
                candidate=self.candidate.at(parameters),
                oracle=oracle,
                other_values=(),
                truths=OrderedDict(),
                answers=None if self.answers is None else AnswerCache(),
            )
        return self.elsewhere[key]

    @property
    def scored(self) -> Oracle:
        """The oracle of a loss with labels. Only for laws that apply to those."""
        assert self.oracle.scored is not None
        return self.oracle.scored

    @property
    def named(self) -> InstanceOracle:
        """The oracle of a function of named inputs. Only for laws that apply to those."""
        assert self.oracle.named is not None
        return self.oracle.named

    @property
    def form(self) -> Form:
        """The form of a loss with labels."""
        return self.scored.objective.form

    def forget(self) -> None:
        """Drops the cached answers."""
        for subject in (self, *self.elsewhere.values()):
            if subject.answers is not None:
                subject.answers.clear()

    def forget_all(self) -> None:
        """Drops the cached answers and truths."""
        self.forget()
        for subject in (self, *self.elsewhere.values()):
            subject.truths.clear()
            subject.answered.clear()

    def call(self, case: Case) -> Answer:
        """The candidate's answer at a case by a new call, whatever is cached: for laws about behaviour."""
        return self.candidate(**case.values)

    def raw_answer(self, case: Case) -> Answer:
        """The candidate's answer at a case, cached or new, even where it is not finite and need not be."""
        return self.call(case) if self.answers is None else self.answers.of(case, self.call)

    def answer(self, case: Case) -> Answer:
        """The `raw_answer` as evidence. Raises OutOfRange where it is not finite and need not be."""
        found = self.raw_answer(case)
        lost = not np.isfinite(found.gradient).all() or (self.candidate.has_loss and not isfinite(found.value))
        if lost and self.excused(self.truth(case), found.value, found.gradient):
            raise OutOfRange
        return found

    def value(self, case: Case) -> float:
        """The loss, without the gradient where the candidate can. Raises OutOfRange as `answer` does."""
        way = self.candidate
        if not way.answers_alone:
            return self.answer(case).value
        found = way.value(**case.values) if self.answers is None else self.answers.value(case, lambda: way.value(**case.values))
        return found if isfinite(found) else self.answer(case).value

    def excused(self, truth: Point, value: float, gradient: NDArray[np.floating]) -> bool:
        """Whether an answer is not finite at a point where it need not be."""
        return truth.excuses(value if self.candidate.has_loss else 0.0, gradient)

    def is_outside(self, case: Case) -> bool:
        """Whether code that is its own formula raised away from its example, where its domain may end: the case lies away from it, or the
        code answers at the case and raised at a step from it.
        """
        if self.oracle.is_elsewhere(case.values):
            return True
        if self.oracle.code is None:
            return False
        try:
            self.call(case)
        except Misbehaviour:
            return False
        return True

    def once(self, question: str, ask: Callable[[], T]) -> T:
        """The cached result of a question about the candidate that does not depend on the case."""
        if question not in self.answered:
            self.answered[question] = ask()
        found: T = self.answered[question]
        return found

    def truth(self, case: Case) -> Point:
        """The truth at a case. The latest are cached, since a law needs one several times."""
        key = case.key
        if key not in self.truths:
            self.truths[key] = self.oracle.at(**case.values)
            if len(self.truths) > self.kept:
                self.truths.popitem(last=False)
        return self.truths[key]


def within(value: float, truth: arb, noise: float, magnitude: float, **where: Any) -> Evidence:
    """Evidence that a value lies within `noise` of a ball around the true value; the allowance is infinite if the ball is unbounded."""
    middle, half = float(truth.mid()), float(truth.rad())
    outside = float(np.maximum(abs(value - middle) - half, 0.0))  # NaN stays NaN
    told = where | {"measured": value, "expected": middle}
    allowed = noise if np.isfinite(middle) and np.isfinite(half) else np.inf
    return Evidence(measured=outside, allowed=allowed, magnitude=magnitude, width=half, where=told)


def nowhere(_: Subject) -> str | None:
    """Inapplicable to nothing."""
    return None


def unless_convex(subject: Subject) -> str | None:
    """Inapplicable unless the loss claims to be convex and the penalty is convex."""
    return None if subject.oracle.claims_convexity else "the loss does not claim convexity"


def unless_precise(subject: Subject) -> str | None:
    """Inapplicable to candidates that answer in half precision."""
    half = subject.oracle.half
    return None if half is None else f"it answers in {half}, where rounding swamps every decrease that is certain"


def unless_kinked(subject: Subject) -> str | None:
    """Inapplicable to functions without kinks."""
    return None if subject.oracle.has_switches else "the formula has no switches: no max, abs or comparison"


def _never(_: Subject) -> bool:
    return False


def _within_range(measure: Callable[[Subject, Case], Measurement]) -> Callable[[Subject, Case], Measurement]:
    """The measurement, undecided where a needed answer is out of range."""

    @wraps(measure)
    def decided(subject: Subject, case: Case) -> Measurement:
        try:
            with np.errstate(all="ignore"):  # the suite's warnings would be taken for the candidate's
                return process_globals.undisturbed(lambda: measure(subject, case), subject.forget_all)
        except OutOfRange:
            return Measurement(undecided=OUT_OF_RANGE)
        except NotTraced as error:
            return Measurement(undecided=f"not recorded: {error}")
        except Misbehaviour as error:
            if error.code != "crashed" or not subject.is_outside(case):
                raise
            return Measurement(undecided="refused: outside the domain")

    return decided


@dataclass(frozen=True, kw_only=True)
class Law:
    """An inequality that right code satisfies at every input, with how it is measured and what it is asked of."""

    name: str
    statement: str
    """The inequality in words, for users."""
    measure: Callable[[Subject, Case], Measurement]
    """Returns a measurement and never judges."""
    judges: tuple[str, ...] = ()
    """The candidate's answers that may be wrong if the law is broken, the likeliest first, where diagnosis starts; none for behaviour."""
    inapplicable: Callable[[Subject], str | None] = nowhere
    """The reason why the law does not apply to a subject, or None."""
    needs_loss: bool = False
    """Whether it does not apply to objectives that return only gradients."""
    needs_gradient: bool = True
    """Whether it does not apply to values alone."""
    decisive: bool = False
    """Whether the verdict on recorded code rests on it: where it cannot decide there, it is reported silent, and not left out."""
    steers: bool = False
    """Whether it compares an answer with the truth: the greater its strain, the nearer the case is to breaking other laws."""
    of_behaviour: bool = False
    """Whether it is about the candidate's behaviour at any inputs, whatever their properties."""
    of_arithmetic: bool = False
    """Whether its strain measures the quality of the candidate's arithmetic: of recorded code it is shown with the digits of balls."""
    in_balls: bool = False
    """Whether balls judge recorded code at the example itself: differences, which others are about, double precision decides as well."""
    of_signs: bool = False
    """Whether, where it holds for recorded code, it reports what was not examined: signs that the example lacks."""
    along_lines: bool = False
    """Whether it asks recorded code along lines, at ten points or more for each case."""
    screen: Screen | None = None
    """The inequality on many problems at once, in double precision: it finds suspects for `measure`."""
    only_tells: Callable[[Subject], bool] = _never
    """Whether it only tells limitations of a subject, and is never broken."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", _within_range(self.measure))

    def why_not(self, subject: Subject) -> str | None:
        """The reason why the law does not apply; None where it does."""
        if self.needs_gradient and not subject.candidate.has_gradient:
            return NO_GRADIENT
        return "the candidate returns no loss" if self.needs_loss and not subject.candidate.has_loss else self.inapplicable(subject)
