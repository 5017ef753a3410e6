"""torch: a function of tensors, an `autograd.Function`, a module. Where it returns the loss alone, autograd gives the gradient.

Tensors have the dtype of the arrays that are asked with: nothing is judged at a precision that it does not compute in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from verify.candidates.frameworks import named, uses, variable


def adapted(f: Callable[..., Any], both: bool) -> Callable[..., Any] | None:
    """The numpy function (loss, gradient) of a torch candidate, or with both=False of whatever it returns."""
    if isinstance(f, type) and issubclass(f, torch.autograd.Function):
        return _of_function(f, both)
    if not uses(f, "torch"):
        return None
    called = f.forward if isinstance(f, torch.nn.Module) else f
    return named(called, _differentiated(f, called) if both else _converted(f), "torch")


def _of_function(function: Any, both: bool) -> Callable[..., Any]:
    """The same of an `autograd.Function`, whose `forward` may take a context that `apply` does not."""
    call = named(function.forward, _differentiated(function.apply, function.forward) if both else _converted(function.apply), "torch")
    parameters = list(inspect.signature(function.forward).parameters.values())
    context = function.setup_context is torch.autograd.Function.setup_context
    call.__signature__ = inspect.Signature(parameters[context:])  # type: ignore[attr-defined]
    return call


def _differentiated(f: Callable[..., Any], named_like: Callable[..., Any]) -> Callable[..., Any]:
    """What `f` returns if that is more than a loss, else the loss and its gradient for what it is a function of."""

    def call(*arguments: Any) -> Any:
        tensors = [_tensor(a) for a in arguments]
        real: torch.Tensor = tensors[variable(named_like, arguments)]
        real.requires_grad_()
        returned = f(*tensors)
        if not isinstance(returned, torch.Tensor):
            return _array(returned)
        loss = returned.sum()
        (gradient,) = torch.autograd.grad(loss, real, allow_unused=True) if loss.requires_grad else (None,)
        return _array(loss), np.zeros(real.shape) if gradient is None else _array(gradient)

    return call


def _converted(f: Callable[..., Any]) -> Callable[..., Any]:
    """What `f` returns for tensors, as arrays."""
    return lambda *arguments: _array(f(*[_tensor(a) for a in arguments]))


def _tensor(a: Any) -> Any:
    """An array as a tensor on the same memory, so that what is written to it is seen; a copy where torch takes no such array."""
    if not isinstance(a, np.ndarray):
        return a
    return torch.from_numpy(a) if a.flags.writeable and all(s >= 0 for s in a.strides) else torch.tensor(a)


def _array(returned: Any) -> Any:
    if isinstance(returned, torch.Tensor):
        return returned.detach().cpu().numpy()
    return tuple(_array(r) for r in returned) if isinstance(returned, (tuple, list)) else returned
