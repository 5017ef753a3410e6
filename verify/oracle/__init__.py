"""What is true: enclosures of values, subdifferentials and derivatives, derived from a spec by ball arithmetic."""

from verify.oracle.instance import InstanceOracle
from verify.oracle.oracle import Oracle
from verify.oracle.point import Point, Stretch, Value
from verify.oracle.subdifferential import Distance, Subdifferential
from verify.tape.balls import KinkOnSegment, precise

__all__ = ["Distance", "InstanceOracle", "KinkOnSegment", "Oracle", "Point", "Stretch", "Subdifferential", "Value", "precise"]
