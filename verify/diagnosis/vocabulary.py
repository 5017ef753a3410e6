"""The names of the parts of one objective, and its penalty's derivative as code."""

from __future__ import annotations

from fractions import Fraction

from verify.diagnosis.wording import AXES, Coefficient, number
from verify.form import SCORES
from verify.oracle import Oracle
from verify.oracle.formula import penalty_formula

NAMES = {
    "whole": "the whole gradient",
    "data": "the data term's gradient",
    "label": "the label's own part of the data gradient",
    "others": "the other classes' part of the data gradient",
    "penalty": "the penalty's gradient",
}

OF_ONE_SCORE = NAMES | {
    "label": "the target's part of the data gradient",
    "others": "the part of the data gradient without the target",
}


class Vocabulary:
    """The names of the parts; `own` are the entries of the label's; `rate` is k if the penalty's gradient is kλW, else None."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        one = oracle.objective.loss.targets is not None
        self.axes = AXES[oracle.objective.form]
        self.names, self.own = (OF_ONE_SCORE, "all") if one else (NAMES, self.axes.filled("the {row} of each example's label"))
        formula = penalty_formula(oracle.objective.penalty)
        quadratic = formula.quadratic
        self.rate = None if quadratic is None or not formula.value_terms else Fraction(2 * float(quadratic[2]))

    def features(self, factor: Coefficient) -> str:
        """A multiple of an example's features, as in slopes of linear scores; for functions of scores only the number."""
        shown = number(factor).replace("-", "−")
        return shown if self.oracle.objective.form is SCORES else f"{shown.removesuffix('1')}x"

    def weights(self, factor: Coefficient) -> str:
        """A multiple of λW, written as code."""
        return multiple(factor, "λW")

    @property
    def is_mean(self) -> bool:
        """Whether the data term is a mean over the examples."""
        return self.oracle.objective.reduction == "mean"


def multiple(factor: Coefficient, of: str) -> str:
    """A multiple of a product, written as code.

    >>> multiple(1, "λW"), multiple(-1, "λW"), multiple(Fraction(1, 2), "W²"), multiple(Fraction(-3, 2), "λW")
    ('λW', '-λW', '1/2 W²', '-3/2 λW')
    """
    text = number(factor)
    return f"{text.removesuffix('1')}{of}" if text in ("1", "-1") else f"{text} {of}" if "/" in text else f"{text}{of}"
