"""Losses of the field that do not ship: specs as a user would write them, and right implementations, one usual way of writing each."""
