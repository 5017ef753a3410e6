"""Networks that are recorded on a tape, and the same in torch, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from verify.rounding import unit_roundoff
from verify.tape import enclose
from verify.tape.tape import Builder

try:
    import torch
except ModuleNotFoundError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed: tox -e torch")
N, D, H, C = 4, 3, 5, 3
U = arb(unit_roundoff("float64"))


def log_softmax(b, s):
    """Along the last axis, with the shift that everybody makes."""
    moved = b.sub(s, b.max(s)[..., None])
    return b.sub(moved, b.log(b.sum(b.exp(moved)))[..., None])


def mean(b, x):
    """Along the last axis."""
    return b.div(b.sum(x), x.shape[-1])


def relu(b, x):
    return b.max(np.stack([x, np.broadcast_to(b.constants(0), x.shape)], -1))


def normalised(b, x):
    """Along the last axis, to mean 0 and variance 1."""
    centred = b.sub(x, mean(b, x)[..., None])
    return b.mul(centred, b.rsqrt(b.add(mean(b, b.square(centred)), 1e-5))[..., None])


def batch_norm_net(b, x, first, gamma, beta, second):
    hidden = b.add(b.mul(gamma, normalised(b, b.matmul(x, first).T).T), beta)
    scores = b.matmul(relu(b, hidden), second)
    picked = log_softmax(b, scores)[np.arange(N), LABELS]
    return b.neg(mean(b, picked))


def torch_net(x, first, gamma, beta, second):
    hidden = torch.nn.functional.batch_norm(x @ first, None, None, gamma, beta, training=True, eps=1e-5)
    return torch.nn.functional.cross_entropy(torch.relu(hidden) @ second, torch.tensor(LABELS))


def layer_norm(b, x, gamma, beta, v):
    return b.dot(b.add(b.mul(gamma, normalised(b, x)), beta).ravel(), v.ravel())


def torch_layer_norm(x, gamma, beta, v):
    return (torch.nn.functional.layer_norm(x, (D,), gamma, beta, eps=1e-5) * v).sum()


def attention(b, q, k, v, upstream):
    weights = b.exp(log_softmax(b, b.div(b.matmul(q, k.T), b.sqrt(b.constants(D)))))
    return b.dot(b.matmul(weights, v).ravel(), upstream.ravel())


def torch_attention(q, k, v, upstream):
    return (torch.nn.functional.scaled_dot_product_attention(q, k, v) * upstream).sum()


def cox(b, risk):
    """Breslow's partial likelihood of four who were observed for longer and longer, the second one censored."""
    total = b.constants(0)
    for i in (0, 2, 3):
        total = b.add(total, b.sub(b.log(b.sum(b.exp(risk[i:]))), risk[i]))
    return total


def torch_cox(risk):
    return sum(torch.logsumexp(risk[i:], 0) - risk[i] for i in (0, 2, 3))


LABELS = [0, 2, 1, 1]
NETS = {
    "two layers with batch norm": (batch_norm_net, torch_net, [(N, D), (D, H), (H,), (H,), (H, C)]),
    "layer norm": (layer_norm, torch_layer_norm, [(N, D), (D,), (D,), (N, D)]),
    "attention": (attention, torch_attention, [(N, D), (N, D), (N, D), (N, D)]),
    "Cox": (cox, torch_cox, [(N,)]),
}


def recorded(f, shapes):
    b = Builder()
    return b.tape(f(b, *(b.inputs(s) for s in shapes)))


def runs(tape, x, box=0.0):
    """At a point, and with roundings on the box around it."""
    balls = [v if isinstance(v, arb) else arb(float(v)) for v in x]
    return enclose.run(tape, balls), enclose.run(tape, [b + arb(0, box) for b in balls], U)


def drawn(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(-24, 24, s) / 8 + rng.uniform(0, 1 / 16) for s in shapes]


def pair(b, x, y):
    return np.stack([x, y], -1)
