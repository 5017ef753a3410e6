"""The inputs of a loss with labels: W (C, D), X (N, D), y (N,) in 0..C−1 and λ = reg, or scores (N, C) and y."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from verify.cases.case import Case
from verify.form import SCORES, Form, form_of
from verify.spec.loss import Parameter


def checked(case: Case, parameters: Mapping[str, Parameter]) -> Case:
    """The case with all real arrays in the dtype of its point and λ as a float, however it was written. Values of parameters of the loss
    are allowed in addition.

    Raises ValueError for other values, or values that do not fit each other.
    """
    own = {name: value for name, value in case.values.items() if name in parameters}
    if any(isinstance(value, np.ndarray) or not parameters[name].low < value < parameters[name].high for name, value in own.items()):
        raise ValueError(f"the parameters are {', '.join(f'{name} = {value}' for name, value in own.items())}, outside of their domains")
    form, given = form_of(case.values), case.values.keys() - own.keys()
    if given != set(form.names) or case.differentiated != (form.point,):
        raise ValueError(f"the values are {', '.join(case.values)}, where {', '.join(form.names)} are due and a gradient for {form.point}")
    x, y, rows = (case[name] for name in (form.point, "y", form.rows))
    if not isinstance(rows, np.ndarray) or not isinstance(y, np.ndarray) or isinstance(case.values.get("reg"), np.ndarray):
        raise ValueError(f"{form.rows} and y are arrays, and reg is one number")
    if y.dtype != np.int64:
        raise ValueError("y holds what is no whole number")
    if x.ndim != 2 or rows.ndim != 2 or x.shape[1] != rows.shape[1] or y.shape != (len(rows),):
        raise ValueError(f"{', '.join(f'{name} {case[name].shape}' for name in form.real)} and y {y.shape} do not fit each other")
    classes = form.classes(case.values)
    if y.min() < 0 or (y.max() >= classes > 1):  # a loss of one score has as many labels as it has targets
        raise ValueError(f"y holds labels outside 0..{classes - 1}")
    numbers = {name: float(case[name]) for name in ("reg", *own) if name in case.values}
    return case.but(**{form.rows: rows.astype(x.dtype)}, **numbers)


def of_form(case: Case, form: Form) -> Case:
    """The case with the same scores in this form: the first calls of a candidate may use the other one, and witnesses of an earlier version
    have the transposed scores as W, of which each row of X selects a column.
    """
    own = form_of(case.values)
    if own is form:
        return case
    if form is SCORES:
        scores = np.ascontiguousarray(case["W"].T[np.argmax(case["X"], axis=1)])
        values: dict[str, Any] = {"scores": scores, "y": case["y"]}
    else:
        scores = case["scores"]
        values = {"W": np.ascontiguousarray(scores.T), "X": np.eye(len(scores), dtype=scores.dtype), "y": case["y"], "reg": 0.0}
    rest = {name: value for name, value in case.values.items() if name not in own.names}
    return replace(case, values=values | rest, differentiated=(form.point,))
