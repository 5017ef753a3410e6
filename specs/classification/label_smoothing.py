"""Cross-entropy with smoothed labels: ℓ(s, y) = log Σ_j exp(s_j) − (1 − ε)s_y − ε/C · Σ_j s_j."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter

SPEC = LossSpec(
    name="label_smoothing",
    per_example=lambda s, y, epsilon: sympy.log(sympy.Add(*map(sympy.exp, s))) - (1 - epsilon) * s[y] - epsilon / len(s) * sympy.Add(*s),
    parameters={"epsilon": Parameter(default=0.125, low=0, high=1)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7",
    aliases=("label-smoothed cross-entropy", "label smoothing regularisation"),
    computed_by=("torch.nn.functional.cross_entropy(label_smoothing=…)", "keras.losses.CategoricalCrossentropy(label_smoothing=…)"),
)
