"""The signatures of a function of scores: `scores`, f(scores, y) → (loss, dscores), and `objective`, f(prediction, target) → (grad, hess)
of each example, as boosters call it.

Scores are (N, C), or (N,) for a loss of one score. For the laws scores, gradients and Hessians are always (N, C).

What boosters pass to an objective of C classes and expect back: xgboost since 1.0 passes scores (N, C), and until 2.1 expects a gradient of
N·C numbers, example by example (its demo `custom_softmax.py`). lightgbm before 4.0 uses N·C numbers, class by class, for both ("the preds
is group by class_id first, then group by row_id", its documentation of `train`), in its native interface (`fobj`) and in scikit-learn's;
since 4.0 (N, C) in both (github.com/microsoft/LightGBM/pull/4925).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour, array, guarded_call, number, pair, summed
from verify.candidates.candidate import Candidate
from verify.candidates.way import Labelled
from verify.form import SCORES

Floats = NDArray[np.floating]

ORDERS = {
    "PREDICTIONTARGET": "(prediction, target)",
    "TARGETPREDICTION": "(target, prediction)",
    "PREDICTIONDATASET": "(prediction, data set)",
}


CUTS = {"NC": "(N, C)", "ROWMAJOR": "row-major", "CLASSMAJOR": "class-major"}
"""The layouts of N·C scores and of their gradients: a matrix, or one row, example by example or class by class."""


UNREDUCED = "none"
"""The reduction of a candidate that returns the loss of each example."""
OBJECTIVE = "objective"


class DataSet:
    """The interface of xgboost's DMatrix and lightgbm's Dataset that objectives use: labels and weights of the examples, in float32.

    `weighed` tells whether the weights were read.
    """

    def __init__(self, label: NDArray[Any], weights: tuple[float, ...] | None = None, dtype: str = "float32") -> None:
        self.label = label.astype(dtype)
        self.weighed = False
        self._weight = np.ones(len(label), np.float32) if weights is None else np.array(weights, np.float32)

    @property
    def weight(self) -> NDArray[np.float32]:
        """The weights (N,); all 1 unless the suite sets others."""
        self.weighed = True
        return self._weight

    def get_label(self) -> NDArray[np.floating]:
        """The labels (N,)."""
        return self.label

    def get_weight(self) -> NDArray[np.float32]:
        """The weights (N,); all 1 unless the suite sets others."""
        return self.weight

    def num_row(self) -> int:
        """N, by DMatrix' name."""
        return len(self.label)

    def num_data(self) -> int:
        """N, by Dataset's name."""
        return len(self.label)


@dataclass(frozen=True, kw_only=True)
class Scores(Labelled):
    """Calls `f` on scores (N, C) and targets in its own order.

    `column` says that the scores of a loss of one score are (N, 1). `cut` is the layout of the scores of several classes; "" means a
    matrix, for which the gradient may still come as one row of numbers, example by example. `per_example` says that gradients and Hessians
    are those of each example (the signature `objective`), `each` that the losses of the examples come with them. `weighs` says that the
    candidate reads weights from a data set, whose labels have the dtype `held`.
    """

    column: bool = False
    per_example: bool = False
    order: str = "PREDICTIONTARGET"
    cut: str = ""
    each: bool = False
    weighs: bool = False
    held: str = "float32"

    form = SCORES

    @property
    def has_loss(self) -> bool:
        """Whether the candidate returns a loss: an objective need not."""
        return not self.per_example or self.each or (isinstance(self.f, Candidate) and self.f.loss is not None)

    @property
    def has_gradient(self) -> bool:
        """Whether it has a gradient: a candidate may declare that it has none."""
        return not isinstance(self.f, Candidate) or self.f.has_gradient

    @property
    def has_curvature(self) -> bool:
        """Whether it returns a Hessian."""
        return self.f.hess is not None if isinstance(self.f, Candidate) else self.per_example and not self.each

    @property
    def flat(self) -> bool:
        """Whether scores and gradients are one row of numbers."""
        return self.cut in ("ROWMAJOR", "CLASSMAJOR")

    @property
    def takes_weights(self) -> bool:
        """Whether the candidate is given weights of the examples and reads them."""
        return self.weighs or super().takes_weights

    @property
    def convention(self) -> str:
        """The name of the order of its arguments, and of the layout of scores in one row."""
        return f"{ORDERS[self.order]}, {CUTS[self.cut]}" if self.flat else ORDERS[self.order]

    @property
    def described(self) -> dict[str, Any]:
        """What it returns, and the orders that do not follow from that, for the report."""
        objective = self.per_example and not self.each
        found: dict[str, Any] = {"signature": OBJECTIVE if objective else "scores", **({"reduction": UNREDUCED} if self.each else {})}
        if objective or self.flat or self.order != "PREDICTIONTARGET":
            found["layout"] = self.convention
        if objective or self.takes_weights:
            found["weights"] = "taken" if self.takes_weights else "not taken"
        return found

    @property
    def first(self) -> tuple[str, ...]:
        """The names of its array arguments."""
        names = ("scores", "y") if not self.per_example else ("prediction", "target")
        return names[::-1] if self.order == "TARGETPREDICTION" else names

    @property
    def real(self) -> tuple[int, ...]:
        """The position of the scores."""
        return (1,) if self.order == "TARGETPREDICTION" else (0,)

    def arguments(self, scores: Floats, y: NDArray[np.integer[Any]]) -> tuple[Any, ...]:
        """New arrays in the candidate's own order."""
        dtype = scores.dtype
        mine = np.array(scores.T if self.cut == "CLASSMAJOR" else scores, order="C")
        if self.flat or (self.targets is not None and not self.column):
            mine = mine.reshape(-1)
        target, more = self.labels(y, dtype), self.more(len(y), dtype)
        if self.order == "PREDICTIONDATASET":
            return mine, DataSet(target, self.weights, self.held), *more
        return (target, mine, *more) if self.order == "TARGETPREDICTION" else (mine, target, *more)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The candidate's answer to arguments in its own order.

        Raises Misbehaviour where it raises or returns something other than the signature says.
        """
        (place,) = self.real
        due, target = arguments[place].shape, arguments[1 - place]  # before the call, which may change them
        examples = due[0] if not self.flat else target.num_data() if isinstance(target, DataSet) else len(target)
        value, gradient, curvature = self._parts(arguments, examples)
        gradient = self._shaped(gradient, due, examples, "gradient")
        return Answer(value, {"scores": gradient}, None if curvature is None else self._shaped(curvature, due, examples, "Hessian"))

    def _parts(self, arguments: tuple[Any, ...], examples: int) -> tuple[float, Floats, Floats | None]:
        f = self.f
        if isinstance(f, Candidate):  # the loss before the gradient: a gradient that corrupts its inputs shows
            value = np.nan if f.loss is None else self._loss(guarded_call(f.loss, arguments), examples)
            if not f.has_gradient:
                return value, np.zeros(arguments[self.real[0]].shape), None
            gradient = array(guarded_call(f.grad, arguments), "gradient")
            return value, gradient, None if f.hess is None else array(guarded_call(f.hess, arguments), "Hessian")
        if self.per_example and not self.each:
            first, second = pair(guarded_call(f, arguments), "grad, hess")
            return np.nan, array(first, "gradient"), array(second, "Hessian")
        first, second = pair(guarded_call(f, arguments), "loss, dscores")
        return self._loss(first, examples), array(second, "gradient"), None

    def _loss(self, returned: Any, examples: int) -> float:
        """The loss as one number, or the sum of the examples' losses, added without rounding."""
        if self.each and np.shape(returned) not in ((examples,), (examples, 1)):
            raise Misbehaviour("shape", f"returned a loss of shape {np.shape(returned)} for {examples} examples")
        if self.per_example and np.shape(returned) in ((examples,), (examples, 1)):
            return summed(array(returned, "loss").ravel().tolist())
        return number(returned)

    def _shaped(self, found: Floats, due: tuple[int, ...], examples: int, what: str) -> Floats:
        """The returned array as (N, C)."""
        in_a_row = self.flat or (self.per_example and self.cut != "NC")
        fits = found.shape == due or (in_a_row and found.shape in ((prod(due),), (prod(due), 1)))
        if not fits or found.size % examples:
            raise Misbehaviour("shape", f"returned a {what} of shape {found.shape} for scores of shape {due}")
        return found.reshape(-1, examples).T if self.cut == "CLASSMAJOR" else found.reshape(examples, -1)
