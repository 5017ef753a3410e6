"""All-threshold ordinal loss of three classes: ℓ(s, t) = Σ_k log(1 + e^{±(s − θ_k)}), θ = (a, a + g), + where t ≤ k."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, positive


def all_thresholds(s, t, a, g):
    signs = (1 if t == 0 else -1, 1 if t < 2 else -1)
    return sympy.Add(*(sympy.log(1 + sympy.exp(sign * (s - b))) for sign, b in zip(signs, (a, a + g), strict=True)))


SPEC = LossSpec(
    name="ordinal_all_thresholds",
    per_example=all_thresholds,
    targets=(0, 1, 2),
    parameters={"a": Parameter(default=-1), "g": positive(default=2)},
    claims=Claims(convex=True),
    source="J. D. M. Rennie and N. Srebro, Loss Functions for Preference Levels, IJCAI workshop 2005",
    aliases=("AT logistic",),
    computed_by=("mord.threshold_based.obj_margin", "coral_pytorch.losses.CoralLoss, of shared thresholds"),
)
