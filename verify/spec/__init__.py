"""Specs. Formulas are stated in sympy, which is imported only when a formula is stated."""

from typing import TYPE_CHECKING

from verify.later import found_in
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
from verify.spec.loss import Chord, Claims, LossSpec, Parameter, others, positive
from verify.spec.objective import Objective
from verify.spec.penalty import Penalty
from verify.spec.relations import Affine, Homogeneous, Separable, ShiftInvariant, Symmetric

if TYPE_CHECKING:
    from verify.spec.functions import expm1, log1p, log_ndtr, logistic, softplus

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

__getattr__ = found_in(__name__, dict.fromkeys(("expm1", "log1p", "log_ndtr", "logistic", "softplus"), "verify.spec.functions"))
