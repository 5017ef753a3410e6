"""Losses of one number, for a real target."""
