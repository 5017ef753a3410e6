"""Supervised contrastive: ℓ(z, y) = Σ_i log Σ_{k≠i} exp(z_i·z_k/T) − mean over p ≠ i, y_p = y_i, of z_i·z_p/T, if any."""

import numpy as np

from verify.later import sympy
from verify.spec import Array, Claims, FunctionSpec, Label, Symmetric, positive


def contrastive(z, y, T):
    similar, n = z @ z.T / T, len(y)
    terms = []
    for i in range(n):
        others, like = [k for k in range(n) if k != i], [k for k in range(n) if k != i and y[k] == y[i]]
        if like:
            terms.append(np.log(np.exp(similar[i, others]).sum()) - similar[i, like].mean())
    return sympy.Add(*terms)


SPEC = FunctionSpec(
    name="supervised_contrastive",
    inputs={"z": Array("n e"), "y": Array("n", Label("3"))},
    formula=contrastive,
    parameters={"T": positive(default=0.5)},
    claims=Claims(convex=None, relations=(Symmetric("n"), Symmetric("e"))),
    source="P. Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2: L_out, of normalised vectors",
    aliases=("SupCon",),
    computed_by=("pytorch_metric_learning.losses.SupConLoss, their mean",),
)
