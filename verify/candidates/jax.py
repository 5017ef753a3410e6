"""jax: a function of arrays, jitted or not, with a `custom_vjp` or without. Where it returns no gradient of its own, `jax.vjp` gives it.

float64 is switched on for the one call that is asked in float64, and for no other: it is a setting of the whole process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from verify.candidates.frameworks import named, variable
from verify.candidates.upstream import DRAWN, NOT_DIFFERENTIABLE, Pulled, Upstream, answering, contracted, no_loss_and_gradient


def adapted(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any] | None:
    """The numpy function (loss, gradient) of a `custom_vjp`, a `custom_jvp` or what jax has compiled, or with both=False of whatever it
    returns.
    """
    return of_function(f, both, upstream) if type(f).__module__.partition(".")[0] in ("jax", "jaxlib") else None


def of_function(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any]:
    """The same of a Python function of arrays."""
    return named(f, _differentiated(f, upstream) if both else _converted(f), "jax")


def _differentiated(f: Callable[..., Any], upstream: Upstream) -> Callable[..., Any]:
    """The loss and its gradient for what `f` is a function of; or what it returns, if that is both already."""
    declared = any(isinstance(g, (jax.custom_vjp, jax.custom_jvp)) for g in (f, getattr(f, "__wrapped__", None)))
    passing: dict[tuple[Any, ...], list[int]] = {}

    def pull(arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:  # noqa: ARG001  # arrays of jax have one layout
        i = variable(f, arguments)
        with _precise(arguments[i]):
            given = [_given(a) for a in arguments]
            returned, back = jax.vjp(lambda a: f(*given[:i], a, *given[i + 1 :]), given[i])
            leaves, tree = jax.tree.flatten(returned)
            shapes = [tuple(y.shape) for y in leaves]
            one = isinstance(returned, jax.Array)
            if not (one or declared or (upstream.seed is not None and no_loss_and_gradient(shapes, given[i].shape))):
                return _array(returned)
            chosen = [k for k, y in enumerate(leaves) if jax.numpy.issubdtype(y.dtype, jax.numpy.inexact)]
            if not (one or declared):
                key = tuple(shapes)  # tracing takes long, and what is cut off is so everywhere
                if key not in passing:
                    passing[key] = [k for k in chosen if _passes_back(back, tree, leaves, k)]
                chosen = passing[key]
            left_out = dict.fromkeys((k for k in range(len(leaves)) if k not in chosen), NOT_DIFFERENTIABLE)
            if upstream.seed is None:
                left_out |= dict.fromkeys(chosen[1:], "since the first is the loss")
                chosen = chosen[:1]
            if not chosen:
                raise TypeError("returned nothing that can be differentiated")
            weights = dict(zip(chosen, upstream.weights([shapes[k] for k in chosen]), strict=True))
            upstreams = [_cotangent(y, weights.get(k), scale) for k, y in enumerate(leaves)]
            (gradient,) = back(jax.tree.unflatten(tree, upstreams)) if backward else (None,)
            found = [np.asarray(leaves[k].real, np.float64) for k in chosen]  # what real weights make of complex numbers
            value = _array(leaves[chosen[0]]) if len(found) == 1 and found[0].size == 1 else contracted([*weights.values()], found)
            return Pulled(value=value, gradient=_array(gradient), told=upstream.told([shapes[k] for k in chosen], left_out))

    return answering(pull)


def _cotangent(y: Any, weight: np.ndarray | None, scale: float) -> Any:
    """The upstream gradient of one output: zeros where it has no weight, of the dtype that jax wants for what is not differentiable."""
    if not jax.numpy.issubdtype(y.dtype, jax.numpy.inexact):
        return np.zeros(y.shape, jax.dtypes.float0)
    return jax.numpy.zeros_like(y) if weight is None else jax.numpy.asarray(scale * weight, dtype=y.dtype)


def _passes_back(back: Callable[..., Any], tree: Any, leaves: list[Any], k: int) -> bool:
    """Whether anything comes back through an output: none does that a `stop_gradient` cuts off."""
    given = [_cotangent(y, None, 1.0) for y in leaves]

    def alone(cotangent: Any) -> Any:
        return back(jax.tree.unflatten(tree, [*given[:k], cotangent, *given[k + 1 :]]))

    traced = jax.make_jaxpr(alone)(given[k]).jaxpr
    return any(v is traced.invars[0] for v in [*traced.outvars, *(v for step in traced.eqns for v in step.invars)])


def _converted(f: Callable[..., Any]) -> Callable[..., Any]:
    """What `f` returns for jax arrays, as numpy's."""

    def call(*arguments: Any) -> Any:
        with _precise(*arguments):
            return _array(f(*[_given(a) for a in arguments]))

    return call


def _precise(*arguments: Any) -> Any:
    """float64 as long as the block lasts, if any argument is of it."""
    double = any(isinstance(a, np.ndarray) and a.dtype == np.float64 for a in arguments)
    return jax.enable_x64(double) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(double)


def _given(a: Any) -> Any:
    return jax.numpy.asarray(a) if isinstance(a, np.ndarray) else a


def _array(returned: Any) -> Any:
    if isinstance(returned, jax.Array):
        return np.asarray(returned)
    return tuple(_array(r) for r in returned) if isinstance(returned, (tuple, list)) else returned
