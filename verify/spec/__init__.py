"""What must be computed: formulas in sympy. The only home of sympy."""

from verify.spec.domains import Binary, Count, Positive, Real, Sign
from verify.spec.functions import expm1, log1p, log_ndtr, logistic, softplus
from verify.spec.loss import Chord, Claims, LossSpec, Parameter, others, positive
from verify.spec.objective import Objective
from verify.spec.penalty import Penalty

__all__ = [
    "Binary",
    "Chord",
    "Claims",
    "Count",
    "LossSpec",
    "Objective",
    "Parameter",
    "Penalty",
    "Positive",
    "Real",
    "Sign",
    "expm1",
    "log1p",
    "log_ndtr",
    "logistic",
    "others",
    "positive",
    "softplus",
]
