"""Small problems, one by one and a thousand in one call: what a property-based test asks for hundreds of thousands of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from verify.benchmarks.peers import PEERS, REG, aligned, batch, contestants, error_of, exact, kernel, loss_in_jax

from verify.bench.table import Setup, Table
from verify.core.batched import evaluate

TOGETHER = 1_000


def setups(smoke: bool) -> Iterator[Setup]:
    """Five examples, four features, three classes."""
    for loss in ("hinge", "softmax"):
        W, X, y = batch(5, 4, 3, "float64")
        f, out = kernel(loss), np.empty_like(W)
        works = {**contestants(loss, W, X, y), "verify, into out": _into(f, W, X, y, out)}
        yield Setup(label=f"{loss}, 5 × 4, 3 classes", contestants=works, error=error_of(exact(loss, W, X, y)), allowed=1e-13)
    for loss in ("hinge", "softmax"):
        B = 20 if smoke else TOGETHER
        many = [batch(5, 4, 3, "float64", seed) for seed in range(B)]
        Ws, Xs, ys = (_stacked(part) for part in zip(*many, strict=True))
        truth = np.stack([exact(loss, *one) for one in many])
        yield Setup(
            label=f"{loss}, {B:,} problems in one call, per problem",
            contestants=_together(loss, Ws, Xs, ys),
            problems=B,
            error=error_of(truth),
            allowed=1e-13,
        )


def _into(f: Any, W: Any, X: Any, y: Any, out: Any) -> Callable[[], Any]:
    return lambda: f(W, X, y, REG, out=out)


def _stacked(parts: Sequence[Any]) -> Any:
    room = aligned((len(parts), *parts[0].shape), parts[0].dtype)
    room[:] = parts
    return room


def _together(loss: str, W: Any, X: Any, y: Any) -> dict[str, Callable[[], Any]]:
    works: dict[str, Callable[[], Any]] = {
        "verify": partial(evaluate, kernel(loss), W, X, y, REG),
        "numpy, stacked products": partial(_in_numpy, loss, W, X, y),
    }
    if find_spec("jax") and "jax" in PEERS:
        jax = import_module("jax")
        compiled = jax.jit(jax.vmap(jax.value_and_grad(partial(loss_in_jax, loss))))
        works["jax.vmap"] = lambda: tuple(map(np.asarray, compiled(W, X, y)))
    return works


def _in_numpy(loss: str, W: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Matrix products over the leading axis."""
    S = X @ W.transpose(0, 2, 1)
    own = np.take_along_axis(S, y[..., None], axis=2)
    label = np.arange(W.shape[1]) == y[..., None]
    if loss == "hinge":
        M = np.where(label, 0, S - own + 1)
        losses, G = np.maximum(M, 0).sum(2), (M > 0).astype(W.dtype)
        G = np.where(label, -G.sum(2, keepdims=True), G)
    else:
        S = S - S.max(2, keepdims=True)
        E = np.exp(S)
        total = E.sum(2, keepdims=True)
        losses, G = np.log(total[..., 0]) - np.take_along_axis(S, y[..., None], axis=2)[..., 0], E / total - label
    return losses.mean(1) + REG * (W * W).sum((1, 2)), G.transpose(0, 2, 1) @ X / X.shape[1] + 2 * REG * W


TABLE = Table(name="small", title="Small problems, one by one and many in one call", setups=setups)
