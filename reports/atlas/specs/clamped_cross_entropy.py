"""Binary cross-entropy with torch's clamp: ℓ(s, t) = −t·max(log s, −100) − (1 − t)·max(log(1 − s), −100), 0 < s < 1, 0 ≤ t ≤ 1."""

from sympy import Max, log

from verify.spec import Claims, LossSpec, Probability, Real

SPEC = LossSpec(
    name="clamped_cross_entropy",
    per_example=lambda s, t: -t * Max(log(s), -100) - (1 - t) * Max(log(1 - s), -100),
    prediction=Probability(),
    target=Real(0, 1),
    claims=Claims(convex=None),
    source="torch.nn.BCELoss, PyTorch documentation 2.13: the logarithms are clamped to be greater than or equal to -100",
)
