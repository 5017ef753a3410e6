"""A jax `custom_vjp`: the mean multiclass hinge, with the gradient written by hand."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def hinge(scores, y):
    """Scores (N, C), y (N,) → the mean loss."""
    return _forward(scores, y)[0]


def _forward(scores, y):
    rows = jnp.arange(len(y))
    margins = jnp.maximum(0, scores - scores[rows, y][:, None] + 1).at[rows, y].set(0)
    return margins.sum() / len(y), (margins > 0, y)


def _backward(kept, up):
    active, y = kept
    ds = active.astype(up.dtype)
    ds = ds.at[jnp.arange(len(y)), y].set(-ds.sum(axis=1))
    return up * ds / len(y), None


hinge.defvjp(_forward, _backward)
