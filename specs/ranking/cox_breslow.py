"""Cox's partial likelihood, Breslow's form for equal times: ℓ(s, y) = Σ over events i of log Σ_{j at risk} exp(s_j) − s_i."""

from verify.later import sympy
from verify.spec import Censored, Claims, Homogeneous, LossSpec, Symmetric


def cox(s, y):
    def at_risk(t):
        return [s[j] for j, (time, _) in enumerate(y) if time >= t]

    return sympy.Add(*(sympy.log(sympy.Add(*map(sympy.exp, at_risk(t)))) - s[i] for i, (t, event) in enumerate(y) if event))


SPEC = LossSpec(
    name="cox_breslow",
    per_batch=cox,
    target=Censored(),
    claims=Claims(convex=True, shift_invariant=True, relations=(Symmetric("n"), Homogeneous("time", degree=0))),
    source="D. R. Cox, Regression Models and Life-Tables, JRSS B 34, 1972, and N. E. Breslow's discussion",
    aliases=("Cox proportional hazards", "partial likelihood", "ListMLE, of relevances as times"),
    computed_by=("xgboost survival:cox", "pycox.models.loss.cox_ph_loss, over the events", "statsmodels.duration.hazard_regression.PHReg"),
)
