"""Focal loss of a probability: ℓ(s, t) = −t(1 − s)^γ log s − (1 − t)s^γ log(1 − s), 0 < s < 1, t ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec, Probability, positive

SPEC = LossSpec(
    name="probability_focal",
    per_example=lambda s, t, gamma: -((1 - s) ** gamma) * sympy.log(s) if t == 1 else -(s**gamma) * sympy.log(1 - s),
    prediction=Probability(),
    target=Binary(),
    parameters={"gamma": positive(default=2)},
    claims=Claims(convex=None),
    source="T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4",
    aliases=("binary focal cross-entropy",),
    computed_by=("keras.losses.BinaryFocalCrossentropy(from_logits=False)",),
)
