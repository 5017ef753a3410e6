"""Barron's general loss: ℓ(s, t) = (2 − α)/α · (((r/c)²/(2 − α) + 1)^(α/2) − 1), r = s − t, 0 < α < 2."""

from verify.spec import Claims, LossSpec, Parameter, Real, positive


def barron(s, t, alpha, c):
    b = 2 - alpha
    return b / alpha * ((((s - t) / c) ** 2 / b + 1) ** (alpha / 2) - 1)


SPEC = LossSpec(
    name="barron",
    per_example=barron,
    target=Real(),
    parameters={"alpha": Parameter(default=1, low=0, high=2), "c": positive(default=1)},
    claims=Claims(convex=None),
    source="J. T. Barron, A General and Adaptive Robust Loss Function, CVPR 2019, equation 1",
    aliases=("general robust loss", "adaptive loss, without its partition function"),
    computed_by=("robust_loss_pytorch.general.lossfun",),
)
