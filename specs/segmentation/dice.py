"""Soft dice: ℓ(s, t) = 1 − (2Σst + a)/(Σs + Σt + a), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.spec import Claims, LossSpec, Probability, Real, Symmetric, positive

SPEC = LossSpec(
    name="dice",
    per_batch=lambda s, t, smooth: 1 - (2 * (s * t).sum() + smooth) / (s.sum() + t.sum() + smooth),
    prediction=Probability(),
    target=Real(0, 1),
    parameters={"smooth": positive(default=1)},
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="C. H. Sudre et al., Generalised Dice Overlap as a Deep Learning Loss Function, DLMIA 2017; V-Net squares s and t below",
    aliases=("Sørensen–Dice loss", "soft F1"),
    computed_by=("monai.losses.DiceLoss", "segmentation_models_pytorch.losses.DiceLoss", "keras.losses.Dice"),
)
