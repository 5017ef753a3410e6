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
    """The answer is not finite where careful code need not be: it says nothing."""


Screen = Callable[[NDArray[np.float64], NDArray[np.float64], Vectorised], tuple[NDArray[np.float64], NDArray[np.bool_]]]
"""(values (B,), gradients (B, …), what is about true) → (strain, whether it is looked at as closely as by the law), each (B,)."""

KEPT = 8
"""Points whose truth is kept: more than any law asks for again."""


NUMBERS = 1_000_000
"""Numbers of answers, and of the cases that they answer, that are kept: some ten thousand small ones."""


VALUES = 4096
"""Losses that are kept where no gradient was asked for: those of some hundred lines."""


class AnswerCache:
    """The latest answers of a candidate, by their cases: laws ask for many of the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[Answer, int]] = OrderedDict()
        self._values: OrderedDict[Hashable, float] = OrderedDict()
        self._numbers = 0
        self._others: dict[Hashable, Any] = {}

    def of(self, case: Case, ask: Callable[[Case], Answer]) -> Answer:
        """The answer at the case. Raises what the candidate does, as often as it is asked."""
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
        """The loss at the case, if it was answered, or what is asked for now."""
        known = self._known.get(case.key)
        if known is not None:
            return known[0].value
        if case.key not in self._values:
            self._values[case.key] = ask()
            if len(self._values) > VALUES:
                self._values.popitem(last=False)
        return self._values[case.key]

    def once(self, question: Hashable, ask: Callable[[], T]) -> T:
        """What comes of another question that laws ask alike."""
        if question not in self._others:
            self._others[question] = ask()
        found: T = self._others[question]
        return found

    def clear(self) -> None:
        """Forgets them."""
        self._known.clear()
        self._others.clear()
        self._values.clear()
        self._numbers = 0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A candidate beside the truth it is judged by. Subjects of the same objective may share `truths`, the latest `kept` of them.

    With `answers` the candidate is not asked again at a case whose answer is among them: only while nobody but the suite runs, who might
    change what it does.
    `approximate` says that the candidate's Hessian is declared an approximation. `other_values` are those of the parameters that the
    candidate takes at which it is judged as well: cases that name a value are judged by the subject `at` it.
    """

    candidate: Way
    oracle: Truth
    truths: OrderedDict[Hashable, Point] = field(default_factory=OrderedDict, repr=False, compare=False)
    kept: int = KEPT
    answers: AnswerCache | None = field(default=None, repr=False, compare=False)
    answered: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    approximate: bool = False
    other_values: tuple[Mapping[str, float], ...] = ()
    elsewhere: dict[Hashable, Subject] = field(default_factory=dict, repr=False, compare=False)

    @property
    def own(self) -> dict[str, float]:
        """The values here of the parameters that vary."""
        return {name: self.oracle.parameters[name] for name in (self.other_values[0] if self.other_values else ())}

    def at(self, parameters: Mapping[str, float]) -> Subject:
        """The same where parameters of the loss have these values. Raises UsageError for one that the candidate does not take."""
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
        """The truth of linear scores, or of scores, which some laws are about."""
        assert self.oracle.scored is not None
        return self.oracle.scored

    @property
    def named(self) -> InstanceOracle:
        """The truth of a function of named inputs, which others are about."""
        assert self.oracle.named is not None
        return self.oracle.named

    @property
    def form(self) -> Form:
        """What these are a function of."""
        return self.scored.objective.form

    def forget(self) -> None:
        """What was answered."""
        for subject in (self, *self.elsewhere.values()):
            if subject.answers is not None:
                subject.answers.clear()

    def forget_all(self) -> None:
        """What was answered, and what was derived."""
        self.forget()
        for subject in (self, *self.elsewhere.values()):
            subject.truths.clear()
            subject.answered.clear()

    def ask(self, case: Case) -> Answer:
        """What the candidate answers at the case now."""
        return self.candidate(**case.values)

    def reply(self, case: Case) -> Answer:
        """What the candidate answers at the case, whatever that is."""
        return self.ask(case) if self.answers is None else self.answers.of(case, self.ask)

    def answer(self, case: Case) -> Answer:
        """The same where it is evidence. Raises OutOfRange where it is not finite and need not be."""
        found = self.reply(case)
        lost = not np.isfinite(found.gradient).all() or (self.candidate.has_loss and not isfinite(found.value))
        if lost and self.excused(self.truth(case), found.value, found.gradient):
            raise OutOfRange
        return found

    def value(self, case: Case) -> float:
        """The loss alone, where the candidate answers that without its gradient. Raises OutOfRange as `answer` does."""
        way = self.candidate
        if not way.answers_alone:
            return self.answer(case).value
        found = way.value(**case.values) if self.answers is None else self.answers.value(case, lambda: way.value(**case.values))
        return found if isfinite(found) else self.answer(case).value

    def excused(self, truth: Point, value: float, gradient: NDArray[np.floating]) -> bool:
        """Whether an answer is not finite and need not be there."""
        return truth.excuses(value if self.candidate.has_loss else 0.0, gradient)

    def is_outside(self, case: Case) -> bool:
        """Whether code that is its own formula was asked away from its example when it raised, where its domain may end: the case is, or a
        step from it is, since at the case itself it answers.
        """
        if self.oracle.is_elsewhere(case.values):
            return True
        if self.oracle.code is None:
            return False
        try:
            self.ask(case)
        except Misbehaviour:
            return False
        return True

    def once(self, question: str, ask: Callable[[], T]) -> T:
        """The answer to a question about the candidate that does not depend on the case."""
        if question not in self.answered:
            self.answered[question] = ask()
        found: T = self.answered[question]
        return found

    def truth(self, case: Case) -> Point:
        """What is true there. The latest points are kept, since a law asks for one several times."""
        key = case.key
        if key not in self.truths:
            self.truths[key] = self.oracle.at(**case.values)
            if len(self.truths) > self.kept:
                self.truths.popitem(last=False)
        return self.truths[key]


def within(value: float, truth: arb, noise: float, magnitude: float, **where: Any) -> Evidence:
    """The evidence that a value lies within `noise` of a true ball: none where that has no end."""
    middle, half = float(truth.mid()), float(truth.rad())
    outside = float(np.maximum(abs(value - middle) - half, 0.0))  # NaN stays NaN
    told = where | {"measured": value, "expected": middle}
    allowed = noise if np.isfinite(middle) and np.isfinite(half) else np.inf
    return Evidence(measured=outside, allowed=allowed, magnitude=magnitude, width=half, where=told)


def always(_: Subject) -> str | None:
    """Applies to everything."""
    return None


def claims_convexity(subject: Subject) -> str | None:
    """Applies where the loss claims to be convex and the penalty is."""
    return None if subject.oracle.claims_convexity else "the loss does not claim convexity"


def in_full_precision(subject: Subject) -> str | None:
    """Applies where answers are not in half precision."""
    half = subject.oracle.half
    return None if half is None else f"it answers in {half}, where rounding swamps every decrease that is certain"


def has_switches(subject: Subject) -> str | None:
    """Applies where there are kinks."""
    return None if subject.oracle.has_switches else "the formula has no switches: no max, abs or comparison"


def _never(_: Subject) -> bool:
    return False


def _within_range(measure: Callable[[Subject, Case], Measurement]) -> Callable[[Subject, Case], Measurement]:
    """The same question, undecided where an answer that it needs is out of range."""

    @wraps(measure)
    def decided(subject: Subject, case: Case) -> Measurement:
        try:
            with np.errstate(all="ignore"):  # a warning of ours would be taken for one of the candidate
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
    """`measure(subject, case)` returns what it found; it never judges. `inapplicable(subject)` says why there is nothing to ask.

    `judges` are the candidate's answers that may be what is wrong where it is broken, the likeliest first, where diagnosis starts: none of
    a law about how the candidate behaves. A law that `needs_loss` asks nothing of objectives that return gradients only, one that
    `needs_gradient` nothing of values alone. `screen` is its inequality on many problems at once, in double precision: it finds suspects
    for `measure`. Of subjects of which it `only_tells` limitations it is never broken.

    One that is `decisive` stays where recorded code leaves it silent: the verdict on such code rests on these. One that `steers` compares
    an answer with the truth: the nearer that is to what it allows, the nearer it is to breaking any other law. One that is `of_behaviour`
    is about what the candidate does wherever it is asked, whatever properties its inputs have there.
    """

    name: str
    statement: str
    measure: Callable[[Subject, Case], Measurement]
    judges: tuple[str, ...] = ()
    inapplicable: Callable[[Subject], str | None] = always
    needs_loss: bool = False
    needs_gradient: bool = True
    decisive: bool = False
    steers: bool = False
    of_behaviour: bool = False
    screen: Screen | None = None
    only_tells: Callable[[Subject], bool] = _never

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", _within_range(self.measure))

    def why_not(self, subject: Subject) -> str | None:
        """The reason why the law does not apply, None where it does."""
        if self.needs_gradient and not subject.candidate.has_gradient:
            return NO_GRADIENT
        return "the candidate returns no loss" if self.needs_loss and not subject.candidate.has_loss else self.inapplicable(subject)
