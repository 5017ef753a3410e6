"""Focal Tversky: ℓ(s, t) = (1 − T)^γ, T = (Σst + a)/(Σst + αΣs(1 − t) + βΣ(1 − s)t + a), 0 < s < 1, 0 ≤ t ≤ 1."""

from verify.spec import Claims, LossSpec, Probability, Real, Symmetric, positive


def focal_tversky(s, t, alpha, beta, gamma, smooth):
    missed = alpha * (s * (1 - t)).sum() + beta * ((1 - s) * t).sum()
    return (missed / ((s * t).sum() + missed + smooth)) ** gamma


SPEC = LossSpec(
    name="focal_tversky",
    per_batch=focal_tversky,
    prediction=Probability(),
    target=Real(0, 1),
    parameters={
        "alpha": positive(default=0.5),
        "beta": positive(default=0.5),
        "gamma": positive(default=0.75),
        "smooth": positive(default=1),
    },
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="N. Abraham and N. M. Khan, A Novel Focal Tversky Loss Function with Improved Attention U-Net, ISBI 2019, whose exponent is 1/γ",
    aliases=("FTL",),
    computed_by=("segmentation_models_pytorch.losses.TverskyLoss(gamma=…)",),
)
