"""Soft Jaccard: ℓ(s, t) = 1 − (Σst + a)/(Σs + Σt − Σst + a), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.spec import Claims, LossSpec, Probability, Real, Symmetric, positive


def jaccard(s, t, smooth):
    both = (s * t).sum()
    return 1 - (both + smooth) / (s.sum() + t.sum() - both + smooth)


SPEC = LossSpec(
    name="jaccard",
    per_batch=jaccard,
    prediction=Probability(),
    target=Real(0, 1),
    parameters={"smooth": positive(default=1)},
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="M. A. Rahman and Y. Wang, Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation, ISVC 2016",
    aliases=("IoU loss", "intersection over union"),
    computed_by=("segmentation_models_pytorch.losses.JaccardLoss", "monai.losses.DiceLoss(jaccard=True)"),
)
