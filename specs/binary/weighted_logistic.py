"""Logistic loss with a weight of the positive label: ℓ(s, t) = (1 − t)·log(1 + eˢ) + w·t·log(1 + e⁻ˢ), t ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec, positive

SPEC = LossSpec(
    name="weighted_logistic",
    per_example=lambda s, t, w: (1 - t) * sympy.log(1 + sympy.exp(s)) + w * t * sympy.log(1 + sympy.exp(-s)),
    ways=(lambda s, t, w: (1 - t) * s + (1 + (w - 1) * t) * sympy.log(1 + sympy.exp(-s)),),
    target=Binary(),
    parameters={"w": positive(default=2)},
    claims=Claims(convex=True),
    source="torch.nn.BCEWithLogitsLoss, PyTorch documentation 2.2: pos_weight",
    aliases=("weighted sigmoid cross-entropy",),
    computed_by=(
        "torch.nn.functional.binary_cross_entropy_with_logits(pos_weight=…)",
        "tensorflow.nn.weighted_cross_entropy_with_logits",
    ),
)
