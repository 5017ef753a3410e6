"""Total variation of an image, anisotropic: ℓ(x) = Σ |x_{i+1,j} − x_{i,j}| + Σ |x_{i,j+1} − x_{i,j}|."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Homogeneous, ShiftInvariant

SPEC = FunctionSpec(
    name="total_variation",
    inputs={"x": Array("h w")},
    formula=lambda x: np.abs(x[1:] - x[:-1]).sum() + np.abs(x[:, 1:] - x[:, :-1]).sum(),
    claims=Claims(convex=True, relations=(Homogeneous("x", degree=1), ShiftInvariant("x", along="h w"))),
    source="L. I. Rudin, S. Osher, E. Fatemi, Nonlinear Total Variation Based Noise Removal Algorithms, Physica D 60, 1992, of the 1-norm",
    aliases=("TV norm",),
    computed_by=("kornia.losses.total_variation", "tensorflow.image.total_variation"),
)
