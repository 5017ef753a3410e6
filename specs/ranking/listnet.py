"""ListNet, top one: ℓ(s, t) = −Σ_i q_i log p_i, p = softmax(s) and q = softmax(t) over the list."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, Symmetric


def listnet(s, t):
    total, weights = sympy.log(sympy.Add(*map(sympy.exp, s))), sympy.Add(*map(sympy.exp, t))
    return sympy.Add(*(sympy.exp(b) / weights * (total - a) for a, b in zip(s, t, strict=True)))


SPEC = LossSpec(
    name="listnet",
    per_batch=listnet,
    target=Real(-16, 16),
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"),)),
    source="Z. Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach, ICML 2007",
    aliases=("top-one list-wise loss",),
    computed_by=("allrank.models.losses.listNet",),
)
