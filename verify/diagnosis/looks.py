"""What the candidate answers on a scene, seen as an error beside what rounding allows: of the gradient, or of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from verify.candidates import Misbehaviour
from verify.diagnosis import changes, hessians, losses
from verify.diagnosis.change import Change, Table
from verify.diagnosis.regression import Sight
from verify.diagnosis.scene import Floats, Scene
from verify.laws import Subject
from verify.oracle import exact


@dataclass(frozen=True, eq=False)
class Look:
    """`given` is what was answered and `error` how far off it is, NaN where the answer is not finite: a gradient with a row for each class,
    a Hessian (N, C), a loss (1, 1); `radius` and `magnitude` of its entries; `strain` under the law.
    """

    scene: Scene
    given: Floats
    error: Floats
    radius: Floats
    magnitude: Floats
    strain: float
    smooth: bool

    @property
    def broken(self) -> bool:
        """Whether the law is broken here."""
        return not self.strain <= 1

    @property
    def finite(self) -> bool:
        """Whether the answer is made of numbers."""
        return bool(np.all(np.isfinite(self.error)))


Looker = Callable[[Subject, Scene], Look | None]
"""None where the candidate gives no answer."""


def at_gradient(subject: Subject, scene: Scene) -> Look | None:
    """The error from the one gradient; on kinks, from its first corner."""
    try:
        g = subject.answer(scene.case).gradient
    except Misbehaviour:
        return None
    truth = scene.point.gradient
    finite = bool(np.all(np.isfinite(g)))
    error = truth.offset(g) if finite else np.full(g.shape, np.nan)
    strain = truth.strain(error) if finite else np.inf
    given, error, radius, magnitude = map(scene.form.by_class, (g, error, truth.radius, truth.magnitude))
    return Look(scene, given, error, radius, magnitude, strain, truth.is_single)


def at_loss(subject: Subject, scene: Scene) -> Look | None:
    """The error of the loss."""
    try:
        value = subject.answer(scene.case).value
    except Misbehaviour:
        return None
    truth = scene.point.value
    error = exact.error(value, truth.exact)
    strain = abs(error) / truth.radius if np.isfinite(error) else np.inf
    e, radius, size = (np.array([[x]]) for x in (error, truth.radius, truth.magnitude))
    return Look(scene, np.array([[value]]), e, radius, size, strain, smooth=True)


def at_hessian(subject: Subject, scene: Scene) -> Look | None:
    """The error of the Hessian's diagonal (N, C); None on its kinks too, where several are right."""
    try:
        H = subject.answer(scene.case).curvature
    except Misbehaviour:
        return None
    rows = scene.point.curvatures
    if H is None or scene.curvature is None:
        return None
    only = [[choices[0] for choices in row if choices] for row in rows]
    error = np.array(
        [[exact.error(float(h), scene.share * q.exact) for h, q in zip(*pair, strict=True)] for pair in zip(H, only, strict=True)]
    )
    radius, size = (scene.share * np.array([[getattr(q, name) for q in row] for row in only]) for name in ("radius", "magnitude"))
    strain = float(np.max(np.abs(error) / radius)) if np.all(np.isfinite(error)) else np.inf
    return Look(scene, H, np.where(np.isfinite(error), error, np.nan), radius, size, strain, smooth=True)


def sight(look: Look, table: Table) -> Sight:
    """The equations of a look by the changes given."""
    radius, size = max(float(np.max(look.radius)), LEAST), float(np.max(look.magnitude))
    return Sight(look.error, radius, radius / max(size, radius), table)


LEAST = 1e-30
"""Radii below this count as this: what is off by less needs no explanation."""


@dataclass(frozen=True)
class Aspect:
    """One of the things that a candidate answers: how it is looked at, and what may have been done differently."""

    name: str
    look: Looker
    catalogue: Callable[[Scene], Table]
    few: Callable[[Scene, tuple[Change, ...]], Table]
    precise: Callable[[Look, str], bool]


def _gradient_is_of(look: Look, coarse: str) -> bool:
    return bool(np.all(np.abs(look.error) <= look.scene.form.by_class(look.scene.judged_in(coarse).point.gradient.radius)))


def _loss_is_of(look: Look, coarse: str) -> bool:
    return bool(np.all(np.abs(look.error) <= look.scene.judged_in(coarse).point.value.radius))


def _from(catalogue: Callable[[Scene], Table]) -> Callable[[Scene, tuple[Change, ...]], Table]:
    return lambda scene, names: Table(names, catalogue(scene).of_names(names))


def _hessian_is_of(look: Look, coarse: str) -> bool:
    rows = look.scene.judged_in(coarse).point.curvatures
    radius = np.array([[choices[0].radius for choices in row if choices] for row in rows])
    return radius.shape == look.error.shape and bool(np.all(np.abs(look.error) <= look.scene.share * radius))


GRADIENT = Aspect("gradient", at_gradient, changes.changes, changes.few, _gradient_is_of)
LOSS = Aspect("loss", at_loss, losses.changes, _from(losses.changes), _loss_is_of)
HESSIAN = Aspect("Hessian", at_hessian, hessians.changes, _from(hessians.changes), _hessian_is_of)
