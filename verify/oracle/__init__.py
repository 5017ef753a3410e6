"""What is true: enclosures of values, subdifferentials and derivatives, derived from a spec by ball arithmetic."""

from verify.oracle.oracle import Oracle, Point, Value
from verify.oracle.program import KinkOnSegment
from verify.oracle.subdifferential import Distance, Subdifferential

__all__ = ["Distance", "KinkOnSegment", "Oracle", "Point", "Subdifferential", "Value"]
