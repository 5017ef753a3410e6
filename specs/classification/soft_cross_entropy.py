"""Cross-entropy to a distribution: ℓ(s, t) = −Σ_j t_j log p_j, p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Simplex


def soft(s, t):
    total = sympy.log(sympy.Add(*map(sympy.exp, s)))
    return sympy.Add(*(b * (total - a) for a, b in zip(s, t, strict=True)))


SPEC = LossSpec(
    name="soft_cross_entropy",
    per_example=soft,
    target=Simplex(),
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, equation 4.108, of targets between 0 and 1",
    aliases=("cross-entropy of soft labels", "categorical cross-entropy from logits", "distillation loss"),
    computed_by=(
        "torch.nn.functional.cross_entropy, of probabilities",
        "optax.losses.softmax_cross_entropy",
        "sklearn.metrics.log_loss, of softmax",
        "tensorflow.nn.softmax_cross_entropy_with_logits",
    ),
)
