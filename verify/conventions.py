"""Conventions are found out, then stated: layout, reduction and penalty of a `linear` candidate.

The candidate's own loss decides which member of the spec's family it claims to be, on points where all members differ
by far more than their rounding. Its gradient is then judged against that member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Misbehaviour
from verify.candidates.linear import DATA_LAYOUTS, LAYOUTS, Linear, takes_reg
from verify.errors import of_type, unknown
from verify.oracle import Oracle
from verify.oracle.claims import examine
from verify.oracle.exact import distance
from verify.spec.catalogue import find_penalty, penalties
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

Probe = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64], float]

PROBE_SIZE = 4
DEFAULT_REDUCTION, DEFAULT_PENALTY = "mean", "l2"


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What the user fixed; None is to be found out (delta: the spec's default)."""

    layout: str | None = None
    reduction: str | None = None
    penalty: str | None = None
    delta: float | None = None

    def __post_init__(self) -> None:
        for name in ("layout", "reduction", "penalty"):
            if getattr(self, name) is not None:
                of_type(name, getattr(self, name), (str,), "a name")
        if self.delta is not None:
            of_type("delta", self.delta, (int, float), "a number")
        if self.layout is not None:
            plain = "".join(c for c in self.layout.upper() if c.isalpha())
            if plain not in LAYOUTS:
                raise unknown("layout", self.layout, LAYOUTS)
            object.__setattr__(self, "layout", plain)
        if self.reduction is not None and self.reduction not in REDUCTIONS:
            raise unknown("reduction", self.reduction, REDUCTIONS)
        if self.penalty is not None:
            find_penalty(self.penalty)


@dataclass(frozen=True, kw_only=True, eq=False)
class Conventions:
    """A candidate with its claim: how it is called and which objective it says it computes.

    `fits` tells whether its loss agrees with that objective; where it does not, the pins and the defaults stand in and
    the law `value` will say so. `complaint` is what it did on the probes if it gave no answer to any.
    """

    candidate: Linear
    objective: Objective
    fits: bool
    complaint: Misbehaviour | None = None

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        o, c = self.objective, self.candidate
        found: dict[str, Any] = {"layout": LAYOUTS[c.layout], "reduction": o.reduction, "penalty": o.penalty.name, "fits": self.fits}
        if c.data != "ND":
            found["data"] = DATA_LAYOUTS[c.data]
        return found | dict(o.parameters)


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, dtype: str = "float64") -> Conventions:
    """The conventions of `f`, by calling it on a few fixed points in every layout that is not pinned.

    Where its loss fits no member of the family, the layout is the one in which it does not depend on the order of the
    features, and the rest are the pins and the defaults. Raises UsageError where the loss is not what it claims to be.
    """
    examine(loss)
    members, probes = list(_members(loss, pins)), list(questions(dtype))
    answered: list[Linear] = []
    complaint: Misbehaviour | None = None
    for layout, data in product([pins.layout] if pins.layout else LAYOUTS, DATA_LAYOUTS):
        candidate = Linear(f=f, layout=layout, data=data, takes_reg=takes_reg(f))
        try:
            values = [candidate(*probe).value for probe in probes]
        except Misbehaviour as error:
            complaint = complaint or error
            continue
        answered.append(candidate)
        for objective in members:
            if _agrees(objective, values, probes, dtype):
                return Conventions(candidate=candidate, objective=objective, fits=True)
    unfit = Linear(f=f, layout=pins.layout or "CD", takes_reg=takes_reg(f))
    chosen = next((c for c in answered if _ignores_feature_order(c, probes[0])), answered[0] if answered else unfit)
    return Conventions(candidate=chosen, objective=members[0], fits=False, complaint=None if answered else complaint)


def _members(loss: LossSpec, pins: Pins) -> Iterator[Objective]:
    """The family, the defaults first."""
    reductions = [pins.reduction] if pins.reduction else sorted(REDUCTIONS, key=lambda r: r != DEFAULT_REDUCTION)
    names = [pins.penalty] if pins.penalty else sorted(penalties(), key=lambda p: p != DEFAULT_PENALTY)
    parameters = {} if pins.delta is None else {"delta": pins.delta}
    for penalty, reduction in product(names, reductions):
        yield Objective(loss=loss, penalty=find_penalty(penalty), reduction=reduction, parameters=parameters)


def questions(dtype: str) -> Iterator[Probe]:
    """Points with λ ≠ 0, so that all penalties differ, and with N = D = C: compiled code does not check its bounds, so
    a layout must be tried on shapes that fit all of them.
    """
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        W, X = rng.normal(size=(PROBE_SIZE, PROBE_SIZE)), rng.normal(size=(PROBE_SIZE, PROBE_SIZE))
        X[:, -1] = 1
        yield W.astype(dtype), X.astype(dtype), rng.integers(0, PROBE_SIZE, PROBE_SIZE), 0.375


def _agrees(objective: Objective, values: list[float], probes: list[Probe], dtype: str) -> bool:
    truths = [Oracle(objective, dtype).at(*probe).value for probe in probes]
    return all(distance(v, t.exact) <= t.radius for t, v in zip(truths, values, strict=True))


def _ignores_feature_order(candidate: Linear, probe: Probe) -> bool:
    """Whether swapping two features in W and X leaves the loss as it is, up to half of the digits."""
    W, X, y, reg = probe
    swapped = [1, 0, *range(2, PROBE_SIZE)]
    try:
        before, after = candidate(W, X, y, reg).value, candidate(W[:, swapped], X[:, swapped], y, reg).value
    except Misbehaviour:
        return False
    return bool(abs(after - before) <= abs(before) * float(np.finfo(W.dtype).eps) ** 0.5)
