"""What the candidate answers on a scene, seen as an error beside what rounding allows: of the gradient, or of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from verify.candidates import Misbehaviour
from verify.diagnosis import changes, losses
from verify.diagnosis.changes import Table
from verify.diagnosis.regression import Sight
from verify.diagnosis.scene import Floats, Scene
from verify.laws import Subject
from verify.oracle import Oracle, exact


@dataclass(frozen=True, eq=False)
class Look:
    """`error` (C, D), or (1, 1) of the loss, NaN where the answer is not finite; `radius` and `magnitude` of its entries; `strain` under
    the law.
    """

    scene: Scene
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
    error = truth.offset(g) if np.all(np.isfinite(g)) else np.full(g.shape, np.nan)
    return Look(scene, error, truth.radius, truth.magnitude, truth.distance(g).strain, truth.is_single)


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
    return Look(scene, e, radius, size, strain, smooth=True)


def sight(look: Look, table: Table) -> Sight:
    """The equations of a look by the changes given."""
    radius, size = max(float(np.max(look.radius)), LEAST), float(np.max(look.magnitude))
    return Sight(look.error, radius, radius / max(size, radius), table)


LEAST = 1e-30
"""Radii below this count as this: what is off by less needs no explanation."""


@dataclass(frozen=True)
class Aspect:
    """One of the two things that a candidate answers: how it is looked at, and what may have been done differently."""

    name: str
    look: Looker
    catalogue: Callable[[Scene], Table]
    precise: Callable[[Look, Oracle], bool]


def _gradient_is_of(look: Look, coarse: Oracle) -> bool:
    case = look.scene.case
    radius = coarse.at(case.W, case.X, case.y, case.reg).gradient.radius
    return bool(np.all(np.abs(look.error) <= radius))


def _loss_is_of(look: Look, coarse: Oracle) -> bool:
    case = look.scene.case
    return bool(np.all(np.abs(look.error) <= coarse.at(case.W, case.X, case.y, case.reg).value.radius))


GRADIENT = Aspect("gradient", at_gradient, changes.changes, _gradient_is_of)
LOSS = Aspect("loss", at_loss, losses.changes, _loss_is_of)
