"""Tversky: ℓ(s, t) = 1 − (Σst + a)/(Σst + αΣs(1 − t) + βΣ(1 − s)t + a), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.spec import Claims, LossSpec, Probability, Real, Symmetric, positive


def tversky(s, t, alpha, beta, smooth):
    both = (s * t).sum()
    return 1 - (both + smooth) / (both + alpha * (s * (1 - t)).sum() + beta * ((1 - s) * t).sum() + smooth)


SPEC = LossSpec(
    name="tversky",
    per_batch=tversky,
    prediction=Probability(),
    target=Real(0, 1),
    parameters={"alpha": positive(default=0.5), "beta": positive(default=0.5), "smooth": positive(default=1)},
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="S. S. M. Salehi, D. Erdogmus, A. Gholipour, Tversky Loss Function for Image Segmentation, MLMI 2017",
    aliases=("Fβ loss, with α + β = 1",),
    computed_by=("monai.losses.TverskyLoss", "segmentation_models_pytorch.losses.TverskyLoss", "keras.losses.Tversky"),
)
