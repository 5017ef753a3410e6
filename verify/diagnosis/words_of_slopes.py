"""Words for slopes that are others: of other labels, of another margin, weighted, or of another function of the scores."""

from __future__ import annotations

from verify.diagnosis.change import Change
from verify.diagnosis.changes import PARAMETERS
from verify.diagnosis.regression import Coefficient
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.words import Told, number


class OfSlopes(Vocabulary):
    """What stands in place of ∂ℓ/∂s."""

    def _label(self, change: Change, _: Coefficient) -> Told:
        whose = f"{change.how} label" if "example" in change.how else f"{change.how} in place of the label"
        if change.part == "data":
            return Told("label-term", f"the gradient is that of other labels than the loss's: it takes {whose}")
        return Told("label-term", f"the label's own part stands in the wrong {self.axes.row}: it takes {whose}")

    def _target(self, change: Change, _: Coefficient) -> Told:
        return Told("label-term", f"the gradient is that of another target than the loss's: it takes {change.how} for the target t")

    def _margin(self, change: Change, _: Coefficient) -> Told:
        if change.how == "0":
            return Told("margin", "the margin's constant is missing in the gradient's indicator")
        if change.how == "always on":
            return Told("margin", "the switch counts as on, whatever its sign: the indicator is missing")
        return Told("margin", f"the margin's constant is {change.how} in the gradient's indicator")

    def _smoothed(self, change: Change, c: Coefficient) -> Told:
        if change.part == "label":
            return Told("label-term", f"label smoothing: {number(c)} of the label's 1 is spread over all classes, and not in the loss")
        return Told("label-term", f"label smoothing: every example counts {number(c)} times with the other target, and not so in the loss")

    def _leak(self, _: Change, c: Coefficient) -> Told:
        return Told("term-extra", f"a switch that is off counts {number(c)} times, as in a leaky hinge, where 0 times is due")

    def _slope(self, change: Change, _: Coefficient) -> Told:
        if change.how == "the second derivative":
            return Told("term-extra", "the second derivative stands in place of the first: gradient and Hessian are mixed up")
        code = "scaled" if change.how.startswith("exp(s)") else "term-extra"
        return Told(code, f"in place of the slope ∂ℓ/∂s stands {change.how}")

    def _weighted(self, change: Change, _: Coefficient) -> Told:
        if change.how == "multiplied by the target" and {abs(t) for t in self.oracle.objective.loss.targets or ()} == {1}:
            return Told("label-term", "the factor t of the target is missing in the slope, as if every target were 1")
        if change.how.startswith("left out"):
            return Told("term-missing", f"the slope ∂ℓ/∂s of each example is {change.how}")
        return Told("scaled", f"the slope ∂ℓ/∂s of each example is {'taken ' if change.how.startswith('as') else ''}{change.how}")

    def _parameter(self, change: Change, _: Coefficient) -> Told:
        name, value = change.part, self.oracle.objective.parameters[change.part]
        if change.how == "0":
            return Told("margin", f"{name} = {value:g} is missing in the gradient's indicator")
        if change.how == "endless":
            return Told("margin", "every switch counts as on, whatever its sign: a comparison that always holds, as ≥ of max(0, ·) does")
        other = PARAMETERS[change.how](value)
        return Told("margin", f"{name} is {other:g} in the gradient's indicator where {value:g} is due")

    def _activity(self, change: Change, _: Coefficient) -> Told:
        x, row = self.features(-1), f"the label's {self.axes.row}"
        return {
            ("label", "once"): Told("label-term", f"{x} is counted once in {row} instead of once per active margin", self.own),
            ("label", "always once"): Told(
                "label-term", f"{x} is counted once per example in {row}, however many margins are active", self.own
            ),
            ("label", "every class"): Told("label-term", f"{x} is counted once for every other class in {row}, active or not", self.own),
            ("others", "once"): Told("scaled", "the other classes' part is divided by the number of active margins"),
            ("data", "once"): Told("scaled", "the data term's gradient is divided by the number of active margins"),
            ("data", "value"): Told("scaled", "the margins themselves stand where their indicators (1 or 0) are due"),
            ("data", "greatest"): Told("term-missing", "only the greatest margin of each example counts, where every active one is due"),
        }[change.part, change.how]

    def _valued(self, _: Change, c: Coefficient) -> Told:
        return Told("term-extra", f"{number(c)} × the margins themselves are added to their indicators")

    def _scores(self, change: Change, _: Coefficient) -> Told:
        return Told("scaled" if change.how.startswith("exp") else "term-extra", f"in place of the probabilities stands: {change.how}")
