"""Smoothed hinge: ℓ(s, t) = 0 where z ≥ 1, (1 − z)²/(2γ) where z > 1 − γ, else 1 − z − ½γ, z = t·s, t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign, positive


def smoothed(s, t, gamma):
    z = t * s
    return sympy.Piecewise((0, z >= 1), ((1 - z) ** 2 / (2 * gamma), z > 1 - gamma), (1 - z - gamma / 2, True))


SPEC = LossSpec(
    name="smoothed_hinge",
    per_example=smoothed,
    target=Sign(),
    parameters={"gamma": positive(default=1)},
    claims=Claims(convex=True),
    source="S. Shalev-Shwartz and T. Zhang, Stochastic Dual Coordinate Ascent, JMLR 14, 2013; γ = 1 is Rennie and Srebro's, 2005",
    aliases=("smooth hinge", "quadratically smoothed hinge", "Huberised hinge"),
)
