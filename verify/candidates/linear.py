"""The signature `linear`: f(W, X, y, reg) → (loss, dW), in any of its layouts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour, array, asked, number, pair

Floats = NDArray[np.floating]

LAYOUTS = {"CD": "(C, D)", "DC": "(D, C)", "D": "(D,)"}
DATA_LAYOUTS = {"ND": "(N, D)", "DN": "(D, N)"}


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Calls `f` in its own layout, on copies, and answers in the suite's: W and dW (C, D), X (N, D).

    `targets` are what labels stand for where a loss has one score; W may be (D,) then.
    `names` are those of its arrays, `real` the places of the arguments that may hold any numbers.
    """

    f: Callable[..., Any]
    layout: str = "CD"
    data: str = "ND"
    takes_reg: bool = True
    targets: tuple[float, ...] | None = None

    has_loss, has_curvature = True, False
    names, real = ("W", "X", "y"), (0, 1)

    @property
    def convention(self) -> str:
        """The name of its layout."""
        return LAYOUTS[self.layout]

    def __call__(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        """The candidate's answer on copies of the inputs; see `answer`."""
        return self.answer(self.arguments(W, X, y, reg)).kept()

    def arguments(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own layout, in C order."""
        mine = np.array({"CD": W, "DC": W.T, "D": W.reshape(-1)}[self.layout], order="C")
        data = np.array(X if self.data == "ND" else X.T, order="C")
        labels: Any = np.array(y) if self.targets is None else np.array(self.targets, dtype=W.dtype)[y]
        return (mine, data, labels, float(reg)) if self.takes_reg else (mine, data, labels)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own layout, which it gets as they are.

        Raises Misbehaviour where it raises or returns something else than (number, array of W's shape).
        """
        due = arguments[0].shape  # before it is asked: it may change that
        value, gradient = pair(asked(self.f, arguments), "loss, gradient")
        value, gradient = number(value), array(gradient, "gradient")
        if gradient.shape != due:
            raise Misbehaviour("shape", f"returned a gradient of shape {gradient.shape} for W of shape {due}")
        return Answer(value, {"CD": gradient, "DC": gradient.T, "D": gradient.reshape(1, -1)}[self.layout])


def takes_reg(f: Callable[..., Any]) -> bool:
    """Whether `f` takes a fourth positional argument; True where that cannot be told (compiled functions)."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) >= 4 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
