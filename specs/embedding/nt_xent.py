"""NT-Xent over unit vectors z = (a, b): ℓ(a, b) = mean over the 2n of log Σ_{k≠i} exp(z_i·z_k/T) − z_i·z_{i'}/T, i' the other view of i."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Symmetric, positive


def nt_xent(a, b, T):
    z, n = np.concatenate([a, b]), len(a)
    similar = z @ z.T / T
    others = [[k for k in range(2 * n) if k != i] for i in range(2 * n)]
    return sum(np.log(np.exp(similar[i, others[i]]).sum()) - similar[i, (i + n) % (2 * n)] for i in range(2 * n)) / (2 * n)


SPEC = FunctionSpec(
    name="nt_xent",
    inputs={"a": Array("n e"), "b": Array("n e")},
    formula=nt_xent,
    parameters={"T": positive(default=0.5)},
    claims=Claims(convex=None, relations=(Symmetric("n"), Symmetric("e"))),
    source="T. Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020, of normalised vectors",
    aliases=("SimCLR loss", "normalised temperature-scaled cross-entropy"),
    computed_by=("pytorch_metric_learning.losses.NTXentLoss", "lightly.loss.NTXentLoss", "optax.losses.ntxent"),
)
