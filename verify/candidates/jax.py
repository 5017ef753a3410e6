"""jax: a function of arrays, jitted or not, with a `custom_vjp` or without. Where it returns the loss alone, `jax.vjp` gives the gradient.

float64 is switched on for the one call that is asked in float64, and for no other: it is a setting of the whole process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from verify.candidates.frameworks import named, uses, variable


def adapted(f: Callable[..., Any], both: bool) -> Callable[..., Any] | None:
    """The numpy function (loss, gradient) of a jax candidate, or with both=False of whatever it returns."""
    ours = type(f).__module__.partition(".")[0] in ("jax", "jaxlib")
    if not (ours or uses(f, "jax")):
        return None
    return named(f, _differentiated(f) if both else _converted(f), "jax")


def _differentiated(f: Callable[..., Any]) -> Callable[..., Any]:
    """What `f` returns if that is more than a loss, else the loss and its gradient for what it is a function of."""

    def call(*arguments: Any) -> Any:
        i = variable(f, arguments)
        with _precise(arguments[i]):
            given = [_given(a) for a in arguments]
            returned, pull = jax.vjp(lambda a: f(*given[:i], a, *given[i + 1 :]), given[i])
            if isinstance(returned, (tuple, list)):
                return _array(returned)
            (gradient,) = pull(jax.numpy.ones_like(returned))
            return _array(returned.sum()), _array(gradient)

    return call


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
