"""The truth: enclosures of values, subdifferentials and derivatives, derived from a spec by ball arithmetic."""

from verify.oracle.instance import InstanceOracle
from verify.oracle.oracle import Oracle
from verify.oracle.point import Point, Stretch, Value
from verify.oracle.subdifferential import Distance, Subdifferential
from verify.oracle.truth import Truth
from verify.problem import Instance
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.objective import Objective
from verify.tape.balls import KinkOnSegment, precise

__all__ = [
    "Distance",
    "InstanceOracle",
    "KinkOnSegment",
    "Oracle",
    "Point",
    "Stretch",
    "Subdifferential",
    "Truth",
    "Value",
    "precise",
    "truth_of",
]


def truth_of(claim: ClaimedFunction, dtype: str) -> Truth:
    """The truth about what a candidate claims to compute."""
    if isinstance(claim, Instance):
        return InstanceOracle(claim, dtype)
    assert isinstance(claim, Objective)
    return Oracle(claim, dtype)
