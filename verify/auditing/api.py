"""`verify.audit`: audits one implementation from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.auditing.audit import Audit
from verify.auditing.audit import audit as audited
from verify.auditing.problems import batches, large
from verify.candidates import Linear, Misbehaviour, extras, resolve
from verify.cases import Case
from verify.conventions import Pins, find_out
from verify.errors import UsageError, of_type, shown, unknown, whole
from verify.oracle import Oracle
from verify.profiles import DTYPES
from verify.spec.catalogue import find_loss


def audit(
    candidate: str | Callable[..., Any],
    *,
    loss: str | None,
    at: tuple[Any, Any, Any, float] | None = None,
    layout: str | None = None,
    reduction: str | None = None,
    penalty: str | None = None,
    delta: float | None = None,
    dtype: str = "float64",
    seed: int = 0,
) -> Audit:
    """Examines every entry of a candidate's gradient on a large problem, and names the wrong ones.

    `at` is (W, X, y, reg), W (C, D), X (N, D) and y (N,) of 0..C−1, in this layout whatever the candidate's; without it 50 images of noise
    with 10 × 3073 weights are taken, and, where the loss has kinks, again on some of them. `loss` is the name of a spec. With None the
    gradient is only compared with the candidate's own loss, at a generic point beside `at`, and W is (C, D) unless `layout` is "DC". The
    other arguments are those of `check`.

    Raises UsageError for names that do not exist, for data that do not fit, and for a candidate that gives no answer.
    """
    of_type("dtype", dtype, (str,), "float64 or float32")
    whole("seed", seed)
    if loss is not None:
        of_type("loss", loss, (str,), "the name of a spec, FILE.py or None")
    if not isinstance(candidate, str) and not callable(candidate):
        raise UsageError(f"the candidate is {shown(candidate)}; give a function f(W, X, y, reg) or 'file.py:function'.")
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES)
    pins = Pins(layout=layout, reduction=reduction, penalty=penalty, delta=delta)
    f = resolve(candidate) if isinstance(candidate, str) else candidate
    given = None if at is None else [_case(at, dtype)]
    try:
        if loss is None:
            own = Linear(f=f, layout=pins.layout or "CD", extras=extras(f))
            return audited(own, given or [large(dtype, seed)], seed=seed)
        found = find_out(f, find_loss(loss), pins, dtype)
        if found.complaint is not None:
            raise UsageError(f"the candidate {found.complaint}.")
        oracle = Oracle(found.scored, dtype)
        return audited(found.candidate, given or batches(dtype, oracle, seed), oracle, seed=seed)
    except Misbehaviour as error:
        raise UsageError(f"the candidate {error}.") from None


def _case(at: Any, dtype: str) -> Case:
    try:
        W, X, y, reg = at
        W, X, y, reg = np.asarray(W, dtype), np.asarray(X, dtype), np.asarray(y), float(reg)
    except Exception:  # any error of an object that is no array
        raise UsageError(f"at is {shown(at)}; give (W, X, y, reg), W (C, D), X (N, D) and labels (N,) in 0..C−1, reg a number.") from None
    fits = W.ndim == 2 and X.ndim == 2 and W.shape[1] == X.shape[1] and y.shape == X.shape[:1] and W.size and X.size
    if not fits or not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= len(W):
        raise UsageError(f"at has W {W.shape}, X {X.shape}, y {y.dtype} {y.shape}; give W (C, D), X (N, D) and labels (N,) in 0..C−1.")
    if not (np.all(np.isfinite(W)) and np.all(np.isfinite(X)) and np.isfinite(reg)):
        raise UsageError("at holds numbers that are not finite.")
    return Case(values={"W": W, "X": X, "y": y.astype(np.int64), "reg": reg}, family="the given point")
