"""The signatures of a function of scores: `scores`, f(scores, y) → (loss, dscores), and `objective`, f(prediction, target) →
(grad, hess) of each example, as boosters call it.

Scores are (N, C), or (N,) for a loss of one score. To the laws W is Sᵀ, and each row of X picks one column of it: the same example
may be there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import fsum, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour, array, asked, number, pair
from verify.candidates.candidate import Candidate

Floats = NDArray[np.floating]

ORDERS = {
    "PREDICTIONTARGET": "(prediction, target)",
    "TARGETPREDICTION": "(target, prediction)",
    "PREDICTIONDATASET": "(prediction, data set)",
}


class DataSet:
    """What objectives ask of xgboost's DMatrix and lightgbm's Dataset: labels and weights of the examples, in float32."""

    def __init__(self, label: NDArray[Any]) -> None:
        self.label = label.astype(np.float32)
        self.weight = np.ones(len(label), np.float32)

    def get_label(self) -> NDArray[np.float32]:
        """(N,)."""
        return self.label

    def get_weight(self) -> NDArray[np.float32]:
        """(N,), all 1."""
        return self.weight

    def num_row(self) -> int:
        """N, as DMatrix calls it."""
        return len(self.label)

    def num_data(self) -> int:
        """N, as Dataset calls it."""
        return len(self.label)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Calls `f` on scores and targets in its own order.

    `targets` are what labels stand for, if they are not classes; `column` says that the scores of a loss of one score are (N, 1);
    `per_example` that gradients and Hessians are of each example alone (the signature `objective`); `weighted` that weights, all 1,
    are handed in as well.
    """

    f: Callable[..., Any]
    targets: tuple[float, ...] | None = None
    column: bool = False
    per_example: bool = False
    order: str = "PREDICTIONTARGET"
    weighted: bool = False

    def __call__(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:  # noqa: ARG002
        """The answer as a function of W (C, N): an example that X picks twice counts twice. See `answer`."""
        picked = np.argmax(X, axis=1)
        answer = self.answer(self.arguments(W, X, y, 0.0)).kept()
        if np.array_equal(picked, np.arange(W.shape[1])):
            return answer
        gradient = np.zeros(W.shape, dtype=answer.gradient.dtype)
        np.add.at(gradient.T, picked, answer.gradient.T)
        return Answer(answer.value, gradient, answer.curvature)

    @property
    def has_loss(self) -> bool:
        """Whether there is a loss: an objective answers without one."""
        return not self.per_example or (isinstance(self.f, Candidate) and self.f.loss is not None)

    @property
    def has_curvature(self) -> bool:
        """Whether there is a Hessian."""
        return self.f.hess is not None if isinstance(self.f, Candidate) else self.per_example

    @property
    def convention(self) -> str:
        """The name of the order of its arguments."""
        return ORDERS[self.order]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of its arrays."""
        names = ("scores", "y") if not self.per_example else ("prediction", "target")
        return names[::-1] if self.order == "TARGETPREDICTION" else names

    @property
    def real(self) -> tuple[int, ...]:
        """The place of the scores."""
        return (1,) if self.order == "TARGETPREDICTION" else (0,)

    def arguments(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:  # noqa: ARG002
        """Fresh arrays in the candidate's own order."""
        scores = np.ascontiguousarray(W.T[np.argmax(X, axis=1)])
        if self.targets is not None and not self.column:
            scores = scores.reshape(-1)
        target: Any = np.array(y) if self.targets is None else np.array(self.targets, dtype=W.dtype)[y]
        weights = (np.ones(len(y), dtype=W.dtype),) if self.weighted else ()
        if self.order == "PREDICTIONDATASET":
            return scores, DataSet(target)
        return (target, scores, *weights) if self.order == "TARGETPREDICTION" else (scores, target, *weights)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own order, its gradient (C, N).

        Raises Misbehaviour where it raises or returns something else than the signature says.
        """
        due = arguments[self.real[0]].shape  # before it is asked: it may change that
        value, gradient, curvature = self._parts(arguments, due[0])
        gradient = self._shaped(gradient, due, "gradient")
        return Answer(value, gradient.T, None if curvature is None else self._shaped(curvature, due, "Hessian"))

    def _parts(self, arguments: tuple[Any, ...], examples: int) -> tuple[float, Floats, Floats | None]:
        f = self.f
        if isinstance(f, Candidate):  # the loss before the gradient: a gradient that corrupts its inputs shows
            value = np.nan if f.loss is None else self._loss(asked(f.loss, arguments), examples)
            gradient = array(asked(f.grad, arguments), "gradient")
            return value, gradient, None if f.hess is None else array(asked(f.hess, arguments), "Hessian")
        if self.per_example:
            first, second = pair(asked(f, arguments), "grad, hess")
            return np.nan, array(first, "gradient"), array(second, "Hessian")
        first, second = pair(asked(f, arguments), "loss, dscores")
        return number(first), array(second, "gradient"), None

    def _loss(self, returned: Any, examples: int) -> float:
        """One number; of an objective also the losses of the examples, which are added without rounding."""
        if self.per_example and np.shape(returned) in ((examples,), (examples, 1)):
            return fsum(array(returned, "loss").ravel().tolist())
        return number(returned)

    def _shaped(self, found: Floats, due: tuple[int, ...], what: str) -> Floats:
        """(N, C). Boosters also take all numbers in one row, example by example."""
        if found.shape != due and not (self.per_example and found.shape in ((prod(due),), (prod(due), 1))):
            raise Misbehaviour("shape", f"returned a {what} of shape {found.shape} for scores of shape {due}")
        return found.reshape(due[0], -1)
