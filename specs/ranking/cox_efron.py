"""Cox's partial likelihood, Efron's form: ℓ(s, y) = Σ over times, l < d, of log(Σ_{at risk} eˢ − l/d·Σ_{d events} eˢ) − s."""

from verify.later import sympy
from verify.spec import Censored, Claims, Homogeneous, LossSpec, Symmetric


def efron(s, y):
    terms = []
    for now in sorted({time for time, event in y if event}):
        events = [i for i, (time, event) in enumerate(y) if event and time == now]
        for k in range(len(events)):
            rest = [sympy.exp(s[i]) * sympy.Rational(len(events) - k, len(events)) for i in events]
            others = [sympy.exp(s[j]) for j, (time, _) in enumerate(y) if time >= now and j not in events]
            terms.append(sympy.log(sympy.Add(*rest, *others)) - s[events[k]])
    return sympy.Add(*terms)


SPEC = LossSpec(
    name="cox_efron",
    per_batch=efron,
    target=Censored(),
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"), Homogeneous("time", degree=0))),
    source="B. Efron, The Efficiency of Cox's Likelihood Function for Censored Data, JASA 72, 1977",
    aliases=("Cox proportional hazards with ties",),
    computed_by=("lifelines.CoxPHFitter", "torchsurv.loss.cox.neg_partial_log_likelihood(ties_method='efron')"),
)
