"""From the changes that explain an error to a code, a sentence and the entries concerned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

from verify.diagnosis import changes, hessians, losses, penalties
from verify.diagnosis.change import Change, Mistakes, Sentence
from verify.diagnosis.omissions import OF_A_TARGET, which
from verify.diagnosis.parts import OWN_FEATURES, part_counted
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, multiple, number

SLOPES = {"signs of the slopes": "its sign", "targets": "t"}
"""What may replace the slopes."""


def messages(words: Vocabulary, terms: Sequence[tuple[Change, Coefficient]]) -> list[Message]:
    """One message for each change, the most telling first; two changes that form one mistake get one message."""
    return _joined(words, dict(terms)) or [SENTENCES[change.kind](words, change, c) for change, c in terms]


def sentences(catalogues: Iterable[Iterable[Mistakes]]) -> dict[str, Sentence]:
    """The sentence for each kind of change in these catalogues."""
    return {kind: sentence for catalogue in catalogues for mistakes in catalogue for kind, sentence in mistakes.sentences.items()}


SENTENCES = sentences([*changes.CATALOGUES.values(), *losses.CATALOGUES.values(), hessians.CATALOGUE])


def _joined(words: Vocabulary, terms: dict[Change, Coefficient]) -> list[Message] | None:
    """The message on two changes that form one mistake: a part subtracted, and another one in its place."""
    for gone, put in permutations(terms, 2) if len(terms) == 2 else ():
        if gone.kind in ("counted", "hessian") and terms[gone] == -1:
            message = _instead(words, gone.part, put, terms[put])
            if message is not None:
                return [message]
    for counted, slope in permutations(terms, 2) if len(terms) == 2 else ():
        if (counted.kind, counted.part, slope.kind) == (
            "counted",
            "data",
            "slope",
        ):  # the true slope is taken away again: c times it is left
            own = "" if terms[counted] == 1 else f", with {number(terms[counted])} × the slope itself"
            return [Message("term-extra", f"{slope.how} is added to the slope ∂ℓ/∂s{own}")]
    for divided, part in permutations(terms, 2) if len(terms) == 2 else ():
        if divided.kind == "reduced" and divided.part in ("data", "whole") and (part.kind, part.how) == ("also", divided.how):
            # The part of what was divided otherwise: c times it beside the whole.
            alone = Change("counted", part.part, free=True)
            return [SENTENCES[divided.kind](words, divided, terms[divided]), part_counted(words, alone, terms[part])]
    return None


def _instead(words: Vocabulary, part: str, put: Change, c: Coefficient) -> Message | None:
    """The message on c times `put` in place of a part of the gradient; None if the two are unrelated."""
    if put.kind == "also" and put.part == part:
        return Message("reduction", f"{words.names.get(part, part)} is {multiple(c, 'what it must be')}, {put.how}")
    if part == "penalty" and put.kind == "weights":
        return Message("penalty-factor", f"{penalties.instead(words, put, c)} where {words.weights(words.rate or 1)} is due")
    if part == "label" and put == Change("extra", OWN_FEATURES, free=True):
        sentence = f"{words.features(c)} is counted once per example in the label's {words.axes.row}, however many margins are active"
        return Message("label-term", sentence, words.own)
    if part in ("data", "whole") and put.kind == "extra" and put.part in SLOPES:
        return Message("scaled", f"{multiple(c, SLOPES[put.part])} stands in place of the slope ∂ℓ/∂s of each example")
    if part == "counted" and put.kind == "hessian" and put.part == "added":
        return Message("curvature", f"in place of the Hessian stands {hessians.alone(put, c)}")
    if part in ("data", "whole") and put.kind == "example" and put.part in ("left out", OF_A_TARGET):
        times = "" if c == 1 else f", {number(c)} times"
        return Message("example-missing", f"only {which(put.how)} counts{times}: the others are left out")
    if part == "data" and put.kind == "valued":
        return Message("scaled", f"{multiple(c, 'the margins themselves')} stand where their indicators (1 or 0) are due")
    return None
