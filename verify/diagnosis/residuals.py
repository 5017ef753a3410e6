"""Residuals: the error of a candidate's answer on a decomposition, with its rounding bound: of the gradient, the loss, or the Hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from verify.candidates import Misbehaviour
from verify.diagnosis import changes, hessians, losses
from verify.diagnosis.change import Change, DesignMatrix
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.regression import Observation
from verify.laws import Subject
from verify.oracle import exact


@dataclass(frozen=True, eq=False)
class Residual:
    """`given` is the answer and `error` its error, NaN where the answer is not finite: a gradient with a row for each class, a Hessian (N,
    C), a loss (1, 1); `radius` and `magnitude` of its entries; `strain` under the law.
    """

    decomposition: Decomposition
    given: Floats
    error: Floats
    radius: Floats
    magnitude: Floats
    strain: float
    smooth: bool

    @property
    def broken(self) -> bool:
        """Whether the law is broken on this case."""
        return not self.strain <= 1

    @property
    def finite(self) -> bool:
        """Whether all numbers of the answer are finite."""
        return bool(np.all(np.isfinite(self.error)))


Asking = Callable[[Subject, Decomposition], Residual | None]
"""None if the candidate gives no answer."""


def at_gradient(subject: Subject, decomposition: Decomposition) -> Residual | None:
    """The error of the gradient, where several are right relative to the first corner of the set."""
    try:
        g = subject.answer(decomposition.case).gradient
    except Misbehaviour:
        return None
    truth = decomposition.point.gradient
    finite = bool(np.all(np.isfinite(g)))
    error = truth.offset(g) if finite else np.full(g.shape, np.nan)
    strain = truth.strain(error) if finite else np.inf
    given, error, radius, magnitude = map(decomposition.form.by_class, (g, error, truth.radius, truth.magnitude))
    return Residual(decomposition, given, error, radius, magnitude, strain, truth.is_single)


def at_loss(subject: Subject, decomposition: Decomposition) -> Residual | None:
    """The error of the loss."""
    try:
        value = subject.answer(decomposition.case).value
    except Misbehaviour:
        return None
    truth = decomposition.point.value
    error = exact.error(value, truth.exact)
    strain = abs(error) / truth.radius if np.isfinite(error) else np.inf
    e, radius, size = (np.array([[x]]) for x in (error, truth.radius, truth.magnitude))
    return Residual(decomposition, np.array([[value]]), e, radius, size, strain, smooth=True)


def at_hessian(subject: Subject, decomposition: Decomposition) -> Residual | None:
    """The error of the Hessian's diagonal (N, C); None also on its kinks, where several are right."""
    try:
        H = subject.answer(decomposition.case).curvature
    except Misbehaviour:
        return None
    rows = decomposition.point.curvatures
    if H is None or decomposition.curvature is None:
        return None
    only = [[choices[0] for choices in row if choices] for row in rows]
    error = np.array(
        [[exact.error(float(h), decomposition.share * q.exact) for h, q in zip(*pair, strict=True)] for pair in zip(H, only, strict=True)]
    )
    radius, size = (decomposition.share * np.array([[getattr(q, name) for q in row] for row in only]) for name in ("radius", "magnitude"))
    strain = float(np.max(np.abs(error) / radius)) if np.all(np.isfinite(error)) else np.inf
    return Residual(decomposition, H, np.where(np.isfinite(error), error, np.nan), radius, size, strain, smooth=True)


def observation(residual: Residual, table: DesignMatrix) -> Observation:
    """The equations of a residual, with these changes."""
    radius, size = max(float(np.max(residual.radius)), LEAST), float(np.max(residual.magnitude))
    return Observation(residual.error, radius, radius / max(size, radius), table)


LEAST = 1e-30
"""Radii below this count as this: a smaller error needs no explanation."""


@dataclass(frozen=True)
class Aspect:
    """One of the candidate's answers: how its error is computed, and the changes that may explain it."""

    name: str
    residual: Asking
    catalogue: Callable[[Decomposition], DesignMatrix]
    few: Callable[[Decomposition, tuple[Change, ...]], DesignMatrix]
    precise: Callable[[Residual, str], bool]


def _gradient_is_of(residual: Residual, coarse: str) -> bool:
    return bool(
        np.all(
            np.abs(residual.error) <= residual.decomposition.form.by_class(residual.decomposition.judged_in(coarse).point.gradient.radius)
        )
    )


def _loss_is_of(residual: Residual, coarse: str) -> bool:
    return bool(np.all(np.abs(residual.error) <= residual.decomposition.judged_in(coarse).point.value.radius))


def _from(catalogue: Callable[[Decomposition], DesignMatrix]) -> Callable[[Decomposition, tuple[Change, ...]], DesignMatrix]:
    return lambda decomposition, names: DesignMatrix(names, catalogue(decomposition).of_names(names))


def _hessian_is_of(residual: Residual, coarse: str) -> bool:
    rows = residual.decomposition.judged_in(coarse).point.curvatures
    radius = np.array([[choices[0].radius for choices in row if choices] for row in rows])
    return radius.shape == residual.error.shape and bool(np.all(np.abs(residual.error) <= residual.decomposition.share * radius))


GRADIENT = Aspect("gradient", at_gradient, changes.changes, changes.few, _gradient_is_of)
LOSS = Aspect("loss", at_loss, losses.changes, _from(losses.changes), _loss_is_of)
HESSIAN = Aspect("Hessian", at_hessian, hessians.changes, _from(hessians.changes), _hessian_is_of)
