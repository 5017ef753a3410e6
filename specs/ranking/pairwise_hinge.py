"""Pairwise hinge, the surrogate of the area under the curve: ℓ(s, y) = Σ over pairs with y_i > y_j of max(0, m − s_i + s_j)."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec, Score, Symmetric, positive


def pairwise_hinge(s, y, m):
    pairs = [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]
    return sympy.Add(*(sympy.Max(0, m - s[i] + s[j]) for i, j in pairs))


SPEC = LossSpec(
    name="pairwise_hinge",
    per_batch=pairwise_hinge,
    prediction=Score(),
    target=Binary(),
    parameters={"m": positive(default=1)},
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"),)),
    source="T. Joachims, A Support Vector Method for Multivariate Performance Measures, ICML 2005",
    aliases=("AUC hinge", "ROC-SVM loss"),
    computed_by=("tensorflow_ranking.keras.losses.PairwiseHingeLoss", "libauc.losses.PairwiseAUCLoss"),
)
