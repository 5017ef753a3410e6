"""A candidate as the user hands it in: one function, or a loss, its gradient and its Hessian apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Functions of the same arguments: `loss` returns a number, `grad` an array, `hess` the diagonal of the Hessian.

    The arguments are those of a signature: `(W, X, y, reg)`, `(scores, y)`, `(prediction, target)`, or one array `x`. With
    `(prediction, target)` all three may answer for each example, and the loss may be left out.
    """

    loss: Callable[..., Any] | None = None
    grad: Callable[..., Any]
    hess: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        for name, f in (("loss", self.loss), ("grad", self.grad), ("hess", self.hess)):
            if not callable(f) and (f is not None or name == "grad"):
                raise UsageError(f"Candidate({name}=…) is {type(f).__name__}; it must be a function, such as f(W, X, y, reg).")

    def __call__(self, *arguments: Any) -> tuple[Any, Any]:
        """(loss, gradient), the loss first."""
        if self.loss is None:
            raise UsageError("Candidate(grad=…) has no loss. Give one, or name the signature 'objective', which needs none.")
        return self.loss(*arguments), self.grad(*arguments)


def name_of(candidate: object) -> str:
    """What a candidate is called in the report: its target string, else its function's qualified name."""
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, Candidate):
        return f"({', '.join(name_of(f) for f in (candidate.loss, candidate.grad, candidate.hess) if f is not None)})"
    name = getattr(candidate, "__qualname__", None) or type(candidate).__qualname__
    return f"{getattr(candidate, '__module__', '?')}:{name}"
