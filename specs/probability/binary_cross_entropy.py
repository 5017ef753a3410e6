"""Binary cross-entropy of a probability: ℓ(s, t) = −t log s − (1 − t) log(1 − s), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probability, Real

SPEC = LossSpec(
    name="binary_cross_entropy",
    per_example=lambda s, t: -t * sympy.log(s) - (1 - t) * sympy.log(1 - s),
    prediction=Probability(),
    target=Real(0, 1),
    claims=Claims(convex=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, equation 4.90; libraries clamp it near 0 and 1",
    aliases=("BCE", "log loss"),
    computed_by=("torch.nn.functional.binary_cross_entropy", "sklearn.metrics.log_loss", "keras.losses.binary_crossentropy"),
)
