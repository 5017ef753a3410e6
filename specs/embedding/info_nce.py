"""InfoNCE: ℓ(a, b) = mean over i of log Σ_j exp(a_i·b_j/T) − a_i·b_i/T."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Symmetric, positive


def info_nce(a, b, T):
    z = a @ b.T / T
    return (np.log(np.exp(z).sum(axis=1)) - np.diagonal(z)).mean()


SPEC = FunctionSpec(
    name="info_nce",
    inputs={"a": Array("n e"), "b": Array("n e")},
    formula=info_nce,
    parameters={"T": positive(default=0.5)},
    claims=Claims(convex=None, relations=(Symmetric("n"), Symmetric("e"))),
    source="A. van den Oord, Y. Li, O. Vinyals, Representation Learning with Contrastive Predictive Coding, arXiv:1807.03748, 2018",
    aliases=("N-pair loss, with T = 1", "in-batch softmax", "multiple negatives ranking"),
    computed_by=("pytorch_metric_learning.losses.NTXentLoss, of pairs", "sentence_transformers.losses.MultipleNegativesRankingLoss"),
)
