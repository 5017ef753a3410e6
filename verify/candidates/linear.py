"""The signature `linear`: f(W, X, y, reg) → (loss, dW), in any of its layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour, array, asked, halved, number, pair
from verify.candidates.signature import REG, Extra, Given, Weights, with_parameters

Floats = NDArray[np.floating]

LAYOUTS = {"CD": "(C, D)", "DC": "(D, C)", "D": "(D,)"}
DATA_LAYOUTS = {"ND": "(N, D)", "DN": "(D, N)"}


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Calls `f` in its own layout, on copies, and answers in the suite's: W and dW (C, D), X (N, D).

    `extras` are what it takes after W, X and y. `targets` are what labels stand for where a loss has one score; W may be (D,) then.
    `names` are those of its arguments, `real` the places of those that may hold any numbers. `weights` of the examples are handed in
    where they are asked about.
    """

    f: Callable[..., Any]
    layout: str = "CD"
    data: str = "ND"
    extras: tuple[Extra, ...] = (REG,)
    targets: tuple[float, ...] | None = None
    weights: tuple[float, ...] | None = None

    has_loss, has_gradient, has_curvature, flat = True, True, False, False
    real = (0, 1)

    @property
    def convention(self) -> str:
        """The name of its layout."""
        return LAYOUTS[self.layout]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of its arguments."""
        return ("W", "X", "y", *(e if e == REG else "weights" if isinstance(e, Weights) else "parameter" for e in self.extras))

    @property
    def takes_reg(self) -> bool:
        """Whether λ is handed in."""
        return REG in self.extras

    @property
    def takes_weights(self) -> bool:
        """Whether weights of the examples are."""
        return any(isinstance(e, Weights) for e in self.extras)

    def at(self, parameters: Mapping[str, float]) -> Linear:
        """The same at other values of parameters of the loss that it takes."""
        return replace(self, extras=with_parameters(self.extras, parameters))

    def weighted(self, weights: tuple[float, ...]) -> Linear:
        """The same with these weights of the examples."""
        return replace(self, weights=weights)

    def __call__(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        """The candidate's answer on copies of the inputs; see `answer`."""
        return self.answer(self.arguments(W, X, y, reg)).kept()

    def arguments(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own layout, in C order."""
        mine = np.array({"CD": W, "DC": W.T, "D": W.reshape(-1)}[self.layout], order="C")
        data = np.array(X if self.data == "ND" else X.T, order="C")
        labels: Any = np.array(y) if self.targets is None else np.array(self.targets, dtype=W.dtype)[y]
        return mine, data, labels, *(self.more(e, len(y), W.dtype, float(reg)) for e in self.extras)

    def more(self, e: Extra, examples: int, dtype: np.dtype[Any], reg: float) -> Any:
        """What is handed in after W, X and y."""
        if isinstance(e, Weights):
            return e.given(examples, dtype, self.weights)
        return e.value if isinstance(e, Given) else reg

    def change(self, arguments: tuple[Any, ...]) -> None:
        """Writes other weights and data into the arguments."""
        halved(arguments, self.real)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own layout, which it gets as they are.

        Raises Misbehaviour where it raises or returns something else than (number, array of W's shape).
        """
        due = arguments[0].shape  # before it is asked: it may change that
        value, gradient = pair(asked(self.f, arguments), "loss, gradient")
        value, gradient = number(value), array(gradient, "gradient")
        if gradient.shape != due:
            raise Misbehaviour("shape", f"returned a gradient of shape {gradient.shape} for W of shape {due}")
        return Answer(value, {"W": {"CD": gradient, "DC": gradient.T, "D": gradient.reshape(1, -1)}[self.layout]})
