"""Specs of functions of named inputs that libraries compute."""

import numpy as np

from verify.spec import Array, FunctionSpec, positive


def layer_norm(x, gamma, beta):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 2**-10) + beta


def triplet(a, p, n, margin):
    return np.maximum(np.linalg.norm(a - p, axis=1) - np.linalg.norm(a - n, axis=1) + margin, 0).sum()


LAYER_NORM = FunctionSpec(
    name="layer_norm",
    inputs={"x": Array("n d"), "gamma": Array("d"), "beta": Array("d")},
    output="n d",
    formula=layer_norm,
    source="J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, arXiv:1607.06450",
)
TRIPLET = FunctionSpec(
    name="triplet",
    inputs={"a": Array("n d"), "p": Array("n d"), "n": Array("n d")},
    formula=triplet,
    parameters={"margin": positive(default=1)},
    source="F. Schroff et al., FaceNet, CVPR 2015",
)
