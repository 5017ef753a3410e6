"""What must be computed: formulas in sympy. The only home of sympy."""

from verify.spec.domains import (
    Binary,
    Censored,
    Count,
    Embedding,
    Label,
    Positive,
    Probabilities,
    Probability,
    Real,
    Score,
    Scores,
    Sign,
    Simplex,
    Vector,
)
from verify.spec.function import Array, FunctionSpec
from verify.spec.functions import expm1, log1p, log_ndtr, logistic, softplus
from verify.spec.loss import Chord, Claims, LossSpec, Parameter, others, positive
from verify.spec.objective import Objective
from verify.spec.penalty import Penalty
from verify.spec.relations import Affine, Homogeneous, Separable, ShiftInvariant, Symmetric

__all__ = [
    "Affine",
    "Array",
    "Binary",
    "Censored",
    "Chord",
    "Claims",
    "Count",
    "Embedding",
    "FunctionSpec",
    "Homogeneous",
    "Label",
    "LossSpec",
    "Objective",
    "Parameter",
    "Penalty",
    "Positive",
    "Probabilities",
    "Probability",
    "Real",
    "Score",
    "Scores",
    "Separable",
    "ShiftInvariant",
    "Sign",
    "Simplex",
    "Symmetric",
    "Vector",
    "expm1",
    "log1p",
    "log_ndtr",
    "logistic",
    "others",
    "positive",
    "softplus",
]
