"""Logistic loss of a probability: ℓ(s, t) = log(1 + eˢ) − t·s, 0 ≤ t ≤ 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real

SPEC = LossSpec(
    name="soft_logistic",
    per_example=lambda s, t: sympy.log(1 + sympy.exp(s)) - t * s,
    target=Real(0, 1),
    claims=Claims(convex=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.2, with t between 0 and 1",
    aliases=("binary cross-entropy with logits", "sigmoid cross-entropy"),
    computed_by=(
        "torch.nn.functional.binary_cross_entropy_with_logits",
        "sklearn._loss.loss.HalfBinomialLoss",
        "optax.losses.sigmoid_binary_cross_entropy",
        "tensorflow.nn.sigmoid_cross_entropy_with_logits",
    ),
)
