"""Cross-entropy of probabilities: ℓ(s, t) = −Σ_j t_j log s_j, 0 < s_j < 1, t a distribution."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probabilities, Simplex

SPEC = LossSpec(
    name="categorical_cross_entropy",
    per_example=lambda s, t: sympy.Add(*(-b * sympy.log(a) for a, b in zip(s, t, strict=True))),
    prediction=Probabilities(),
    target=Simplex(),
    claims=Claims(convex=True, symmetric=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, equation 4.108; libraries clamp and normalise s",
    aliases=("negative log-likelihood of probabilities", "logarithmic score"),
    computed_by=("keras.losses.categorical_crossentropy", "sklearn.metrics.log_loss"),
)
