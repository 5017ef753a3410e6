"""The values of linear scores with labels: W (C, D), X (N, D), y (N,) in 0..C−1 and λ = reg."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from verify.cases.case import Case
from verify.spec.loss import Parameter

VALUES = ("W", "X", "y", "reg")


def checked(case: Case, parameters: Mapping[str, Parameter]) -> Case:
    """The case with X in the dtype of W and a λ of its own kind, however it was written. Values of parameters of the loss may stand beside.

    Raises ValueError where it has other values, or they do not fit each other.
    """
    own = {name: value for name, value in case.values.items() if name in parameters}
    if any(isinstance(value, np.ndarray) or not parameters[name].low < value < parameters[name].high for name, value in own.items()):
        raise ValueError(f"the parameters are {', '.join(f'{name} = {value}' for name, value in own.items())}, outside of their domains")
    if case.values.keys() - own.keys() != set(VALUES) or case.differentiated != ("W",):
        raise ValueError(f"the values are {', '.join(case.values)}, where {', '.join(VALUES)} are due and a gradient for W")
    W, X, y, reg = (case[name] for name in VALUES)
    if not isinstance(X, np.ndarray) or not isinstance(y, np.ndarray) or isinstance(reg, np.ndarray):
        raise ValueError("X and y are arrays, and reg is one number")
    if y.dtype != np.int64:
        raise ValueError("y holds what is no whole number")
    if W.ndim != 2 or X.ndim != 2 or W.shape[1] != X.shape[1] or y.shape != (len(X),):
        raise ValueError(f"W {W.shape}, X {X.shape} and y {y.shape} do not fit each other")
    if y.min() < 0 or (y.max() >= len(W) > 1):  # a loss of one score has as many labels as it has targets
        raise ValueError(f"y holds labels outside 0..{len(W) - 1}")
    return case.but(X=X.astype(W.dtype), reg=float(reg), **{name: float(value) for name, value in own.items()})
