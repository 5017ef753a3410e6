"""What the user fixed, and what was found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from verify.candidates.answer import Misbehaviour
from verify.candidates.frameworks import framework_of
from verify.candidates.linear import DATA_LAYOUTS, LAYOUTS, Linear
from verify.candidates.scores import ORDERS, Scores
from verify.candidates.signature import SIGNATURES
from verify.conventions.probes import Probe
from verify.errors import UsageError, of_type, unknown
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

HESSIANS = ("exact", "approximate")


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What the user fixed; None is to be found out, and so is a parameter of the loss that `parameters` does not name. `delta` is short for
    one of them.

    `hessian` is no convention that can be found out: an approximation is one only where its author says so.
    """

    signature: str | None = None
    layout: str | None = None
    reduction: str | None = None
    penalty: str | None = None
    delta: float | None = None
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    hessian: str | None = None

    def __post_init__(self) -> None:
        for name in ("signature", "layout", "reduction", "penalty", "hessian"):
            if getattr(self, name) is not None:
                of_type(name, getattr(self, name), (str,), "a name")
        object.__setattr__(self, "parameters", _numbers(self.parameters, self.delta))
        object.__setattr__(self, "delta", None)
        if self.layout is not None:
            plain = "".join(c for c in self.layout.upper() if c.isalpha())
            if plain not in LAYOUTS | ORDERS:
                raise unknown("layout", self.layout, [*LAYOUTS, *ORDERS.values()])
            object.__setattr__(self, "layout", plain)
        for name, known in (("signature", SIGNATURES), ("reduction", REDUCTIONS), ("hessian", HESSIANS)):
            if getattr(self, name) not in (None, *known):
                raise unknown(name, getattr(self, name), known)
        if self.penalty is not None:
            find_penalty(self.penalty)

    def free(self, loss: LossSpec) -> tuple[str, ...]:
        """The parameters of the loss that are to be found out."""
        return tuple(name for name in loss.parameters if name not in self.parameters)


def _numbers(parameters: object, delta: object) -> dict[str, float]:
    """All that was given by name, `delta` among it. Raises UsageError for what is no table of numbers, or says two things of one name."""
    if not isinstance(parameters, Mapping):
        raise UsageError(f"parameters is {parameters!r}; give a table of numbers by name, such as {{'delta': 2.0}}.")
    given = dict(parameters) if delta is None else {**parameters, "delta": delta}
    for name, value in given.items():
        of_type("the name of a parameter", name, (str,), "text")
        of_type(f"parameter {name}" if name in parameters else name, value, (int, float), "a number")
    if given.get("delta") != parameters.get("delta", given.get("delta")):
        raise UsageError(f"delta is {delta} and parameters says {parameters['delta']}; give one of them.")
    return given


PINS = tuple(f.name for f in fields(Pins))


@dataclass(frozen=True, kw_only=True, eq=False)
class Conventions:
    """A candidate with its claim: how it is called and which objective it says it computes.

    `fits` tells whether its loss agrees with that objective (its gradient, where it returns no loss); where it does not, the pins
    and the defaults stand in and the law `value` will say so. `complaint` is what it did at `question` if it gave no answer to any
    probe, `limitations` what there is to say before anything is asked. `approximate` says that its Hessian is declared an approximation.
    `doubts` are the values of a convention that cannot be told apart on any point asked, the one that is used first.
    """

    candidate: Linear | Scores
    objective: Objective
    fits: bool
    complaint: Misbehaviour | None = None
    question: Probe | None = field(default=None, compare=False)
    limitations: tuple[str, ...] = ()
    approximate: bool = False
    doubts: Mapping[str, tuple[object, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        o, c = self.objective, self.candidate
        framework = framework_of(c.f)
        known: dict[str, Any] = dict(o.parameters) | ({"framework": framework} if framework else {})
        known |= {"ambiguous": {name: list(values) for name, values in self.doubts.items()}} if self.doubts else {}
        if isinstance(c, Linear):
            found: dict[str, Any] = {"layout": c.convention, "reduction": o.reduction, "penalty": o.penalty.name, "fits": self.fits}
            if c.data != "ND":
                found["data"] = DATA_LAYOUTS[c.data]
            return found | known
        found = {"signature": "objective" if c.per_example else "scores", "reduction": o.reduction, "fits": self.fits}
        if c.per_example or c.order != "PREDICTIONTARGET":
            found["layout"] = c.convention
        if c.per_example:
            found["hessian"] = HESSIANS[self.approximate]
        return found | known
