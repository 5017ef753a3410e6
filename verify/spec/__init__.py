"""What must be computed: formulas in sympy. The only home of sympy."""

from verify.spec.functions import expm1, log1p, log_ndtr, logistic, softplus
from verify.spec.loss import Chord, Claims, LossSpec, Parameter, others, positive
from verify.spec.objective import Objective
from verify.spec.penalty import Penalty

__all__ = [
    "Chord",
    "Claims",
    "LossSpec",
    "Objective",
    "Parameter",
    "Penalty",
    "expm1",
    "log1p",
    "log_ndtr",
    "logistic",
    "others",
    "positive",
    "softplus",
]
