"""Mistakes in the slopes ∂ℓ/∂s of several classes: of other labels, with another parameter, with other switches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis.change import Added, Change, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.parts import OWN_FEATURES, added
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, magnitude, multiple, number
from verify.terms import ExampleTerms, Reference, Term


def _label(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    if change.part == "data":
        return Message("label-term", f"the gradient is that of other labels than the loss's: it takes {change.how}")
    if change.how == EVERY_OTHER:
        return Message("label-term", f"the label's own part stands in {change.how}")
    return Message("label-term", f"the label's own part stands in the wrong {v.axes.row}: it takes {change.how}")


NEXT, EVERY_OTHER = "the next class in place of the label", "every class but the label"


NEXT_LABEL = "the next class's label in the gradient"
"""The name used by `verify power`, also for targets."""


def _mutated_label(reference: Reference) -> Iterator[Mutation]:
    if reference.label_matters:
        yield Mutation(NEXT_LABEL, "label", Change("label", "data", NEXT))


@with_sentences({"label": _label}, _mutated_label)
def labelled(decomposition: Decomposition) -> Added:
    """Other labels: in the whole gradient, or for the label's own terms only."""
    y, C = decomposition.y, decomposition.C
    others: dict[str, NDArray[np.int64]] = {
        NEXT: (y + 1) % C,
        "the class before in place of the label": (y - 1) % C,
        "the class before in place of the label, and for the first the first": np.maximum(y - 1, 0),
        "the next class in place of the label, and for the last the last": np.minimum(y + 1, C - 1),
        "the next example's label": np.roll(y, -1),
        "the previous example's label": np.roll(y, 1),
        "the first class in place of the label": np.zeros_like(y),
        "the last class in place of the label": np.full_like(y, C - 1),
        "class C − 1 − y in place of the label y": C - 1 - y,
        "the labels in reverse order": y[::-1],
    }
    rows = np.arange(decomposition.N)
    for how, label in others.items():
        yield Change("label", "data", how), decomposition.relabelled(label) - decomposition.data
        moved, own = np.zeros((decomposition.N, C)), decomposition.label_slopes[rows, y]
        moved[rows, label] = own
        yield Change("label", "label", how), decomposition.sum_of(moved - decomposition.label_slopes)
        if how == NEXT:
            everywhere = np.where(np.arange(C) == y[:, None], 0.0, own[:, None])
            yield Change("label", "label", EVERY_OTHER), decomposition.sum_of(everywhere - decomposition.label_slopes)
            for role, dS in decomposition.by_role.items():
                if role.label and role.sign and not role.switch:
                    moved = np.where(np.arange(C) == y[:, None], 0.0, dS[rows, y][:, None])
                    yield Change("label", str(role), EVERY_OTHER), decomposition.sum_of(moved - dS)
        written = decomposition.other_slopes.copy()
        written[rows, label] = own
        yield Change("label", "written", how), decomposition.sum_of(written - decomposition.all_slopes)


def smoothed(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    """Label smoothing."""
    if change.part == "label":
        return Message("label-term", f"label smoothing: {number(c)} of the label's 1 is spread over all classes, and not in the loss")
    return Message("label-term", f"label smoothing: {number(c)} × the slope at the other target is mixed in, and not in the loss")


@with_sentences({"smoothed": smoothed, "extra": added})
def own_labels(decomposition: Decomposition) -> Added:
    """The label's 1 spread over classes, or counted differently."""
    own = (np.arange(decomposition.C) == decomposition.y[:, None]).astype(float)
    yield Change("smoothed", "label", "over all classes", free=True), decomposition.sum_of(own - 1 / decomposition.C)
    yield Change("extra", OWN_FEATURES, free=True), decomposition.sum_of(own)


PARAMETERS: dict[str, Callable[[float], float]] = {
    "0": lambda _: 0.0,
    "doubled": lambda value: 2 * value,
    "halved": lambda value: value / 2,
    "negative": lambda value: -value,
    "1": lambda _: 1.0,
    "squared": lambda value: value**2,
    "one less it": lambda value: 1 - value,
    "tripled": lambda value: 3 * value,
    "a tenth": lambda value: value / 10,
    "endless": lambda _: 1e6,
}
"""Possible wrong values of a parameter."""


def _parameter(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    name, value = change.part, v.oracle.objective.parameters[change.part]
    if change.how == "0":
        return Message("margin", f"{name} = {value:g} is missing in the gradient")
    if change.how == "endless":
        return Message("margin", "every switch counts as on, whatever its sign: a comparison that always holds, as ≥ of max(0, ·) does")
    return Message("margin", f"{name} is {PARAMETERS[change.how](value):g} in the gradient where {value:g} is due")


def leak(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    """The message on a switch that is never off."""
    return Message("term-extra", f"a switch that is off counts {number(c)} ×, as in a leaky hinge, where it counts nothing")


def _mutated_parameters(reference: Reference) -> Iterator[Mutation]:
    """Mutations with another parameter in its domain, if the gradient depends on it."""
    for name, factor in reference.shifts(reference.mentioned[1]):
        how = {0.5: "halved", 2.0: "doubled"}[factor]
        yield Mutation(f"{name} × {factor:g} in the gradient", "parameter", Change("parameter", name, how))


@with_sentences({"parameter": _parameter, "leak": leak}, _mutated_parameters)
def shifted(decomposition: Decomposition) -> Added:
    """A parameter (the margin) with another value in the gradient only."""
    for name, value in decomposition.oracle.objective.parameters.items():
        for how, change in PARAMETERS.items():
            if change(value) != value:
                changed = decomposition.with_parameters({name: change(value)}) - decomposition.data
                yield Change("parameter", name, how), changed
                if how == "endless" and decomposition.targets is None:
                    yield Change("leak", "data", free=True), changed


def _activity(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    x, row = v.features(-1), f"the label's {v.axes.row}"
    return {
        ("label", "once"): Message("label-term", f"{x} is counted once in {row} instead of once per active margin", v.own),
        ("label", "always once"): Message(
            "label-term", f"{x} is counted once per example in {row}, however many margins are active", v.own
        ),
        ("label", "every class"): Message("label-term", f"{x} is counted once for every other class in {row}, active or not", v.own),
        ("others", "once"): Message("scaled", "the other classes' part is divided by the number of active margins"),
        ("data", "once"): Message("scaled", "the data term's gradient is divided by the number of active margins"),
        ("data", "value"): Message("scaled", "the margins themselves stand where their indicators (1 or 0) are due"),
        ("data", "greatest"): Message("term-missing", "only the greatest margin of each example counts, where every active one is due"),
    }[change.part, change.how]


def _valued(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message(
        "term-extra", f"{multiple(magnitude(c), 'the margins')} are {'added to' if c > 0 else 'subtracted from'} their indicators"
    )


@with_sentences({"activity": _activity, "valued": _valued})
def activity(decomposition: Decomposition) -> Added:
    """Terms behind switches multiplied by the number of active ones, and switches with their value in place of their slope."""
    behind = decomposition.slopes(lambda e, t, label: float(not t.tied and t.switch is not None))
    if not any(t.switch is not None for e in decomposition.examples(decomposition.y) for t in e.terms):
        return
    yield Change("activity", "data", "value"), decomposition.sum_of(decomposition.slopes(_by_value) - behind)
    yield Change("valued", "data", free=True), decomposition.sum_of(decomposition.slopes(_by_value))
    if decomposition.targets is not None:
        return
    on, own = np.maximum(decomposition.active, 1)[:, None], np.zeros_like(behind)
    own[np.arange(decomposition.N), decomposition.y] = behind[np.arange(decomposition.N), decomposition.y]
    others = behind - own
    for part, dS in (("label", own), ("others", others), ("data", behind)):
        yield Change("activity", part, "once"), decomposition.sum_of(dS / on - dS)
    each = np.where(decomposition.active[:, None] > 0, own / on, _one(own / on))  # also of examples without an active margin
    yield (
        Change("activity", "label", "every class"),
        decomposition.sum_of(each * (np.arange(decomposition.C) == decomposition.y[:, None]) * (decomposition.C - 1) - own),
    )
    yield (
        Change("activity", "label", "always once"),
        decomposition.sum_of(each * (np.arange(decomposition.C) == decomposition.y[:, None]) - own),
    )
    yield Change("activity", "data", "greatest"), decomposition.sum_of(decomposition.slopes(_greatest_only) - behind)


def _one(slopes: Floats) -> float:
    """The slope of one margin, if it is the same for all."""
    known = np.unique(slopes[slopes != 0])
    return float(known[0]) if len(known) == 1 else 0.0


def _by_value(e: ExampleTerms, t: Term, _: int) -> float:
    return e.switches[t.switch] if t.switch is not None and not t.tied else 0.0


def _greatest_only(e: ExampleTerms, t: Term, _: int) -> float:
    return float(t.switch is not None and not t.tied and e.switches[t.switch] == max(e.switches))
