"""Problems by the names of their specs, which needs the catalogue."""

from __future__ import annotations

from verify.problem.build import problem_of
from verify.problem.problem import Problem
from verify.spec.catalogue import find_spec
from verify.spec.function import FunctionSpec


def problem_named(name: str) -> Problem | None:
    """The problem of a spec by name; None for a loss of scores with one label or target each."""
    spec = find_spec(name)
    return problem_of(spec) if isinstance(spec, FunctionSpec) or spec.of_inputs else None
