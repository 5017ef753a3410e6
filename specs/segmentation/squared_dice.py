"""Dice with squares below: ℓ(s, t) = 1 − (2Σst + a)/(Σs² + Σt² + a), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.spec import Claims, LossSpec, Probability, Real, Symmetric, positive

SPEC = LossSpec(
    name="squared_dice",
    per_batch=lambda s, t, smooth: 1 - (2 * (s * t).sum() + smooth) / ((s**2).sum() + (t**2).sum() + smooth),
    prediction=Probability(),
    target=Real(0, 1),
    parameters={"smooth": positive(default=1)},
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="F. Milletari, N. Navab, S.-A. Ahmadi, V-Net: Fully Convolutional Networks for Volumetric Segmentation, 3DV 2016",
    aliases=("V-Net dice",),
    computed_by=("monai.losses.DiceLoss(squared_pred=True)",),
)
