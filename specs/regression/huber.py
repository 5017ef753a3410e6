"""Huber's loss: ℓ(s, t) = ½r² where |r| ≤ δ, else δ(|r| − ½δ), r = s − t."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive


def huber(s, t, delta):
    r = sympy.Abs(s - t)
    return sympy.Piecewise((r**2 / 2, r <= delta), (delta * (r - delta / 2), True))


SPEC = LossSpec(
    name="huber",
    per_example=huber,
    target=Real(),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True),
    source="P. J. Huber, Robust Estimation of a Location Parameter, Ann. Math. Stat. 35, 1964",
    aliases=("smooth L1 times δ, with β = δ",),
    computed_by=("torch.nn.functional.huber_loss", "scipy.special.huber", "sklearn._loss.loss.HuberLoss", "optax.losses.huber_loss"),
)
