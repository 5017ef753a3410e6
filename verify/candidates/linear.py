"""The signature `linear`: f(W, X, y, reg) → (loss, dW), in any of its layouts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Misbehaviour

Floats = NDArray[np.floating]

LAYOUTS = {"CD": "(C, D)", "DC": "(D, C)"}
DATA_LAYOUTS = {"ND": "(N, D)", "DN": "(D, N)"}


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Calls `f` in its own layout, on copies, and answers in the suite's: W and dW (C, D), X (N, D)."""

    f: Callable[..., Any]
    layout: str = "CD"
    data: str = "ND"
    takes_reg: bool = True

    def __call__(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        """The candidate's answer on copies of the inputs; see `answer`."""
        return self.answer(self.arguments(W, X, y, reg))

    def arguments(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own layout, in C order."""
        mine = np.array(W if self.layout == "CD" else W.T, order="C")
        data = np.array(X if self.data == "ND" else X.T, order="C")
        return (mine, data, np.array(y), float(reg)) if self.takes_reg else (mine, data, np.array(y))

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own layout, which it gets as they are.

        Raises Misbehaviour where it raises or returns something else than (number, array of W's shape).
        """
        try:
            with np.errstate(all="ignore"):
                returned = self.f(*arguments)
        except (Exception, SystemExit) as error:
            text = str(error).split("\n")[0][:200]
            raise Misbehaviour("crashed", f"raised {type(error).__name__}: {text}" if text else f"raised {type(error).__name__}") from error
        value, gradient = _pair(returned)
        if gradient.shape != arguments[0].shape:
            raise Misbehaviour("shape", f"returned a gradient of shape {gradient.shape} for W of shape {arguments[0].shape}")
        return Answer(value, gradient if self.layout == "CD" else gradient.T)


def _pair(returned: Any) -> tuple[float, Floats]:
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise Misbehaviour("shape", f"returned {type(returned).__name__}, not a pair (loss, gradient)")
    try:
        value, gradient = np.asarray(returned[0]), np.asarray(returned[1])
    except ValueError:  # rows of different lengths
        raise Misbehaviour("shape", "returned nested sequences that are no array") from None
    if value.size != 1 or not _is_real(value):
        raise Misbehaviour("shape", f"returned a loss of type {value.dtype} and shape {value.shape}, not one real number")
    if not _is_real(gradient):
        raise Misbehaviour("dtype", f"returned a gradient of dtype {gradient.dtype}, not of real numbers")
    return float(value.reshape(())), gradient


def _is_real(a: NDArray[Any]) -> bool:
    return np.issubdtype(a.dtype, np.floating) or np.issubdtype(a.dtype, np.integer)


def takes_reg(f: Callable[..., Any]) -> bool:
    """Whether `f` takes a fourth positional argument; True where that cannot be told (compiled functions)."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) >= 4 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
