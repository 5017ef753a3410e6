"""Brier score of a probability: ℓ(s, t) = (s − t)², 0 < s < 1, t ∈ {0, 1}."""

from verify.spec import Binary, Claims, LossSpec, Probability

SPEC = LossSpec(
    name="brier",
    per_example=lambda s, t: (s - t) ** 2,
    prediction=Probability(),
    target=Binary(),
    claims=Claims(convex=True),
    source="G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950; halved",
    aliases=("quadratic score", "probability score"),
    computed_by=("sklearn.metrics.brier_score_loss", "torch.nn.functional.mse_loss, of probabilities"),
)
