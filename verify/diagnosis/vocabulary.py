"""How the parts of one objective are called, and what its penalty's derivative looks like in code."""

from __future__ import annotations

from fractions import Fraction

from verify.diagnosis.regression import Coefficient
from verify.diagnosis.words import number
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

OWN_ROW = "the row of each example's label"


class Vocabulary:
    """The names of the parts; `own` are the entries of the label's, `rate` is k where the penalty's gradient is kλW, else None."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        one = oracle.objective.loss.targets is not None
        self.names, self.own = (OF_ONE_SCORE, "all") if one else (NAMES, OWN_ROW)
        formula = penalty_formula(oracle.objective.penalty)
        quadratic = formula.quadratic
        self.rate = None if quadratic is None or not formula.value_terms else Fraction(2 * float(quadratic[2]))

    def weights(self, factor: Coefficient) -> str:
        """A multiple of λW as code has it."""
        text = number(factor)
        return "λW" if text == "1" else f"{text}λW"
