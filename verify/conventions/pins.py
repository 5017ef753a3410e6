"""Conventions that the user pinned, and those that were inferred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from verify.candidates.answer import Misbehaviour
from verify.candidates.frameworks import framework_of
from verify.candidates.linear import LAYOUTS
from verify.candidates.scores import CUTS, OBJECTIVE, ORDERS, UNREDUCED
from verify.candidates.signature import EMPTY, SIGNATURES, taken
from verify.candidates.upstream import upstream_described
from verify.candidates.way import Way
from verify.conventions.probes import Probe
from verify.errors import UsageError, of_type, shown, unknown
from verify.problem import is_mean
from verify.spec.catalogue import find_penalty
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.fields import number
from verify.spec.loss import LossSpec, Parameter, ParameterValue
from verify.spec.objective import REDUCTIONS, Objective

HESSIANS = ("exact", "approximate")


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Conventions fixed by the user; None is to be inferred, and so is a parameter of the loss that `parameters` does not name. `delta` is
    short for one of them.

    A parameter that has a number for each class gets one for all or one for each. `hessian` cannot be inferred: only the author can declare
    it an approximation; nor can `gradient`: "none" declares that only the value is judged.
    """

    signature: str | None = None
    layout: str | None = None
    reduction: str | None = None
    penalty: str | None = None
    delta: float | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict, hash=False)
    classes: int | None = None
    hessian: str | None = None
    gradient: str | None = None

    def __post_init__(self) -> None:
        for name in ("signature", "layout", "reduction", "penalty", "hessian", "gradient"):
            if getattr(self, name) is not None:
                of_type(name, getattr(self, name), (str,), "a name")
        object.__setattr__(self, "parameters", _numbers(self.parameters, self.delta))
        object.__setattr__(self, "delta", None)
        if self.layout is not None:
            plain = "".join(c for c in self.layout.upper() if c.isalpha())
            order, cut = parted(plain)
            if plain not in LAYOUTS and not (plain and order in (*ORDERS, "") and cut in (*CUTS, "")):
                raise unknown("layout", self.layout, [*LAYOUTS, *ORDERS.values(), *CUTS.values()])
            object.__setattr__(self, "layout", plain)
        if self.classes is not None:
            of_type("classes", self.classes, (int,), "a whole number of 2 or more")
            if self.classes < 2:
                raise UsageError(f"classes is {self.classes}; give a whole number of 2 or more.")
        reductions = (*REDUCTIONS, UNREDUCED, *([str(self.reduction)] if is_mean(str(self.reduction)) else ()))
        for name, known in (("signature", SIGNATURES), ("reduction", reductions), ("hessian", HESSIANS), ("gradient", (UNREDUCED,))):
            if getattr(self, name) not in (None, *known):
                raise unknown(name, getattr(self, name), known)
        if self.penalty is not None:
            find_penalty(self.penalty)

    def numbers(self, loss: LossSpec) -> dict[str, float]:
        """The fixed parameters of a loss. Raises UsageError for an unknown name or an invalid value."""
        values = loss.with_parameters(self.parameters)
        return {name: values[name] for name in self.parameters}

    def handed(self, f: Callable[..., Any], loss: LossSpec, *, optional: bool = True) -> dict[str, float]:
        """The parameters of the loss that are passed to the candidate, by name: those that it takes, at the fixed values, else at its own
        defaults if these are valid, else at the spec's. Those that it does not require and that are not fixed are `optional`.
        """
        values, accepted = loss.with_parameters(self.parameters), taken(f, loss.parameters)
        wanted = [n for n in values if n in accepted and (optional or n in self.parameters or accepted[n] is EMPTY)]
        return {n: values[n] if n in self.parameters else own_default(loss.parameters[n], accepted[n], values[n]) for n in wanted}


def own_default(domain: Parameter, own: object, default: float) -> float:
    """The function's own default, if it is a number in the domain; else the spec's."""
    known = isinstance(own, (int, float)) and not isinstance(own, bool) and domain.low < own < domain.high
    return float(own) if known else default  # type: ignore[arg-type]


def parted(layout: str) -> tuple[str, str]:
    """A layout of scores in capitals as (order of the arguments, order of N·C numbers), either of which may be empty."""
    cut = next((cut for cut in CUTS if layout.endswith(cut)), "")
    return layout.removesuffix(cut), cut


def _numbers(parameters: object, delta: object) -> dict[str, ParameterValue]:
    """All parameters given by name, including `delta`. Raises UsageError for anything but a table of numbers, and for contradictions."""
    if not isinstance(parameters, Mapping):
        raise UsageError(f"parameters is {shown(parameters)}; give a table of numbers by name, such as {{'delta': 2.0}}.")
    for name in parameters:
        of_type("the name of a parameter", name, (str,), "text")
    given = {name: _given(f"parameter {name}", value) for name, value in parameters.items()}
    if delta is None:
        return given
    short = _given("delta", delta)
    if "delta" in given and given["delta"] != short:
        raise UsageError(f"delta is {shown(delta)} and parameters says {shown(parameters['delta'])}; give one of them.")
    return {**given, "delta": short}


def _given(what: str, value: Any) -> ParameterValue:
    """A number, or one for each class. Raises UsageError for anything else."""
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return tuple(number(f"one of {what}", v) for v in value)
    return number(what, value.item() if isinstance(value, np.ndarray) else value)


PINS = tuple(f.name for f in fields(Pins))


@dataclass(frozen=True, kw_only=True, eq=False)
class Conventions:
    """A candidate with its claim: how it is called and which objective it says it computes.

    `fits` tells whether its loss agrees with that objective (its gradient, where it returns no loss); where it does not, the pins and the
    defaults stand in and the law `value` will say so. `complaint` is what it did at the first `question` if it gave no answer to any probe,
    `limitations` are notes independent of any law. `approximate` says that its Hessian is declared an approximation. `doubts` are the
    values of a convention that no point used distinguishes, the chosen one first. `other_values` are further values of its parameters at
    which it is judged as well. `found_out` says from what parameters were inferred.
    """

    candidate: Way
    objective: ClaimedFunction
    fits: bool
    complaint: Misbehaviour | None = None
    question: Probe | None = field(default=None, compare=False)
    limitations: tuple[str, ...] = ()
    approximate: bool = False
    doubts: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    other_values: tuple[Mapping[str, float], ...] = ()
    found_out: Mapping[str, str] = field(default_factory=dict)

    def with_found_out(self, free: Collection[str], up_to_a_factor: Collection[str] = ()) -> Conventions:
        """The conventions with a note on which free parameters differ from the defaults, and from what they were inferred."""
        o = self.objective
        values, domains = o.described, o.domains
        whence = f"its {'loss' if self.candidate.has_loss else 'gradient'}"
        notes = {}
        for name in (name for name in free if self.fits and values[name] != domains[name].default):
            off = f", to {max(o.unsure[name]):.0e} of it" if name in o.unsure else ""
            notes[name] = f"{whence}{off}{', up to a factor' if name in up_to_a_factor else ''}"
        return replace(self, found_out=notes)

    @property
    def scored(self) -> Objective:
        """The objective of a loss with labels."""
        assert isinstance(self.objective, Objective)
        return self.objective

    def to_dict(self) -> dict[str, Any]:
        """The conventions for the report."""
        way, claim = self.candidate, self.objective
        call = way.described
        document = {**call, **claim.summed} | call | {"fits": self.fits, **claim.described}  # what the way says of the sum stands
        if call.get("signature") == OBJECTIVE:
            document["hessian"] = HESSIANS[self.approximate]
        framework = framework_of(way.f)
        document |= {"framework": framework} if framework else {}
        if claim.form is not None:
            document |= upstream_described(way.f)
            document |= {"ambiguous": {name: list(values) for name, values in self.doubts.items()}} if self.doubts else {}
        return document | self._varied | self._found_out

    @property
    def _varied(self) -> dict[str, Any]:
        if not self.other_values:
            return {}
        return {"varied": {name: sorted(values[name] for values in self.other_values) for name in self.other_values[0]}}

    @property
    def _found_out(self) -> dict[str, Any]:
        return {"found_out": dict(self.found_out)} if self.found_out else {}
