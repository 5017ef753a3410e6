"""Laplace likelihood of location and scale: ℓ(s, b, t) = mean of |t − s|/b + log(2b), b > 0."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Positive, Separable, ShiftInvariant

SPEC = FunctionSpec(
    name="laplace_nll",
    inputs={"s": Array("n"), "t": Array("n", differentiated=False), "b": Array("n", Positive())},
    formula=lambda s, t, b: (np.abs(t - s) / b + np.log(2 * b)).mean(),
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), ShiftInvariant("s t"))),
    source="N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 2, Wiley 1995, chapter 24",
    aliases=("Laplace negative log-likelihood of a scale",),
    computed_by=("torch_geometric.contrib LaplaceNLLLoss", "torch.distributions.Laplace.log_prob, negated"),
)
