"""Gradients by hand in torch and jax: pairs, autograd.Functions and custom_vjps, beside their own forward or a reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import verify

pytestmark = pytest.mark.filterwarnings("ignore:'encoding' argument not specified:EncodingWarning")  # of jax, as it looks for devices

TORCH = """
import torch


def softmax(scores, y):
    p = torch.softmax(scores, 1)
    d = p.clone()
    d[torch.arange(len(y)), y] -= 1
    return -torch.log(p[torch.arange(len(y)), y]).mean(), d / len(y)


def by_autograd(scores, y):
    return torch.nn.functional.cross_entropy(scores, y)


class Hinge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, y):
        rows = torch.arange(len(y))
        m = torch.clamp(s - s[rows, y][:, None] + 1, min=0)
        m[rows, y] = 0
        ctx.save_for_backward(m, y)
        return m.sum() / len(y)

    @staticmethod
    def backward(ctx, up):
        m, y = ctx.saved_tensors
        d = (m > 0).to(m.dtype)
        d[torch.arange(len(y)), y] = -d.sum(1)
        return up * d / len(y), None


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma):
        centred = x - x.mean(1, keepdim=True)
        s = torch.sqrt((centred**2).mean(1, keepdim=True) + 0.1)
        ctx.save_for_backward(centred / s, s, gamma)
        return gamma * centred / s

    @staticmethod
    def backward(ctx, up):
        z, s, gamma = ctx.saved_tensors
        g = up * gamma
        return (g - g.mean(1, keepdim=True) - z * (g * z).mean(1, keepdim=True)) / s, (up * z).sum(0)


class ForgetsTheMean(LayerNorm):
    @staticmethod
    def backward(ctx, up):
        z, s, gamma = ctx.saved_tensors
        g = up * gamma
        return (g - z * (g * z).mean(1, keepdim=True)) / s, (up * z).sum(0)
"""
JAX = """
import jax
import jax.numpy as jnp


def log_sum_exp(x):
    return jax.nn.logsumexp(x), jax.nn.softmax(x)


def twice(x):
    return jax.nn.logsumexp(x), 2 * jax.nn.softmax(x)


def reference(x, g):
    return g * x / jnp.sqrt(jnp.mean(x**2, axis=1, keepdims=True) + 0.1)


def forward(x, g):
    s = jnp.sqrt(jnp.mean(x**2, axis=1, keepdims=True) + 0.1)
    return g * x / s, (x / s, s, g)


def backward(kept, up):
    z, s, g = kept
    u = up * g
    return (u - z * jnp.mean(u * z, axis=1, keepdims=True)) / s, jnp.sum(up * z, axis=0)


layer = jax.custom_vjp(reference)
layer.defvjp(forward, backward)
"""
SCORES, LAYER = "s: n c, y: n | labels(c)", "x: n d, gamma: d"


def file_of(library, text, folder):
    pytest.importorskip(library, reason=f"{library} is not installed: tox -e {library}")
    path = Path(folder) / f"proved_in_{library}.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def of_torch(tmp_path_factory):
    return file_of("torch", TORCH, tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="module")
def of_jax(tmp_path_factory):
    return file_of("jax", JAX, tmp_path_factory.mktemp("jax"))


def proved(path, name, **how):
    found = verify.prove(f"{path}:{name}", in_process=True, **how)
    return found.status, found.every is not None and found.every.why is None


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("softmax", {}),
        ("by_autograd", {"loss": "softmax_cross_entropy"}),
        ("Hinge", {"inputs": SCORES}),
        ("LayerNorm", {"inputs": LAYER}),
    ],
)
def test_torch_is_proved_where_it_traces(of_torch, name, how):
    assert proved(of_torch, name, **how) == ("proved", True)


def test_a_wrong_backward_of_torch_is_refuted(of_torch):
    found = verify.prove(f"{of_torch}:ForgetsTheMean", inputs=LAYER, in_process=True)
    assert found.status == "refuted"
    assert found.witness.result.diagnosis["code"] == "path-missing"


def test_jax_is_proved_where_it_traces(of_jax):
    assert proved(of_jax, "log_sum_exp", at=[1.0, -2.0, 0.5])[0] == "proved"
    at = {"x": np.array([[1.0, -2.0], [0.5, 0.25]]), "g": np.array([1.0, 2.0])}
    assert proved(of_jax, "layer", at=at, reference=f"{of_jax}:reference")[0] == "proved"


def test_a_wrong_gradient_of_jax_is_refuted(of_jax):
    assert proved(of_jax, "twice", at=[1.0, -2.0, 0.5])[0] == "refuted"
