"""Exponential loss of labels 0 and 1: ℓ(s, t) = t·e⁻ˢ + (1 − t)·eˢ."""

from sympy import exp

from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="exponential_of_labels",
    per_example=lambda s, t: t * exp(-s) + (1 - t) * exp(s),
    targets=(0, 1),
    claims=Claims(convex=True),
    source="sklearn._loss.loss.ExponentialLoss, scikit-learn 1.9: raw predictions are half of the log-odds",
)
