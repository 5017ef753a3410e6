"""Exponential loss: ℓ(s, t) = e⁻ᵗˢ, t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="exponential",
    per_example=lambda s, t: sympy.exp(-t * s),
    target=Sign(),
    claims=Claims(convex=True),
    source="Y. Freund and R. E. Schapire, A Decision-Theoretic Generalization of On-Line Learning, JCSS 55, 1997",
    aliases=("AdaBoost loss",),
    computed_by=("sklearn._loss.loss.ExponentialLoss, of labels 0 and 1",),
)
