"""Softmax cross-entropy: ℓ(s, y) = log Σ_j exp(s_j) − s_y."""

from verify.later import sympy
from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="softmax_cross_entropy",
    per_example=lambda s, y: sympy.log(sympy.Add(*(sympy.exp(s_j) for s_j in s))) - s[y],
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4",
    aliases=("softmax", "softmax loss", "multinomial logistic loss", "categorical cross-entropy from scores"),
    computed_by=(
        "torch.nn.functional.cross_entropy",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "optax.losses.softmax_cross_entropy_with_integer_labels",
        "xgboost multi:softmax",
    ),
)
