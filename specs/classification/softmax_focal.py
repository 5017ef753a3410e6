"""Focal loss of several classes: ℓ(s, y) = −(1 − p_y)^γ log p_y, p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive


def focal(s, y, gamma):
    total = sympy.Add(*map(sympy.exp, s))
    wrong = sympy.Add(*(sympy.exp(s[j]) for j in others(s, y))) / total
    return wrong**gamma * (sympy.log(total) - s[y])


SPEC = LossSpec(
    name="softmax_focal",
    per_example=focal,
    parameters={"gamma": positive(default=2)},
    claims=Claims(convex=None, symmetric=True, shift_invariant=True),
    source="T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, of softmax probabilities",
    aliases=("categorical focal cross-entropy", "multiclass focal loss"),
    computed_by=("keras.losses.CategoricalFocalCrossentropy", "kornia.losses.focal_loss", "monai.losses.FocalLoss(use_softmax=True)"),
)
