"""A candidate as the user passes it: one function, or separate functions for the loss, its gradient and its Hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import Any

from verify.errors import UsageError

NO_GRADIENT = "the candidate returns no gradient: its value alone is judged"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Functions of the same arguments: `loss` returns a number, `grad` an array, `hess` the diagonal of the Hessian.

    The arguments are those of a signature: `(W, X, y, reg)`, `(scores, y)`, `(prediction, target)`, or one array `x`. With `(prediction,
    target)` all three may return values per example, and the loss may be left out.

    For a function of named inputs the arguments are these inputs, and `grad` returns one gradient for each differentiated input. If the
    result is an array, the functions may be given as `forward` and `backward`: `backward(upstream, …inputs)`, or `backward(upstream,
    saved)` where `forward` returns `(output, saved)`; `saved` says which, so that it need not be inferred.

    For functions of scores or of named inputs the gradient may be left out: `Candidate(loss=f)` declares that there is none, and only the
    laws that need no gradient are judged.
    """

    loss: Callable[..., Any] | None = None
    grad: Callable[..., Any] = None  # type: ignore[assignment]  # None where the value alone is judged, which few places allow
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
            if not callable(f) and (f is not None or (name == "grad" and (self.loss is None or self.hess is not None))):
                raise UsageError(f"Candidate({name}=…) is {type(f).__name__}; it must be a function, such as f(W, X, y, reg).")

    @property
    def has_gradient(self) -> bool:
        """Whether it has a gradient."""
        return self.grad is not None

    @property
    def first(self) -> Callable[..., Any]:
        """The loss, or the gradient if there is no loss."""
        return self.grad if self.loss is None else self.loss

    @property
    def signature_part(self) -> Callable[..., Any]:
        """The function whose signature stands for all: the gradient, or the loss if there is no gradient."""
        if not self.has_gradient:
            assert self.loss is not None
            return self.loss
        return self.grad

    def __call__(self, *arguments: Any) -> tuple[Any, Any]:
        """Calls both; returns (loss, gradient)."""
        if not self.has_gradient:
            raise UsageError("Candidate(loss=…) has no gradient. Give one: Candidate(loss=…, grad=…).")
        if self.loss is None:
            raise UsageError("Candidate(grad=…) has no loss. Give one, or name the signature 'objective', which needs none.")
        return self.loss(*arguments), self.grad(*arguments)


def name_of(candidate: object) -> str:
    """The name of a candidate in the report: its target string, or its function's qualified name."""
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, Candidate):
        return f"({', '.join(name_of(f) for f in (candidate.loss, candidate.grad, candidate.hess) if f is not None)})"
    name = getattr(candidate, "__qualname__", None) or type(candidate).__qualname__
    return f"{getattr(candidate, '__module__', '?')}:{name}"
