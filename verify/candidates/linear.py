"""The signature `linear`: f(W, X, y, reg) → (loss, dW), in any of its layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour, array, guarded_call, number, pair
from verify.candidates.signature import REG, Extra
from verify.candidates.way import Labelled
from verify.form import LINEAR

Floats = NDArray[np.floating]

LAYOUTS = {"CD": "(C, D)", "DC": "(D, C)", "D": "(D,)"}
DATA_LAYOUTS = {"ND": "(N, D)", "DN": "(D, N)"}


@dataclass(frozen=True, kw_only=True)
class Linear(Labelled):
    """Calls `f` in its own layout of W and dW, (C, D), and of X, (N, D). W may be (D,) for a loss of one score."""

    layout: str = "CD"
    data: str = "ND"
    extras: tuple[Extra, ...] = (REG,)

    form = LINEAR
    first, real = ("W", "X", "y"), (0, 1)

    @property
    def convention(self) -> str:
        """The name of its layout."""
        return LAYOUTS[self.layout]

    @property
    def described(self) -> dict[str, Any]:
        """The layouts, for the report."""
        data = {} if self.data == "ND" else {"data": DATA_LAYOUTS[self.data]}
        return {"layout": self.convention, **data, **({"weights": "taken"} if self.takes_weights else {})}

    @property
    def is_of_matrices(self) -> bool:
        """Whether W has a row for each of several classes."""
        return self.targets is None

    @property
    def takes_reg(self) -> bool:
        """Whether λ is an argument."""
        return REG in self.extras

    def arguments(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:
        """New arrays in the candidate's own layout, C-contiguous."""
        mine = np.array({"CD": W, "DC": W.T, "D": W.reshape(-1)}[self.layout], order="C")
        data = np.array(X if self.data == "ND" else X.T, order="C")
        return mine, data, self.labels(y, W.dtype), *self.more(len(y), W.dtype, float(reg))

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The candidate's answer to arguments in its own layout, which are not copied.

        Raises Misbehaviour where it raises or returns something other than (number, array of W's shape).
        """
        due = arguments[0].shape  # before the call, which may change it
        value, gradient = pair(guarded_call(self.f, arguments), "loss, gradient")
        value, gradient = number(value), array(gradient, "gradient")
        if gradient.shape != due:
            raise Misbehaviour("shape", f"returned a gradient of shape {gradient.shape} for W of shape {due}")
        return Answer(value, {"W": {"CD": gradient, "DC": gradient.T, "D": gradient.reshape(1, -1)}[self.layout]})
