"""Logistic loss of a margin: ℓ(s, t) = log(1 + e⁻ᵗˢ), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="soft_margin",
    per_example=lambda s, t: sympy.log(1 + sympy.exp(-t * s)),
    target=Sign(),
    claims=Claims(convex=True),
    source="J. Friedman, T. Hastie, R. Tibshirani, Additive Logistic Regression, Ann. Stat. 28, 2000",
    aliases=("logistic loss of labels ±1", "binomial deviance over 2", "log loss"),
    computed_by=("torch.nn.functional.soft_margin_loss",),
)
