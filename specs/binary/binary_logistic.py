"""Binary logistic loss of one score, the log-odds: ℓ(s, t) = log(1 + eˢ) − t·s, t ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="binary_logistic",
    per_example=lambda s, t: sympy.log(1 + sympy.exp(s)) - t * s,
    targets=(0, 1),
    claims=Claims(convex=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.2",
    aliases=("logistic loss", "log loss", "sigmoid cross-entropy"),
    computed_by=(
        "torch.nn.functional.binary_cross_entropy_with_logits",
        "sklearn._loss.loss.HalfBinomialLoss",
        "xgboost binary:logistic",
    ),
)
