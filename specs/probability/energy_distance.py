"""Energy distance of two samples, squared: ℓ(x, t) = 2·mean of |x_i − t_j| − mean of |x_i − x_j| − mean of |t_i − t_j|."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Symmetric


def between(a, b):
    return np.abs(a[:, None] - b[None, :]).mean()


SPEC = FunctionSpec(
    name="energy_distance",
    inputs={"x": Array("n"), "t": Array("m", differentiated=False)},
    formula=lambda x, t: 2 * between(x, t) - between(x, x) - between(t, t),
    claims=Claims(convex=None, relations=(Symmetric("n"), Symmetric("m"))),
    source="G. J. Székely and M. L. Rizzo, Energy Statistics, J. Stat. Planning and Inference 143, 2013",
    aliases=("Cramér distance, doubled", "maximum mean discrepancy of −|x − y|"),
    computed_by=("scipy.stats.energy_distance, squared", "geomloss.SamplesLoss('energy'), doubled"),
)
