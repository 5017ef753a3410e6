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
"""Of the examples, or of the classes."""


class Form(ABC):
    """`names` are those of the values: that of the point first, which a gradient is for. `rows` is the array that has a row for each
    example, as y has an entry; the classes lie along the `axis` of the point.
    """

    names: ClassVar[tuple[str, ...]]
    rows: ClassVar[str]
    axis: ClassVar[int]

    @property
    def point(self) -> str:
        """The name of what is differentiated."""
        return self.names[0]

    @property
    def real(self) -> tuple[str, ...]:
        """The names of the arrays of real numbers."""
        return tuple(dict.fromkeys((self.point, self.rows)))

    @property
    def is_apart(self) -> bool:
        """Whether the gradient has a row for each example, in which no other has a part."""
        return self.rows == self.point

    @property
    def is_penalised(self) -> bool:
        """Whether a penalty is added, times λ = reg."""
        return "reg" in self.names

    def bare(self, values: Values) -> dict[str, Any]:
        """Without the penalty."""
        return {**values, "reg": 0.0} if self.is_penalised else {**values}

    def classes(self, values: Values) -> int:
        """C."""
        return int(values[self.point].shape[self.axis])

    def dimensions(self, values: Values) -> dict[str, int]:
        """N, C, and what else may be smaller, by their names."""
        return {"N": len(values["y"]), "C": self.classes(values)}

    def double(self, values: Values) -> dict[str, Any]:
        """The arrays of real numbers in double precision."""
        return {**values, **{name: values[name].astype(np.float64) for name in self.real}}

    def sizes(self, values: Values) -> dict[str, Any]:
        """The same of their absolute values."""
        return {**values, **{name: np.abs(values[name]).astype(np.float64) for name in self.real}}

    def of_examples(self, values: Values, examples: Some) -> dict[str, Any]:
        """These examples, in this order, as often as they are named."""
        return {**values, **{name: np.ascontiguousarray(values[name][examples]) for name in (self.rows, "y")}}

    def of_classes(self, values: Values, classes: Some) -> dict[str, Any]:
        """The point for these classes, in this order; the labels stay."""
        return {**values, self.point: np.ascontiguousarray(np.take(values[self.point], np.asarray(classes), axis=self.axis))}

    @abstractmethod
    def of_linear(self, values: Values) -> dict[str, Any]:
        """The values that have the scores of linear ones, as these come out in the dtype."""

    @abstractmethod
    def zeros(self, values: Values, dimensions: Mapping[str, int]) -> dict[str, Any]:
        """A point of 0 and labels of 0 in these dimensions, without a penalty; data are ones."""

    @abstractmethod
    def scores(self, values: Values) -> Floats:
        """(N, C), in the dtype of the values; (B, N, C) of arrays with an axis of B in front."""

    @abstractmethod
    def gradient(self, values: Values, slopes: Floats) -> Floats:
        """What the slopes (…, N, C) of the examples make of the gradient of their sum; with sizes for values, of sizes of slopes."""

    @abstractmethod
    def lifted(self, values: Values, classes: Any, by: float) -> dict[str, Any]:
        """With `by` added to the scores of these classes, of every example."""

    @abstractmethod
    def first_alike(self, values: Values) -> list[int]:
        """For each example the first one that adds the same to all of f and its gradient, itself where there is none."""

    @abstractmethod
    def back(self, values: Values, gradient: Floats, examples: Some) -> Floats:
        """What a gradient at some of the examples adds to that at all of them."""

    @abstractmethod
    def by_class(self, gradient: Floats) -> Floats:
        """With a row for each class."""


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
        with np.errstate(invalid="ignore"):  # BLAS also computes with what lies beside small arrays, and throws that away
            return np.asarray(np.swapaxes(values["W"] @ np.swapaxes(values["X"], -1, -2), -1, -2))

    def gradient(self, values: Values, slopes: Floats) -> Floats:
        return np.asarray(np.swapaxes(slopes, -1, -2) @ values["X"])

    def lifted(self, values: Values, classes: Any, by: float) -> dict[str, Any]:
        """By the biases."""
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
        """Each has its own entries in the gradient."""
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
    """The form whose values are among these. Raises ValueError where they are those of none."""
    for form in FORMS:
        if values.keys() >= set(form.names):
            return form
    due = " or ".join(f"{', '.join(form.names)} are due and a gradient for {form.point}" for form in FORMS)
    raise ValueError(f"the values are {', '.join(values)}, where {due}")
