"""Gaussian likelihood with torch's floor of the variance: ℓ(s, v, t) = mean of ½(log u + (t − s)²/u), u = max(v, ε)."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Positive, Separable, positive


def gaussian(s, t, v, eps):
    u = np.maximum(v, eps)
    return ((np.log(u) + (t - s) ** 2 / u) / 2).mean()


SPEC = FunctionSpec(
    name="gaussian_nll_clamped",
    inputs={"s": Array("n"), "t": Array("n", differentiated=False), "v": Array("n", Positive())},
    formula=gaussian,
    parameters={"eps": positive(default=1e-6)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"),)),
    source="torch.nn.GaussianNLLLoss, PyTorch documentation 2.13: var is clamped at eps, and the clamp is ignored by autograd",
)
