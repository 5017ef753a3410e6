"""Generalised cross-entropy: ℓ(s, y) = (1 − p_y^q)/q, p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter


def generalized(s, y, q):
    return (1 - (sympy.exp(s[y]) / sympy.Add(*map(sympy.exp, s))) ** q) / q


SPEC = LossSpec(
    name="generalized_cross_entropy",
    per_example=generalized,
    parameters={"q": Parameter(default=0.75, low=0, high=1)},
    claims=Claims(convex=None, symmetric=True, shift_invariant=True),
    source="Z. Zhang and M. Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, NeurIPS 2018",
    aliases=("Lq loss", "GCE"),
    computed_by=("keras.losses.CategoricalGeneralizedCrossEntropy",),
)
