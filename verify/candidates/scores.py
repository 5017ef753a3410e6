"""The signatures of a function of scores: `scores`, f(scores, y) → (loss, dscores), and `objective`, f(prediction, target) →
(grad, hess) of each example, as boosters call it.

Scores are (N, C), or (N,) for a loss of one score. To the laws they are (N, C) always, and so are gradients and Hessians.

What boosters hand to an objective of C classes, and take back: xgboost since 1.0 scores (N, C), and until 2.1 N·C numbers of a gradient,
example by example (its demo `custom_softmax.py`). lightgbm before 4.0 N·C numbers, class by class, of both ("the preds is group by
class_id first, then group by row_id", its documentation of `train`), in its native interface (`fobj`) and in scikit-learn's; since
4.0 (N, C) in both (github.com/microsoft/LightGBM/pull/4925).
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
"""How N·C scores, and their gradients, come: as a matrix, or in one row, example by example or class by class."""


NONE = "none"
"""The reduction of scores that come with a loss of each example."""
OBJECTIVE = "objective"


class DataSet:
    """What objectives ask of xgboost's DMatrix and lightgbm's Dataset: labels and weights of the examples, in float32.

    `weighed` tells whether the weights were asked for.
    """

    def __init__(self, label: NDArray[Any], weights: tuple[float, ...] | None = None, dtype: str = "float32") -> None:
        self.label = label.astype(dtype)
        self.weighed = False
        self._weight = np.ones(len(label), np.float32) if weights is None else np.array(weights, np.float32)

    @property
    def weight(self) -> NDArray[np.float32]:
        """(N,), all 1 unless they are asked about."""
        self.weighed = True
        return self._weight

    def get_label(self) -> NDArray[np.floating]:
        """(N,)."""
        return self.label

    def get_weight(self) -> NDArray[np.float32]:
        """(N,), all 1 unless they are asked about."""
        return self.weight

    def num_row(self) -> int:
        """N, as DMatrix calls it."""
        return len(self.label)

    def num_data(self) -> int:
        """N, as Dataset calls it."""
        return len(self.label)


@dataclass(frozen=True, kw_only=True)
class Scores(Labelled):
    """Calls `f` on scores (N, C) and targets in its own order.

    `column` says that the scores of a loss of one score are (N, 1); `cut` how those of several classes come, "" that a gradient may come
    as numbers in one row, example by example, for a matrix of scores; `per_example` that gradients and Hessians are of each example alone
    (the signature `objective`); `each` that a loss of each example comes with them; `weighs` that it asks a data set for weights, whose
    labels have the dtype `held`.
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
        """Whether there is a loss: an objective answers without one."""
        return not self.per_example or self.each or (isinstance(self.f, Candidate) and self.f.loss is not None)

    @property
    def has_gradient(self) -> bool:
        """Whether there is one: a candidate may say that there is not."""
        return not isinstance(self.f, Candidate) or self.f.has_gradient

    @property
    def has_curvature(self) -> bool:
        """Whether there is a Hessian."""
        return self.f.hess is not None if isinstance(self.f, Candidate) else self.per_example and not self.each

    @property
    def flat(self) -> bool:
        """Whether scores and gradients are numbers in one row."""
        return self.cut in ("ROWMAJOR", "CLASSMAJOR")

    @property
    def takes_weights(self) -> bool:
        """Whether weights of the examples are handed in, and asked for."""
        return self.weighs or super().takes_weights

    @property
    def convention(self) -> str:
        """The name of the order of its arguments, and of the order of the scores where they are numbers in one row."""
        return f"{ORDERS[self.order]}, {CUTS[self.cut]}" if self.flat else ORDERS[self.order]

    @property
    def described(self) -> dict[str, Any]:
        """What comes back, and the orders where they are not told by that."""
        objective = self.per_example and not self.each
        found: dict[str, Any] = {"signature": OBJECTIVE if objective else "scores", **({"reduction": NONE} if self.each else {})}
        if objective or self.flat or self.order != "PREDICTIONTARGET":
            found["layout"] = self.convention
        if objective or self.takes_weights:
            found["weights"] = "taken" if self.takes_weights else "not taken"
        return found

    @property
    def first(self) -> tuple[str, ...]:
        """Of its arrays."""
        names = ("scores", "y") if not self.per_example else ("prediction", "target")
        return names[::-1] if self.order == "TARGETPREDICTION" else names

    @property
    def real(self) -> tuple[int, ...]:
        """The place of the scores."""
        return (1,) if self.order == "TARGETPREDICTION" else (0,)

    def arguments(self, scores: Floats, y: NDArray[np.integer[Any]]) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own order."""
        dtype = scores.dtype
        mine = np.array(scores.T if self.cut == "CLASSMAJOR" else scores, order="C")
        if self.flat or (self.targets is not None and not self.column):
            mine = mine.reshape(-1)
        target, more = self.labels(y, dtype), self.more(len(y), dtype)
        if self.order == "PREDICTIONDATASET":
            return mine, DataSet(target, self.weights, self.held), *more
        return (target, mine, *more) if self.order == "TARGETPREDICTION" else (mine, target, *more)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own order.

        Raises Misbehaviour where it raises or returns something else than the signature says.
        """
        (place,) = self.real
        due, target = arguments[place].shape, arguments[1 - place]  # before it is asked: it may change them
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
        """One number, or the losses of the examples, which are added without rounding."""
        if self.each and np.shape(returned) not in ((examples,), (examples, 1)):
            raise Misbehaviour("shape", f"returned a loss of shape {np.shape(returned)} for {examples} examples")
        if self.per_example and np.shape(returned) in ((examples,), (examples, 1)):
            return summed(array(returned, "loss").ravel().tolist())
        return number(returned)

    def _shaped(self, found: Floats, due: tuple[int, ...], examples: int, what: str) -> Floats:
        """(N, C)."""
        in_a_row = self.flat or (self.per_example and self.cut != "NC")
        fits = found.shape == due or (in_a_row and found.shape in ((prod(due),), (prod(due), 1)))
        if not fits or found.size % examples:
            raise Misbehaviour("shape", f"returned a {what} of shape {found.shape} for scores of shape {due}")
        return found.reshape(-1, examples).T if self.cut == "CLASSMAJOR" else found.reshape(examples, -1)
