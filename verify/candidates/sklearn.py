"""scikit-learn: the loss classes of `sklearn._loss`, which linear models and gradient boosting share. Loss, gradient and Hessian of
each example, as functions of (target, prediction).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn._loss.loss import BaseLoss

from verify.candidates.candidate import Candidate
from verify.candidates.upstream import Upstream


def adapted(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any] | None:  # noqa: ARG001
    """The functions for loss, gradient and Hessian of a loss object, or of a loss class with its defaults; None for anything else."""
    if isinstance(f, type) and issubclass(f, BaseLoss):
        f = f()
    if not isinstance(f, BaseLoss):
        return None

    def of(scores: Any) -> Any:
        """The loss for the number of classes of these scores, which its constructor needs."""
        return type(f)(n_classes=scores.shape[1]) if f.is_multiclass else f

    def loss(y_true: Any, y_pred: Any) -> Any:
        return of(y_pred).loss(_targets(y_true, y_pred), y_pred)

    def grad(y_true: Any, y_pred: Any) -> Any:
        return of(y_pred).gradient(_targets(y_true, y_pred), y_pred)

    def hess(y_true: Any, y_pred: Any) -> Any:
        return of(y_pred).gradient_hessian(_targets(y_true, y_pred), y_pred)[1]

    for g in (loss, grad, hess):
        g.__qualname__, g.__module__ = f"{type(f).__name__}.{g.__name__}", "sklearn._loss"
        g.framework = "sklearn"  # type: ignore[attr-defined]
    return Candidate(loss=loss, grad=grad, hess=hess)


def _targets(y_true: Any, y_pred: Any) -> Any:
    """Targets in the dtype of the predictions, which the compiled loops demand."""
    return np.ascontiguousarray(y_true, dtype=y_pred.dtype)
