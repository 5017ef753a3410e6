"""RankNet over a list: ℓ(s, y) = Σ over pairs with y_i > y_j of log(1 + exp(s_j − s_i))."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Symmetric


def ranknet(s, y):
    pairs = [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]
    return sympy.Add(*(sympy.log(1 + sympy.exp(s[j] - s[i])) for i, j in pairs))


SPEC = LossSpec(
    name="ranknet",
    per_batch=ranknet,
    targets=(0, 1, 2, 3),
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"),)),
    source="C. Burges et al., Learning to Rank Using Gradient Descent, ICML 2005",
    aliases=("pairwise logistic ranking",),
    computed_by=("xgboost rank:pairwise", "tensorflow_ranking.keras.losses.PairwiseLogisticLoss", "allrank.models.losses.rankNet"),
)
