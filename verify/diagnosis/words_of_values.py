"""Words for losses and Hessians."""

from __future__ import annotations

from verify.diagnosis.change import Change
from verify.diagnosis.regression import Coefficient
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.words import Told, number, times


class OfValues(Vocabulary):
    """What was done to the loss, or to the Hessian."""

    def _loss_counted(self, change: Change, c: Coefficient) -> Told:
        if c == -1:
            return Told("value", f"in the loss, {change.part} is missing" if change.part != "loss" else "the loss is 0")
        if c == -2:
            return Told(
                "value", f"in the loss, the sign of {change.part} is wrong" if change.part != "loss" else "the loss has the wrong sign"
            )
        part = "the loss" if change.part == "loss" else f"in the loss, {change.part}"
        return Told("value", f"{part} is {times(1 + c)} what it must be")

    def _loss_reduced(self, change: Change, _: Coefficient) -> Told:
        lacks = change.how == "× N" and self.oracle.objective.reduction == "mean" and change.part != "penalty"
        return Told(
            "value", f"the {change.part} lacks its 1/N" if lacks else f"the {change.part} is off by the factor {change.how} in the loss"
        )

    def _loss_added(self, change: Change, c: Coefficient) -> Told:
        return Told("value", f"{number(c)} × {change.part} is added to the loss")

    def _loss_other(self, change: Change, _: Coefficient) -> Told:
        return Told("value", f"in the loss, {change.part}")

    def _hessian(self, change: Change, c: Coefficient) -> Told:
        if change.part == "counted":
            if 1 + c == 0:
                return Told("curvature", "the Hessian is 0")
            meant = "; an approximation that is meant is declared, by --hessian approximate" if c > 0 else ""
            return Told(
                "curvature", "the Hessian has the wrong sign" if c == -2 else f"the Hessian is {times(1 + c)} what it must be{meant}"
            )
        if change.part == "example":
            return Told(
                "curvature",
                f"the Hessian is {times(1 + c)} what it must be for {change.how}" if c != -1 else f"the Hessian of {change.how} is 0",
            )
        if change.part == "added":
            return Told("curvature", f"{number(c)} × {change.how} is added to the Hessian")
        said = {"made": f"the Hessian is {'taken ' if change.how.startswith('as') else ''}{change.how}"}
        return Told("curvature", said.get(change.part, f"in place of the Hessian stands: {change.how}"))
