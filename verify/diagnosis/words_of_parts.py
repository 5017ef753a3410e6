"""Words for parts of a gradient that are counted otherwise: missing, halved, divided by another size, added."""

from __future__ import annotations

from verify.diagnosis.change import Change
from verify.diagnosis.regression import Coefficient
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.words import Told, number, times

WHOLE = {"ones": "a constant", "matrix of scores": "the matrix of scores"}
"""What is added as it is; all else is a sum over the examples."""


class OfParts(Vocabulary):
    """A part that is counted c times more, reduced, or added."""

    def _counted(self, change: Change, c: Coefficient) -> Told:
        factor, part = 1 + c, change.part  # a fraction stays one
        name = self.names.get(part, part)
        if part == "penalty":
            return self._penalty(factor)
        if factor == -1:
            return Told("sign", f"{name} has the wrong sign", self.own if "label" in part else "all")
        if factor == 0:
            if part == "whole":
                return Told("term-missing", "the gradient is 0")
            if part == "label" or " of the label" in part:
                return Told("label-term", f"{name} is missing", self.own)
            return Told("term-missing", f"{name} is missing")
        if part == "label" or " of the label" in part:
            return Told("label-term", f"{name} is counted {number(factor)} times", self.own)
        return Told("scaled", f"{name} is {times(factor)} what it must be")

    def _penalty(self, factor: Coefficient) -> Told:
        if factor == 0:
            return Told("penalty-missing", "the penalty's gradient is missing" + self._due(0))
        if factor == -1:
            return Told("sign", "the penalty's gradient has the wrong sign: it is subtracted where it must be added")
        return Told("penalty-factor", f"the penalty's gradient is {times(factor)} what it must be{self._due(factor)}")

    def _due(self, factor: Coefficient) -> str:
        if self.rate is None:
            return ""
        due = self.weights(self.rate)
        return f": {self.weights(self.rate * factor)} where {due} is due" if factor else f": + {due} is not added"

    def _reduced(self, change: Change, _: Coefficient) -> Told:
        name, how, mean = self.names.get(change.part, change.part), change.how, self.oracle.objective.reduction == "mean"
        if " of the label" in change.part and "C" in how:
            times_ = {"× C": "once for every class", "× (C − 1)": "once for every other class", "/ C": "1/C times"}[how]
            return Told("label-term", f"{name} is counted {times_}", self.own)
        if how == "× N":
            return Told("reduction", f"{name} lacks its 1/N" if mean and change.part != "penalty" else f"{name} is multiplied by N")
        if how == "/ N":
            if change.part == "penalty":
                return Told("reduction", f"{name} is divided by N: only the data term is a mean")
            return Told("reduction", f"{name} is divided by N twice" if mean else f"{name} is divided by N, and the loss is a sum")
        if mean and how.startswith("× N "):
            return Told("reduction", f"{name} is divided by {how.removeprefix('× N / ').strip('()')} where N is due")
        if "N" in how:
            return Told("reduction", f"{name} is off by the factor {how.replace('× ', '').replace('/ ', '1/')}")
        if how == "× (C − 1)":
            return Told("reduction", f"{name} is counted once for every class but one, C − 1 times")
        if how == "/ (C − 1)":
            return Told("reduction", f"{name} is divided by C − 1, the number of the other classes")
        size = {"C": "the number of classes", "D": "the number of features"}[how[-1]]
        return Told("reduction", f"{name} is {'multiplied' if how[0] == '×' else 'divided'} by {size}")

    def _also(self, change: Change, c: Coefficient) -> Told:
        factor = "" if c == 1 else f"{number(c)} × "
        return Told("term-extra", f"{factor}{self.names.get(change.part, change.part)} {change.how} is added")

    def _weights(self, change: Change, c: Coefficient) -> Told:
        kind, times = change.part, self.weights(c)
        if kind == "bias":
            if self.oracle.objective.penalty.bias and self.rate is not None:
                if c == -self.rate:
                    return Told(
                        "penalty-bias", "the bias is not penalised in the gradient, though the loss penalises it", "the last column"
                    )
                return Told(
                    "penalty-bias",
                    f"{self.weights(self.rate + c)} in the bias column where {self.weights(self.rate)} is due",
                    "the last column",
                )
            return Told(
                "penalty-bias", f"the bias is penalised in the gradient ({times}), though the loss leaves it out", "the last column"
            )
        if kind == "features" and self.rate is not None:
            return Told(
                "penalty-factor",
                f"{self.weights(self.rate + c)} where {self.weights(self.rate)} is due, in all columns but the last",
                "all columns but the last",
            )
        shown = {
            "all": times,
            "without λ": times.replace("λ", ""),
            "λ²": times.replace("λ", "λ²"),
            "sign": times.replace("W", " sign(W)"),
            "square": times.replace("W", "W²"),
            "cube": times.replace("W", "W³"),
            "absolute": times.replace("W", "|W|"),
            "λ alone": times.replace("W", ""),
            "sum": times.replace("W", " ΣW"),
            "norm": times.replace("W", "‖W‖²"),
            "over the norm": times.replace("W", "W/‖W‖"),
            "features": f"{times} in all columns but the last",
        }[kind.removesuffix(" of the penalised columns")]
        why = "" if self.rate is not None else ", and the loss has no penalty"
        return Told("term-extra", f"{shown} is added{why}")

    def _times_reg(self, change: Change, _: Coefficient) -> Told:
        return Told("scaled", f"{self.names[change.part]} is multiplied by λ")

    def _extra(self, change: Change, c: Coefficient) -> Told:
        if change.part == "features of the own examples":
            mean = self.oracle.objective.reduction == "mean"
            what = f"{self.features(c)}, once per example{', as a mean,' if mean else ','} too many"
            return Told("label-term", f"the label's {self.axes.row} has {what}: its own margin or its 1 is counted otherwise", self.own)
        what = WHOLE.get(change.part, f"the sum of the {change.part}") + (f", {change.how}" if change.how else "")
        return Told("term-extra", f"{what}, {number(c)} times, is added to the gradient")
