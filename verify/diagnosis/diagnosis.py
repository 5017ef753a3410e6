"""From a broken law to the name of the bug.

The candidate is called on fixed cases besides the one that broke the law. A change that explains its errors on all of them is the bug; one
that explains only the broken cases is the bug with a condition; errors that nothing explains are called unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isfinite

import numpy as np

from verify.candidates import Misbehaviour, Scores
from verify.cases import Case
from verify.diagnosis import accuracy, clipping, inputs, kinks, reference_cases, weighting
from verify.diagnosis.conditions import only_when
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.memoised import Memoised, Watch
from verify.diagnosis.messages import messages
from verify.diagnosis.other_conventions import another
from verify.diagnosis.places import FIXED, pattern
from verify.diagnosis.regression import ErrorSystem, Explanation, explains, in_order, simplest
from verify.diagnosis.residuals import GRADIENT, HESSIAN, LOSS, Aspect, Residual, observation
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Diagnosis
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.form import form_of
from verify.laws import LAWS, Subject
from verify.laws.consistency import INCONSISTENT


def diagnose(
    law: str,
    subject: Subject,
    case: Case,
    what: Measurement | Misbehaviour,
    watch: Watch = lambda _: None,
    avoided: Sequence[Case] = (),
) -> Diagnosis:
    """The name of the bug that made `case` break a law, `unknown` if nothing explains it. `watch` receives each further case before the
    candidate is called; those `avoided` are skipped.
    """
    worst = None if isinstance(what, Misbehaviour) else what.worst
    if worst is None:
        return unnamed(what)
    measured, subject = _sentence(worst), Memoised.of(subject, watch, avoided)
    if subject.oracle.named is not None:
        by = f" by {worst.where['method']}" if {"entry", "method"} <= worst.where.keys() else ""
        return inputs.named(law, subject, case, worst, f"{measured}{by}")
    if "weights" in worst.where:
        return weighting.named(subject, case, worst)
    if _by_labels(law, subject, case):
        sentence = "the labels are float32, as data sets of boosters hold them, and are computed with in single precision"
        return Diagnosis("precision", sentence, kind="precision", measured=measured)
    aspects = _aspects(law, worst, subject)
    aspect, there = _where_it_is_wrong(law, subject, aspects, case)
    named = next((found for a in aspects if (found := _named(subject, a, there)) is not None), None)
    answer = None if aspect is None else aspect.name
    if aspects and (named is None or named.kind == "wrong") and not is_lost(worst) and (other := another(subject)) is not None:
        code, sentence = other
        if named is not None and named.code != "unknown":
            code = named.code
        elif law == "value":
            code = "value"
        return Diagnosis(code, sentence, kind="convention", measured=measured)
    if named is not None:
        return replace(named, measured=measured, answer=answer if named.code == "unknown" else None)
    if not is_lost(worst) and _varies(subject, case):
        return Diagnosis("nondeterministic", f"the candidate {INCONSISTENT}", kind="behaviour", measured=measured)
    found = unnamed(what)
    if is_lost(worst):
        message = f"{measured}: the computation leaves the range of the dtype"
        return replace(found, code="overflow", message=message, kind="precision", answer=answer)
    return replace(found, code=law if law in ("value", "curvature") else "unknown", answer=answer)


def unnamed(what: Measurement | Misbehaviour) -> Diagnosis:
    """What was found, where the candidate is asked no more."""
    if isinstance(what, Misbehaviour):
        return Diagnosis(what.code, f"the candidate {what}", kind="behaviour")
    assert what.worst is not None
    where = what.worst.where
    return Diagnosis("unknown", _sentence(what.worst), [where["entry"]] if "entry" in where else "all")


def _where_it_is_wrong(law: str, subject: Memoised, aspects: Sequence[Aspect], case: Case) -> tuple[Aspect | None, Case]:
    """The candidate's wrong answer, and where: at the case that broke the law, else at another that the law used (parts of a batch, the
    other end of a chord). (None, the case) if every answer is right by itself.
    """
    found = _first_wrong(subject, aspects, [case])
    if found is None and aspects:
        asked = replace(subject, remembered={})
        with suppress(Misbehaviour):
            LAWS[law].measure(asked, case)
        found = _first_wrong(subject, aspects, filter(_is_proper, asked.remembered))
    return found or (None, case)


def _is_proper(case: Case) -> bool:
    """Whether the oracle knows the truth at a case: laws about bad input use other numbers and labels."""
    form, y = form_of(case.values), case["y"]
    finite, classes = all(np.all(np.isfinite(case[name])) for name in form.real), form.classes(case.values)
    return finite and bool(y.min() >= 0) and (bool(y.max() < classes) or classes == 1)


def _first_wrong(subject: Memoised, aspects: Sequence[Aspect], cases: Iterable[Case]) -> tuple[Aspect, Case] | None:
    decompositions = [Decomposition(subject.scored, case) for case in cases]
    residuals = (
        (aspect, s.case)
        for aspect in aspects
        for s in decompositions
        if (residual := aspect.residual(subject, s)) is not None and residual.broken
    )
    return next(residuals, None)


def _varies(subject: Memoised, case: Case) -> bool:
    """Whether the candidate's answer changes by more than rounding when it is called again: then no formula explains the numbers."""
    truth = subject.scored.at(**case.values)
    try:
        first, second = (replace(subject, remembered={}).answer(case) for _ in range(2))
    except Misbehaviour:
        return False
    moved = np.abs(first.gradient.astype(np.float64) - second.gradient.astype(np.float64))
    return bool(np.any(moved > truth.gradient.radius)) or (
        subject.candidate.has_loss and bool(abs(first.value - second.value) > truth.value.radius)
    )


def _by_labels(law: str, subject: Memoised, case: Case) -> bool:
    """Whether the law holds if a data set holds its labels in double precision."""
    candidate = subject.candidate
    if not isinstance(candidate, Scores) or candidate.order != "PREDICTIONDATASET" or candidate.held == subject.scored.dtype:
        return False
    wide = replace(subject, candidate=replace(candidate, held=subject.scored.dtype), remembered={})
    try:
        return judge([LAWS[law].measure(wide, case)]) is Verdict.HOLDS
    except Misbehaviour:
        return False


def _named(subject: Memoised, aspect: Aspect, case: Case) -> Diagnosis | None:
    return Inquiry(subject, aspect).name(Decomposition(subject.scored, case))


def _aspects(law: str, worst: Evidence, subject: Memoised) -> tuple[Aspect, ...]:
    """The answers that may be wrong: the compared one, else those that the law judges."""
    answers = LAWS[law].judges if worst.answer is None else (worst.answer,)
    asked = {GRADIENT: True, LOSS: subject.candidate.has_loss, HESSIAN: not subject.approximate}
    return tuple(aspect for answer in answers for aspect, is_asked in asked.items() if aspect.name == answer and is_asked)


class Inquiry:
    """The questions about one aspect of one candidate."""

    def __init__(self, subject: Memoised, aspect: Aspect) -> None:
        self.subject, self.aspect, self.oracle = subject, aspect, subject.scored
        self.words, self.silent = Vocabulary(subject.scored), False

    def name(self, witness: Decomposition) -> Diagnosis | None:
        """The bug that breaks the law at the witness; None if nothing is wrong there, or nothing is found."""
        here = self.aspect.residual(self.subject, witness)
        if here is None or not here.broken:
            return None
        objective, dtype = self.oracle.objective, self.oracle.dtype
        ordinary = self._residuals(reference_cases.ordinary(objective, dtype))
        self.silent = 2 * len(ordinary) < len(reference_cases.ordinary(objective, dtype))
        some = any(residual.broken and residual.finite for residual in ordinary)
        if some and (found := self._everywhere(here, ordinary, most=1)) is not None:
            return found
        rest = [] if some and all(residual.broken for residual in ordinary) else self._special()
        if some and rest and (found := self._sometimes([here, *ordinary, *rest], most=1)) is not None:
            return found
        if some and (found := self._everywhere(here, ordinary, most=2) or self._precision([here, *ordinary])) is not None:
            return found
        if some and not here.finite:
            sentence = f"the {self.aspect.name} is wrong on ordinary cases, and not finite on others; no known mistake explains it"
            return Diagnosis("unknown", sentence)
        everywhere = all(residual.broken and _usable(residual) for residual in ordinary)
        return self._somewhere(here, [here, *ordinary, *(rest or self._special(few=everywhere))], everywhere=everywhere)

    def _special(self, *, few: bool = False) -> list[Residual]:
        """The special cases: with `few`, fewer and none on kinks, where no explanation is sought on them, but only place and condition."""
        objective, dtype = self.oracle.objective, self.oracle.dtype
        if few:
            return self._residuals(reference_cases.of_each_kind(objective, dtype))
        return self._residuals((*reference_cases.special(objective, dtype), *reference_cases.on_kinks(objective, dtype)))

    def _residuals(self, decompositions: Sequence[Decomposition]) -> list[Residual]:
        return [residual for s in decompositions if (residual := self.aspect.residual(self.subject, s)) is not None]

    def _breaks(self, decomposition: Decomposition) -> bool:
        residual = self.aspect.residual(self.subject, decomposition)
        return residual is not None and residual.broken

    def _everywhere(self, here: Residual, ordinary: Sequence[Residual], most: int) -> Diagnosis | None:
        """The explanation of all ordinary cases at once, also those that hold, and of the one that broke the law."""
        smooth = [residual for residual in ordinary if _usable(residual)]
        found = in_order(self._system(smooth).explained(most))
        if not found:
            return None
        for e in found:
            if not _usable(here) or self._explains(e, here):
                return self._diagnosis(e, beside="" if here.finite else "elsewhere it is not even finite")
        # What explains the case shown as well and takes more changes: the others of as many have been tried.
        both = simplest(self._system([here, *smooth])) if len(found[0].terms) == 1 else None
        return self._diagnosis(found[0], beside="elsewhere it does not explain all") if both is None else self._diagnosis(both)

    def _explains(self, found: Explanation, residual: Residual) -> bool:
        return explains(found, observation(residual, self.aspect.few(residual.decomposition, tuple(change for change, _ in found.terms))))

    def _precision(self, residuals: Sequence[Residual]) -> Diagnosis | None:
        smooth = [residual for residual in residuals if _usable(residual)]
        if sum(residual.broken for residual in smooth) < NEARLY_ALL * len(smooth):
            return None
        if not self._system([residual for residual in smooth if residual is not residuals[0]]).is_noise():
            return None
        precise = accuracy.coarser(self.aspect, self.subject, smooth) or accuracy.shrinking(self.aspect, self.subject, smooth)
        return None if precise is None else Diagnosis("precision", precise, kind="precision")

    def _system(self, residuals: Sequence[Residual]) -> ErrorSystem:
        return ErrorSystem([observation(residual, self.aspect.catalogue(residual.decomposition)) for residual in residuals])

    def _diagnosis(self, found: Explanation, condition: str | None = None, *, beside: str = "") -> Diagnosis:
        sentences = messages(self.words, found.terms)
        entries = sentences[0].entries if len({t.entries for t in sentences}) == 1 else "all"
        message = "; ".join(t.sentence for t in sentences)
        if condition is not None:
            message, entries = f"{message}, only when {condition}", f"{entries}, only when {condition}"
        if beside:
            message = f"{message} (on all ordinary cases; {beside})"
        return Diagnosis(sentences[0].code, message, entries, residual=float(f"{found.left:.2g}"))

    def _sometimes(self, residuals: Sequence[Residual], most: int) -> Diagnosis | None:
        """The explanation of all cases that break, the first among them, and the condition."""
        smooth = [residual for residual in residuals if residual.broken and _usable(residual)]
        if len(smooth) < 2 or sum(residual.error.size for residual in smooth) < ENOUGH:
            return None
        fixed = smooth[1:] if smooth[0] is residuals[0] and sum(residual.error.size for residual in smooth[1:]) >= ENOUGH else smooth
        found = simplest(self._system(fixed), most)
        if found is not None and not self._explains(found, smooth[0]):
            found = simplest(self._system(smooth), most)
        if found is None:
            return None
        holding = [residual for residual in residuals if not residual.broken and residual.smooth and self._would_show(found, residual)]
        if not holding:
            return self._diagnosis(found)
        condition = self._when(smooth, holding)
        return None if condition is None else self._diagnosis(found, condition)

    def _somewhere(self, here: Residual, residuals: Sequence[Residual], *, everywhere: bool) -> Diagnosis | None:
        """The condition and the place where only some cases break. Errors that break `everywhere` without an explanation are not explained
        by more cases.
        """
        if not here.finite:
            lost = [residual for residual in residuals if residual.broken and not residual.finite]
            return self._overflow(lost, [residual for residual in residuals if residual.finite])
        if (
            self.aspect is GRADIENT
            and not everywhere
            and _too_few([residual for residual in residuals if residual.broken and _usable(residual)])
        ):
            if (found := self._sometimes(residuals, most=1)) is not None:
                return found
            residuals = [*residuals, *self._residuals(reference_cases.of_sizes(here.decomposition))]
        broken, holding = (
            [residual for residual in residuals if residual.broken],
            [residual for residual in residuals if not residual.broken],
        )
        smooth = [residual for residual in broken if _usable(residual)]
        if not smooth:
            return self._on_kinks(broken) if self.aspect is GRADIENT else None
        found = None if everywhere else self._sometimes(residuals, most=2)
        if found is not None:
            return found
        there = [residual for residual in residuals if _usable(residual)]
        off = clipping.clipped(self.aspect, there) if self.aspect is not LOSS else None
        if off is not None:
            return off
        precise = accuracy.held(self.aspect, self.oracle.dtype, there) or accuracy.shrinking(self.aspect, self.subject, smooth)
        if precise is not None:
            return Diagnosis("precision", precise, kind="precision")
        condition = self._when(smooth, holding)
        nearby = kinks.threshold(self.subject) if self.aspect is GRADIENT and not everywhere else None
        if nearby is not None:
            return Diagnosis("margin", nearby)
        places = pattern(smooth) if self.aspect is GRADIENT else None
        if places is not None:
            places, code = self.words.axes.filled(places), "entries" if places in FIXED else "unknown"
            when = "" if condition is None else f", only when {condition}"
            return Diagnosis(code, f"wrong only in {places}{when}; no known mistake explains it", f"{places}{when}")
        if condition is not None:
            return Diagnosis("unknown", f"wrong only when {condition}; no known mistake explains it", f"all, only when {condition}")
        return None

    def _when(self, broken: Sequence[Residual], holding: Sequence[Residual]) -> str | None:
        """The condition; where the candidate answers only few cases, it does not cover the rest."""
        return (
            None
            if self.silent
            else only_when([residual.decomposition for residual in broken], [residual.decomposition for residual in holding], self._breaks)
        )

    def _on_kinks(self, broken: Sequence[Residual]) -> Diagnosis | None:
        """The diagnosis of the choice on kinks. A single case may break because of what happens beside it."""
        nearby = kinks.threshold(self.subject) if len(broken) == 1 else None
        return kinks.named(broken) if nearby is None else Diagnosis("margin", nearby)

    def _would_show(self, found: Explanation, residual: Residual) -> bool:
        """Whether an explanation changes anything on a case where the law holds."""
        changes, coefficients = zip(*found.terms, strict=True)
        added = np.array(coefficients, dtype=np.float64) @ self.aspect.few(residual.decomposition, changes).rows
        return bool(np.any(np.abs(added) > SHOWS * residual.radius.ravel()))

    def _overflow(self, broken: Sequence[Residual], finite: Sequence[Residual]) -> Diagnosis:
        if not finite:
            return Diagnosis("value", f"the {self.aspect.name} is never a finite number, however ordinary the input", kind="behaviour")
        condition = only_when([residual.decomposition for residual in broken], [residual.decomposition for residual in finite], self._lost)
        what = f"the {self.aspect.name} is not finite, though its true value is"
        if condition is None:
            return Diagnosis("overflow", f"{what}: the computation leaves the range of the dtype, or divides by 0", kind="precision")
        return Diagnosis("overflow", f"{what}, when {condition}", f"all, only when {condition}", kind="precision")

    def _lost(self, decomposition: Decomposition) -> bool:
        residual = self.aspect.residual(self.subject, decomposition)
        return residual is not None and not residual.finite


def _usable(residual: Residual) -> bool:
    return residual.smooth and residual.finite


def _too_few(residuals: Sequence[Residual]) -> bool:
    return 0 < len(residuals) < FEW or 0 < sum(residual.error.size for residual in residuals) < 2 * ENOUGH


NEARLY_ALL = 0.75
"""Share of all cases that rounding errors must break to be taken for the reason."""
FEW = 3
"""Number of broken cases below which others of the same sizes are added: one of the sizes may matter."""
ENOUGH = 12
"""Equations needed for an explanation of some cases: on fewer numbers many changes look alike."""
SHOWS = 2.0
"""Multiple of the rounding bound above which rounding cannot hide a change."""


def _sentence(worst: Evidence) -> str:
    """The measured number and the allowance in words."""
    place = f"entry {worst.where['entry']}" if "entry" in worst.where else worst.where.get("method", "the loss")
    step = f" at h = {worst.where['h']:g}" if "h" in worst.where else ""
    if not {"measured", "expected"} <= worst.where.keys():
        return f"{place}{step} is off by {worst.measured:.2g}, allowed {worst.allowed:.2g}"
    return f"{place}{step} is {worst.where['measured']:.17g}, allowed {worst.where['expected']:.17g} ± {worst.allowed:.2g}"


def is_lost(worst: Evidence | None) -> bool:
    """Whether a number is not finite where the true one is."""
    return worst is not None and "measured" in worst.where and not isfinite(worst.where["measured"]) and isfinite(worst.where["expected"])
