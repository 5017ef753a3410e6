"""Gaussian likelihood of mean and variance: ℓ(s, v, t) = mean of ½(log v + (t − s)²/v), v > 0."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Positive, Separable, ShiftInvariant

SPEC = FunctionSpec(
    name="gaussian_nll",
    inputs={"s": Array("n"), "t": Array("n", differentiated=False), "v": Array("n", Positive())},
    formula=lambda s, t, v: ((np.log(v) + (t - s) ** 2 / v) / 2).mean(),
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), ShiftInvariant("s t"))),
    source="D. A. Nix and A. S. Weigend, Estimating the Mean and Variance, ICNN 1994; torch clamps v at ε",
    aliases=("heteroscedastic regression", "Gaussian negative log-likelihood"),
    computed_by=("torch.nn.functional.gaussian_nll_loss",),
)
