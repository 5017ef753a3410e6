"""Squared difference: ℓ(s, t) = (s − t)², without the half that others have."""

from verify.spec import Claims, LossSpec, Real

SPEC = LossSpec(
    name="squared_difference",
    per_example=lambda s, t: (s - t) ** 2,
    target=Real(),
    claims=Claims(convex=True),
    source="G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950",
    aliases=("MSE", "L2 loss", "mean squared error, of its mean", "sum of squares, of its sum"),
    computed_by=(
        "torch.nn.functional.mse_loss",
        "optax.losses.squared_error",
        "keras.losses.MeanSquaredError",
        "sklearn.metrics.mean_squared_error",
    ),
)
