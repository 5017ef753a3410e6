"""Smooth L1: ℓ(s, t) = ½r²/β where |r| < β, else |r| − ½β, r = s − t: Huber's loss over δ = β."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive


def smooth_l1(s, t, beta):
    r = sympy.Abs(s - t)
    return sympy.Piecewise((r**2 / (2 * beta), r < beta), (r - beta / 2, True))


SPEC = LossSpec(
    name="smooth_l1",
    per_example=smooth_l1,
    target=Real(),
    parameters={"beta": positive(default=1)},
    claims=Claims(convex=True),
    source="R. Girshick, Fast R-CNN, ICCV 2015, with β = 1",
    aliases=("smooth absolute error",),
    computed_by=("torch.nn.functional.smooth_l1_loss",),
)
