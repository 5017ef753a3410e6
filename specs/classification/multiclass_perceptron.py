"""Multiclass perceptron: ℓ(s, y) = max_j s_j − s_y."""

from verify.later import sympy
from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="multiclass_perceptron",
    per_example=lambda s, y: sympy.Max(*s) - s[y],
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="M. Collins, Discriminative Training Methods for Hidden Markov Models, EMNLP 2002",
    aliases=("structured perceptron",),
    computed_by=("optax.losses.multiclass_perceptron_loss",),
)
