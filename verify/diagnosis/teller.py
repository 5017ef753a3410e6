"""From a change and its coefficient to a code, a sentence with the probable line of thought, and the entries concerned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from verify.diagnosis.change import Change
from verify.diagnosis.regression import Coefficient
from verify.diagnosis.words import Told, number
from verify.diagnosis.words_of_omissions import OfOmissions, which
from verify.diagnosis.words_of_slopes import OfSlopes
from verify.diagnosis.words_of_values import OfValues

SLOPES = {"signs of the slopes": "sign", "targets": "t"}
"""What may stand in place of the slopes."""


class Teller(OfOmissions, OfSlopes, OfValues):
    """Words for one objective: each kind of change has its own method."""

    def tell(self, terms: Sequence[tuple[Change, Coefficient]]) -> list[Told]:
        """One for each change, the most telling first; two changes that are one mistake are told as one."""
        return _joined(self, dict(terms)) or [self.one(change, c) for change, c in terms]

    def instead(self, part: str, put: Change, c: Coefficient) -> Told | None:
        """C times `put` where a part of the gradient is due; None where the two have nothing to do with each other."""
        if put.kind == "also" and put.part == part:
            return Told("reduction", f"{self.names.get(part, part)} is {'' if c == 1 else f'{number(c)} × '}what it must be, {put.how}")
        if part == "penalty" and put.kind == "weights":
            stands = self._weights(put, c).sentence.removesuffix(" is added")
            return Told("penalty-factor", f"{stands} where {self.weights(self.rate or 1)} is due")
        if part == "label" and put == Change("extra", "features of the own examples", free=True):
            told = f"{self.features(c)} is counted once per example in the label's {self.axes.row}, however many margins are active"
            return Told("label-term", told, self.own)
        if part in ("data", "whole") and put.kind == "extra" and put.part in SLOPES:
            what = SLOPES[put.part]
            return Told("scaled", f"{number(c)} × {'its ' * (what == 'sign')}{what} stands in place of the slope ∂ℓ/∂s of each example")
        if part == "counted" and put.kind == "hessian" and put.part == "added":
            return Told("curvature", f"in place of the Hessian stands {number(c)} × {put.how}")
        if part in ("data", "whole") and put.kind == "example" and put.part == "left out":
            counted = "" if c == 1 else f", {number(c)} times"
            return Told("example-missing", f"only {which(put.how)} counts{counted}: the others are left out")
        if part == "data" and put.kind == "valued":
            return Told("scaled", f"{number(c)} × the margins themselves stand where their indicators (1 or 0) are due")
        return None

    def one(self, change: Change, c: Coefficient) -> Told:
        """One change in words."""
        told: Told = getattr(self, "_" + change.kind.replace(" ", "_").replace("λ", "reg"))(change, c)
        return told


def _joined(teller: Teller, terms: dict[Change, Coefficient]) -> list[Told] | None:
    """Two changes that are one: a part taken away, and something else in its place."""
    for gone, put in permutations(terms, 2) if len(terms) == 2 else ():
        if gone.kind in ("counted", "hessian") and terms[gone] == -1:
            told = teller.instead(gone.part, put, terms[put])
            if told is not None:
                return [told]
    for divided, part in permutations(terms, 2) if len(terms) == 2 else ():
        if divided.kind == "reduced" and divided.part in ("data", "whole") and (part.kind, part.how) == ("also", divided.how):
            # The part of what was divided otherwise: c times it beside the whole.
            return [teller.one(divided, terms[divided]), teller.one(Change("counted", part.part, free=True), terms[part])]
    return None
