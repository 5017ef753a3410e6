"""Losses of the field that do not ship: specs as a user would write them, and right implementations, one usual way of writing each."""

from verify import Candidate


def name_of(value):
    """What stands for a value in the name of a test."""
    return getattr(value, "__name__", None) or (value.grad.__name__ if isinstance(value, Candidate) else str(value)[:60])
