"""From a change and its coefficient to a code, a sentence with the probable line of thought, and the entries concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Any

from verify.diagnosis.change import Change
from verify.diagnosis.places import of_scores
from verify.diagnosis.regression import Coefficient
from verify.oracle import Oracle
from verify.oracle.formula import penalty_formula


@dataclass(frozen=True)
class Diagnosis:
    """`code` names the bug, `message` tells it, `entries` are those concerned (all, some in words, or a list); `measured` is the number
    that broke the law, where the message is not about it; `residual` the greatest error that the explanation leaves, in units of what
    rounding may leave; `kind` is wrong, precision or behaviour.
    """

    code: str
    message: str
    entries: str | list[list[int]] = "all"
    kind: str = "wrong"
    measured: str | None = None
    residual: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For the report and the stored witness."""
        found: dict[str, Any] = {"code": self.code, "message": self.message, "entries": self.entries}
        more = {"measured": self.measured, "residual": self.residual}
        return found | {key: value for key, value in more.items() if value is not None}


@dataclass(frozen=True)
class Told:
    """One change in words. `entries` are those that it touches, in words."""

    code: str
    sentence: str
    entries: str = "all"


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
PLACES = {"first": "row 0", "second": "row 1", "last": "the last row"}
COLUMNS = {"first": "column 0", "last": "the last column"}


def number(x: Coefficient) -> str:
    """A factor as people write it.

    >>> number(Fraction(1, 2)), number(Fraction(-3)), number(1.25), number(1 - 1e-9)
    ('1/2', '-3', '1.25', '(1 - 1e-09)')
    """
    if isinstance(x, Fraction):
        return str(x)
    return f"(1 {'-' if x < 1 else '+'} {abs(x - 1):.3g})" if 0 < abs(x - 1) < 1e-2 else f"{x:.6g}"


def times(x: Coefficient) -> str:
    """How often something is there.

    >>> times(Fraction(1, 2)), times(Fraction(2)), times(Fraction(3, 4))
    ('half of', 'twice', '3/4 ×')
    """
    return {Fraction(1, 2): "half of", Fraction(2): "twice"}.get(Fraction(x), f"{number(x)} ×")


class Teller:
    """Words for one objective: what its penalty's derivative and its parameters look like in code."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        one = oracle.objective.loss.targets is not None
        self.names, self.own = (OF_ONE_SCORE, "all") if one else (NAMES, OWN_ROW)
        formula = penalty_formula(oracle.objective.penalty)
        quadratic = formula.quadratic
        self.rate = None if quadratic is None or not formula.value_terms else Fraction(2 * float(quadratic[2]))

    def tell(self, terms: Sequence[tuple[Change, Coefficient]]) -> list[Told]:
        """One for each change, the most telling first; two changes that are one mistake are told as one."""
        told = _joined(self, dict(terms)) or [self.one(change, c) for change, c in terms]
        if not self.oracle.objective.of_scores:
            return told
        return [Told(t.code, of_scores(t.sentence), of_scores(t.entries)) for t in told]

    def instead(self, part: str, put: Change, c: Coefficient) -> Told | None:
        """C times `put` where a part of the gradient is due; None where the two have nothing to do with each other."""
        if put.kind == "also" and put.part == part:
            return Told("reduction", f"{self.names.get(part, part)} is {'' if c == 1 else f'{number(c)} × '}what it must be, {put.how}")
        if part == "penalty" and put.kind == "weights":
            stands = self._weights(put, c).sentence.removesuffix(" is added")
            return Told("penalty-factor", f"{stands} where {self.weights(self.rate or 1)} is due")
        if part == "label" and put == Change("extra", "features of the own examples", free=True):
            counted = number(c).removesuffix("1").replace("-", "−")
            told = f"{counted}x is counted once per example in the label's row, however many margins are active"
            return Told("label-term", told, self.own)
        if part in ("data", "whole") and put.kind == "extra" and "times the features" in put.how + put.part:
            what = {"signs of the slopes": "sign", "targets": "t"}[put.part.split(",")[0]]
            return Told("scaled", f"{number(c)} × {'its ' * (what == 'sign')}{what} stands in place of the slope ∂ℓ/∂s of each example")
        if part == "counted" and put.kind == "hessian" and put.part == "added":
            return Told("curvature", f"in place of the Hessian stands {number(c)} × {put.how}")
        if part in ("data", "whole") and put.kind == "example" and put.part == "left out":
            counted = "" if c == 1 else f", {number(c)} times"
            return Told("example-missing", f"only {_which(put.how)} counts{counted}: the others are left out")
        if part == "data" and put.kind == "valued":
            return Told("scaled", f"{number(c)} × the margins themselves stand where their indicators (1 or 0) are due")
        return None

    def weights(self, factor: Coefficient) -> str:
        """A multiple of λW as code has it."""
        text = number(factor)
        return "λW" if text == "1" else f"{text}λW"

    def one(self, change: Change, c: Coefficient) -> Told:
        """One change in words."""
        told: Told = getattr(self, "_" + change.kind.replace(" ", "_").replace("λ", "reg"))(change, c)
        return told

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

    def _label(self, change: Change, _: Coefficient) -> Told:
        whose = f"{change.how} label" if "example" in change.how else f"{change.how} in place of the label"
        if change.part == "data":
            return Told("label-term", f"the gradient is that of other labels than the loss's: it takes {whose}")
        return Told("label-term", f"the label's own part stands in the wrong row: it takes {whose}")

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
        other = {"doubled": 2 * value, "halved": value / 2, "negative": -value, "1": 1.0, "squared": value**2, "one less it": 1 - value}[
            change.how
        ]
        return Told("margin", f"{name} is {other:g} in the gradient's indicator where {value:g} is due")

    def _activity(self, change: Change, _: Coefficient) -> Told:
        return {
            ("label", "once"): Told("label-term", "−x is counted once in the label's row instead of once per active margin", self.own),
            ("label", "always once"): Told(
                "label-term", "−x is counted once per example in the label's row, however many margins are active", self.own
            ),
            ("label", "every class"): Told(
                "label-term", "−x is counted once for every other class in the label's row, active or not", self.own
            ),
            ("others", "once"): Told("scaled", "the other classes' part is divided by the number of active margins"),
            ("data", "once"): Told("scaled", "the data term's gradient is divided by the number of active margins"),
            ("data", "value"): Told("scaled", "the margins themselves stand where their indicators (1 or 0) are due"),
            ("data", "greatest"): Told("term-missing", "only the greatest margin of each example counts, where every active one is due"),
        }[change.part, change.how]

    def _valued(self, _: Change, c: Coefficient) -> Told:
        return Told("term-extra", f"{number(c)} × the margins themselves are added to their indicators")

    def _row(self, change: Change, c: Coefficient) -> Told:
        if change.how in ("own row", "other rows"):
            return self._counted(Change("counted", "label" if change.how == "own row" else "others", free=True), c)
        place, name = PLACES.get(change.how) or _some("row", change.how), self.names[change.part]
        if c == -1:
            return Told("class-missing", f"{name} is missing in {place}", place)
        return Told("entries", f"{name} is {times(1 + c)} what it must be in {place}", place)

    def _class(self, change: Change, c: Coefficient) -> Told:
        name = {"first": "class 0", "second": "class 1", "last": "the last class"}[change.how]
        what = f"the margins of {name}" if change.part == "switch" else f"the examples of {name}"
        if c == -1:
            return Told("class-missing", f"{what} are left out")
        return Told("scaled", f"{what} are counted {number(1 + c)} times")

    def _column(self, change: Change, c: Coefficient) -> Told:
        place, name = COLUMNS.get(change.how) or _some("column", change.how), self.names[change.part]
        if change.part == "penalty" and change.how == "last":
            return self._weights(Change("weights", "bias", free=True), c * (self.rate or 1))
        if c == -1:
            return Told("entries", f"{name} is missing in {place}", place)
        return Told("entries", f"{name} is {times(1 + c)} what it must be in {place}", place)

    def _example(self, change: Change, c: Coefficient) -> Told:
        which = _which(change.how)
        if change.part == "alone":
            return Told("example-missing", f"only {which} counts: the others' gradients are overwritten")
        if change.part == "alone, not divided":
            return Told("example-missing", f"only {which} counts, and it is not divided by N")
        if change.part == "left out of the mean":
            return Told("example-missing", f"{which} is left out, and the rest averaged")
        if c == -1:
            return Told("example-missing", f"{which} is left out")
        if change.how.startswith("target"):
            return Told("scaled", f"{which} is counted {number(1 + c)} times")
        return Told("example-missing", f"{which} is counted {number(1 + c)} times")

    def _entry(self, change: Change, c: Coefficient) -> Told:
        place = {
            "[0, 0]": "entry [0, 0]",
            "[0, -1]": "the last entry of row 0",
            "[-1, 0]": "the first entry of the last row",
            "[-1, -1]": "the last entry of the last row",
        }[change.how]
        return Told("entries", f"{place} is {times(1 + c)} what it must be" if c != -1 else f"{place} is 0", place)

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

    def _permuted(self, change: Change, _: Coefficient) -> Told:
        code = "class-swapped" if "row" in change.how else "entries"
        return Told(code, f"{self.names.get(change.part, change.part)} has its {change.how}")

    def _transposed(self, change: Change, _: Coefficient) -> Told:
        return Told("transposed", f"{self.names[change.part]} is transposed: its numbers stand in the order of the transpose")

    def _scores(self, change: Change, _: Coefficient) -> Told:
        return Told("scaled" if change.how.startswith("exp") else "term-extra", f"in place of the probabilities stands: {change.how}")

    def _touched(self, change: Change, _: Coefficient) -> Told:
        return Told("scaled" if "divided" in change.how else "entries", f"in place of {self.names[change.part]} stands: {change.how}")

    def _features(self, change: Change, _: Coefficient) -> Told:
        return Told("entries", f"the data gradient is taken with {change.how} in place of the features")

    def _extra(self, change: Change, c: Coefficient) -> Told:
        if change.part == "features of the own examples":
            mean = self.oracle.objective.reduction == "mean"
            what = f"{number(c).removesuffix('1').replace('-', '−')}x, once per example{', as a mean,' if mean else ','} too many"
            return Told("label-term", f"the label's row has {what}: its own margin or its 1 is counted otherwise", self.own)
        what = "a constant" if change.part == "ones" else f"the sum of the {change.part}"
        return Told("term-extra", f"{what}, {number(c)} times, is added to the gradient")


def _which(examples: str) -> str:
    known = {
        "first": "the first example", "last": "the last example",
        "odd": "every second example", "even": "every second example, from the first on",
    }  # fmt: skip
    if examples.startswith("target"):
        return f"every example with {examples}"
    return known.get(examples) or _some("example", examples)


def _some(what: str, which: str) -> str:
    """Those beyond so many, or the rest of blocks.

    >>> _some("example", "beyond 64"), _some("row", "rest of 4")
    ('every example beyond the first 64', 'every row after the last full block of 4')
    """
    how, width = which.rsplit(" ", 1)
    return f"every {what} beyond the first {width}" if how == "beyond" else f"every {what} after the last full block of {width}"


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
