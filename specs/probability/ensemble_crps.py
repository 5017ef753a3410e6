"""CRPS of an ensemble: ℓ(x, t) = mean of |x_i − t| − ½·mean of |x_i − x_j|."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Symmetric

SPEC = FunctionSpec(
    name="ensemble_crps",
    inputs={"x": Array("n"), "t": Array("", differentiated=False)},
    formula=lambda x, t: np.abs(x - t).mean() - np.abs(x[:, None] - x[None, :]).mean() / 2,
    claims=Claims(convex=None, relations=(Symmetric("n"),)),
    source="T. Gneiting and A. E. Raftery, Strictly Proper Scoring Rules, JASA 102, 2007, equation 21; the fair one has n(n − 1)",
    aliases=("continuous ranked probability score", "energy score of one dimension"),
    computed_by=("properscoring.crps_ensemble", "scoringrules.crps_ensemble"),
)
