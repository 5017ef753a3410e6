"""Pseudo-Huber: ℓ(s, t) = δ²(√(1 + (r/δ)²) − 1), r = s − t."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="pseudo_huber",
    per_example=lambda s, t, delta: delta**2 * (sympy.sqrt(1 + ((s - t) / delta) ** 2) - 1),
    target=Real(),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True),
    source="R. Hartley and A. Zisserman, Multiple View Geometry in Computer Vision, Cambridge 2003, appendix 6.8",
    aliases=("Charbonnier loss", "L1–L2 loss", "soft L1"),
    computed_by=("scipy.special.pseudo_huber", "scipy.optimize.least_squares(loss='soft_l1')", "xgboost reg:pseudohubererror"),
)
