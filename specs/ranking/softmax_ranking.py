"""Softmax ranking: ℓ(s, t) = −Σ_i t_i log p_i, p = softmax over the list, t_i ≥ 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, Symmetric


def ranked(s, t):
    total = sympy.log(sympy.Add(*map(sympy.exp, s)))
    return sympy.Add(*(b * (total - a) for a, b in zip(s, t, strict=True)))


SPEC = LossSpec(
    name="softmax_ranking",
    per_batch=ranked,
    target=Real(low=0),
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"),)),
    source="S. Bruch et al., An Analysis of the Softmax Cross Entropy Loss for Learning-to-Rank with Binary Relevance, ICTIR 2019",
    aliases=("list-wise softmax loss",),
    computed_by=("optax.losses.ranking_softmax_loss", "tensorflow_ranking.keras.losses.SoftmaxLoss"),
)
