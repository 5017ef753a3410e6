"""Binary cross-entropy of a probability for labels: ℓ(s, t) = −t log s − (1 − t) log(1 − s), 0 < s < 1, t ∈ {0, 1}."""

from sympy import log

from verify.spec import Binary, Claims, LossSpec, Probability

SPEC = LossSpec(
    name="cross_entropy_of_labels",
    per_example=lambda s, t: -t * log(s) - (1 - t) * log(1 - s),
    prediction=Probability(),
    target=Binary(),
    claims=Claims(convex=True),
    source="sklearn.metrics.log_loss, scikit-learn 1.9",
)
