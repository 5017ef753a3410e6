"""The arguments of a loss with labels, by their names: linear scores of weights and data, or the scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Values = Mapping[str, Any]
Some = Sequence[int] | NDArray[np.intp] | slice
"""Indices of examples or of classes."""


class Form(ABC):
    """`names` are the names of the values; the first is the point, which the gradient is for. `rows` names the array with a row for each
    example, as y has an entry; the classes lie along the `axis` of the point.
    """

    names: ClassVar[tuple[str, ...]]
    rows: ClassVar[str]
    axis: ClassVar[int]

    @property
    def point(self) -> str:
        """The name of the differentiated array."""
        return self.names[0]

    @property
    def real(self) -> tuple[str, ...]:
        """The names of the arrays of real numbers."""
        return tuple(dict.fromkeys((self.point, self.rows)))

    @property
    def is_apart(self) -> bool:
        """Whether each row of the gradient depends on one example only."""
        return self.rows == self.point

    @property
    def is_penalised(self) -> bool:
        """Whether a penalty, times λ = reg, is added."""
        return "reg" in self.names

    def bare(self, values: Values) -> dict[str, Any]:
        """The values without the penalty."""
        return {**values, "reg": 0.0} if self.is_penalised else {**values}

    def classes(self, values: Values) -> int:
        """The number of classes, C."""
        return int(values[self.point].shape[self.axis])

    def dimensions(self, values: Values) -> dict[str, int]:
        """N, C, and further dimensions that may be made smaller, by name."""
        return {"N": len(values["y"]), "C": self.classes(values)}

    def double(self, values: Values) -> dict[str, Any]:
        """The arrays of real numbers in double precision."""
        return {**values, **{name: values[name].astype(np.float64) for name in self.real}}

    def sizes(self, values: Values) -> dict[str, Any]:
        """The absolute values of the arrays of real numbers, in double precision."""
        return {**values, **{name: np.abs(values[name]).astype(np.float64) for name in self.real}}

    def of_examples(self, values: Values, examples: Some) -> dict[str, Any]:
        """The values of these examples, in this order, repeated as often as they are named."""
        return {**values, **{name: np.ascontiguousarray(values[name][examples]) for name in (self.rows, "y")}}

    def of_classes(self, values: Values, classes: Some) -> dict[str, Any]:
        """The values with the point restricted to these classes, in this order; the labels stay."""
        return {**values, self.point: np.ascontiguousarray(np.take(values[self.point], np.asarray(classes), axis=self.axis))}

    @abstractmethod
    def of_linear(self, values: Values) -> dict[str, Any]:
        """The values of this form with the same scores as these linear ones, as computed in their dtype."""

    @abstractmethod
    def zeros(self, values: Values, dimensions: Mapping[str, int]) -> dict[str, Any]:
        """Values in these dimensions with a point of zeros, labels of 0 and data of ones, without a penalty."""

    @abstractmethod
    def scores(self, values: Values) -> Floats:
        """The scores (N, C), in the dtype of the values; (B, N, C) for arrays with a leading axis of length B."""

    @abstractmethod
    def gradient(self, values: Values, slopes: Floats) -> Floats:
        """The gradient of the sum over the examples, from the slopes (…, N, C) of each; absolute values give a bound of the terms."""

    @abstractmethod
    def lifted(self, values: Values, classes: Any, by: float) -> dict[str, Any]:
        """The values with `by` added to the scores of these classes, for every example."""

    @abstractmethod
    def first_alike(self, values: Values) -> list[int]:
        """For each example, the first one with the same terms in f and its gradient: itself if there is no earlier one."""

    @abstractmethod
    def back(self, values: Values, gradient: Floats, examples: Some) -> Floats:
        """The contribution of a gradient at some of the examples to the gradient at all of them."""

    @abstractmethod
    def by_class(self, gradient: Floats) -> Floats:
        """The gradient with a row for each class."""


class _Linear(Form):
    """f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), of W (C, D), X (N, D) with a last column of ones, y (N,) in 0..C−1, and λ = reg."""

    names, rows, axis = ("W", "X", "y", "reg"), "X", 0

    def dimensions(self, values: Values) -> dict[str, int]:
        """N, D and C."""
        return {"N": len(values["y"]), "D": values["X"].shape[1], "C": len(values["W"])}

    def zeros(self, values: Values, dimensions: Mapping[str, int]) -> dict[str, Any]:
        N, D, C = (dimensions[name] for name in "NDC")
        W, X = np.zeros((C, D), values["W"].dtype), np.ones((N, D), values["X"].dtype)
        return {**values, "W": W, "X": X, "y": np.zeros_like(values["y"][:N]), "reg": 0.0}

    def of_linear(self, values: Values) -> dict[str, Any]:
        return {**values}

    def scores(self, values: Values) -> Floats:
        with np.errstate(invalid="ignore"):  # BLAS also computes with memory beside small arrays, and discards the results
            return np.asarray(np.swapaxes(values["W"] @ np.swapaxes(values["X"], -1, -2), -1, -2))

    def gradient(self, values: Values, slopes: Floats) -> Floats:
        return np.asarray(np.swapaxes(slopes, -1, -2) @ values["X"])

    def lifted(self, values: Values, classes: Any, by: float) -> dict[str, Any]:
        """See `Form.lifted`: changes the biases."""
        W = values["W"].copy()
        W[classes, -1] += W.dtype.type(by)
        return {**values, "W": W}

    def first_alike(self, values: Values) -> list[int]:
        first: dict[tuple[bytes, int], int] = {}
        return [first.setdefault((x.tobytes(), int(y)), i) for i, (x, y) in enumerate(zip(values["X"], values["y"], strict=True))]

    def back(self, values: Values, gradient: Floats, examples: Some) -> Floats:  # noqa: ARG002
        return gradient

    def by_class(self, gradient: Floats) -> Floats:
        return gradient


class _Scores(Form):
    """φ(S) = reduce_i ℓ(S_i, y_i), of the scores S (N, C) and y (N,) in 0..C−1."""

    names, rows, axis = ("scores", "y"), "scores", 1

    def zeros(self, values: Values, dimensions: Mapping[str, int]) -> dict[str, Any]:
        N, C = (dimensions[name] for name in "NC")
        return {**values, "scores": np.zeros((N, C), values["scores"].dtype), "y": np.zeros_like(values["y"][:N])}

    def of_linear(self, values: Values) -> dict[str, Any]:
        return {"scores": np.ascontiguousarray(LINEAR.scores(values)), "y": values["y"]}

    def scores(self, values: Values) -> Floats:
        return np.asarray(values["scores"])

    def gradient(self, values: Values, slopes: Floats) -> Floats:  # noqa: ARG002
        return slopes

    def lifted(self, values: Values, classes: Any, by: float) -> dict[str, Any]:
        scores = values["scores"].copy()
        scores[:, classes] += scores.dtype.type(by)
        return {**values, "scores": scores}

    def first_alike(self, values: Values) -> list[int]:
        """See `Form.first_alike`: each example has its own entries in the gradient."""
        return [*range(len(values["scores"]))]

    def back(self, values: Values, gradient: Floats, examples: Some) -> Floats:
        found = np.zeros(values["scores"].shape, gradient.dtype)
        np.add.at(found, np.arange(len(found))[examples], gradient)
        return found

    def by_class(self, gradient: Floats) -> Floats:
        return gradient.T


LINEAR: Form = _Linear()
SCORES: Form = _Scores()


FORMS = (LINEAR, SCORES)


def form_of(values: Values) -> Form:
    """The form whose names are among these values. Raises ValueError if there is none."""
    for form in FORMS:
        if values.keys() >= set(form.names):
            return form
    due = " or ".join(f"{', '.join(form.names)} are due and a gradient for {form.point}" for form in FORMS)
    raise ValueError(f"the values are {', '.join(values)}, where {due}")
