"""A candidate as the user hands it in: one function, or a loss, its gradient and its Hessian apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import Any

from verify.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Functions of the same arguments: `loss` returns a number, `grad` an array, `hess` the diagonal of the Hessian.

    The arguments are those of a signature: `(W, X, y, reg)`, `(scores, y)`, `(prediction, target)`, or one array `x`. With
    `(prediction, target)` all three may answer for each example, and the loss may be left out.

    Of a function of named inputs they are these inputs, and `grad` returns one gradient for each that is differentiated. Where an array
    comes out, `forward` and `backward` may be the names: `backward(upstream, …inputs)`, or `backward(upstream, saved)` where `forward`
    returns `(output, saved)`; `saved` says which, if that shall not be found out.
    """

    loss: Callable[..., Any] | None = None
    grad: Callable[..., Any] = None  # type: ignore[assignment]  # under this name or the other it must be there
    hess: Callable[..., Any] | None = None
    forward: InitVar[Callable[..., Any] | None] = None
    backward: InitVar[Callable[..., Any] | None] = None
    saved: bool | None = None

    def __post_init__(self, forward: Callable[..., Any] | None, backward: Callable[..., Any] | None) -> None:
        for name, other, given in (("loss", "forward", forward), ("grad", "backward", backward)):
            if given is not None and getattr(self, name) is not None:
                raise UsageError(f"Candidate has both {name} and {other}, which are the same; give one of them.")
            object.__setattr__(self, name, getattr(self, name) if given is None else given)
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
