"""Focal loss of the log-odds: ℓ(s, t) = −αₜ(1 − pₜ)^γ log pₜ, pₜ = σ(s) and αₜ = α where t = 1, else σ(−s) and 1 − α."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, positive


def focal(s, t, gamma, alpha):
    z, weight = (-s, alpha) if t == 1 else (s, 1 - alpha)
    return weight * (1 / (1 + sympy.exp(-z))) ** gamma * sympy.log(1 + sympy.exp(z))


SPEC = LossSpec(
    name="focal",
    per_example=focal,
    targets=(0, 1),
    parameters={"gamma": positive(default=2), "alpha": Parameter(default=0.25, low=0, high=1)},
    claims=Claims(convex=None),
    source="T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017",
    aliases=("sigmoid focal loss", "binary focal cross-entropy"),
    computed_by=("torchvision.ops.sigmoid_focal_loss", "optax.losses.sigmoid_focal_loss", "keras.losses.BinaryFocalCrossentropy"),
)
