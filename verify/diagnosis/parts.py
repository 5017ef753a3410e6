"""Parts of a gradient that are counted differently: missing, halved, with another sign, divided by another size, added again.

A *free* change is a part of the gradient with any coefficient: c times its matrix is added, so the part occurs 1 + c times. The others have
the coefficient 1 or 0. A change that does not exist on a case (division by N − 1 for one example) adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from verify.diagnosis.change import COUNTS, Added, Change, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, counted, magnitude, put, times
from verify.terms import Reference, Role

OF_THE_LABEL = frozenset({"label", *(str(Role(True, switch, sign)) for switch in (False, True) for sign in (-1, 0, 1))})
"""Parts in the entries of each example's label."""


def part_counted(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    """The message on a part that occurs 1 + c times."""
    factor, part = 1 + c, change.part  # a fraction stays one
    name, of_label = v.names.get(part, part), part in OF_THE_LABEL
    if part == "penalty":
        return _penalty(v, factor)
    if factor == -1:
        return Message("sign", f"{name} has the wrong sign", v.own if of_label else "all")
    if factor == 0:
        if part == "whole":
            return Message("term-missing", "the gradient is 0")
        return Message("label-term", f"{name} is missing", v.own) if of_label else Message("term-missing", f"{name} is missing")
    if of_label:
        return Message("label-term", f"{name} is {counted(factor)}", v.own)
    return Message("scaled", f"{name} is {times(factor)} what it must be")


def _penalty(v: Vocabulary, factor: Coefficient) -> Message:
    due = "" if v.rate is None else v.weights(v.rate)
    if factor == 0:
        return Message("penalty-missing", "the penalty's gradient is missing" + (f": + {due} is not added" if due else ""))
    if factor == -1:
        return Message("sign", "the penalty's gradient has the wrong sign: it is subtracted where it must be added")
    instead = "" if v.rate is None else f": {v.weights(v.rate * factor)} where {due} is due"
    return Message("penalty-factor", f"the penalty's gradient is {times(factor)} what it must be{instead}")


def _part(name: str) -> Change:
    return Change("counted", name, free=True)


def _mutated_parts(reference: Reference) -> Iterator[Mutation]:
    yield Mutation("sign of everything", "structure", _part("whole"), -2.0)
    if reference.is_penalised:
        for how, often in {"left out": -1.0, "halved": -0.5, "doubled": 1.0, "subtracted": -2.0}.items():
            yield Mutation(f"the penalty's gradient {how}", "penalty", _part("penalty"), often)


@with_sentences({"counted": part_counted}, _mutated_parts)
def parts(decomposition: Decomposition) -> Added:
    """Changes of the count of each part."""
    for name, matrix in decomposition.parts.items():
        yield _part(name), matrix


def _mutated_roles(reference: Reference) -> Iterator[Mutation]:
    for role in reference.roles:
        for how, often in COUNTS.items():
            yield Mutation(f"{role} {how}", "term", _part(str(role)), often)


@with_sentences({"counted": part_counted}, _mutated_roles)
def roles(decomposition: Decomposition) -> Added:
    """Changes of the count of each role of a term."""
    for role, dS in decomposition.by_role.items():
        yield _part(str(role)), decomposition.sum_of(dS)


@dataclass(frozen=True)
class Size:
    """A factor made of the sizes N, C and D, with the sentences on a part that has it: in a mean, and in a sum. `of_label` is the factor of
    what belongs to each example's label.
    """

    factor: Callable[[int, int, int], float]
    of_mean: str
    of_sum: str = ""
    of_label: str | None = None

    def sentence(self, name: str, *, is_mean: bool) -> str:
        """The sentence for a part's name."""
        return (self.of_mean if is_mean or not self.of_sum else self.of_sum).format(name)


def _where_n_is_due(size: str, factor: Callable[[int, int, int], float], off: str) -> Size:
    return Size(factor, f"{{}} is divided by {size} where N is due", f"{{}} is off by the factor {off}")


SIZES: Mapping[str, Size] = {
    "× N": Size(lambda N, C, D: N, "{} lacks its 1/N", "{} is multiplied by N"),
    "/ N": Size(lambda N, C, D: 1 / N, "{} is divided by N twice", "{} is divided by N, and the loss is a sum"),
    "/ C": Size(lambda N, C, D: 1 / C, "{} is divided by the number of classes", of_label="1/C times"),
    "× C": Size(lambda N, C, D: C, "{} is multiplied by the number of classes", of_label="once for every class"),
    "/ D": Size(lambda N, C, D: 1 / D, "{} is divided by the number of features"),
    "× D": Size(lambda N, C, D: D, "{} is multiplied by the number of features"),
    "× (C − 1)": Size(
        lambda N, C, D: C - 1, "{} is counted once for every class but one, C − 1 times", of_label="once for every other class"
    ),
    "/ (C − 1)": Size(lambda N, C, D: 1 / max(C - 1, 1), "{} is divided by C − 1, the number of the other classes"),
    "× N / C": _where_n_is_due("C", lambda N, C, D: N / C, "N / C"),
    "× N / D": _where_n_is_due("D", lambda N, C, D: N / D, "N / D"),
    "× N / (N − 1)": _where_n_is_due("N − 1", lambda N, C, D: N / (N - 1) if N > 1 else 1.0, "N / (N − 1)"),
    "× N / (N + 1)": _where_n_is_due("N + 1", lambda N, C, D: N / (N + 1), "N / (N + 1)"),
    "/ √N": Size(lambda N, C, D: N**-0.5, "{} is off by the factor 1/√N"),
    "× √N": Size(lambda N, C, D: N**0.5, "{} is off by the factor √N"),
}
"""Factors of a part, in the order of preference of explanations."""

OF_THE_PENALTY: Mapping[str, str] = {"× N": "{} is multiplied by N", "/ N": "{} is divided by N: only the data term is a mean"}
"""Sentences for the penalty, which is no mean."""


def _reduced(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    name, size = v.names.get(change.part, change.part), SIZES[change.how]
    if size.of_label is not None and change.part in OF_THE_LABEL - {"label"}:
        return Message("label-term", f"{name} is counted {size.of_label}", v.own)
    if change.part == "penalty" and change.how in OF_THE_PENALTY:
        return Message("reduction", OF_THE_PENALTY[change.how].format(name))
    return Message("reduction", size.sentence(name, is_mean=v.is_mean))


def _also(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("term-extra", put(c, f"{v.names.get(change.part, change.part)} {change.how}"))


def _mutated_sizes(_: Reference) -> Iterator[Mutation]:
    yield Mutation("the reduction's 1/N left out", "reduction", Change("reduced", "data", "× N"))
    yield Mutation("divided by N once more", "reduction", Change("reduced", "data", "/ N"))


@with_sentences({"reduced": _reduced, "also": _also}, _mutated_sizes)
def reduced(decomposition: Decomposition) -> Added:
    """Changes of a part by a factor of the sizes."""
    there = (decomposition.targets is None, not decomposition.form.is_apart)  # classes, features
    factors = {
        how: size.factor(decomposition.N, decomposition.C, decomposition.shape[1])
        for how, size in SIZES.items()
        if all(is_there or letter not in how for letter, is_there in zip("CD", there, strict=True))
    }
    for name, matrix in decomposition.parts.items():
        for how, factor in factors.items():
            yield Change("reduced", name, how), (factor - 1) * matrix
            if name in ("data", "penalty") or (name in ("label", "others") and how in ("× N", "/ N")):
                yield Change("also", name, how, free=True), factor * matrix


@with_sentences({"reduced": _reduced, "also": _also})
def reduced_roles(decomposition: Decomposition) -> Added:
    """Changes of roles by a factor of the sizes; a single role is the label's part, or the others'."""
    roles = decomposition.by_role
    sizes = ("× N", "/ N") if decomposition.targets is not None else ("× N", "/ N", "× C", "/ C", "× (C − 1)")
    for role, dS in roles.items() if len(roles) > 2 or decomposition.targets is not None else ():
        for how in sizes:
            factor = SIZES[how].factor(decomposition.N, decomposition.C, decomposition.shape[1])
            yield Change("reduced", str(role), how), (factor - 1) * decomposition.sum_of(dS)
            if how in ("× N", "/ N"):
                yield Change("also", str(role), how, free=True), factor * decomposition.sum_of(dS)


OWN_FEATURES = "features of the own examples"
AS_IT_IS = {"ones": "a constant", "matrix of scores": "the matrix of scores"}
"""Added once; everything else is a sum over the examples."""


def added(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    """The message on a term unrelated to the loss."""
    if change.part == OWN_FEATURES:
        what = f"{v.features(magnitude(c))} per example{', averaged,' if v.is_mean else ''}"
        verb = f"is {'added to' if c > 0 else 'subtracted from'} the label's {v.axes.row}"
        return Message("label-term", f"{what} {verb}: its own margin, or its 1, is counted otherwise", v.own)
    what = AS_IT_IS.get(change.part, f"the sum of the {change.part}") + (f", {change.how}," if change.how else "")
    return Message("term-extra", put(c, what, "the gradient"))


@with_sentences({"extra": added})
def constants(decomposition: Decomposition) -> Added:
    """An added constant."""
    yield Change("extra", "ones", free=True), np.ones(decomposition.shape)


@with_sentences({"extra": added})
def features(decomposition: Decomposition) -> Added:
    """Added sums of scores and features."""
    ones = np.ones((decomposition.N, decomposition.C))
    yield Change("extra", "scores", free=True), decomposition.sum_of(decomposition.scores)
    yield Change("extra", "features of every example", free=True), decomposition.sum_of(ones)
    if decomposition.targets is None:
        yield Change("extra", "features of every example, divided by C", free=True), decomposition.sum_of(ones / decomposition.C)


@with_sentences({"extra": added})
def scores(decomposition: Decomposition) -> Added:
    """Added scores and constants, for functions of scores."""
    sizes = (
        {"N": decomposition.N, "C": decomposition.C, "N and C": decomposition.N * decomposition.C}
        if decomposition.targets is None
        else {"N": decomposition.N}
    )
    for how, size in {"": 1, **{f"divided by {of}": size for of, size in sizes.items()}}.items():
        yield Change("extra", "matrix of scores", how, free=True), decomposition.form.by_class(decomposition.scores) / size
        yield Change("extra", "ones", how, free=True), np.full(decomposition.shape, 1 / size)
