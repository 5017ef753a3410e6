"""A candidate as the user hands it in: a function `(loss, gradient)`, or a pair of functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A pair: `loss(W, X, y, reg)` returns a number and `grad(W, X, y, reg)` an array of W's shape."""

    loss: Callable[..., Any]
    grad: Callable[..., Any]

    def __post_init__(self) -> None:
        for name, f in (("loss", self.loss), ("grad", self.grad)):
            if not callable(f):
                raise UsageError(f"Candidate({name}=…) is {type(f).__name__}; it must be a function f(W, X, y, reg).")

    def __call__(self, *arguments: Any) -> tuple[Any, Any]:
        """(loss, gradient), the loss first."""
        return self.loss(*arguments), self.grad(*arguments)


def name_of(candidate: object) -> str:
    """What a candidate is called in the report: its target string, else its function's qualified name."""
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, Candidate):
        return f"({name_of(candidate.loss)}, {name_of(candidate.grad)})"
    name = getattr(candidate, "__qualname__", None) or type(candidate).__qualname__
    return f"{getattr(candidate, '__module__', '?')}:{name}"
