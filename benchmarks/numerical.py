"""The whole numerical gradient, every entry of W, centred: by the structure of the problem, and by asking a loss again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from verify.benchmarks.peers import PEERS, batch, exact, kernel, loss_in_numpy

from verify.bench.table import Setup, Table
from verify.core.differences import numerical_gradient

H = 1e-5
ENTRIES = 200
"""Entries that the slow contestants do; their times are told for all."""


def setups(smoke: bool) -> Iterator[Setup]:
    """Both losses, mini-batches of two sizes."""
    D, C = (21, 4) if smoke else (3073, 10)
    for N in (10,) if smoke else (50, 500):
        for loss in ("hinge", "softmax"):
            W, X, y = batch(N, D, C, "float64")
            W, X = W * 0.3, X * 0.3  # scores far from the next kink
            some = np.linspace(0, W.size - 1, min(ENTRIES, W.size), dtype=int)
            part = len(some) / W.size
            works: dict[str, Callable[[], Any]] = {
                "verify": lambda loss=loss, W=W, X=X, y=y: numerical_gradient(kernel(loss), W, X, y, 2.0**-10, h=H).gradient,
                "the notes' loop": lambda loss=loss, W=W, X=X, y=y, some=some: _loop(loss, W, X, y, some),
            }
            parts = {"the notes' loop": part}
            if find_spec("scipy"):
                works["scipy approx_fprime"] = lambda loss=loss, W=W, X=X, y=y, some=some: _scipy(loss, W, X, y, some)
                parts["scipy approx_fprime"] = part
            if find_spec("torch") and "torch" in PEERS:
                works["torch gradcheck"] = _gradcheck(loss, W, X, y, some)
                works["torch gradcheck, one projection"] = _gradcheck(loss, W, X, y, None)
                parts["torch gradcheck"] = part
            truth = exact(loss, W, X, y)
            yield Setup(
                label=f"{loss}, {N} examples, {C} × {D} weights",
                contestants=works,
                parts=parts,
                error=lambda found, truth=truth: 0.0 if found is True else float(np.nanmax(np.abs(found - truth)) / np.abs(truth).max()),
                allowed=1e-4,  # that of one-sided differences
            )


def _loop(loss: str, W: Any, X: Any, y: Any, some: Any) -> Any:
    """Centred differences of a loss in numpy, one weight after the other; NaN where it was not asked."""
    found, moved = np.full(W.size, np.nan), W.copy()
    for e in some:
        before = moved.flat[e]
        moved.flat[e] = before + H
        ahead = loss_in_numpy(loss, moved, X, y)
        moved.flat[e] = before - H
        found[e] = (ahead - loss_in_numpy(loss, moved, X, y)) / (2 * H)
        moved.flat[e] = before
    return found.reshape(W.shape)


def _scipy(loss: str, W: Any, X: Any, y: Any, some: Any) -> Any:
    """`scipy.optimize.approx_fprime`, one-sided, in these weights."""
    optimize, moved = import_module("scipy.optimize"), W.copy()

    def f(w: Any) -> float:
        moved.flat[some] = w
        return loss_in_numpy(loss, moved, X, y)

    found = np.full(W.size, np.nan)
    found[some] = optimize.approx_fprime(W.flat[some], f, H)
    return found.reshape(W.shape)


def _gradcheck(loss: str, W: Any, X: Any, y: Any, some: Any) -> Callable[[], bool]:
    """`torch.autograd.gradcheck` of torch's own loss, which answers whether they agree and gives no gradient: in these weights one by
    one, or in all along one projection.
    """
    torch, function = import_module("torch"), import_module("torch.nn.functional")
    whole, data, labels = torch.tensor(W), torch.tensor(X), torch.tensor(y)
    places = None if some is None else torch.tensor(some)

    def f(w: Any) -> Any:
        V = w if places is None else whole.ravel().index_put((places,), w).reshape(W.shape)
        S = data @ V.T
        value = function.multi_margin_loss(S, labels) * len(W) if loss == "hinge" else function.cross_entropy(S, labels)
        return value + 2.0**-10 * w.square().sum()

    at = (whole if places is None else whole.ravel()[places]).clone().requires_grad_()
    return lambda: bool(torch.autograd.gradcheck(f, at, fast_mode=places is None, atol=1e-6, nondet_tol=1e-12))


TABLE = Table(name="numerical", title="The numerical gradient of all entries", setups=setups)
