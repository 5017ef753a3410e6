"""Loss and gradient as the peers compute them: Σ_i ℓ(W x_i, y_i)/N + λ‖W‖² in numpy, torch, jax and scikit-learn, where installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

REG = 2.0**-10
LOSSES = {"hinge": "multiclass_hinge", "softmax": "softmax_cross_entropy"}
ALLOWED = {"float64": 1e-12, "float32": 1e-4}
"""Errors up to which an answer's time means something."""

Work = Callable[[], tuple[float, Any]]


def batch(N: int, D: int, C: int, dtype: str, seed: int = 0) -> tuple[Any, Any, Any]:
    """(W, X, y): noise images, small weights, scores of size 1."""
    rng = np.random.default_rng(seed)
    X = aligned((N, D), dtype)
    X[:] = rng.standard_normal((N, D), np.float32)
    return (rng.standard_normal((C, D)) / np.sqrt(D)).astype(dtype), X, rng.integers(0, C, N)


def aligned(shape: tuple[int, ...], dtype: Any) -> Any:
    """Room whose first number lies where jax can use it in place: elsewhere it would be timed while it copies."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + size].view(dtype).reshape(shape)


def kernel(loss: str) -> Any:
    """The core's, λ‖W‖²."""
    return import_module(f"verify.core.{LOSSES[loss]}").l2


def core(loss: str, W: Any, X: Any, y: Any) -> Work:
    """Ours, which makes a new array for each gradient as the peers do."""
    f = kernel(loss)
    return lambda: f(W, X, y, REG)


def in_numpy(loss: str, W: Any, X: Any, y: Any) -> Work:
    """Two matrix products."""
    rows, N = np.arange(len(y)), len(y)

    def hinge() -> tuple[float, Any]:
        M = _margins(W, X, y, rows)
        A = (M > 0).astype(W.dtype)
        A[rows, y] = -A.sum(1)
        return float(np.maximum(M, 0).sum() / N + REG * (W * W).sum()), A.T @ X / N + W.dtype.type(2 * REG) * W

    def softmax() -> tuple[float, Any]:
        P, own = _shifted(W, X, y, rows)
        np.exp(P, out=P)
        total = P.sum(1, keepdims=True)
        P /= total
        P[rows, y] -= 1
        return float((np.log(total[:, 0]) - own).sum() / N + REG * (W * W).sum()), P.T @ X / N + W.dtype.type(2 * REG) * W

    return {"hinge": hinge, "softmax": softmax}[loss]


def loss_in_numpy(loss: str, W: Any, X: Any, y: Any) -> float:
    """The loss alone: one matrix product."""
    rows = np.arange(len(y))
    if loss == "hinge":
        data = np.maximum(_margins(W, X, y, rows), 0).sum()
    else:
        S, own = _shifted(W, X, y, rows)
        data = (np.log(np.exp(S).sum(1)) - own).sum()
    return float(data / len(y) + REG * (W * W).sum())


def _margins(W: Any, X: Any, y: Any, rows: Any) -> Any:
    S = X @ W.T
    S += 1 - S[rows, y][:, None]
    S[rows, y] = 0
    return S


def _shifted(W: Any, X: Any, y: Any, rows: Any) -> tuple[Any, Any]:
    S = X @ W.T
    S -= S.max(1, keepdims=True)
    return S, S[rows, y]


def in_torch(loss: str, W: Any, X: Any, y: Any) -> Work:
    """Automatic differentiation of the library's own loss."""
    torch = import_module("torch")
    function = import_module("torch.nn.functional")
    Wt, Xt, yt = torch.tensor(W, requires_grad=True), torch.from_numpy(X), torch.from_numpy(y)

    def work() -> tuple[float, Any]:
        S = Xt @ Wt.T
        data = function.multi_margin_loss(S, yt) * len(W) if loss == "hinge" else function.cross_entropy(S, yt)
        value = data + REG * (Wt * Wt).sum()
        (dW,) = torch.autograd.grad(value, Wt)
        return float(value.detach()), dW.numpy()

    return work


def loss_in_jax(loss: str, W: Any, X: Any, y: Any) -> Any:
    """The loss alone, to be differentiated."""
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    S = X @ W.T
    own = jnp.take_along_axis(S, y[:, None], axis=1)
    data = jnp.sum(jnp.maximum(S - own + 1, 0), axis=1) - 1 if loss == "hinge" else jax.nn.logsumexp(S, axis=1) - own[:, 0]
    return jnp.mean(data) + REG * jnp.sum(W * W)


def in_jax(loss: str, W: Any, X: Any, y: Any) -> Work:
    """Automatic differentiation, compiled, numpy in and out."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(jax.value_and_grad(partial(loss_in_jax, loss)))

    def work() -> tuple[float, Any]:
        value, dW = compiled(W, X, y)
        return float(value), np.asarray(dW)

    return work


def in_scikit_learn(loss: str, W: Any, X: Any, y: Any) -> Work:
    """`LinearModelLoss`, which its logistic regression descends: softmax only."""
    module, losses = import_module("sklearn.linear_model._linear_loss"), import_module("sklearn._loss")
    assert loss == "softmax"
    model = module.LinearModelLoss(base_loss=losses.HalfMultinomialLoss(n_classes=len(W)), fit_intercept=False)
    labels, coefficients = y.astype(W.dtype), np.asfortranarray(W)

    def work() -> tuple[float, Any]:
        value, dW = model.loss_gradient(coefficients, X, labels, l2_reg_strength=2 * REG)
        return float(value), dW

    return work


PEERS = {"numpy": in_numpy, "torch": in_torch, "jax": in_jax, "sklearn": in_scikit_learn}


def contestants(loss: str, W: Any, X: Any, y: Any) -> Mapping[str, Work]:
    """Ours first, then every peer that is installed."""
    installed = [n for n in PEERS if find_spec(n) is not None and (n != "sklearn" or loss == "softmax")]
    return {"verify": core(loss, W, X, y), **{n: PEERS[n](loss, W, X, y) for n in installed}}


def exact(loss: str, W: Any, X: Any, y: Any) -> Any:
    """The gradient in extended precision: what errors are measured against."""
    W, X, rows = W.astype(np.longdouble), X.astype(np.longdouble), np.arange(len(y))
    S = X @ W.T
    if loss == "hinge":
        G = (S - S[rows, y][:, None] + 1 > 0).astype(np.longdouble)
        G[rows, y] = 0
        G[rows, y] = -G.sum(1)
    else:
        G = np.exp(S - S.max(1, keepdims=True))
        G /= G.sum(1, keepdims=True)
        G[rows, y] -= 1
    return G.T @ X / len(y) + 2 * np.longdouble(REG) * W


def error_of(truth: Any) -> Callable[[tuple[float, Any]], float]:
    """How far an answer's gradient is from it, in units of its largest entry."""
    return lambda answer: float(np.abs(np.asarray(answer[1], np.longdouble) - truth).max() / np.abs(truth).max())
